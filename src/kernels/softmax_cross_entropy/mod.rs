//! Softmax cross-entropy, its gradient and the number correct, straight from the logits.

pub mod cpu;
mod gpu;
mod gradient;
mod launches;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, ExtensionType, Flex, backend_extension};
use burn::tensor::{Int, Tensor, TensorData};

use super::flex::{Fresh, floats};
use super::shapes;
pub use gradient::with_gradient;

/// Mean loss `[1]`, its gradient by the logits `[n, classes]`, and the number correct `[1]`.
#[derive(ExtensionType)]
pub struct Scores<B: Backend> {
    /// Mean over the batch.
    pub loss: FloatTensor<B>,
    /// Of that mean.
    pub gradient: FloatTensor<B>,
    /// Rows whose first maximum is their label.
    pub correct: IntTensor<B>,
}

/// Scores `logits` `[n, classes]`, which record no gradients, against `labels` `[n]`: mean loss
/// `[1]`, its gradient by the logits, and how many highest logits are the label `[1]`.
///
/// # Panics
/// The shapes do not fit each other.
pub fn softmax_cross_entropy(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
) -> (Tensor<1>, Tensor<2>, Tensor<1, Int>) {
    let (of_logits, of_labels) = (logits.dims(), labels.dims());
    shapes::check(
        of_labels == [of_logits[0]],
        "softmax_cross_entropy",
        &[("logits", &of_logits), ("labels", &of_labels)],
        "[n, classes] and [n]",
    );
    split(Dispatch::softmax_cross_entropy(
        logits.into_dispatch(),
        labels.into_dispatch(),
    ))
}

/// As [`softmax_cross_entropy`], with `weights` `[classes]` and the share `smoothing` of each label
/// spread evenly over all classes, as PyTorch's `CrossEntropyLoss(weight, label_smoothing)` has it:
/// the loss is divided by the sum of the labels' weights, and each class keeps its own weight in
/// what is spread. Where the labels of a batch all weigh 0, it is divided by 1.
///
/// # Panics
/// The shapes do not fit each other.
pub fn softmax_cross_entropy_weighted(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Tensor<1>,
    smoothing: f64,
) -> (Tensor<1>, Tensor<2>, Tensor<1, Int>) {
    let (of_logits, of_labels, of_weights) = (logits.dims(), labels.dims(), weights.dims());
    shapes::check(
        of_labels == [of_logits[0]] && of_weights == [of_logits[1]],
        "softmax_cross_entropy_weighted",
        &[
            ("logits", &of_logits),
            ("labels", &of_labels),
            ("weights", &of_weights),
        ],
        "[n, classes], [n] and [classes]",
    );
    split(Dispatch::softmax_cross_entropy_weighted(
        logits.into_dispatch(),
        labels.into_dispatch(),
        weights.into_dispatch(),
        smoothing as f32,
    ))
}

fn split(scores: Scores<Dispatch>) -> (Tensor<1>, Tensor<2>, Tensor<1, Int>) {
    (
        Tensor::from_dispatch(scores.loss),
        Tensor::from_dispatch(scores.gradient),
        Tensor::from_dispatch(scores.correct),
    )
}

/// The operations as Burn dispatches them.
#[backend_extension(Cube, Flex)]
pub trait SoftmaxCrossEntropy: Backend {
    /// Mean loss, its gradient and correct answers of `logits [n, classes]` with `labels [n]`.
    fn softmax_cross_entropy(logits: FloatTensor<Self>, labels: IntTensor<Self>) -> Scores<Self>;

    /// The same with `weights [classes]` and smoothed labels.
    fn softmax_cross_entropy_weighted(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        weights: FloatTensor<Self>,
        smoothing: f32,
    ) -> Scores<Self>;
}

impl SoftmaxCrossEntropy for Flex {
    fn softmax_cross_entropy(logits: FloatTensor<Self>, labels: IntTensor<Self>) -> Scores<Self> {
        let classes = logits.layout().shape()[1];
        score(logits, labels, |logits, labels, gradient| {
            cpu::forward_backward(classes, logits, labels, gradient)
        })
    }

    fn softmax_cross_entropy_weighted(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        weights: FloatTensor<Self>,
        smoothing: f32,
    ) -> Scores<Self> {
        let weights = weights.to_contiguous();
        score(logits, labels, |logits, labels, gradient| {
            cpu::forward_backward_weighted(floats(&weights), smoothing, logits, labels, gradient)
        })
    }
}

/// Scores by a function of logits, labels and where the gradient goes.
fn score(
    logits: FloatTensor<Flex>,
    labels: IntTensor<Flex>,
    kernel: impl FnOnce(&[f32], &[i32], &mut [f32]) -> Result<cpu::Outcome, cpu::OutOfRange>,
) -> Scores<Flex> {
    let (logits, labels) = (logits.to_contiguous(), labels.to_contiguous());
    let shape = logits.layout().shape();
    let dims = [shape[0], shape[1]];
    let mut gradient = Fresh::new(&dims);
    let labels = labels.as_slice().expect("i32 in order");
    let found = kernel(floats(&logits), labels, gradient.floats()).expect("labels are classes");
    Scores {
        loss: FloatTensor::<Flex>::from_data(TensorData::new(vec![found.loss], [1])),
        gradient: gradient.into_tensor(dims),
        correct: IntTensor::<Flex>::from_data(TensorData::new(vec![found.correct as i32], [1])),
    }
}
