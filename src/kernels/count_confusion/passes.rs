//! The pass of `count_confusion`.

use crate::kernels::shader::{Pass, binding, grid};

/// Bindings: logits `[n, classes]`, labels i32 `[n]`, counts i32 `[classes, classes]` (rows the
/// true class), added to.
pub fn count(batch: usize, classes: usize) -> Pass {
    Pass {
        name: "count_confusion",
        template: include_str!("../../../shaders/count_confusion.wgsl"),
        constants: vec![("CLASSES", classes as u32)],
        bindings: vec![
            binding("logits", batch * classes),
            binding("labels", batch),
            binding("counts", classes * classes),
        ],
        uniform: vec![batch as u32, 0, 0, 0],
        workgroups: grid(batch, 64),
        workgroup_size: [64, 1, 1],
    }
}
