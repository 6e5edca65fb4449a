//! Picks images by number out of a split of bytes and normalises them.

mod by_burn;
pub mod cpu;
pub(crate) mod gpu;
pub(crate) mod launches;

pub use by_burn::by_burn;
pub(super) use by_burn::{normalise, unpack};

use std::borrow::Cow;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Int, Tensor};

use super::flex::Fresh;
use super::images::{ChannelScale, ImageShape};
use super::parts::of_parts;
use super::{Kernels, simd};

impl Kernels {
    /// See [`gather_batch`].
    pub fn gather_batch(
        self,
        parts: &[Tensor<2, Int>],
        indices: Tensor<1, Int>,
        shape: ImageShape,
        scale: ChannelScale,
    ) -> Tensor<4> {
        match self {
            Self::Fused => gather_batch(parts, indices, shape, scale),
            Self::Burn => by_burn(parts, indices, shape, scale),
        }
    }
}

/// The images `indices` `[n]` of `parts`, normalised by `scale`:
/// `[n, height, width, shape.device_channels()]`. Colour has a fourth channel of zeros.
///
/// A part is `[images, shape.words()]`; there are several where one would hold more than
/// [`ImageShape::most_in_a_part`]. A word holds four bytes, the first in the lowest: four grey pixels,
/// or red, green, blue and 0 of one pixel ([`ImageShape::pack`]).
///
/// # Panics
/// The words are not those of images of this shape. On the CPU also where an index names no image.
pub fn gather_batch(
    parts: &[Tensor<2, Int>],
    indices: Tensor<1, Int>,
    shape: ImageShape,
    scale: ChannelScale,
) -> Tensor<4> {
    of_parts(parts, indices, |words, indices, _| {
        assert_eq!(words.dims()[1], shape.words(), "words of {shape} images");
        Tensor::from_dispatch(Dispatch::gather_batch(
            words.into_dispatch(),
            indices.into_dispatch(),
            shape,
            scale,
        ))
    })
}

/// The operation as Burn dispatches it; it records no gradients.
#[backend_extension(Cube, Flex)]
pub trait GatherBatch: Backend {
    /// `words [images, words of an image]`, `indices [n]` to images `[n, height, width, channels]`.
    fn gather_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        shape: ImageShape,
        scale: ChannelScale,
    ) -> FloatTensor<Self>;
}

impl GatherBatch for Flex {
    fn gather_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        shape: ImageShape,
        scale: ChannelScale,
    ) -> FloatTensor<Self> {
        let (words, indices) = (words.to_contiguous(), indices.to_contiguous());
        let words = little_endian(words.as_slice().expect("i32 words in order"));
        let indices: &[i32] = indices.as_slice().expect("i32 numbers in order");
        let dims = dims(indices.len(), shape);
        let mut images = Fresh::new(&dims);
        cpu::gather(
            simd::detect(),
            shape,
            scale,
            bytemuck::cast_slice(&words),
            indices,
            images.floats(),
        )
        .expect("indices are numbers of images");
        images.into_tensor(dims)
    }
}

/// Words whose bytes lie in memory lowest first, as they do on most machines.
pub(super) fn little_endian(words: &[i32]) -> Cow<'_, [i32]> {
    match cfg!(target_endian = "big") {
        true => words.iter().map(|word| word.swap_bytes()).collect(),
        false => Cow::Borrowed(words),
    }
}

/// Of a batch of images.
pub(super) fn dims(count: usize, shape: ImageShape) -> [usize; 4] {
    [count, shape.height, shape.width, shape.device_channels()]
}
