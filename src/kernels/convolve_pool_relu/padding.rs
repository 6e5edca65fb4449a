//! Pictures between zeros, and the inner part of their gradient: what lets kernels without padding
//! serve layers that have some.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex};
use burn::tensor::Slice;
use burn::tensor::ops::PadMode;
use burn_wgpu::CubeBackend;

use crate::kernels::flex::{Fresh, floats};
use crate::kernels::parallel;

/// `padding` pixels on each side of pictures `[n, h, w, c]`.
pub trait Padding: Backend {
    /// Pictures with zeros around them; without padding the same tensor.
    fn pad(pictures: FloatTensor<Self>, padding: usize) -> FloatTensor<Self>;

    /// What lies inside of the padding.
    fn crop(pictures: FloatTensor<Self>, padding: usize) -> FloatTensor<Self>;
}

impl Padding for Flex {
    fn pad(pictures: FloatTensor<Self>, padding: usize) -> FloatTensor<Self> {
        if padding == 0 {
            return pictures;
        }
        let inner = pictures.to_contiguous();
        let dims @ [_, height, width, channels] = dims(&inner);
        let whole = grown(dims, 2 * padding);
        let line = whole[2] * channels;
        let border = padding * channels;
        let mut padded = Fresh::new(&whole);
        let to = padded.floats().chunks_exact_mut(whole[1] * line);
        let from = floats(&inner).chunks_exact(height * width * channels);
        parallel::for_each(to.zip(from), |(to, from)| {
            let (above, rest) = to.split_at_mut(padding * line);
            let (rows, below) = rest.split_at_mut(height * line);
            above.fill(0.0);
            below.fill(0.0);
            let pairs = rows.chunks_exact_mut(line);
            for (to, from) in pairs.zip(from.chunks_exact(width * channels)) {
                to[..border].fill(0.0);
                to[border..line - border].copy_from_slice(from);
                to[line - border..].fill(0.0);
            }
        });
        padded.into_tensor(whole)
    }

    fn crop(pictures: FloatTensor<Self>, padding: usize) -> FloatTensor<Self> {
        if padding == 0 {
            return pictures;
        }
        let whole = pictures.to_contiguous();
        let dims @ [_, rows, columns, channels] = dims(&whole);
        let line = columns * channels;
        let border = padding * channels;
        let inner = [dims[0], rows - 2 * padding, columns - 2 * padding, channels];
        let mut cropped = Fresh::new(&inner);
        let size = inner[1] * inner[2] * channels;
        let to = cropped.floats().chunks_exact_mut(size);
        let from = floats(&whole).chunks_exact(rows * line);
        parallel::for_each(to.zip(from), |(to, from)| {
            let lines = from.chunks_exact(line).skip(padding);
            for (to, from) in to.chunks_exact_mut(inner[2] * channels).zip(lines) {
                to.copy_from_slice(&from[border..line - border]);
            }
        });
        cropped.into_tensor(inner)
    }
}

impl Padding for CubeBackend {
    fn pad(pictures: FloatTensor<Self>, padding: usize) -> FloatTensor<Self> {
        let sides = [(0, 0), (padding, padding), (padding, padding), (0, 0)];
        match padding {
            0 => pictures,
            _ => Self::float_pad(pictures, &sides, PadMode::Constant(0.0)),
        }
    }

    fn crop(pictures: FloatTensor<Self>, padding: usize) -> FloatTensor<Self> {
        if padding == 0 {
            return pictures;
        }
        let shape = pictures.meta.shape();
        let inner = |side: usize| Slice::from(padding..shape[side] - padding);
        let slices = [
            Slice::from(0..shape[0]),
            inner(1),
            inner(2),
            Slice::from(0..shape[3]),
        ];
        Self::float_slice(pictures, &slices)
    }
}

fn dims(tensor: &FloatTensor<Flex>) -> [usize; 4] {
    let shape = tensor.layout().shape();
    [shape[0], shape[1], shape[2], shape[3]]
}

fn grown([batch, height, width, channels]: [usize; 4], by: usize) -> [usize; 4] {
    [batch, height + by, width + by, channels]
}
