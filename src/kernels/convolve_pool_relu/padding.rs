//! Images between zeros, and the inner part of their gradient: what lets kernels without padding
//! serve layers that have some.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, TensorMetadata};
use burn::tensor::Slice;
use burn::tensor::ops::PadMode;
use burn_wgpu::CubeBackend;

use crate::kernels::flex::{Fresh, floats};
use crate::kernels::parallel;
use crate::kernels::primitives::pad::Frame;

/// `padding` pixels on each side of images `[n, h, w, c]`.
pub trait Padding: Backend {
    /// Images with zeros around them; without padding the same tensor.
    fn pad(images: FloatTensor<Self>, padding: usize) -> FloatTensor<Self>;

    /// What lies inside of the padding.
    fn crop(images: FloatTensor<Self>, padding: usize) -> FloatTensor<Self>;
}

impl Padding for Flex {
    fn pad(images: FloatTensor<Self>, padding: usize) -> FloatTensor<Self> {
        if padding == 0 {
            return images;
        }
        let images = images.to_contiguous();
        let [batch, height, width, channels] = images.shape().dims();
        let frame = Frame::padded([height, width, channels], padding);
        let dims = [batch, height + 2 * padding, width + 2 * padding, channels];
        let mut padded = Fresh::new(&dims);
        let to = padded.floats().chunks_exact_mut(frame.size);
        let from = floats(&images).chunks_exact(height * width * channels);
        parallel::for_each(to.zip(from), |(to, from)| {
            to.fill(0.0);
            frame.copy(from, to);
        });
        padded.into_tensor(dims)
    }

    fn crop(images: FloatTensor<Self>, padding: usize) -> FloatTensor<Self> {
        if padding == 0 {
            return images;
        }
        let images = images.to_contiguous();
        let [batch, rows, columns, channels] = images.shape().dims();
        let (height, width) = (rows - 2 * padding, columns - 2 * padding);
        let frame = Frame::padded([height, width, channels], padding);
        let dims = [batch, height, width, channels];
        let mut cropped = Fresh::new(&dims);
        let to = cropped.floats().chunks_exact_mut(height * width * channels);
        let from = floats(&images).chunks_exact(frame.size);
        parallel::for_each(to.zip(from), |(to, from)| frame.crop(from, to));
        cropped.into_tensor(dims)
    }
}

impl Padding for CubeBackend {
    fn pad(images: FloatTensor<Self>, padding: usize) -> FloatTensor<Self> {
        let sides = [(0, 0), (padding, padding), (padding, padding), (0, 0)];
        match padding {
            0 => images,
            _ => Self::float_pad(images, &sides, PadMode::Constant(0.0)),
        }
    }

    fn crop(images: FloatTensor<Self>, padding: usize) -> FloatTensor<Self> {
        if padding == 0 {
            return images;
        }
        let shape = images.meta.shape();
        let inner = |side: usize| Slice::from(padding..shape[side] - padding);
        let slices = [
            Slice::from(0..shape[0]),
            inner(1),
            inner(2),
            Slice::from(0..shape[3]),
        ];
        Self::float_slice(images, &slices)
    }
}
