//! What a training run leaves behind besides the weights: a record an epoch and the step times.

use serde::{Deserialize, Serialize};

pub use super::epoch_record::EpochRecord;
use super::state::{Best, Position, Snapshot, Sums};
use crate::evaluation::Evaluation;

/// Milliseconds a training step took. On an adapter the device is waited for every few steps
/// and a step counts as its share of that stretch; the first step stands alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepTimes {
    /// The first step.
    pub first: f64,
    /// Of the others.
    pub median: f64,
    /// A tenth of the others was faster.
    pub p10: f64,
    /// A tenth of the others was slower.
    pub p90: f64,
}

/// A whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// In order.
    pub epochs: Vec<EpochRecord>,
    /// Steps of all epochs together.
    pub steps: usize,
    /// Training alone: neither data loading nor validation nor evaluation.
    pub train_seconds: f64,
    /// How long a step took.
    pub step_ms: StepTimes,
    /// Over all training.
    pub images_per_second: f64,
    /// Whether a step was recorded on the adapter, which those like it replayed.
    #[serde(default)]
    pub replayed: bool,
}

/// Collects what a [`History`] sums up, and what decides how a run goes on.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// The current epoch so far.
    pub sums: Sums,
    /// The best validation so far.
    pub best: Option<Best>,
    /// How long each step took.
    pub step_seconds: Vec<f64>,
    /// Their sum.
    pub seconds: f64,
    /// Trained on so far.
    pub images: usize,
    /// Those that have ended.
    pub epochs: Vec<EpochRecord>,
}

impl Recorder {
    /// What a run had recorded that goes on from `start`.
    pub fn of(start: &Snapshot) -> Self {
        Self {
            sums: start.sums.clone(),
            best: start.best.clone(),
            seconds: start.step_seconds.iter().sum(),
            step_seconds: start.step_seconds.clone(),
            images: start.images,
            epochs: start.epochs.clone(),
        }
    }

    /// Notes the end of the epoch of a position.
    pub fn end_epoch(
        &mut self,
        position: Position,
        validation: Option<&Evaluation>,
    ) -> &EpochRecord {
        let sums = std::mem::take(&mut self.sums);
        let (train_loss, train_accuracy) = sums.means().unwrap_or((f64::NAN, f64::NAN));
        self.epochs.push(EpochRecord {
            epoch: position.epoch,
            step: position.step,
            train_loss,
            train_accuracy,
            valid_loss: validation.map(|found| found.loss),
            valid_accuracy: validation.map(|found| found.accuracy),
            seconds: sums.seconds,
        });
        &self.epochs[self.epochs.len() - 1]
    }

    /// Notes `steps` steps that found `sums` and took `seconds` together.
    pub fn steps(&mut self, steps: usize, sums: &Sums, seconds: f64) {
        self.sums.add(sums, seconds);
        self.images += sums.images;
        self.seconds += seconds;
        self.step_seconds
            .extend(std::iter::repeat_n(seconds / steps as f64, steps));
    }

    /// The history of the steps and epochs it was told of.
    pub fn finish(self, replayed: bool) -> History {
        let train_seconds = self.seconds;
        let images_per_second = if train_seconds > 0.0 {
            self.images as f64 / train_seconds
        } else {
            0.0
        };
        History {
            steps: self.step_seconds.len(),
            step_ms: summarise(&self.step_seconds),
            epochs: self.epochs,
            train_seconds,
            images_per_second,
            replayed,
        }
    }
}

/// First, median and outer tenths in milliseconds; the quantiles leave the first step out, which
/// pays for compilation, unless it is the only one.
fn summarise(seconds: &[f64]) -> StepTimes {
    let Some(&first) = seconds.first() else {
        return StepTimes::default();
    };
    let mut rest = if seconds.len() > 1 {
        seconds[1..].to_vec()
    } else {
        seconds.to_vec()
    };
    rest.sort_by(f64::total_cmp);
    let quantile = |share: f64| rest[((rest.len() - 1) as f64 * share).round() as usize] * 1e3;
    StepTimes {
        first: first * 1e3,
        median: quantile(0.5),
        p10: quantile(0.1),
        p90: quantile(0.9),
    }
}
