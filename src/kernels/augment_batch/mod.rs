//! Picks images by number out of a split of bytes, distorts each by what a random stream draws for it, and
//! normalises them.

mod by_burn;
mod colour;
pub mod cpu;
mod distortion;
pub(crate) mod gpu;
mod launches;
pub mod random;
mod settings;
mod spline;

pub use by_burn::by_burn;
pub use settings::{Augmentation, Stream};

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Int, Tensor};

use super::flex::Fresh;
use super::gather_batch::{dims, little_endian};
use super::images::{ChannelScale, ImageShape};
use super::parts::of_parts;
use super::{Kernels, simd};

impl Kernels {
    /// See [`augment_batch`]; `samples` are the same indices on the host, from which Burn's own
    /// operations are told what is drawn.
    pub fn augment_batch(
        self,
        parts: &[Tensor<2, Int>],
        (indices, samples): (Tensor<1, Int>, &[i32]),
        shape: ImageShape,
        scale: ChannelScale,
        augmentation: Augmentation,
        stream: Stream,
    ) -> Tensor<4> {
        match self {
            Self::Fused => augment_batch(parts, indices, shape, scale, augmentation, stream),
            Self::Burn => {
                let indices = (indices, samples);
                by_burn(parts, indices, shape, scale, &augmentation, stream)
            }
        }
    }
}

/// The images `indices` `[n]` of `parts`, distorted, then normalised by `scale`:
/// `[n, height, width, shape.device_channels()]`. Parts are those of [`super::gather_batch::gather_batch`]; an image's
/// number counts through all of them.
///
/// # Panics
/// The words are not those of images of this shape. On the CPU also where an index names no image.
pub fn augment_batch(
    parts: &[Tensor<2, Int>],
    indices: Tensor<1, Int>,
    shape: ImageShape,
    scale: ChannelScale,
    augmentation: Augmentation,
    stream: Stream,
) -> Tensor<4> {
    of_parts(parts, indices, |words, indices, first| {
        assert_eq!(words.dims()[1], shape.words(), "words of {shape} images");
        Tensor::from_dispatch(Dispatch::augment_batch(
            words.into_dispatch(),
            indices.into_dispatch(),
            shape,
            scale,
            augmentation,
            stream,
            first,
        ))
    })
}

/// The operation as Burn dispatches it; it records no gradients. `first` is the number of the first of its images.
#[backend_extension(Cube, Flex)]
pub trait AugmentBatch: Backend {
    /// `words [images, words of an image]`, `indices [n]` to distorted images `[n, height, width, channels]`.
    fn augment_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        shape: ImageShape,
        scale: ChannelScale,
        augmentation: Augmentation,
        stream: Stream,
        first: u32,
    ) -> FloatTensor<Self>;
}

impl AugmentBatch for Flex {
    fn augment_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        shape: ImageShape,
        scale: ChannelScale,
        augmentation: Augmentation,
        stream: Stream,
        first: u32,
    ) -> FloatTensor<Self> {
        let (words, indices) = (words.to_contiguous(), indices.to_contiguous());
        let words = little_endian(words.as_slice().expect("i32 words in order"));
        let indices: &[i32] = indices.as_slice().expect("i32 numbers in order");
        let dims = dims(indices.len(), shape);
        let mut images = Fresh::new(&dims);
        let plan = cpu::Plan::new(shape, scale, augmentation, stream).counted_from(first);
        plan.run(
            simd::detect(),
            bytemuck::cast_slice(&words),
            indices,
            images.floats(),
        )
        .expect("indices are numbers of images");
        images.into_tensor(dims)
    }
}
