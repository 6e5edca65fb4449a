//! Launches the shaders of softmax cross-entropy.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType::{F32, I32};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::launches::{self, FEW_CLASSES};
use super::{Scores, SoftmaxCrossEntropy};
use crate::kernels::gpu::{dims, empty, launch_into};
use crate::kernels::tiles::{Kernel, profile};

impl SoftmaxCrossEntropy for CubeBackend {
    fn softmax_cross_entropy(logits: FloatTensor<Self>, labels: IntTensor<Self>) -> Scores<Self> {
        let [batch, classes] = dims(&logits);
        if classes > FEW_CLASSES {
            let nothing = empty(&logits, &[1], F32);
            return score_rows(logits, labels, nothing, None);
        }
        let (logits, labels) = (into_contiguous(logits), into_contiguous(labels));
        let [gradient, loss, correct] = launch_into(
            launches::score(batch, classes),
            &[&logits, &labels],
            [(F32, &[batch, classes]), (F32, &[1]), (I32, &[1])],
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
    let [batch, classes] = dims(&logits);
    let [gradient, losses, hits] = launch_into(
        launches::score_rows(batch, classes, smoothing, profile(&logits, Kernel::Loss)),
        &[&logits, &labels, &weights],
        [(F32, &[batch, classes]), (F32, &[batch]), (I32, &[batch])],
    );
    let [loss, correct] = launch_into(
        launches::sum_rows(batch),
        &[&losses, &hits],
        [(F32, &[1]), (I32, &[1])],
    );
    Scores {
        loss,
        gradient,
        correct,
    }
}
