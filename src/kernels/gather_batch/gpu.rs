//! Launches the shader of gathering.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, Int, Shape, Slice, Tensor};
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::launches::{self, Gather};
use super::{GatherBatch, dims};
use crate::kernels::gpu::{empty, float_tensor, int_tensor, launch, of_ints};
use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::launch::Launch;
use crate::kernels::step_state::StepState;

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

/// The next `batch` images of `steps` out of `words`, normalised, and their labels.
///
/// # Panics
/// One of them lies on the CPU.
pub fn take(
    steps: &StepState,
    words: &Tensor<2, Int>,
    labels: &Tensor<1, Int>,
    (shape, scale): (ImageShape, ChannelScale),
    batch: usize,
) -> (Tensor<4>, Tensor<1, Int>) {
    take_by(steps, words, labels, (shape, batch), |images| {
        launches::take(&Gather {
            images,
            batch,
            shape,
            scale,
        })
    })
}

/// The next `batch` images of `steps` and their labels, by what `launch_for` launches for as many images as `words` has:
/// it binds what [`launches::taken`] says.
///
/// # Panics
/// One of them lies on the CPU.
pub(crate) fn take_by(
    steps: &StepState,
    words: &Tensor<2, Int>,
    labels: &Tensor<1, Int>,
    (shape, batch): (ImageShape, usize),
    launch_for: impl FnOnce(usize) -> Launch,
) -> (Tensor<4>, Tensor<1, Int>) {
    let words = of_ints(words).expect("images on the adapter");
    let labels = of_ints(labels).expect("labels on the adapter");
    let [cursor, order] = steps.cursor_and_order();
    let batch_labels = empty(&labels, &[batch], DType::I32);
    let images = write_words(&words, batch, shape, |images| {
        launch(
            launch_for(words.meta.shape()[0]),
            &[cursor, order, &labels, &words, &batch_labels, images],
        );
    });
    (float_tensor(images), int_tensor(batch_labels))
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
