//! Steps whose results are still on the device, and their read-back.

use std::time::Duration;

use burn::tensor::Transaction;

use super::history::Recorder;
use super::state::Sums;
use super::trainer::{StepOutcome, Trainer};
use super::{Observer, Progress, TrainingError};
use crate::config::TrainingConfig;
use crate::device::Device;

/// On an adapter the host waits for the device once in so many steps, or where a record of fewer
/// is asked for.
pub(crate) const STEPS_PER_READ_ON_ADAPTER: usize = 10;

/// The steps since the last read-back.
pub(super) struct Unread<'a> {
    steps: Vec<StepOutcome>,
    /// Since when.
    begun: Duration,
    /// At most so many.
    most: usize,
    /// Steps of the whole training.
    all: usize,
    device: &'a Device,
}

impl<'a> Unread<'a> {
    /// None yet, of a training of `all` steps.
    pub fn new(all: usize, settings: &TrainingConfig, device: &'a Device, now: Duration) -> Self {
        Self {
            steps: Vec::new(),
            begun: now,
            most: match device.is_gpu() {
                true => settings.record_every.min(STEPS_PER_READ_ON_ADAPTER),
                false => 1,
            },
            all,
            device,
        }
    }

    pub fn extend(&mut self, steps: Vec<StepOutcome>) {
        self.steps.extend(steps);
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// How many steps may be queued at once from `next` on, from 1, before they are due: a state is kept every
    /// `checkpoint_every`, if that is not 0.
    pub fn until_due(&self, next: usize, checkpoint_every: usize) -> usize {
        let until_full = self.most - self.len();
        match (next, checkpoint_every) {
            (1, _) => 1,
            (_, 0) => until_full,
            (next, every) => until_full.min(every - (next - 1) % every),
        }
    }

    /// Whether to read them now: those before something that needs them all, the first, or enough.
    pub fn are_due(&self, all_are_needed: bool) -> bool {
        let first = self.steps.last().is_some_and(|step| step.step == 1);
        all_are_needed || first || self.steps.len() >= self.most
    }

    /// The time that the steps to come are counted from.
    pub fn begin(&mut self, now: Duration) {
        self.begun = now;
    }

    /// Waits for the device, and records what the steps left there.
    ///
    /// # Errors
    /// [`TrainingError::Diverged`] at the first loss that is not finite, [`TrainingError::Device`].
    pub async fn read(
        &mut self,
        trainer: &Trainer,
        recorder: &mut Recorder,
        observer: &impl Observer,
    ) -> Result<Progress, TrainingError> {
        let sums = self.sums(trainer).await?;
        let now = observer.now();
        recorder.steps(self.len(), &sums, (now - self.begun).as_secs_f64());
        self.begun = now;
        let learning_rate = self.steps.last().map_or(0.0, |step| step.learning_rate);
        self.steps.clear();
        let position = trainer.position();
        Ok(Progress {
            epoch: position.epoch,
            step: position.step,
            steps: self.all,
            images: sums.images,
            learning_rate,
            loss: sums.loss / sums.images as f64,
            accuracy: sums.correct / sums.images as f64,
        })
    }

    async fn sums(&self, trainer: &Trainer) -> Result<Sums, TrainingError> {
        let steps = &self.steps;
        let joined = self.device.guard("training", || {
            let (losses, correct) = trainer.scores(steps);
            Transaction::default().register(losses).register(correct)
        })?;
        let data = self.device.read("training", joined).await?;
        let mut sums = Sums {
            correct: data[1].iter::<f64>().sum(),
            ..Sums::default()
        };
        for (outcome, loss) in steps.iter().zip(data[0].iter::<f64>()) {
            if !loss.is_finite() {
                let what = format!("the loss became {loss}");
                return Err(trainer.diverged(what, outcome.step));
            }
            sums.loss += loss * outcome.images as f64;
            sums.images += outcome.images;
        }
        Ok(sums)
    }
}
