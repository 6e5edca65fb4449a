//! A training whose results are kept in a run folder. A device that failed is opened once more.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use super::checkpoint;
use super::folder::{CHECKPOINTS, EVALUATION, METRICS, RUN, RunFolder, RunFolderError, SETTINGS};
use super::keeper::{Keeper, keep_weights};
use super::metrics::MetricsWriter;
use super::progress::{TrainingProgress, Watch};
use super::record::RunRecord;
use super::tensorboard::EventWriter;
use super::train::{Finished, Keep, TrainingRun, train};
use super::training_images::TrainingImages;
use super::weights::{CheckpointError, Description, LAST_WEIGHTS, save_values};
use crate::config::{Origin, TrainingConfig};
use crate::device::opening::open_device;
use crate::device::{Device, DeviceError, Fault};
use crate::evaluation::test_split::Answers;
use crate::exit::Interrupted;
use crate::terminal::bars::Shown;
use crate::terminal::{command_line, quoted};
use crate::training::TrainingError;
use crate::training::state::{Parameters, Snapshot};
use crate::training::stopping::{self, Ending};
use crate::wording::count;

/// Trains from `start`, evaluates, and writes what the run folder holds at the end. A device that
/// failed is opened once more, with half the batch, where a smaller batch can help.
///
/// # Errors
/// [`Interrupted`] after saving; those of the device, the training and the file system.
pub fn train_in(
    folder: &RunFolder,
    mut run: TrainingRun,
    start: Snapshot,
    watch: &Watch,
) -> anyhow::Result<Finished> {
    let first = start.clone();
    let error = match attempt(folder, &run, start, watch) {
        Ok(finished) => return Ok(finished),
        Err(error) => error,
    };
    let batch = run.config.training.batch_size;
    let smaller = fault(&error).filter(|fault| fault.smaller_batch_helps() && batch > 1);
    let Some(fault) = smaller else {
        return Err(explained(folder, error));
    };
    tracing::warn!(
        "{}: {fault}: trying once more with half the batch ({})",
        run.device.info.name,
        count(batch / 2, "image")
    );
    let evaluated = run.config.evaluation.batch_size;
    for (key, size) in [
        ("training.batch_size", batch / 2),
        ("evaluation.batch_size", (evaluated / 2).max(1)),
    ] {
        run.layers.set(key, size as i64, Origin::Fault)?;
    }
    run.config = run.layers.resolve()?;
    // The one that failed may answer nothing any more.
    run.device = open_device(&run.config.device)?;
    let start = newest_checkpoint(folder).unwrap_or(first);
    train_once_in(folder, &run, start, watch)
}

/// The same with the device and the batch as they are: runs whose figures are put together must
/// have the same settings.
///
/// # Errors
/// Those of [`train_in`].
pub fn train_once_in(
    folder: &RunFolder,
    run: &TrainingRun,
    start: Snapshot,
    watch: &Watch,
) -> anyhow::Result<Finished> {
    attempt(folder, run, start, watch).map_err(|error| explained(folder, error))
}

fn attempt(
    folder: &RunFolder,
    run: &TrainingRun,
    start: Snapshot,
    watch: &Watch,
) -> anyhow::Result<Finished> {
    let mut keep = InFolder {
        folder,
        settings: run.layers.to_toml(),
        evaluates: run.config.evaluation.test,
        training: &run.config.training,
        watch,
        mark: None,
    };
    // A resumed run keeps when it was started, and how.
    let before = folder.record();
    let (started, mut commands) = match &before {
        Some(before) => (before.started.clone(), before.commands.clone()),
        None => (jiff::Timestamp::now().to_string(), Vec::new()),
    };
    commands.push(command_line());
    commands.dedup();
    let mut record = RunRecord {
        commands,
        ..run.record(folder.path().display().to_string(), started)
    };
    // It goes on from a checkpoint, which holds all that came of those weights.
    if record.started_from.is_none() {
        record.started_from = before.and_then(|before| before.started_from);
    }
    keep.begin(&record)?;
    let mut observer = keep.observer(run, &start)?;
    // Inside Rayon's pool, so that Burn's own operations on the CPU need not enter it each time.
    rayon::scope(|_| pollster::block_on(train(run, start, record, &mut observer, &mut keep)))
}

/// The folder of a run while it is trained.
struct InFolder<'a> {
    folder: &'a RunFolder,
    settings: String,
    evaluates: bool,
    training: &'a TrainingConfig,
    watch: &'a Watch,
    mark: Option<Shown>,
}

impl InFolder<'_> {
    /// A folder becomes a run with its settings. Where it is one already, the record comes first:
    /// settings without their record would look as if edited by hand.
    fn begin(&self, record: &RunRecord) -> Result<(), RunFolderError> {
        if self.folder.file(SETTINGS).exists() {
            self.folder.write_json(RUN, record)?;
            return self.folder.write(SETTINGS, self.settings.as_bytes());
        }
        self.folder.write(SETTINGS, self.settings.as_bytes())?;
        self.folder.write_json(RUN, record)
    }

    /// Shows the training, and writes its checkpoints and records.
    fn observer(&self, run: &TrainingRun, start: &Snapshot) -> anyhow::Result<TrainingProgress> {
        let (folder, training) = (self.folder, &run.config.training);
        let keeper = Keeper::new(
            folder.clone(),
            run.description.clone(),
            self.settings.clone(),
            device_name(&run.device),
            training.keep_checkpoints,
        );
        let path = folder.file(METRICS);
        let metrics = MetricsWriter::open(&path, start.position, training.record_every)
            .map_err(RunFolderError::unwritten(&path))?;
        let step = start.position.step;
        let events = training
            .tensorboard
            .then(|| EventWriter::create(folder.path(), step))
            .transpose()
            .map_err(RunFolderError::unwritten(folder.path()))?;
        let (epochs, watch) = (training.epochs, self.watch.clone());
        let mut observer = TrainingProgress::new(keeper, metrics, events, step, epochs, watch);
        observer.begin_with(start.best.as_ref());
        Ok(observer)
    }
}

impl Keep for InFolder<'_> {
    type Error = anyhow::Error;

    fn weights(
        &mut self,
        used: &Parameters,
        last: &Parameters,
        description: &Description,
    ) -> anyhow::Result<()> {
        let folder = self.folder;
        if !folder.file(SETTINGS).is_file() {
            let path = folder.path();
            tracing::warn!("{}: removed during the training, made anew", path.display());
            std::fs::create_dir_all(path).map_err(RunFolderError::unwritten(path))?;
            folder.write(SETTINGS, self.settings.as_bytes())?;
        }
        keep_weights(folder, used, description)?;
        save_values(&folder.file(LAST_WEIGHTS), last, description)?;
        if self.evaluates {
            self.mark = Shown::bar("evaluating on the test images");
        }
        Ok(())
    }

    fn evaluating(&mut self, done: usize, of: usize) -> ControlFlow<()> {
        if let Some(bar) = &self.mark {
            bar.set(done, of, 0);
        }
        match self.watch.interrupted.load(Ordering::SeqCst) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn stopped(&mut self, record: &RunRecord) -> anyhow::Result<()> {
        self.mark = None;
        self.folder.write_json(RUN, record)?;
        (self.watch.reports.page)(self.folder.path());
        let saved = format!(
            "go on with `gpu-mnist train --resume {}`",
            quoted(&record.run)
        );
        Err(Interrupted { saved }.into())
    }

    fn ended(
        &mut self,
        record: &RunRecord,
        answers: Option<&Answers>,
        images: &TrainingImages,
    ) -> anyhow::Result<()> {
        self.mark = None;
        let folder = self.folder;
        if let Some(answers) = answers {
            folder.write_json(EVALUATION, &record.evaluation)?;
            (self.watch.reports.worst)(folder, answers, images)?;
        }
        folder.write_json(RUN, record)?;
        (self.watch.reports.page)(folder.path());
        if self.watch.place.is_none() {
            let ending = record.ending.unwrap_or(Ending::Finished);
            if let Some(reason) = stopping::why(self.training, &record.history.epochs, ending) {
                tracing::info!("{reason}");
            }
            tracing::info!(
                "{} in {:.1} s of training, {:.0} images/s",
                count(record.history.steps, "step"),
                record.history.train_seconds,
                record.history.images_per_second
            );
        }
        Ok(())
    }
}

fn newest_checkpoint(folder: &RunFolder) -> Option<Snapshot> {
    let all = checkpoint::list(&folder.file(CHECKPOINTS));
    let newest = checkpoint::load(all.first()?);
    newest.ok().map(|checkpoint| checkpoint.snapshot)
}

/// Says what is left of a training that a device ended.
fn explained(folder: &RunFolder, error: anyhow::Error) -> anyhow::Error {
    let run = quoted(folder.path().display());
    let unwritten = error.chain().any(is_unwritten);
    if fault(&error).is_none() && !unwritten || !folder.file(SETTINGS).is_file() {
        return error;
    }
    error.context(match newest_checkpoint(folder) {
        Some(kept) if unwritten => format!(
            "not all of the run could be written; its state after {} is kept: make room, then go on with `gpu-mnist train --resume {run}`",
            count(kept.position.step, "step")
        ),
        Some(kept) => format!(
            "the training ended early; its state after {} is kept: go on with `gpu-mnist train --resume {run}`",
            count(kept.position.step, "step")
        ),
        None => format!(
            "the training ended before its first checkpoint; its settings are in {run}: start again with `gpu-mnist train --resume {run}`"
        ),
    })
}

/// What a device suffered, where that is what `error` is about.
fn fault(error: &anyhow::Error) -> Option<Fault> {
    error.chain().find_map(|cause| {
        let training = match cause.downcast_ref() {
            Some(TrainingError::Device(error)) => error.fault(),
            _ => None,
        };
        training.or_else(|| cause.downcast_ref::<DeviceError>()?.fault())
    })
}

/// Whether an error is that of a file of the run that could not be written.
fn is_unwritten(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(CheckpointError::Write { .. }))
        || matches!(cause.downcast_ref(), Some(RunFolderError::Write { .. }))
}

/// What tells devices apart whose results may differ.
pub fn device_name(device: &Device) -> String {
    format!("{} ({})", device.info.name, device.info.api)
}
