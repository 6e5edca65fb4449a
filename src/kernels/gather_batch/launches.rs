//! The launches of `gather_batch` and `take_batch`.

use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::launch::Launch;
use crate::kernels::shader::{Shader, shader};
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
    let bindings = [
        ("images", gather.images * gather.shape.words()),
        ("indices", gather.batch),
        ("batch_images", gather.batch * gather.shape.words() * 4),
    ];
    each_word(gather, shader!("gather_batch"), bindings)
}

/// Bindings: see [`taken`].
pub fn take(gather: &Gather) -> Launch {
    let bindings = taken(gather.images, gather.batch, gather.shape);
    each_word(gather, shader!("take_batch"), bindings)
}

/// What takes `batch` of `images` images binds: cursor, the epoch's order i32 `[N]`, labels i32 `[N]`, images as
/// little-endian words `[N, words]`, labels of the batch i32 `[n]`, batch f32 `[n, 4 * words]`.
pub fn taken(images: usize, batch: usize, shape: ImageShape) -> [(&'static str, usize); 6] {
    [
        ("cursor", CURSOR),
        ("order", images),
        ("labels", images),
        ("images", images * shape.words()),
        ("batch_labels", batch),
        ("batch_images", batch * shape.words() * 4),
    ]
}

/// An invocation for each word of a batch.
fn each_word<const N: usize>(
    gather: &Gather,
    shader: Shader,
    bindings: [(&'static str, usize); N],
) -> Launch {
    let words = gather.shape.words();
    let of_word = gather.scale.of_word(gather.shape);
    Launch::each(shader, gather.batch * words)
        .constants([("IMAGE_WORDS", words)])
        .bind(bindings)
        .sizes([gather.batch, 0, 0, 0])
        .numbers(of_word.into_iter().flatten())
}
