//! Softmax cross-entropy of a batch: the loss that training lowers and evaluation reports.

use burn::tensor::activation::log_softmax;
use burn::tensor::{IndexingUpdateOp, Int, Tensor};

use super::beside;
use crate::device::Device;
use crate::kernels::Kernels;
use crate::kernels::softmax_cross_entropy::{
    softmax_cross_entropy, softmax_cross_entropy_weighted, with_gradient,
};

/// What a training lowers, or an evaluation reports.
#[derive(Clone, Debug)]
pub struct Objective {
    /// `None`: classes count alike, and a label is its class alone.
    shares: Option<Shares>,
    /// Whose operations compute it.
    kernels: Kernels,
}

/// How much of a label each class has.
#[derive(Clone, Debug)]
struct Shares {
    /// How much each class counts, `[classes]`.
    weights: Tensor<1>,
    /// The share of each label that is spread evenly over all classes (Szegedy et al., arXiv:1512.00567).
    smoothing: f64,
}

/// What one pass over the logits finds.
pub struct CrossEntropy {
    /// Mean loss, `[1]`, without gradients.
    pub loss: Tensor<1>,
    /// Images whose highest logit is their class, `[1]`.
    pub correct: Tensor<1, Int>,
    /// A number, `[1]`, whose gradients are those of the mean loss; its value means nothing.
    pub differentiable: Tensor<1>,
}

impl Objective {
    /// The mean cross-entropy, by the kernels of `device`.
    pub fn plain(device: &Device) -> Self {
        Self::by(device.kernels())
    }

    /// The mean cross-entropy, by these kernels.
    pub fn by(kernels: Kernels) -> Self {
        Self {
            shares: None,
            kernels,
        }
    }

    /// The same with a weight for each class, `[classes]`, and the share `smoothing` of each label spread evenly over
    /// all classes.
    #[must_use]
    pub fn weighted(self, weights: Tensor<1>, smoothing: f64) -> Self {
        Self {
            shares: Some(Shares { weights, smoothing }),
            ..self
        }
    }

    /// The mean cross-entropy of labels of `classes` classes, smoothed, and with a weight for each class; `None`: they
    /// count alike.
    pub fn new(smoothing: f64, weights: Option<&[f32]>, classes: usize, device: &Device) -> Self {
        let plain = Self::plain(device);
        match weights {
            None if smoothing == 0.0 => plain,
            None => plain.weighted(Tensor::ones([classes], device.burn()), smoothing),
            Some(weights) => plain.weighted(Tensor::from_floats(weights, device.burn()), smoothing),
        }
    }

    /// The mean negative log-likelihood of `labels` `[n]` under softmax of `logits` `[n, classes]`,
    /// smoothed and weighted as this says.
    ///
    /// Weights and smoothing are PyTorch's `CrossEntropyLoss(weight, label_smoothing)`: divided by the
    /// sum of the labels' weights, and what is spread keeps each class's weight. Where the labels of a
    /// batch all weigh 0, it is divided by 1.
    pub fn of(&self, logits: Tensor<2>, labels: Tensor<1, Int>) -> CrossEntropy {
        let inner = || logits.clone().without_autodiff();
        match (self.kernels, &self.shares) {
            (Kernels::Fused, None) => {
                differentiable(&logits, softmax_cross_entropy(inner(), labels))
            }
            (Kernels::Fused, Some(Shares { weights, smoothing })) => differentiable(
                &logits,
                softmax_cross_entropy_weighted(inner(), labels, weights.clone(), *smoothing),
            ),
            (Kernels::Burn, None) => by_burn(logits, labels),
            (Kernels::Burn, Some(Shares { weights, smoothing })) => {
                weighted_by_burn(logits, labels, weights.clone(), *smoothing)
            }
        }
    }
}

/// The kernel gives the gradient with the loss.
fn differentiable(
    logits: &Tensor<2>,
    (loss, gradient, correct): (Tensor<1>, Tensor<2>, Tensor<1, Int>),
) -> CrossEntropy {
    let gradient = beside(gradient, logits);
    let constant = beside(loss.clone(), logits);
    CrossEntropy {
        loss,
        correct,
        differentiable: with_gradient(constant, logits.clone(), gradient),
    }
}

fn by_burn(logits: Tensor<2>, labels: Tensor<1, Int>) -> CrossEntropy {
    let [count, _] = logits.dims();
    let correct = count_correct(logits.clone(), labels.clone());
    let labels = match logits.is_autodiff() {
        true => labels.autodiff(),
        false => labels,
    };
    let likelihood = log_softmax(logits, 1).gather(1, labels.reshape([count, 1]));
    let loss = likelihood.mean().neg();
    CrossEntropy {
        loss: loss.clone().without_autodiff(),
        correct,
        differentiable: loss,
    }
}

fn weighted_by_burn(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Tensor<1>,
    smoothing: f64,
) -> CrossEntropy {
    let [count, classes] = logits.dims();
    let correct = count_correct(logits.clone(), labels.clone());
    let of_labels = weights.clone().select(0, labels.clone());
    // The share of each class in each label.
    let spread = weights.unsqueeze::<2>() * (smoothing / classes as f64);
    let of_label = of_labels.clone().reshape([count, 1]) * (1.0 - smoothing);
    let shares = spread.expand([count, classes]).scatter(
        1,
        labels.reshape([count, 1]),
        of_label,
        IndexingUpdateOp::Add,
    );
    let total = of_labels.sum();
    let total = total.clone() + total.equal_elem(0.0).float();
    let shares = shares / total.unsqueeze::<2>();
    let shares = beside(shares, &logits);
    let loss = (log_softmax(logits, 1) * shares).sum().neg();
    CrossEntropy {
        loss: loss.clone().without_autodiff(),
        correct,
        differentiable: loss,
    }
}

fn count_correct(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1, Int> {
    let [count, _] = logits.dims();
    let highest = logits.without_autodiff().argmax(1).reshape([count]);
    highest.equal(labels).int().sum()
}
