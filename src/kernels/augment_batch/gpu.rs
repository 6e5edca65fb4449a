//! Launches the shader of augmentation.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::launches::{self, Augment};
use super::{AugmentBatch, Augmentation, Stream};
use crate::kernels::gather_batch::gpu::write_words;
use crate::kernels::gpu::launch;
use crate::kernels::images::{ChannelScale, ImageShape};

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
