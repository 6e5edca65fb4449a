//! Adds a batch to the table of true against predicted classes, on the device.

pub mod cpu;
mod gpu;
mod launches;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{DType, Int, Tensor};

use super::Kernels;
use super::flex::{floats, whole};
use super::shapes;

impl Kernels {
    /// See [`count_confusion`].
    pub fn count_confusion(
        self,
        logits: Tensor<2>,
        labels: Tensor<1, Int>,
        table: Tensor<2, Int>,
    ) -> Tensor<2, Int> {
        match self {
            Self::Fused => count_confusion(logits, labels, table),
            Self::Burn => by_burn(logits, labels, table),
        }
    }
}

/// `table` `[classes, classes]` with each row of `logits` `[n, classes]` counted at (its label of `labels` `[n]`, its
/// first highest logit): rows are the labels, columns the predictions. A label outside the classes is counted nowhere.
///
/// A table of 1,000 classes takes 4 MB, of the 128 MiB that every adapter binds.
///
/// # Panics
/// The shapes do not fit each other.
pub fn count_confusion(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    table: Tensor<2, Int>,
) -> Tensor<2, Int> {
    let (of_logits, of_labels, of_table) = (logits.dims(), labels.dims(), table.dims());
    let [count, classes] = of_logits;
    shapes::check(
        of_labels == [count] && of_table == [classes; 2],
        "count_confusion",
        &[
            ("logits", &of_logits),
            ("labels", &of_labels),
            ("table", &of_table),
        ],
        "[n, classes], [n] and [classes, classes]",
    );
    Tensor::from_dispatch(Dispatch::count_confusion(
        logits.into_dispatch(),
        labels.into_dispatch(),
        table.into_dispatch(),
    ))
}

/// The same with Burn's own operations: a product of one-hot rows, exact in f32 to 2^24.
pub fn by_burn(logits: Tensor<2>, labels: Tensor<1, Int>, table: Tensor<2, Int>) -> Tensor<2, Int> {
    let [count, classes] = logits.dims();
    let predicted = logits.argmax(1).reshape([count]);
    let rows = one_hot(labels, classes).transpose();
    let counts = rows.matmul(one_hot(predicted, classes));
    table + counts.int().cast(DType::I32)
}

/// `[n]` classes as rows of 0 and 1, `[n, classes]`.
fn one_hot(of: Tensor<1, Int>, classes: usize) -> Tensor<2> {
    let options = (&of.device(), of.dtype());
    let columns = Tensor::<1, Int>::arange(0..classes as i64, options);
    let [count] = of.dims();
    of.reshape([count, 1])
        .equal(columns.reshape([1, classes]))
        .float()
}

/// The operation as Burn dispatches it; it records no gradients.
#[backend_extension(Cube, Flex)]
pub trait CountConfusion: Backend {
    /// Adds `logits [n, classes]` with `labels [n]` to `table [classes, classes]`.
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
