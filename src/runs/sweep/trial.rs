//! One trial of a sweep: an ordinary training without the test images, in its own folder.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{FAILED, Failure, Outcome, Score, Standing, SweepRecord, path_of, standing};
use crate::config::Layers;
use crate::exit::Interrupted;
use crate::runs::folder::{Lock, METRICS, RunFolder, RunFolderError, SETTINGS};
use crate::runs::in_folder::train_once_in;
use crate::runs::metrics::{self, Record};
use crate::runs::prepare::prepare;
use crate::runs::progress::Watch;
use crate::runs::record::RunRecord;
use crate::runs::resume::{self, ResumeError};

/// How long another process may take to let go of a trial: one that was told to stop saves first.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sets where a trial computes.
pub type Place<'a> = &'a dyn Fn(&mut Layers) -> anyhow::Result<()>;

/// Trains a trial, from where it stands; one that has ended is left as it is.
///
/// # Errors
/// [`Interrupted`] with what there is kept; whatever ends its training otherwise, which its folder then says.
pub fn run(
    folder: &Path,
    record: &SweepRecord,
    trial: usize,
    place: Place<'_>,
    watch: &Watch,
) -> anyhow::Result<Outcome> {
    let layers = record.layers(folder, trial)?;
    let found = &record.trials[trial];
    if let Standing::Ended(outcome) = standing(folder, found) {
        return Ok(outcome);
    }
    let path = path_of(folder, found);
    match train(&path, record, layers, place, watch) {
        Ok(record) => Ok(outcome(&record)),
        Err(error) if is_no_result(&error) => Err(error),
        Err(error) => {
            let reason = format!("{error:#}");
            fail(&path, &reason)?;
            Err(error)
        }
    }
}

/// Keeps why a trial failed.
///
/// # Errors
/// [`RunFolderError::Write`].
pub fn fail(path: &Path, reason: &str) -> Result<(), RunFolderError> {
    let write = |source| RunFolderError::Write {
        path: path.into(),
        source,
    };
    std::fs::create_dir_all(path).map_err(write)?;
    let failure = Failure {
        reason: reason.into(),
    };
    let text = serde_json::to_vec_pretty(&failure).map_err(|error| write(error.into()))?;
    crate::files::write_atomically(&path.join(FAILED), &text).map_err(write)
}

/// Whether an error says nothing about the trial: it was stopped, or another process has it.
fn is_no_result(error: &anyhow::Error) -> bool {
    error.is::<Interrupted>() || is_busy(error)
}

/// Whether another process has the trial.
pub(super) fn is_busy(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let folder = match cause.downcast_ref() {
            Some(ResumeError::Folder(error)) => Some(error),
            _ => cause.downcast_ref(),
        };
        matches!(folder, Some(RunFolderError::Busy { .. }))
    })
}

fn train(
    path: &Path,
    sweep: &SweepRecord,
    mut layers: Layers,
    place: Place<'_>,
    watch: &Watch,
) -> anyhow::Result<RunRecord> {
    let (folder, lock) = own(path)?;
    let suits = |found: &_| match sweep.set.difference(found) {
        Some(difference) => Err(anyhow::anyhow!(
            "{}: the images are others than those the sweep was planned with: {difference}; put those back, or plan a new sweep",
            sweep.dataset
        )),
        None => Ok(()),
    };
    if !folder.file(SETTINGS).is_file() {
        place(&mut layers)?;
        let run = prepare(layers, suits)?;
        let start = run.initial();
        return Ok(train_once_in(&folder, &run, start, watch)?.record);
    }
    // What opens a run to go on with locks it itself.
    drop(lock);
    let resumed = patiently(|| match resume::open(path) {
        Err(ResumeError::Folder(error @ RunFolderError::Busy { .. })) => Ok(Err(error)),
        other => other.map(Ok),
    })??;
    let mut layers = resumed.layers()?;
    place(&mut layers)?;
    if let Some(record) = resumed.finished(&layers.resolve()?) {
        return Ok(record);
    }
    resumed.check(&layers)?;
    let mut run = prepare(layers, suits)?;
    let start = resumed.standing(&mut run);
    Ok(train_once_in(&resumed.folder, &run, start, watch)?.record)
}

/// The folder of a trial, locked.
fn own(path: &Path) -> Result<(RunFolder, Lock), RunFolderError> {
    let folder = RunFolder::create_or_open(path)?;
    let lock = patiently(|| match folder.lock() {
        Err(error @ RunFolderError::Busy { .. }) => Ok::<_, RunFolderError>(Err(error)),
        other => other.map(Ok),
    })??;
    Ok((folder, lock))
}

/// Tries again for a while where another process is at it.
pub(super) fn patiently<T, B, E>(
    mut attempt: impl FnMut() -> Result<Result<T, B>, E>,
) -> Result<Result<T, B>, E> {
    let start = Instant::now();
    loop {
        match attempt()? {
            Err(_) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(200)),
            other => return Ok(other),
        }
    }
}

/// What a run that has ended came to, as a trial.
pub fn outcome(record: &RunRecord) -> Outcome {
    match score(record) {
        Some(score) => Outcome::Finished(score),
        None => Outcome::Failed {
            reason:
                "its loss on the validation images is not a number; a lower learning rate may help"
                    .into(),
        },
    }
}

/// What a run that has ended is chosen by; `None` where no number came of it.
pub fn score(record: &RunRecord) -> Option<Score> {
    let kept = record.weights.as_ref()?;
    let mut epochs = record.history.epochs.iter();
    let epoch = epochs.find(|epoch| epoch.epoch == kept.epoch)?;
    let valid_loss = epoch.valid_loss.filter(|loss| loss.is_finite())?;
    Some(Score {
        valid_accuracy: epoch.valid_accuracy?,
        valid_loss,
        epoch: kept.epoch,
        epochs: record.history.epochs.len(),
        steps: record.history.steps,
        parameters: record.parameters,
        weights_sha256: kept.sha256.clone(),
    })
}

/// Epochs that a run has trained so far.
pub fn epochs_done(run: &RunFolder) -> usize {
    let records = metrics::read(&run.file(METRICS)).unwrap_or_default();
    let epochs = records
        .iter()
        .filter(|record| matches!(record, Record::Epoch(_)));
    epochs.count()
}
