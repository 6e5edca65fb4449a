//! (model, split) in, [`Evaluation`] out. Validation is counted on the device and read back once;
//! the test split's answers are read back, so that one pass serves all that is made of them.

pub mod batches;
pub mod confusion;
pub(crate) mod description;
pub mod divergence;
pub mod inference;
pub mod probabilities;
pub(crate) mod reading;
pub(crate) mod scores;
pub mod shifts;
pub mod test_split;
pub(crate) mod unsure;
pub mod worst;

use std::fmt;
use std::ops::ControlFlow;

use burn::tensor::{DType, Int, Tensor, Transaction};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::Config;
use crate::data::batches::DeviceSplit;
use crate::device::{Device, DeviceError};
use crate::model::Model;
use crate::model::loss::Objective;
use batches::Batches;
use confusion::{Averages, ClassStatistics, Confusion, macro_average, weighted_average};
use probabilities::{LogProbabilities, most_probable};
use scores::roc_auc_of_classes;
pub use scores::{CalibrationBin, Scores};
pub use unsure::Familiarity;

/// How many predictions are kept beside their labels.
pub const FIRST: usize = 30;

/// What a model does on a split. Shares lie in 0..=1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Images read right.
    pub accuracy: f64,
    /// [`Confusion::accuracy_interval`]
    #[serde(default)]
    pub accuracy_interval: Option<[f64; 2]>,
    /// [`Confusion::balanced_accuracy`]
    #[serde(default)]
    pub balanced_accuracy: Option<f64>,
    /// How many images were read right.
    pub correct: u64,
    /// Of how many.
    pub total: u64,
    /// Mean cross-entropy; NaN where logits are too large for any.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// What follows from the probabilities.
    #[serde(flatten)]
    pub scores: Scores,
    /// How often each class was read as each.
    pub confusion: Confusion,
    /// Each class against the rest.
    pub classes: Vec<ClassStatistics>,
    /// Means over the classes.
    #[serde(rename = "macro")]
    pub macro_: Averages,
    /// Means over the classes, weighted by their images.
    pub weighted: Averages,
    /// The first [`FIRST`] predictions.
    pub first: First,
    /// 1, or how many voted: then their class probabilities were averaged.
    #[serde(default = "one")]
    pub networks: usize,
    /// `None`: the images were taken as they are.
    #[serde(default)]
    pub test_time_augmentation: Option<TestTimeAugmentation>,
}

/// Class probabilities were averaged over shifted copies of each image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestTimeAugmentation {
    /// Pixels, in every direction.
    pub shift: usize,
    /// Copies, the image itself among them: (2 shift + 1)^2.
    pub views: usize,
    /// What the images as they are give.
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
    /// Images read right.
    pub accuracy: f64,
    /// How many.
    pub correct: u64,
    /// Mean cross-entropy; NaN where logits are too large for any.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
}

/// The first predictions beside their labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// Classes.
    pub predicted: Vec<u16>,
    /// Labels of the same images.
    pub actual: Vec<u16>,
}

/// JSON has no word for NaN and infinity but null.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

/// An evaluation from a file: as many classes as its counts have. What follows from the counts is
/// counted anew, because older versions did not write all of it.
///
/// # Errors
/// That of the format, and of one that does not fit together.
pub fn fitting<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Evaluation>, D::Error> {
    let found = Option::<Evaluation>::deserialize(from)?;
    let fits = |found: &Evaluation| found.classes.len() == found.confusion.counts().len();
    if !found.as_ref().is_none_or(fits) {
        return Err(D::Error::custom("its classes do not fit its counts"));
    }
    Ok(found.map(|found| Evaluation {
        accuracy_interval: found.confusion.accuracy_interval(),
        balanced_accuracy: found.confusion.balanced_accuracy(),
        ..found
    }))
}

impl Evaluation {
    /// The statistics of plain counts.
    pub fn from_counts(confusion: Confusion, loss: f64, first: First, labels: &[String]) -> Self {
        let classes = confusion.classes(labels);
        Self {
            accuracy: confusion.accuracy().unwrap_or(0.0),
            accuracy_interval: confusion.accuracy_interval(),
            balanced_accuracy: confusion.balanced_accuracy(),
            correct: confusion.correct(),
            total: confusion.total(),
            loss,
            scores: Scores::default(),
            macro_: macro_average(&classes),
            weighted: weighted_average(&classes),
            confusion,
            classes,
            first,
            networks: 1,
            test_time_augmentation: None,
        }
    }

    /// The statistics of answers to images with these labels, each below the number of classes,
    /// which are named by `names`.
    pub fn of_answers(answers: &[LogProbabilities], labels: &[u16], names: &[String]) -> Self {
        let classes = names.len();
        let mut counts = vec![vec![0; classes]; classes];
        let mut loss = 0.0;
        let mut predicted = Vec::with_capacity(labels.len());
        for (answer, &label) in answers.iter().zip(labels) {
            let class = most_probable(answer);
            counts[usize::from(label)][class] += 1;
            loss -= answer[usize::from(label)];
            predicted.push(class as u16);
        }
        let shown = FIRST.min(labels.len());
        predicted.truncate(shown);
        let first = First {
            predicted,
            actual: labels[..shown].to_vec(),
        };
        let loss = loss / labels.len().max(1) as f64;
        let mut found = Self::from_counts(Confusion::new(counts), loss, first, names);
        let probabilities: Vec<Vec<f64>> = (answers.iter())
            .map(|answer| answer.iter().map(|log| log.exp()).collect())
            .collect();
        let aucs = roc_auc_of_classes(&probabilities, labels, classes);
        found.scores = Scores::new(&probabilities, labels, &aucs);
        for (class, auc) in found.classes.iter_mut().zip(aucs) {
            class.roc_auc = auc;
        }
        found
    }

    /// The classes' names.
    pub fn labels(&self) -> Vec<&str> {
        let classes = self.classes.iter();
        classes.map(|class| class.label.as_str()).collect()
    }

    /// What makes this no plain figure of a single network; `None` where it is one.
    pub fn manner(&self) -> Option<String> {
        let ensemble =
            (self.networks > 1).then(|| format!("ensemble of {} networks", self.networks));
        let shifts = self
            .test_time_augmentation
            .as_ref()
            .map(ToString::to_string);
        let parts: Vec<String> = ensemble.into_iter().chain(shifts).collect();
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
    let batch_size = config.evaluation.batch_size;
    let tables = device
        .guard("evaluating", || count(model, split, batch_size, device))
        .flatten()?;
    let data = device.read("evaluating", tables).await?;
    let cells: Vec<u64> = data[0].iter::<f64>().map(|count| count as u64).collect();
    let confusion = Confusion::new(cells.chunks(split.classes()).map(<[u64]>::to_vec).collect());
    let classes = |index: usize| {
        data[index]
            .iter::<i64>()
            .map(|class| class as u16)
            .collect()
    };
    let first = First {
        predicted: classes(1),
        actual: classes(2),
    };
    let images = split.len();
    let losses = data[3..].iter().flat_map(|losses| losses.iter::<f64>());
    let sizes = (0..images)
        .step_by(batch_size)
        .map(|first| batch_size.min(images - first));
    let sum: f64 = losses
        .zip(sizes)
        .map(|(mean, size)| mean * size as f64)
        .sum();
    let loss = sum / images.max(1) as f64;
    Ok(Evaluation::from_counts(confusion, loss, first, &[]))
}

/// Queues the whole evaluation: confusion counts, first predictions and labels, the mean loss of each batch.
pub(crate) fn count(
    model: &Model,
    split: &DeviceSplit,
    batch_size: usize,
    device: &Device,
) -> Result<Transaction, DeviceError> {
    let classes = split.classes();
    let table = Tensor::<2, Int>::zeros([classes, classes], (device.burn(), DType::I32));
    // Taken by each batch, so that it is counted in place.
    let mut confusion = Some(table);
    let objective = Objective::plain(device);
    let mut first = None;
    let batches = Batches::of(split, batch_size, device, "evaluating");
    let losses = batches.each(&mut |_| ControlFlow::Continue(()), |batch| {
        let logits = model.forward_eval(batch.images);
        let found = objective.of(logits.clone(), batch.labels.clone());
        if first.is_none() {
            let shown = FIRST.min(logits.dims()[0]);
            let predicted = logits.clone().slice(0..shown).argmax(1).reshape([shown]);
            first = Some((predicted, batch.labels.clone().slice(0..shown)));
        }
        let table = confusion.take().expect("put back after every batch");
        confusion = Some((device.kernels()).count_confusion(logits, batch.labels, table));
        Some(found)
    })?;
    let (predicted, actual) = first.expect("an evaluated split has images");
    let found = Transaction::default()
        .register(confusion.expect("put back after every batch"))
        .register(predicted)
        .register(actual);
    Ok(losses.into_iter().fold(found, Transaction::register))
}
