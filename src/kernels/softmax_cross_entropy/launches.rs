//! The launches of `softmax_cross_entropy`.

use crate::kernels::launch::Launch;
use crate::kernels::shader::shader;
use crate::kernels::tiles::TileProfile;

/// Up to so many classes an invocation takes a row by itself.
pub(super) const FEW_CLASSES: usize = 64;
/// Invocations of the one workgroup that adds up a batch.
const SUMMING: usize = 256;

/// For few classes. Bindings: logits `[n, classes]`, labels i32 `[n]`, gradient of the mean loss `[n, classes]`, mean
/// loss f32 `[1]`, number correct i32 `[1]`.
pub fn score(batch: usize, classes: usize) -> Launch {
    Launch::workgroup_each(shader!("softmax_cross_entropy"), 1, SUMMING)
        .constants([("CLASSES", classes)])
        .bind([
            ("logits", batch * classes),
            ("labels", batch),
            ("grad_logits", batch * classes),
            ("loss", 1),
            ("correct", 1),
        ])
        .sizes([batch, 0])
}

/// For any number of classes, with weights and smoothing or not; a workgroup takes a row. Bindings: logits
/// `[n, classes]`, labels i32 `[n]`, weights f32 `[classes]` (without `smoothing` one number that is not read), gradient
/// of the mean loss `[n, classes]`, each row's part of the mean loss f32 `[n]`, whether its label is the highest i32
/// `[n]`.
pub fn score_rows(
    batch: usize,
    classes: usize,
    smoothing: Option<f32>,
    profile: TileProfile,
) -> Launch {
    let invocations = if profile.is_software() { 8 } else { 64 };
    let is_weighted = smoothing.is_some();
    Launch::workgroup_each(shader!("softmax_cross_entropy_rows"), batch, invocations)
        .constants([("CLASSES", classes), ("WEIGHTED", usize::from(is_weighted))])
        .bind([
            ("logits", batch * classes),
            ("labels", batch),
            ("weights", if is_weighted { classes } else { 1 }),
            ("grad_logits", batch * classes),
            ("losses", batch),
            ("hits", batch),
        ])
        .sizes([batch])
        .numbers([smoothing.unwrap_or(0.0), 0.0])
}

/// Sums what [`score_rows`] wrote. Bindings: losses f32 `[n]`, hits i32 `[n]`, loss f32 `[1]`, number correct i32 `[1]`.
pub fn sum_rows(batch: usize) -> Launch {
    Launch::workgroup_each(shader!("softmax_cross_entropy_sum_rows"), 1, SUMMING)
        .bind([
            ("losses", batch),
            ("hits", batch),
            ("loss", 1),
            ("correct", 1),
        ])
        .sizes([batch])
}
