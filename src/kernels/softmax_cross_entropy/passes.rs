//! The pass of `softmax_cross_entropy`.

use crate::kernels::shader::{Pass, binding};

/// Bindings: logits `[n, classes]`, labels i32 `[n]`, gradient of the mean loss
/// `[n, classes]`, mean loss f32 `[1]`, number correct i32 `[1]`.
pub fn score(batch: usize, classes: usize) -> Pass {
    Pass {
        name: "softmax_cross_entropy",
        template: include_str!("../../../shaders/softmax_cross_entropy.wgsl"),
        constants: vec![("CLASSES", classes as u32)],
        bindings: vec![
            binding("logits", batch * classes),
            binding("labels", batch),
            binding("grad_logits", batch * classes),
            binding("loss", 1),
            binding("correct", 1),
        ],
        uniform: vec![batch as u32, 0, 0, 0],
        workgroups: [1, 1, 1],
        workgroup_size: [256, 1, 1],
    }
}
