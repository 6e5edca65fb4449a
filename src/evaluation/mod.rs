//! (model, split) in, [`Evaluation`] out. Validation is counted on the device and read back once;
//! the test split's answers are read back, so that one pass serves all that is made of them.

pub mod confusion;
pub mod inference;
pub mod loss;
pub mod probabilities;
pub mod shifts;
pub mod test_split;
pub mod unsure;
pub mod worst;

use std::fmt;

use burn::tensor::{DType, Int, Tensor, Transaction};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::{Config, Kernels};
use crate::data::batches::{DeviceSplit, upload_indices};
use crate::device::{Device, DeviceError};
use crate::kernels::count_confusion::count_confusion;
use crate::model::Model;
use confusion::{Averages, ClassStatistics, Confusion, macro_average, weighted_average};

/// How many predictions are kept beside the truth.
pub const FIRST: usize = 30;

/// What a model does on a split. Shares lie in 0..=1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    pub accuracy: f64,
    pub correct: u64,
    pub total: u64,
    /// Mean cross-entropy.
    pub loss: f64,
    pub confusion: Confusion,
    pub classes: Vec<ClassStatistics>,
    #[serde(rename = "macro")]
    pub macro_: Averages,
    pub weighted: Averages,
    pub first: First,
    /// 1, or how many voted: then their class probabilities were averaged.
    #[serde(default = "one")]
    pub networks: usize,
    /// `None`: the pictures were taken as they are.
    #[serde(default)]
    pub test_time_augmentation: Option<TestTimeAugmentation>,
}

/// Class probabilities were averaged over shifted copies of each picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestTimeAugmentation {
    /// Pixels, in every direction.
    pub shift: usize,
    /// Copies, the picture itself among them: (2 shift + 1)^2.
    pub views: usize,
    /// What the pictures as they are give.
    pub without: Plain,
}

impl fmt::Display for TestTimeAugmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "test-time augmentation ({} shifts)", self.views)
    }
}

/// An evaluation without test-time augmentation, in short.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plain {
    pub accuracy: f64,
    pub correct: u64,
    pub loss: f64,
}

/// The first predictions beside the truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    pub predicted: Vec<u16>,
    pub actual: Vec<u16>,
}

/// An evaluation from a file: as many classes as its counts have.
///
/// # Errors
/// That of the format, and of one that does not fit together.
pub fn fitting<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Evaluation>, D::Error> {
    let found = Option::<Evaluation>::deserialize(from)?;
    let fits = |found: &Evaluation| found.classes.len() == found.confusion.counts().len();
    match found.as_ref().is_none_or(fits) {
        true => Ok(found),
        false => Err(D::Error::custom("its classes do not fit its counts")),
    }
}

impl Evaluation {
    /// The statistics of plain counts.
    pub fn from_counts(confusion: Confusion, loss: f64, first: First, labels: &[String]) -> Self {
        let classes = confusion.classes(labels);
        Self {
            accuracy: confusion.accuracy().unwrap_or(0.0),
            correct: confusion.correct(),
            total: confusion.total(),
            loss,
            macro_: macro_average(&classes),
            weighted: weighted_average(&classes),
            confusion,
            classes,
            first,
            networks: 1,
            test_time_augmentation: None,
        }
    }

    /// What makes this no plain figure of a single network; `None` where it is one.
    pub fn manner(&self) -> Option<String> {
        let vote = (self.networks > 1).then(|| format!("ensemble of {} networks", self.networks));
        let shifts = self
            .test_time_augmentation
            .as_ref()
            .map(ToString::to_string);
        let parts: Vec<String> = vote.into_iter().chain(shifts).collect();
        (!parts.is_empty()).then(|| parts.join(" with "))
    }
}

fn one() -> usize {
    1
}

/// Classifies every image of `split` with `model`, which records no gradients.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn evaluate(
    model: &Model,
    split: &DeviceSplit,
    config: &Config,
    device: &Device,
) -> Result<Evaluation, DeviceError> {
    let kernels = config.training.kernels;
    let tables = device.guard("evaluating", || {
        count(model, split, config.evaluation.batch_size, kernels, device)
    })?;
    let data = device.read("evaluating", tables).await?;
    let cells: Vec<u64> = data[0].iter::<f64>().map(|count| count as u64).collect();
    let confusion = Confusion::new(cells.chunks(split.classes()).map(<[u64]>::to_vec).collect());
    let loss = data[1].iter::<f64>().sum::<f64>() / split.len().max(1) as f64;
    let classes = |index: usize| {
        data[index]
            .iter::<i64>()
            .map(|class| class as u16)
            .collect()
    };
    let first = First {
        predicted: classes(2),
        actual: classes(3),
    };
    Ok(Evaluation::from_counts(confusion, loss, first, &[]))
}

/// Queues the whole evaluation: confusion counts, summed loss, first predictions and labels.
pub(crate) fn count(
    model: &Model,
    split: &DeviceSplit,
    batch_size: usize,
    kernels: Kernels,
    device: &Device,
) -> Transaction {
    let classes = split.classes();
    let mut confusion = Tensor::<2, Int>::zeros([classes, classes], (device.burn(), DType::I32));
    let mut loss = Tensor::<1>::zeros([1], device.burn());
    let mut first = None;
    let all: Vec<i32> = (0..split.len() as i32).collect();
    for indices in all.chunks(batch_size) {
        let batch = split.gather(upload_indices(indices, device), kernels);
        let logits = model.forward(batch.images, kernels);
        let found = loss::cross_entropy(logits.clone(), batch.labels.clone(), kernels);
        loss = loss + found.loss * indices.len() as f32;
        if first.is_none() {
            let shown = FIRST.min(indices.len());
            let predicted = logits.clone().slice(0..shown).argmax(1).reshape([shown]);
            first = Some((predicted, batch.labels.clone().slice(0..shown)));
        }
        confusion = match kernels {
            Kernels::Fused => count_confusion(logits, batch.labels, confusion),
            Kernels::Stock => confusion + count_stock(logits, batch.labels, device),
        };
    }
    let (predicted, actual) = first.expect("an evaluated split has pictures");
    Transaction::default()
        .register(confusion)
        .register(loss)
        .register(predicted)
        .register(actual)
}

/// The table of a batch with Burn's own operations: a product of one-hot rows.
fn count_stock(logits: Tensor<2>, labels: Tensor<1, Int>, device: &Device) -> Tensor<2, Int> {
    let [count, classes] = logits.dims();
    let predicted = logits.argmax(1).reshape([count]);
    let table = one_hot(labels, classes, device)
        .transpose()
        .matmul(one_hot(predicted, classes, device));
    table.int().cast(DType::I32)
}

/// `[n]` labels as rows of 0 and 1, `[n, classes]`; sums of such rows are exact in f32 to 2^24.
fn one_hot(labels: Tensor<1, Int>, classes: usize, device: &Device) -> Tensor<2> {
    let [count] = labels.dims();
    let dtype = labels.dtype();
    let columns = Tensor::<1, Int>::arange(0..classes as i64, (device.burn(), dtype));
    labels
        .reshape([count, 1])
        .equal(columns.reshape([1, classes]))
        .float()
}
