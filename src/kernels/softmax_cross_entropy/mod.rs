//! Softmax cross-entropy, its gradient and the number correct in one pass over the logits.

pub mod cpu;
pub mod gpu;
pub mod passes;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, ExtensionType, Flex, backend_extension};
use burn::tensor::{Int, Tensor, TensorData};

use super::flex::{Fresh, floats};

/// Mean loss `[1]`, its gradient by the logits `[n, classes]`, and the number correct `[1]`.
#[derive(ExtensionType)]
pub struct Scores<B: Backend> {
    pub loss: FloatTensor<B>,
    pub gradient: FloatTensor<B>,
    pub correct: IntTensor<B>,
}

/// Scores `logits` `[n, classes]`, which record no gradients, against `labels` `[n]`: mean loss
/// `[1]`, its gradient by the logits, and how many highest logits are the label `[1]`.
pub fn softmax_cross_entropy(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
) -> (Tensor<1>, Tensor<2>, Tensor<1, Int>) {
    let scores = Dispatch::softmax_cross_entropy(logits.into_dispatch(), labels.into_dispatch());
    (
        Tensor::from_dispatch(scores.loss),
        Tensor::from_dispatch(scores.gradient),
        Tensor::from_dispatch(scores.correct),
    )
}

/// The operation as Burn dispatches it.
#[backend_extension(Cube, Flex)]
pub trait SoftmaxCrossEntropy: Backend {
    fn softmax_cross_entropy(logits: FloatTensor<Self>, labels: IntTensor<Self>) -> Scores<Self>;
}

impl SoftmaxCrossEntropy for Flex {
    fn softmax_cross_entropy(logits: FloatTensor<Self>, labels: IntTensor<Self>) -> Scores<Self> {
        let (logits, labels) = (logits.to_contiguous(), labels.to_contiguous());
        let shape = logits.layout().shape();
        let (count, classes) = (shape[0], shape[1]);
        let mut gradient = Fresh::new(&[count, classes]);
        let found = cpu::forward_backward(
            classes,
            floats(&logits),
            labels.as_slice().expect("i32 in order"),
            gradient.floats(),
        )
        .expect("labels are classes");
        Scores {
            loss: FloatTensor::<Self>::from_data(TensorData::new(vec![found.loss], [1])),
            gradient: gradient.into_tensor([count, classes]),
            correct: IntTensor::<Self>::from_data(TensorData::new(vec![found.correct as i32], [1])),
        }
    }
}
