//! The test split, and what networks answer to it in one pass. Nothing but this module turns its
//! pictures into something that a model takes.

use tracing::Instrument;

use super::confusion::Confusion;
use super::inference::{Logits, classify};
use super::probabilities::{LogProbabilities, log_softmax, mean, most_probable};
use super::shifts::{shifted, shifts};
use super::worst::{Verdict, verdicts};
use super::{Evaluation, FIRST, First, Plain, TestTimeAugmentation};
use crate::checkpoint::Description;
use crate::config::Config;
use crate::data::{ImageShape, Split};
use crate::device::{Device, DeviceError};
use crate::model::Model;

/// Pictures that judge a trained model and are seen by nothing before.
///
/// A training cannot be given one, because it takes splits on a device, which are made of plain
/// [`Split`]s:
///
/// ```no_run
/// use gpu_mnist::data::{Split, batches::{DeviceSplit, Normalisation}};
/// use gpu_mnist::device::Device;
/// fn upload(train: &Split, normalisation: Normalisation, device: &Device) -> DeviceSplit {
///     DeviceSplit::upload(train, normalisation, device)
/// }
/// ```
///
/// ```compile_fail
/// use gpu_mnist::data::batches::{DeviceSplit, Normalisation};
/// use gpu_mnist::device::Device;
/// use gpu_mnist::evaluation::test_split::TestSplit;
/// fn upload(test: &TestSplit, normalisation: Normalisation, device: &Device) -> DeviceSplit {
///     DeviceSplit::upload(test, normalisation, device)
/// }
/// ```
///
/// Nor does it give its pictures away:
///
/// ```compile_fail
/// use gpu_mnist::data::Split;
/// use gpu_mnist::evaluation::test_split::TestSplit;
/// fn open(test: TestSplit) -> Split {
///     test.0
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestSplit(Split);

impl TestSplit {
    pub fn new(pictures: Split) -> Self {
        Self(pictures)
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The shape of every image.
    pub fn shape(&self) -> ImageShape {
        self.0.shape
    }

    /// How many images each class has, for what is said of a set.
    pub fn class_counts(&self) -> Vec<usize> {
        self.0.class_counts()
    }

    /// The fingerprint of the set that these images make with those to train on and to validate;
    /// see [`crate::data::image_set::fingerprint`].
    pub fn fingerprint_with(
        &self,
        train: &Split,
        valid: Option<&Split>,
        class_names: &[String],
    ) -> String {
        crate::data::image_set::fingerprint(train, valid, &self.0, class_names)
    }

    /// The bytes of image `index`, to be drawn; `None` past the end.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.0.image(index)
    }

    /// The class of picture `index`; `None` past the end.
    pub fn label(&self, index: usize) -> Option<u16> {
        self.0.labels.get(index).copied()
    }
}

/// What one network, or several together, answered to every picture of a test split.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    networks: usize,
    shift: usize,
    /// Empty for several networks.
    logits: Vec<Logits>,
    /// To the pictures as they are.
    plain: Vec<LogProbabilities>,
    /// The mean over all shifts; `None` where `shift` is 0.
    shifted: Option<Vec<LogProbabilities>>,
}

/// Puts the test split through a network once, and once more for each further shift of
/// `evaluation.shift`.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn answer(
    model: &Model,
    description: &Description,
    test: &TestSplit,
    config: &Config,
    device: &Device,
) -> Result<Answers, DeviceError> {
    let shift = config.evaluation.shift;
    let span = tracing::debug_span!("evaluate", pictures = test.len(), shift);
    async {
        let TestSplit(pictures) = test;
        let normalisation = description.normalisation;
        let background = description.set.background.byte();
        let logits = classify(model, pictures, normalisation, config, device).await?;
        let plain = Answers::of_logits(logits);
        if shift == 0 {
            return Ok(plain);
        }
        let mut views = vec![plain.plain.clone()];
        for (right, down) in shifts(shift).into_iter().skip(1) {
            let moved = shifted(pictures, right, down, background);
            let found = classify(model, &moved, normalisation, config, device).await?;
            views.push(found.iter().map(|logits| log_softmax(logits)).collect());
        }
        let views: Vec<&[LogProbabilities]> = views.iter().map(Vec::as_slice).collect();
        Ok(Answers {
            shift,
            shifted: Some(mean(&views)),
            ..plain
        })
    }
    .instrument(span)
    .await
}

impl Answers {
    /// Of one network to the pictures as they are.
    pub fn of_logits(logits: Vec<Logits>) -> Self {
        Self {
            networks: 1,
            shift: 0,
            plain: logits.iter().map(|logits| log_softmax(logits)).collect(),
            shifted: None,
            logits,
        }
    }

    /// The mean of the class probabilities of several networks, each with the same shifts.
    ///
    /// # Panics
    /// Without answers, or when they differ in shifts or pictures.
    pub fn vote(answers: &[Self]) -> Self {
        if let [only] = answers {
            return only.clone();
        }
        let plain: Vec<&[LogProbabilities]> =
            answers.iter().map(|answer| &answer.plain[..]).collect();
        let moved: Option<Vec<&[LogProbabilities]>> = answers
            .iter()
            .map(|answer| answer.shifted.as_deref())
            .collect();
        let plain = mean(&plain);
        let shift = answers[0].shift;
        assert!(
            answers.iter().all(|answer| answer.shift == shift),
            "all networks see the same shifts"
        );
        Self {
            networks: answers.iter().map(|answer| answer.networks).sum(),
            shift,
            logits: Vec::new(),
            shifted: moved.map(|moved| mean(&moved)),
            plain,
        }
    }

    /// Of one network without shifts: its logits.
    pub fn logits(&self) -> Option<&[Logits]> {
        (self.networks == 1 && self.shift == 0).then_some(&self.logits)
    }

    /// What counts: the mean over the shifts where there are any.
    pub fn log_probabilities(&self) -> &[LogProbabilities] {
        self.shifted.as_deref().unwrap_or(&self.plain)
    }

    /// The verdict on every picture, in order.
    pub fn verdicts(&self, test: &TestSplit) -> Vec<Verdict> {
        verdicts(self.log_probabilities(), &test.0.labels)
    }

    /// The statistics, with the classes named by `names`.
    pub fn evaluation(&self, test: &TestSplit, names: &[String]) -> Evaluation {
        let labels = &test.0.labels;
        let classes = test.0.classes;
        let (confusion, loss) = count(self.log_probabilities(), labels, classes);
        let shown = FIRST.min(labels.len());
        let first = First {
            predicted: self.log_probabilities()[..shown]
                .iter()
                .map(|answer| most_probable(answer) as u16)
                .collect(),
            actual: labels[..shown].to_vec(),
        };
        let augmentation = self.shifted.as_ref().map(|_| {
            let (confusion, loss) = count(&self.plain, labels, classes);
            TestTimeAugmentation {
                shift: self.shift,
                views: shifts(self.shift).len(),
                without: Plain {
                    accuracy: confusion.accuracy().unwrap_or(0.0),
                    correct: confusion.correct(),
                    loss,
                },
            }
        });
        Evaluation {
            networks: self.networks,
            test_time_augmentation: augmentation,
            ..Evaluation::from_counts(confusion, loss, first, names)
        }
    }
}

/// The confusion table and the mean loss.
fn count(answers: &[LogProbabilities], labels: &[u16], classes: usize) -> (Confusion, f64) {
    let mut counts = vec![vec![0; classes]; classes];
    let mut loss = 0.0;
    for (answer, &truth) in answers.iter().zip(labels) {
        counts[usize::from(truth)][most_probable(answer)] += 1;
        loss -= answer[usize::from(truth)];
    }
    (Confusion::new(counts), loss / labels.len().max(1) as f64)
}
