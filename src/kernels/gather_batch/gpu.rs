//! Launches the shader of gathering.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, Shape, Slice};
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::launches::{self, Gather};
use super::{GatherBatch, dims};
use crate::kernels::gpu::{empty, launch};
use crate::kernels::images::{ChannelScale, ImageShape};

impl GatherBatch for CubeBackend {
    fn gather_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        shape: ImageShape,
        scale: ChannelScale,
    ) -> FloatTensor<Self> {
        let (words, indices) = (into_contiguous(words), into_contiguous(indices));
        let gather = Gather {
            images: words.meta.shape()[0],
            batch: indices.meta.shape()[0],
            shape,
            scale,
        };
        write_words(&words, gather.batch, shape, |images| {
            launch(launches::gather(&gather), &[&words, &indices, images])
        })
    }
}

/// A batch that `write` fills by whole words, `[batch, 4 * words]`; what it writes for the zeros
/// behind the last grey pixel of an image is left out.
pub(crate) fn write_words(
    like: &CubeTensor,
    batch: usize,
    shape: ImageShape,
    write: impl FnOnce(&CubeTensor),
) -> CubeTensor {
    let (numbers, written) = (shape.pixels() * shape.device_channels(), 4 * shape.words());
    if numbers == written {
        let images = empty(like, &dims(batch, shape), DType::F32);
        write(&images);
        return images;
    }
    let images = empty(like, &[batch, written], DType::F32);
    write(&images);
    let whole = [Slice::from(0..batch), Slice::from(0..numbers)];
    let images = into_contiguous(CubeBackend::float_slice(images, &whole));
    CubeBackend::float_reshape(images, Shape::from(dims(batch, shape).to_vec()))
}
