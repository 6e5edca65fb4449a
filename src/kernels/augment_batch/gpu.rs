//! Launches the shader of augmentation.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::passes::{self, Augment};
use super::{AugmentBatch, Augmentation, Stream, side};
use crate::kernels::gpu::{empty, launch};

impl AugmentBatch for CubeBackend {
    fn augment_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        augmentation: Augmentation,
        stream: Stream,
        mean: f32,
        deviation: f32,
    ) -> FloatTensor<Self> {
        let (words, indices) = (into_contiguous(words), into_contiguous(indices));
        let pixels = words.meta.shape()[1] * 4;
        let batch = indices.meta.shape()[0];
        let (mean, deviation) = (f64::from(mean), f64::from(deviation));
        let augment = Augment {
            pictures: words.meta.shape()[0],
            batch,
            side: side(pixels),
            augmentation,
            stream,
            scale: (255.0 * deviation).recip() as f32,
            shift: (-mean / deviation) as f32,
        };
        let pictures = empty(&words, &[batch, pixels], DType::F32);
        launch(passes::augment(&augment), &[&words, &indices, &pictures]);
        pictures
    }
}
