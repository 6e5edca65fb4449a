//! Launches the shaders of augmentation.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{Int, Tensor};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::launches::{self, Augment};
use super::{AugmentBatch, Augmentation, Stream};
use crate::kernels::gather_batch::gpu::{take_by, write_words};
use crate::kernels::gpu::launch;
use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::step_state::StepState;

impl AugmentBatch for CubeBackend {
    fn augment_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        shape: ImageShape,
        scale: ChannelScale,
        augmentation: Augmentation,
        stream: Stream,
        first: u32,
    ) -> FloatTensor<Self> {
        let (words, indices) = (into_contiguous(words), into_contiguous(indices));
        let augment = Augment {
            images: words.meta.shape()[0],
            batch: indices.meta.shape()[0],
            shape,
            scale,
            augmentation,
            stream,
            first,
        };
        write_words(&words, augment.batch, shape, |images| {
            launch(launches::augment(&augment), &[&words, &indices, images])
        })
    }
}

/// The next `batch` images of `steps` out of `words`, distorted by `seed` and the epoch where the steps stand, then
/// normalised, and their labels.
///
/// # Panics
/// One of them lies on the CPU.
pub fn take(
    steps: &StepState,
    words: &Tensor<2, Int>,
    labels: &Tensor<1, Int>,
    (shape, scale): (ImageShape, ChannelScale),
    (augmentation, seed): (Augmentation, u64),
    batch: usize,
) -> (Tensor<4>, Tensor<1, Int>) {
    take_by(steps, words, labels, (shape, batch), |images| {
        launches::take(&Augment {
            images,
            batch,
            shape,
            scale,
            augmentation,
            stream: Stream { seed, epoch: 0 },
            first: 0,
        })
    })
}
