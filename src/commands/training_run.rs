//! A training from its first step to its evaluation, with all that it leaves in the run folder.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tracing::Instrument;

use super::keeper::Keeper;
use super::progress::{TrainingProgress, Watch};
use super::report::{keep_worst, write_report};
use super::{Interrupted, bars, open_device, which_run};
use crate::checkpoint::{self, CheckpointError, Description, snapshot};
use crate::cli;
use crate::config::{Config, Layers, Origin};
use crate::data::batches::DeviceSplit;
use crate::data::training_images::TrainingImages;
use crate::device::{Device, DeviceError, Fault};
use crate::evaluation::test_split::{Answers, answer};
use crate::evaluation::unsure::familiarity;
use crate::metrics::MetricsWriter;
use crate::model::Model;
use crate::report::look::Look;
use crate::report::{Format, closing, render};
use crate::run_folder::{
    CHECKPOINTS, EVALUATION, LAST_WEIGHTS, METRICS, RUN, RUNS, RunFolder, RunFolderError, SETTINGS,
    WEIGHTS,
};
use crate::run_record::{RunRecord, Weights};
use crate::tensorboard::EventWriter;
use crate::training::history::History;
use crate::training::state::{Parameters, Snapshot};
use crate::training::stopping::Ending;
use crate::training::{self, Trained, TrainingError};

/// Everything that a training and its records need.
pub struct Run {
    pub folder: RunFolder,
    pub layers: Layers,
    pub config: Config,
    pub device: Device,
    pub pictures: Arc<TrainingImages>,
    pub description: Description,
}

/// What came of a run.
pub struct Finished {
    pub record: RunRecord,
    /// Of its network to the test split.
    pub answers: Answers,
}

impl Run {
    /// One that starts with these pictures.
    pub fn new(
        folder: RunFolder,
        layers: Layers,
        config: Config,
        device: Device,
        pictures: TrainingImages,
    ) -> Self {
        Self {
            description: pictures.describe(&config),
            pictures: Arc::new(pictures),
            folder,
            layers,
            config,
            device,
        }
    }

    /// Trains from `start`, evaluates, and writes what the run folder holds at the end. A device
    /// that failed is opened once more, with half the batch, where a smaller batch can help.
    ///
    /// # Errors
    /// [`Interrupted`] after saving; those of the device, the training and the file system.
    pub fn train(mut self, start: Snapshot, watch: &Watch) -> anyhow::Result<Finished> {
        let first = start.clone();
        let error = match self.attempt(start, watch) {
            Ok(finished) => return Ok(finished),
            Err(error) => error,
        };
        let batch = self.config.training.batch_size;
        let smaller = fault(&error).filter(|fault| fault.smaller_batch_helps() && batch > 1);
        let Some(fault) = smaller else {
            return Err(self.explain(error));
        };
        tracing::warn!(
            "{}: {fault}: trying once more with half the batch ({} images)",
            self.device.info.name,
            batch / 2
        );
        let evaluated = self.config.evaluation.batch_size;
        for (key, size) in [
            ("training.batch_size", batch / 2),
            ("evaluation.batch_size", (evaluated / 2).max(1)),
        ] {
            self.layers.set(key, size as i64, Origin::Fault)?;
        }
        self.config = cli::resolve(&self.layers)?;
        // The one that failed may answer nothing any more.
        self.device = open_device(&self.config.device)?;
        let start = self.newest_checkpoint().unwrap_or(first);
        self.attempt(start, watch)
            .map_err(|error| self.explain(error))
    }

    /// The same with the device and the batch as they are: runs whose figures are put together
    /// must have the same settings.
    ///
    /// # Errors
    /// Those of [`Self::train`].
    pub fn train_once(&self, start: Snapshot, watch: &Watch) -> anyhow::Result<Finished> {
        self.attempt(start, watch)
            .map_err(|error| self.explain(error))
    }

    fn newest_checkpoint(&self) -> Option<Snapshot> {
        let all = snapshot::list(&self.folder.file(CHECKPOINTS));
        let newest = snapshot::load(all.first()?);
        newest.ok().map(|checkpoint| checkpoint.snapshot)
    }

    /// Says what is left of a training that a device ended.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let run = self.folder.path().display();
        let unwritten = error.chain().any(is_unwritten);
        if fault(&error).is_none() && !unwritten || !self.folder.file(SETTINGS).is_file() {
            return error;
        }
        error.context(match self.newest_checkpoint() {
            Some(kept) if unwritten => format!(
                "not all of the run could be written; its state after {} steps is kept: make room, then go on with `gpu-mnist train --resume {run}`",
                kept.position.step
            ),
            Some(kept) => format!(
                "the training ended early; its state after {} steps is kept: go on with `gpu-mnist train --resume {run}`",
                kept.position.step
            ),
            None => format!(
                "the training ended before its first checkpoint; its settings are in {run}: start again with `gpu-mnist train --resume {run}`"
            ),
        })
    }

    fn attempt(&self, start: Snapshot, watch: &Watch) -> anyhow::Result<Finished> {
        let Self { folder, config, .. } = self;
        let settings = self.layers.to_toml();
        let mut record = self.record(checkpoint::sha256(settings.as_bytes()));
        // A folder becomes a run with its settings. Where it is one already, the record comes
        // first: settings without their record would look as if edited by hand.
        if folder.file(SETTINGS).exists() {
            folder.write_json(RUN, &record)?;
            folder.write(SETTINGS, settings.as_bytes())?;
        } else {
            folder.write(SETTINGS, settings.as_bytes())?;
            folder.write_json(RUN, &record)?;
        }
        let keeper = Keeper::new(
            folder.clone(),
            self.description.clone(),
            settings.clone(),
            device_name(&self.device),
            config.training.keep_checkpoints,
        );
        let path = folder.file(METRICS);
        let metrics = MetricsWriter::open(&path, start.position, config.training.record_every)
            .with_context(|| format!("{}: could not be written", path.display()))?;
        let step = start.position.step;
        let events = config
            .training
            .tensorboard
            .then(|| EventWriter::create(folder.path(), step))
            .transpose()
            .with_context(|| format!("{}: no event file", folder.path().display()))?;
        let epochs = config.training.epochs;
        let mut observer =
            TrainingProgress::new(keeper, metrics, events, step, epochs, watch.clone());
        observer.begin_with(start.best.as_ref());
        // Inside Rayon's pool, so that Burn's own operations on the CPU need not enter it each time.
        let span = tracing::debug_span!("train", run = %folder.path().display());
        let trained = rayon::scope(|_| {
            let training = self.train_on(start, &mut observer).instrument(span);
            pollster::block_on(training)
        });
        observer.finish();
        let trained = trained?;

        if !folder.file(SETTINGS).is_file() {
            let path = folder.path();
            tracing::warn!("{}: removed during the training, made anew", path.display());
            std::fs::create_dir_all(path).with_context(|| path.display().to_string())?;
            folder.write(SETTINGS, settings.as_bytes())?;
        }
        let weights = trained.weights();
        let last_epoch = trained.history.epochs.last().map_or(0, |last| last.epoch);
        let best_epoch = trained.best.as_ref().map_or(last_epoch, |best| best.epoch);
        let model = self.device.guard("evaluating", || {
            Model::from_values(&self.description.network(), weights.clone(), &self.device)
        })?;
        let (train, valid) = (&self.pictures.train, &self.pictures.valid);
        let normalisation = self.description.normalisation;
        let familiarity = familiarity(&model, train, valid, normalisation, config, &self.device);
        let description = Description {
            familiarity: pollster::block_on(familiarity)?,
            ..self.description.clone()
        };
        let first = !folder.file(WEIGHTS).is_file();
        record.weights = Some(self.save(WEIGHTS, weights, &description, best_epoch)?);
        if first {
            folder.point_latest();
        }
        record.last_weights =
            Some(self.save(LAST_WEIGHTS, &trained.last, &description, last_epoch)?);
        record.history = trained.history.clone();
        record.ending = Some(trained.ending);
        if trained.ending == Ending::Interrupted {
            folder.write_json(RUN, &record)?;
            write_report(folder.path());
            let run = folder.path().display();
            return Err(Interrupted {
                saved: format!("go on with `gpu-mnist train --resume {run}`"),
            }
            .into());
        }
        let mark = bars::Shown::mark("evaluating on the test images");
        let test = &self.pictures.test;
        let answers = self.answers(&model, &self.description)?;
        drop(mark);
        let evaluation = answers.evaluation(test, &self.description.set.class_names);
        observer.on_evaluation(record.history.steps, &evaluation);
        folder.write_json(EVALUATION, &evaluation)?;
        keep_worst(folder, &answers, test)?;
        record.evaluation = Some(evaluation);
        folder.write_json(RUN, &record)?;
        write_report(folder.path());
        if watch.place.is_none() {
            tracing::info!(
                "{} steps in {:.1} s of training, {:.0} images/s",
                record.history.steps,
                record.history.train_seconds,
                record.history.images_per_second
            );
            closing::warn_of_divergence(&record, config);
        }
        Ok(Finished { record, answers })
    }

    /// What the network in a file answers to the test split.
    ///
    /// # Errors
    /// Those of the file and of the device.
    pub fn answers_of(&self, weights: &Path) -> anyhow::Result<Answers> {
        let (model, description) = checkpoint::load(weights, &self.device)?;
        self.answers(&model, &description)
    }

    fn answers(&self, model: &Model, description: &Description) -> anyhow::Result<Answers> {
        let test = &self.pictures.test;
        let asked = answer(model, description, test, &self.config, &self.device);
        Ok(pollster::block_on(asked)?)
    }

    async fn train_on(
        &self,
        start: Snapshot,
        observer: &mut TrainingProgress,
    ) -> anyhow::Result<Trained> {
        let (train, valid) = self.device.guard("preparing the training", || {
            let Description {
                normalisation, set, ..
            } = &self.description;
            let upload = |split| DeviceSplit::upload(split, *normalisation, &self.device);
            let train = upload(&self.pictures.train).with_background(set.background);
            (train, upload(&self.pictures.valid))
        })?;
        Ok(training::train(start, &train, &valid, &self.config, &self.device, observer).await?)
    }

    fn save(
        &self,
        file: &str,
        values: &Parameters,
        description: &Description,
        epoch: usize,
    ) -> anyhow::Result<Weights> {
        checkpoint::save_values(&self.folder.file(file), values, description)?;
        Ok(Weights {
            file: file.into(),
            epoch,
            sha256: checkpoint::weight_hash(&self.description.network(), values),
        })
    }

    /// The record of a run that has not ended; a resumed one keeps when it was started.
    fn record(&self, settings_sha256: String) -> RunRecord {
        let before = self.folder.record();
        let mut commands = before
            .as_ref()
            .map_or_else(Vec::new, |record| record.commands.clone());
        let command = command_line(std::env::args_os().skip(1));
        if commands.last() != Some(&command) {
            commands.push(command);
        }
        let started = before.map(|record| record.started);
        RunRecord {
            run: self.folder.path().display().to_string(),
            started: started.unwrap_or_else(|| jiff::Timestamp::now().to_string()),
            commands,
            dataset: self.pictures.set.name.clone(),
            set: Some(self.pictures.set.clone()),
            found_in: Some(self.pictures.found_in.clone()).filter(|place| !place.is_empty()),
            device: self.device.info.clone(),
            kernels: self.device.kernels(),
            seed: self.config.seed,
            version: env!("CARGO_PKG_VERSION").into(),
            settings_sha256,
            parameters: self.description.network().parameter_count(),
            history: History::default(),
            ending: None,
            weights: None,
            last_weights: None,
            evaluation: None,
        }
    }
}

/// The program with these arguments, as a POSIX shell takes it.
fn command_line(arguments: impl Iterator<Item = OsString>) -> String {
    let plain = |part: char| part.is_alphanumeric() || "-_./=:,+%@".contains(part);
    let text = |argument: OsString| argument.to_string_lossy().into_owned();
    let quoted = |argument: String| match !argument.is_empty() && argument.chars().all(plain) {
        true => argument,
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    };
    let words = std::iter::once("gpu-mnist".into()).chain(arguments.map(text).map(quoted));
    words.collect::<Vec<String>>().join(" ")
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

/// How to print what came of a run.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    Json,
    Text(Look),
}

/// Prints what came of a run.
///
/// # Errors
/// When stdout is closed.
pub fn show(record: &RunRecord, shown: Shown) -> anyhow::Result<()> {
    let Some(evaluation) = &record.evaluation else {
        return Ok(());
    };
    cli::print(&match shown {
        Shown::Json => serde_json::to_string(record)? + "\n",
        Shown::Text(look) => {
            let newest = which_run::newest(Path::new(RUNS));
            let newest = newest.is_some_and(|newest| newest == Path::new(&record.run));
            render(evaluation, Format::Text, &look)?
                + &closing::closing(record, evaluation, newest, &look)
        }
    })
}

/// What tells devices apart whose results may differ.
pub fn device_name(device: &Device) -> String {
    format!("{} ({})", device.info.name, device.info.api)
}
