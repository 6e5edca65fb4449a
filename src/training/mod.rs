//! The training loop: (state, batches, settings) in, trained weights and history out.

mod averaging;
mod epoch_record;
pub mod history;
pub mod optimizers;
mod outcome;
pub mod range_test;
mod reading;
mod replay;
pub mod schedule;
pub mod state;
pub mod stopping;
pub mod trainer;
mod validation;

use std::time::Duration;

use tracing::Instrument;

use crate::config::Config;
use crate::data::batches::DeviceSplit;
use crate::device::{Device, DeviceError};
use crate::evaluation::Evaluation;
use crate::model;
use crate::wording::rate_text;
use history::{EpochRecord, History, Recorder};
#[cfg(not(target_family = "wasm"))]
pub(crate) use reading::STEPS_PER_READ_ON_ADAPTER;
use reading::Unread;
use state::{Best, Parameters, Snapshot};
use stopping::Ending;
use trainer::Trainer;
use validation::validate;

/// How far training has come, after each read-back.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// From 1.
    pub epoch: usize,
    /// Steps of all epochs so far.
    pub step: usize,
    /// Steps of all epochs.
    pub steps: usize,
    /// Images trained on so far.
    pub images: usize,
    /// Of the last step.
    pub learning_rate: f64,
    /// Mean over the steps since the last read-back.
    pub loss: f64,
    /// Share right over the same steps.
    pub accuracy: f64,
}

/// What the loop needs from outside: the time, and someone to tell.
pub trait Observer {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
    /// Whether to stop before the next step.
    fn interrupted(&self) -> bool;
    /// Hears of the steps that were read back, and of each epoch's end.
    fn on_progress(&mut self, progress: &Progress);
    /// `validation` is what the record sums up, where there is a validation split.
    fn on_epoch(&mut self, record: &EpochRecord, validation: Option<&Evaluation>);
    /// Waited for after each progress: where one thread does all, others come to their turn here.
    fn rest(&mut self) -> impl Future<Output = ()> {
        std::future::ready(())
    }
    /// After the last step.
    fn on_trained(&mut self) {}
    /// The evaluation of the run, which was trained for `step` steps.
    fn on_evaluation(&mut self, _step: usize, _evaluation: &Evaluation) {}
    /// A state worth keeping: [`train`] goes on from it as if it had never stopped.
    fn on_checkpoint(&mut self, _snapshot: &Snapshot) {}
}

/// Trained weights.
pub struct Trained {
    /// After the last step.
    pub last: Parameters,
    /// `None` without a validation split, or before the first epoch's end.
    pub best: Option<Best>,
    /// Its epochs and step times.
    pub history: History,
    /// Why it ended.
    pub ending: Ending,
}

impl Trained {
    /// The weights to use: the best on the validation split, else the last.
    pub fn weights(&self) -> &Parameters {
        self.best
            .as_ref()
            .map_or(&self.last, |best| &best.parameters)
    }
}

/// Training that could not go on.
#[derive(thiserror::Error, Debug)]
pub enum TrainingError {
    /// A loss or weights are no finite numbers any more.
    #[error(
        "{what} at step {step} (learning rate up to {}); lower it: --learning-rate {}",
        rate_text(*learning_rate),
        rate_text(*suggestion)
    )]
    Diverged {
        /// What became of which numbers.
        what: String,
        /// At which step, from 1.
        step: usize,
        /// The highest rate until then.
        learning_rate: f64,
        /// A highest rate to try.
        suggestion: f64,
    },
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Trains from `start` to the end of the settings' epochs, or to what stops it earlier.
///
/// # Errors
/// [`TrainingError::Diverged`] when the loss is no longer a finite number,
/// [`TrainingError::Device`] when the device fails.
pub async fn train(
    start: Snapshot,
    train: &DeviceSplit,
    valid: &DeviceSplit,
    config: &Config,
    device: &Device,
    observer: &mut impl Observer,
) -> Result<Trained, TrainingError> {
    let settings = &config.training;
    let steps = train.len().div_ceil(settings.batch_size) * settings.epochs;
    let mut recorder = Recorder::of(&start);
    let mut trainer = Trainer::new(start, train, steps, config, device)?;
    let mut ending = stopping::after_epoch(settings, &recorder.epochs);

    while ending.is_none() && trainer.position().epoch <= settings.epochs {
        let span = tracing::debug_span!("epoch", number = trainer.position().epoch);
        trainer.begin_epoch(&recorder.epochs);
        let mut unread = Unread::new(trainer.steps(), settings, device, observer.now());

        while !trainer.epoch_is_over() && ending.is_none() {
            let number = trainer.position().step + 1;
            let steps = tracing::trace_span!(parent: &span, "steps", number);
            let most = unread.until_due(number, settings.checkpoint_every);
            unread.extend(steps.in_scope(|| trainer.next_steps(most))?);
            let number = trainer.position().step;
            let keep = settings.checkpoint_every > 0 && number % settings.checkpoint_every == 0;
            if !unread.are_due(keep || trainer.epoch_is_over()) {
                continue;
            }
            let reading = tracing::trace_span!(parent: &span, "read", steps = unread.len());
            let read = unread.read(&trainer, &mut recorder, observer);
            let progress = read.instrument(reading).await?;
            observer.on_progress(&progress);
            observer.rest().await;
            ending = stopping::after_step(settings, recorder.seconds, observer.interrupted());
            if ending.is_some() || keep && !trainer.epoch_is_over() {
                observer.on_checkpoint(&sound(&trainer, &recorder).await?);
                unread.begin(observer.now());
            }
        }
        if ending == Some(Ending::Interrupted) {
            break;
        }
        let validating = tracing::debug_span!(parent: &span, "validation");
        let validation = validate(&trainer, &mut recorder, valid, config, device)
            .instrument(validating)
            .await?;
        let record = recorder.end_epoch(trainer.position(), validation.as_ref());
        observer.on_epoch(record, validation.as_ref());
        ending = ending.or_else(|| stopping::after_epoch(settings, &recorder.epochs));
        // An epoch cut short goes on from the state that was kept when time was up.
        if trainer.epoch_is_over() {
            trainer.end_epoch();
            observer.on_checkpoint(&sound(&trainer, &recorder).await?);
        }
    }
    let last = model::values(&trainer.eval_model(), device).await?;
    check(&trainer, &last)?;
    Ok(Trained {
        last,
        best: recorder.best.clone(),
        history: recorder.finish(trainer.replays()),
        ending: ending.unwrap_or(Ending::Finished),
    })
}

/// The state to keep, if it can be gone on from.
async fn sound(trainer: &Trainer, recorder: &Recorder) -> Result<Snapshot, TrainingError> {
    let snapshot = trainer.snapshot(recorder).await?;
    check(trainer, &snapshot.parameters)?;
    if let Some(averaged) = &snapshot.averaged {
        check(trainer, &averaged.parameters)?;
    }
    Ok(snapshot)
}

/// Refuses weights that are no numbers any more: a loss can stay finite beside them.
fn check(trainer: &Trainer, parameters: &Parameters) -> Result<(), TrainingError> {
    match parameters.iter().flatten().all(|value| value.is_finite()) {
        true => Ok(()),
        false => {
            let what = "the weights became NaN or infinite";
            Err(trainer.diverged(what.into(), trainer.position().step))
        }
    }
}
