//! The launches of `gather_batch` and `take_batch`.

use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::launch::Launch;
use crate::kernels::shader::shader;
use crate::kernels::step_state::launches::CURSOR;

/// Sizes and normalisation of one gather.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gather {
    /// Images in the data set.
    pub images: usize,
    /// Images in the batch.
    pub batch: usize,
    pub shape: ImageShape,
    pub scale: ChannelScale,
}

/// Bindings: images as little-endian words `[N, words]`, indices i32 `[n]` (each below N), batch f32 `[n, 4 * words]`.
pub fn gather(gather: &Gather) -> Launch {
    let words = gather.shape.words();
    let of_word = gather.scale.of_word(gather.shape);
    Launch::each(shader!("gather_batch"), gather.batch * words)
        .constants([("IMAGE_WORDS", words)])
        .bind([
            ("images", gather.images * words),
            ("indices", gather.batch),
            ("batch_images", gather.batch * words * 4),
        ])
        .sizes([gather.batch, 0, 0, 0])
        .numbers(of_word.into_iter().flatten())
}

/// Bindings: cursor, the epoch's order i32 `[N]`, labels i32 `[N]`, images as little-endian words `[N, words]`, labels
/// of the batch i32 `[n]`, batch f32 `[n, 4 * words]`.
pub fn take(gather: &Gather) -> Launch {
    let words = gather.shape.words();
    let of_word = gather.scale.of_word(gather.shape);
    Launch::each(shader!("take_batch"), gather.batch * words)
        .constants([("IMAGE_WORDS", words)])
        .bind([
            ("cursor", CURSOR),
            ("order", gather.images),
            ("labels", gather.images),
            ("images", gather.images * words),
            ("batch_labels", gather.batch),
            ("batch_images", gather.batch * words * 4),
        ])
        .sizes([gather.batch, 0, 0, 0])
        .numbers(of_word.into_iter().flatten())
}
