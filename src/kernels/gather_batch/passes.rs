//! The pass of `gather_batch`.

use crate::kernels::shader::{Pass, binding, grid};

/// Sizes and normalisation of one gather.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gather {
    /// Pictures in the data set.
    pub pictures: usize,
    /// Pictures in the batch.
    pub batch: usize,
    /// Pixels of a picture, a multiple of four.
    pub pixels: usize,
    /// A byte becomes `value * scale + shift`.
    pub scale: f32,
    /// See `scale`.
    pub shift: f32,
}

/// Bindings: images as little-endian words `[N, pixels / 4]`, indices i32 `[n]` (each below N),
/// batch images f32 `[n, pixels]`.
pub fn gather(gather: &Gather) -> Pass {
    let words = gather.pixels / 4;
    Pass {
        name: "gather_batch",
        template: include_str!("../../../shaders/gather_batch.wgsl"),
        constants: vec![("PICTURE_WORDS", words as u32)],
        bindings: vec![
            binding("images", gather.pictures * words),
            binding("indices", gather.batch),
            binding("batch_images", gather.batch * gather.pixels),
        ],
        uniform: vec![
            gather.batch as u32,
            gather.scale.to_bits(),
            gather.shift.to_bits(),
            0,
        ],
        workgroups: grid(gather.batch * words, 64),
        workgroup_size: [64, 1, 1],
    }
}
