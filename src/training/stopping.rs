//! When training ends before the last epoch of the settings.

use serde::{Deserialize, Serialize};

use super::history::EpochRecord;
use super::state::Snapshot;
use crate::config::TrainingConfig;

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// After the last epoch of the settings.
    Finished,
    /// The validation accuracy reached `training.target_accuracy`.
    TargetReached,
    /// The validation loss was not lower for `training.patience` epochs.
    StoppedEarly,
    /// Training took `training.max_seconds`.
    TimeUp,
    /// Someone asked to stop.
    Interrupted,
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
    let stale = settings.patience > 0 && epochs_without_progress(epochs) >= settings.patience;
    stale.then_some(Ending::StoppedEarly)
}

/// Epochs since the one with the lowest validation loss; 0 without a validation split.
fn epochs_without_progress(epochs: &[EpochRecord]) -> usize {
    let mut lowest = f64::INFINITY;
    let mut since = 0;
    for loss in epochs.iter().filter_map(|record| record.valid_loss) {
        since = match loss < lowest {
            true => 0,
            false => since + 1,
        };
        lowest = lowest.min(loss);
    }
    since
}
