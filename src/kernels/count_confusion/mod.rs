//! Adds a batch to the table of true against predicted classes, on the device.

pub mod cpu;
pub mod gpu;
pub mod launches;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Int, Tensor};

use super::flex::{floats, whole};

/// `table` `[classes, classes]` with each row of `logits` `[n, classes]` counted at (its label of `labels` `[n]`, its
/// first highest logit): rows are the labels, columns the predictions. A label outside the classes is counted nowhere.
///
/// A table of 1,000 classes takes 4 MB, of the 128 MiB that every adapter binds.
pub fn count_confusion(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    table: Tensor<2, Int>,
) -> Tensor<2, Int> {
    Tensor::from_dispatch(Dispatch::count_confusion(
        logits.into_dispatch(),
        labels.into_dispatch(),
        table.into_dispatch(),
    ))
}

/// The operation as Burn dispatches it; it records no gradients.
#[backend_extension(Cube, Flex)]
pub trait CountConfusion: Backend {
    fn count_confusion(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        table: IntTensor<Self>,
    ) -> IntTensor<Self>;
}

impl CountConfusion for Flex {
    fn count_confusion(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        table: IntTensor<Self>,
    ) -> IntTensor<Self> {
        let (logits, labels) = (logits.to_contiguous(), labels.to_contiguous());
        let classes = logits.layout().shape()[1];
        let mut table = whole::<i32>(table);
        cpu::count(
            classes,
            floats(&logits),
            labels.as_slice().expect("i32 in order"),
            table.storage_mut(),
        );
        table
    }
}
