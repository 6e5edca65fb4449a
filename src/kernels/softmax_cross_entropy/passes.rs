//! The launches of `softmax_cross_entropy`.

use crate::kernels::shader::{Pass, TilePreset, binding, grid};

/// Up to so many classes an invocation takes a row by itself.
pub(super) const FEW_CLASSES: usize = 64;

/// For few classes. Bindings: logits `[n, classes]`, labels i32 `[n]`, gradient of the mean loss
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

/// For any number of classes, with weights and smoothing or not; a workgroup takes a row. Bindings:
/// logits `[n, classes]`, labels i32 `[n]`, weights f32 `[classes]` (without `smoothing` one number
/// that is not read), gradient of the mean loss `[n, classes]`, each row's part of the mean loss f32
/// `[n]`, whether its label is the highest i32 `[n]`.
pub fn score_rows(
    batch: usize,
    classes: usize,
    smoothing: Option<f32>,
    preset: TilePreset,
) -> Pass {
    let invocations = match preset {
        TilePreset::Hardware => 64,
        TilePreset::Software => 8,
    };
    let is_weighted = smoothing.is_some();
    Pass {
        name: "softmax_cross_entropy_rows",
        template: include_str!("../../../shaders/softmax_cross_entropy_rows.wgsl"),
        constants: vec![
            ("CLASSES", classes as u32),
            ("WEIGHTED", u32::from(is_weighted)),
            ("INVOCATIONS", invocations),
        ],
        bindings: vec![
            binding("logits", batch * classes),
            binding("labels", batch),
            binding("weights", if is_weighted { classes } else { 1 }),
            binding("grad_logits", batch * classes),
            binding("losses", batch),
            binding("hits", batch),
        ],
        uniform: vec![batch as u32, smoothing.unwrap_or(0.0).to_bits(), 0, 0],
        workgroups: grid(batch, 1),
        workgroup_size: [invocations, 1, 1],
    }
}

/// Sums what [`score_rows`] wrote. Bindings: losses f32 `[n]`, hits i32 `[n]`, loss f32 `[1]`,
/// number correct i32 `[1]`.
pub fn sum_rows(batch: usize) -> Pass {
    Pass {
        name: "softmax_cross_entropy_sum_rows",
        template: include_str!("../../../shaders/softmax_cross_entropy_sum_rows.wgsl"),
        constants: vec![],
        bindings: vec![
            binding("losses", batch),
            binding("hits", batch),
            binding("loss", 1),
            binding("correct", 1),
        ],
        uniform: vec![batch as u32, 0, 0, 0],
        workgroups: [1, 1, 1],
        workgroup_size: [256, 1, 1],
    }
}
