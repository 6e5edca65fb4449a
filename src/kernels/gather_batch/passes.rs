//! The launch of `gather_batch`.

use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::shader::{Pass, binding, grid};

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

/// Bindings: images as little-endian words `[N, words]`, indices i32 `[n]` (each below N), batch
/// f32 `[n, 4 * words]`.
pub fn gather(gather: &Gather) -> Pass {
    let words = gather.shape.words();
    let mut uniform = vec![gather.batch as u32, 0, 0, 0];
    let of_word = gather.scale.of_word(gather.shape);
    uniform.extend(of_word.as_flattened().iter().map(|number| number.to_bits()));
    Pass {
        name: "gather_batch",
        template: include_str!("../../../shaders/gather_batch.wgsl"),
        constants: vec![("IMAGE_WORDS", words as u32)],
        bindings: vec![
            binding("images", gather.images * words),
            binding("indices", gather.batch),
            binding("batch_images", gather.batch * words * 4),
        ],
        uniform,
        workgroups: grid(gather.batch * words, 64),
        workgroup_size: [64, 1, 1],
    }
}
