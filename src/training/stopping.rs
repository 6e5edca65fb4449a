//! When training ends before the last epoch of the settings.

use serde::{Deserialize, Serialize};

use super::history::EpochRecord;
use super::state::Snapshot;
use crate::config::{ScheduleKind, TrainingConfig};
use crate::wording::count;

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// After the last epoch of the settings.
    Finished,
    /// The validation accuracy reached `training.target_accuracy`.
    TargetReached,
    /// The validation loss was not lower for `training.patience` epochs; under a plateau schedule the rate then fell.
    StoppedEarly,
    /// Training took `training.max_seconds`.
    TimeUp,
    /// Someone asked to stop.
    Interrupted,
}

/// How long a training lasts, as far as its epochs tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its last epoch.
    pub last: usize,
    /// Epochs before the rate of a plateau schedule falls.
    pub decays_after: usize,
}

/// The span of a training with these epochs behind it. All epochs of the settings, but that a plateau schedule has
/// the rate fall once the validation loss was not lower for `training.patience` epochs: over so many
/// epochs that they are `training.decay_fraction` of all.
pub fn span(settings: &TrainingConfig, epochs: &[EpochRecord]) -> Span {
    let bound = settings.epochs;
    let share = settings.decay_fraction;
    let decay = |epochs: f64| (epochs.round() as usize).max(1);
    let longest = bound.saturating_sub(decay(bound as f64 * share));
    let adapts = settings.schedule == ScheduleKind::Plateau && share < 1.0;
    let stalled = match adapts {
        true => (1..=longest)
            .zip(epochs_without_progress(epochs))
            .find_map(|(done, since)| (since >= settings.patience).then_some(done)),
        false => None,
    };
    match stalled {
        None => Span {
            last: bound,
            decays_after: longest,
        },
        Some(done) => Span {
            last: bound.min(done + decay(done as f64 * share / (1.0 - share))),
            decays_after: done,
        },
    }
}

/// Why a training ended before its last epoch, for people; `None` where it did not, or where they asked for it.
pub fn why(settings: &TrainingConfig, epochs: &[EpochRecord], ending: Ending) -> Option<String> {
    let patience = count(settings.patience, "epoch");
    let reason = match (ending, settings.schedule) {
        (Ending::Finished | Ending::Interrupted, _) => return None,
        (Ending::TargetReached, _) => format!(
            "the validation accuracy reached {} (training.target_accuracy)",
            settings.target_accuracy
        ),
        (Ending::TimeUp, _) => format!(
            "{} s of training have passed (training.max_seconds)",
            settings.max_seconds
        ),
        (Ending::StoppedEarly, ScheduleKind::Plateau) => format!(
            "at epoch {} the validation loss had not fallen for {patience} (training.patience), so the learning rate fell to its end",
            span(settings, epochs).decays_after
        ),
        (Ending::StoppedEarly, _) => {
            format!("the validation loss has not fallen for {patience} (training.patience)")
        }
    };
    let last = epochs.last().map_or(0, |last| last.epoch);
    Some(format!(
        "training ended with epoch {last} of {}: {reason}",
        settings.epochs
    ))
}

/// Whether to stop between two steps.
pub(super) fn after_step(
    settings: &TrainingConfig,
    seconds: f64,
    interrupted: bool,
) -> Option<Ending> {
    if interrupted {
        return Some(Ending::Interrupted);
    }
    (settings.max_seconds > 0.0 && seconds >= settings.max_seconds).then_some(Ending::TimeUp)
}

/// Why a training would end before its next step; `None` where it would go on, or where only its
/// epochs are over.
pub fn before_step(settings: &TrainingConfig, snapshot: &Snapshot) -> Option<Ending> {
    let seconds = snapshot.step_seconds.iter().sum();
    after_epoch(settings, &snapshot.epochs).or_else(|| after_step(settings, seconds, false))
}

/// Whether to stop after the last of `epochs`; it follows from the records alone, so a resumed
/// run decides as one that never stopped.
pub(super) fn after_epoch(settings: &TrainingConfig, epochs: &[EpochRecord]) -> Option<Ending> {
    let reached = epochs
        .last()
        .and_then(|record| record.valid_accuracy)
        .is_some_and(|accuracy| accuracy >= settings.target_accuracy);
    if settings.target_accuracy > 0.0 && reached {
        return Some(Ending::TargetReached);
    }
    let stale = match settings.schedule {
        ScheduleKind::Plateau => {
            let last = span(settings, epochs).last;
            last < settings.epochs && epochs.len() >= last
        }
        _ => {
            let since = epochs_without_progress(epochs).last().unwrap_or(0);
            settings.patience > 0 && since >= settings.patience
        }
    };
    stale.then_some(Ending::StoppedEarly)
}

/// After each epoch, how many there were since the one with the lowest validation loss; 0 without a validation
/// split.
fn epochs_without_progress(epochs: &[EpochRecord]) -> impl Iterator<Item = usize> {
    let (mut lowest, mut since) = (f64::INFINITY, 0);
    epochs.iter().map(move |record| {
        if let Some(loss) = record.valid_loss {
            since = match loss < lowest {
                true => 0,
                false => since + 1,
            };
            lowest = lowest.min(loss);
        }
        since
    })
}
