//! Picks pictures by number out of a split of bytes and normalises them.

pub mod cpu;
pub mod gpu;
pub mod passes;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Int, Tensor};

use super::flex::Fresh;
use super::images::{ChannelScale, ImageShape};
use super::simd;

/// Images of `shape` `[n, height, width, channels]`, normalised, of the rows `indices` `[n]` of
/// `words` `[images, shape.words()]`.
pub fn gather_batch(
    words: Tensor<2, Int>,
    indices: Tensor<1, Int>,
    shape: ImageShape,
    scale: ChannelScale,
) -> Tensor<4> {
    let [count] = indices.dims();
    let found: Tensor<2> = Tensor::from_dispatch(Dispatch::gather_batch(
        words.into_dispatch(),
        indices.into_dispatch(),
        scale.mean[0],
        scale.deviation[0],
    ));
    found.reshape([count, shape.height, shape.width, shape.device_channels()])
}

/// The operation as Burn dispatches it; it records no gradients.
#[backend_extension(Cube, Flex)]
pub trait GatherBatch: Backend {
    fn gather_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        mean: f32,
        deviation: f32,
    ) -> FloatTensor<Self>;
}

impl GatherBatch for Flex {
    fn gather_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        mean: f32,
        deviation: f32,
    ) -> FloatTensor<Self> {
        let (words, indices) = (words.to_contiguous(), indices.to_contiguous());
        let pixels = words.layout().shape()[1] * 4;
        // Little-endian words in memory are the bytes in order; other machines turn them.
        let turned: Vec<i32>;
        let mut bytes: &[i32] = words.as_slice().expect("i32 words in order");
        if cfg!(target_endian = "big") {
            turned = bytes.iter().map(|word| word.swap_bytes()).collect();
            bytes = &turned;
        }
        let indices: &[i32] = indices.as_slice().expect("i32 numbers in order");
        let dims = [indices.len(), pixels];
        let mut pictures = Fresh::new(&dims);
        cpu::gather(
            simd::detect(),
            cpu::Normalisation { mean, deviation },
            pixels,
            bytemuck::cast_slice(bytes),
            indices,
            pictures.floats(),
        )
        .expect("indices are numbers of pictures");
        pictures.into_tensor(dims)
    }
}
