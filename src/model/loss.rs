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
    /// The share of each label that is spread evenly over all classes (Szegedy et al.,
    /// arXiv:1512.00567).
    pub smoothing: f64,
    /// How much each class counts, `[classes]`; `None`: all alike.
    pub weights: Option<Tensor<1>>,
    /// Whose operations compute it.
    pub kernels: Kernels,
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
        Self {
            smoothing: 0.0,
            weights: None,
            kernels: device.kernels(),
        }
    }

    /// The same, smoothed, and with a weight for each class.
    pub fn new(smoothing: f64, weights: Option<&[f32]>, device: &Device) -> Self {
        Self {
            smoothing,
            weights: weights.map(|weights| Tensor::from_floats(weights, device.burn())),
            ..Self::plain(device)
        }
    }

    /// The mean negative log-likelihood of `labels` `[n]` under softmax of `logits` `[n, classes]`,
    /// smoothed and weighted as this says.
    ///
    /// Weights and smoothing are PyTorch's `CrossEntropyLoss(weight, label_smoothing)`: divided by the
    /// sum of the labels' weights, and what is spread keeps each class's weight. Weights of 1 give the
    /// smoothed loss but for rounding. Where the labels of a batch all weigh 0, it is divided by 1.
    pub fn of(&self, logits: Tensor<2>, labels: Tensor<1, Int>) -> CrossEntropy {
        match &self.weights {
            Some(weights) => self.weighted(logits, labels, weights.clone()),
            None if self.smoothing == 0.0 => self.unsmoothed(logits, labels),
            None => self.smoothed(logits, labels),
        }
    }

    fn unsmoothed(&self, logits: Tensor<2>, labels: Tensor<1, Int>) -> CrossEntropy {
        match self.kernels {
            Kernels::Fused => {
                let found = softmax_cross_entropy(logits.clone().without_autodiff(), labels);
                differentiable(logits, found)
            }
            Kernels::Burn => by_burn(logits, labels),
        }
    }

    fn weighted(
        &self,
        logits: Tensor<2>,
        labels: Tensor<1, Int>,
        weights: Tensor<1>,
    ) -> CrossEntropy {
        match self.kernels {
            Kernels::Fused => {
                let inner = logits.clone().without_autodiff();
                let found = softmax_cross_entropy_weighted(inner, labels, weights, self.smoothing);
                differentiable(logits, found)
            }
            Kernels::Burn => weighted_by_burn(logits, labels, weights, self.smoothing),
        }
    }

    /// Loss and gradient differ from the plain ones by terms of the logits alone, so the plain kernel
    /// serves.
    fn smoothed(&self, logits: Tensor<2>, labels: Tensor<1, Int>) -> CrossEntropy {
        let smoothing = self.smoothing;
        let [count, classes] = logits.dims();
        let plain = self.unsmoothed(logits.clone(), labels.clone());
        let inner = logits.clone().without_autodiff();
        let label_column = labels.reshape([count, 1]);
        let of_label = inner.clone().gather(1, label_column.clone());
        let excess = (of_label - inner.clone().mean_dim(1)).mean();
        let share = smoothing / count as f64;
        let change = inner.full_like(-share / classes as f64).scatter(
            1,
            label_column,
            inner.clone().slice([0..count, 0..1]).full_like(share),
            IndexingUpdateOp::Add,
        );
        let change = beside(change, &logits);
        CrossEntropy {
            loss: plain.loss + excess * smoothing,
            correct: plain.correct,
            differentiable: plain.differentiable + (logits * change).sum(),
        }
    }
}

/// The kernel gives the gradient with the loss.
fn differentiable(
    logits: Tensor<2>,
    (loss, gradient, correct): (Tensor<1>, Tensor<2>, Tensor<1, Int>),
) -> CrossEntropy {
    let gradient = beside(gradient, &logits);
    let constant = beside(loss.clone(), &logits);
    CrossEntropy {
        loss,
        correct,
        differentiable: with_gradient(constant, logits, gradient),
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
