//! What networks answer to the test split in one pass. Nothing but this module turns its images
//! into something that a model takes.

use std::ops::ControlFlow;

use tracing::Instrument;

use super::description::Description;
use super::inference::{Logits, classify_heard};
use super::probabilities::{LogProbabilities, log_softmax, mean};
use super::shifts::{shifted, shifts};
use super::worst::{Verdict, verdicts};
use super::{Evaluation, Plain, TestTimeAugmentation};
use crate::config::Config;
use crate::data::test_split::TestSplit;
use crate::device::{Device, DeviceError};
use crate::model::Model;

/// What one network, or several together, answered to every image of a test split.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    networks: usize,
    shift: usize,
    /// Empty for several networks.
    logits: Vec<Logits>,
    /// To the images as they are.
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
    let mut heard = |_, _| ControlFlow::Continue(());
    answer_heard(model, description, test, config, device, &mut heard).await
}

/// [`answer`], which tells `heard` how many images of how many it has put through the network, those of each
/// shift for themselves, and ends where that says so.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails, [`DeviceError::Stopped`] where `heard` ends it.
pub async fn answer_heard(
    model: &Model,
    description: &Description,
    test: &TestSplit,
    config: &Config,
    device: &Device,
    heard: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Answers, DeviceError> {
    let shift = config.evaluation.shift;
    let span = tracing::debug_span!("evaluate", images = test.len(), shift);
    async {
        let images = test.for_evaluation();
        let normalisation = description.normalisation;
        let background = description.set.background.byte();
        let moves = shifts(shift);
        let all = moves.len() * images.len();
        let mut so_far = |done| heard(done, all);
        let logits =
            classify_heard(model, images, normalisation, config, device, &mut so_far).await?;
        let plain = Answers::of_logits(logits);
        if shift == 0 {
            return Ok(plain);
        }
        let mut views = vec![plain.plain.clone()];
        for (view, (right, down)) in moves.into_iter().enumerate().skip(1) {
            let moved = shifted(images, right, down, background);
            let mut so_far = |done| heard(view * images.len() + done, all);
            let found =
                classify_heard(model, &moved, normalisation, config, device, &mut so_far).await?;
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
    /// Of one network to the images as they are.
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
    /// Without answers, or when they differ in shifts or images.
    pub fn ensemble(answers: &[Self]) -> Self {
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

    /// The verdict on every image, in order.
    pub fn verdicts(&self, test: &TestSplit) -> Vec<Verdict> {
        verdicts(self.log_probabilities(), &test.for_evaluation().labels)
    }

    /// The statistics, with the classes named by `names`.
    pub fn evaluation(&self, test: &TestSplit, names: &[String]) -> Evaluation {
        let labels = &test.for_evaluation().labels;
        let of = |answers| Evaluation::of_answers(answers, labels, names);
        let augmentation = self.shifted.as_ref().map(|_| {
            let Evaluation {
                accuracy,
                correct,
                loss,
                ..
            } = of(&self.plain);
            TestTimeAugmentation {
                shift: self.shift,
                views: shifts(self.shift).len(),
                without: Plain {
                    accuracy,
                    correct,
                    loss,
                },
            }
        });
        Evaluation {
            networks: self.networks,
            test_time_augmentation: augmentation,
            ..of(self.log_probabilities())
        }
    }
}
