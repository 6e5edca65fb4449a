//! Launches the shader of gathering.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::GatherBatch;
use super::passes::{self, Gather};
use crate::kernels::gpu::{empty, launch};

impl GatherBatch for CubeBackend {
    fn gather_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        mean: f32,
        deviation: f32,
    ) -> FloatTensor<Self> {
        let (words, indices) = (into_contiguous(words), into_contiguous(indices));
        let pixels = words.meta.shape()[1] * 4;
        let batch = indices.meta.shape()[0];
        let (mean, deviation) = (f64::from(mean), f64::from(deviation));
        let gather = Gather {
            pictures: words.meta.shape()[0],
            batch,
            pixels,
            scale: (255.0 * deviation).recip() as f32,
            shift: (-mean / deviation) as f32,
        };
        let pictures = empty(&words, &[batch, pixels], DType::F32);
        launch(passes::gather(&gather), &[&words, &indices, &pictures]);
        pictures
    }
}
