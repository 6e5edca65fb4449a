//! Launches the shader of softmax cross-entropy.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{Scores, SoftmaxCrossEntropy, passes};
use crate::kernels::gpu::{empty, launch};

impl SoftmaxCrossEntropy for CubeBackend {
    fn softmax_cross_entropy(logits: FloatTensor<Self>, labels: IntTensor<Self>) -> Scores<Self> {
        let (logits, labels) = (into_contiguous(logits), into_contiguous(labels));
        let (batch, classes) = (logits.meta.shape()[0], logits.meta.shape()[1]);
        let gradient = empty(&logits, &[batch, classes], DType::F32);
        let loss = empty(&logits, &[1], DType::F32);
        let correct = empty(&logits, &[1], DType::I32);
        launch(
            passes::score(batch, classes),
            &[&logits, &labels, &gradient, &loss, &correct],
        );
        Scores {
            loss,
            gradient,
            correct,
        }
    }
}
