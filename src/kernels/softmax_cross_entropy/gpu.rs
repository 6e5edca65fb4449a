//! Launches the shaders of softmax cross-entropy.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::passes::{self, FEW_CLASSES};
use super::{Scores, SoftmaxCrossEntropy};
use crate::kernels::gpu::{empty, launch, preset};

impl SoftmaxCrossEntropy for CubeBackend {
    fn softmax_cross_entropy(logits: FloatTensor<Self>, labels: IntTensor<Self>) -> Scores<Self> {
        let (batch, classes) = (logits.meta.shape()[0], logits.meta.shape()[1]);
        if classes > FEW_CLASSES {
            let nothing = empty(&logits, &[1], DType::F32);
            return score_rows(logits, labels, nothing, None);
        }
        let (logits, labels) = (into_contiguous(logits), into_contiguous(labels));
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

    fn softmax_cross_entropy_weighted(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        weights: FloatTensor<Self>,
        smoothing: f32,
    ) -> Scores<Self> {
        score_rows(logits, labels, into_contiguous(weights), Some(smoothing))
    }
}

/// `smoothing` is for weights alone; without it they are not read.
fn score_rows(
    logits: FloatTensor<CubeBackend>,
    labels: IntTensor<CubeBackend>,
    weights: FloatTensor<CubeBackend>,
    smoothing: Option<f32>,
) -> Scores<CubeBackend> {
    let (logits, labels) = (into_contiguous(logits), into_contiguous(labels));
    let (batch, classes) = (logits.meta.shape()[0], logits.meta.shape()[1]);
    let gradient = empty(&logits, &[batch, classes], DType::F32);
    let losses = empty(&logits, &[batch], DType::F32);
    let hits = empty(&logits, &[batch], DType::I32);
    launch(
        passes::score_rows(batch, classes, smoothing, preset(&logits)),
        &[&logits, &labels, &weights, &gradient, &losses, &hits],
    );
    let loss = empty(&logits, &[1], DType::F32);
    let correct = empty(&logits, &[1], DType::I32);
    launch(passes::sum_rows(batch), &[&losses, &hits, &loss, &correct]);
    Scores {
        loss,
        gradient,
        correct,
    }
}
