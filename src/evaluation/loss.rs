//! Softmax cross-entropy of a batch: the loss that training lowers and evaluation reports.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

use crate::config::Kernels;

/// What one pass over the logits finds.
pub struct CrossEntropy {
    /// Mean loss, `[1]`.
    pub loss: Tensor<1>,
    /// Pictures whose highest logit is their class, `[1]`.
    pub correct: Tensor<1, Int>,
}

/// The mean negative log-likelihood of `labels` `[n]` under softmax of `logits` `[n, classes]`.
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, kernels: Kernels) -> CrossEntropy {
    match kernels {
        Kernels::Fused | Kernels::Stock => stock(logits, labels),
    }
}

fn stock(logits: Tensor<2>, labels: Tensor<1, Int>) -> CrossEntropy {
    let [count, _] = logits.dims();
    let correct = logits
        .clone()
        .without_autodiff()
        .argmax(1)
        .reshape([count])
        .equal(labels.clone())
        .int()
        .sum();
    let labels = match logits.is_autodiff() {
        true => labels.autodiff(),
        false => labels,
    };
    let likelihood = log_softmax(logits, 1).gather(1, labels.reshape([count, 1]));
    CrossEntropy {
        loss: likelihood.mean().neg(),
        correct,
    }
}
