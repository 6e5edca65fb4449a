//! `gpu-mnist train`: trains a model and evaluates it on the test set.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use clap::Args;
use tracing::Instrument;

use super::keeper::Keeper;
use super::progress::TrainingProgress;
use super::report::{REPORT, keep_worst, write_report};
use super::{Interrupted, check, dataset, interrupt_flag, open_device, resume};
use crate::checkpoint::{self, Description};
use crate::cli::{self, DataSetArgs, DeviceArgs, SettingsArgs, value_name};
use crate::config::{Config, ConfigError, Kernels, Layers, Origin};
use crate::data::batches::{DeviceSplit, Normalisation};
use crate::data::{Dataset, Split};
use crate::device::Device;
use crate::evaluation::{Evaluation, evaluate};
use crate::metrics::MetricsWriter;
use crate::model::Model;
use crate::report::{Format, render};
use crate::run_folder::{EVALUATION, LAST_WEIGHTS, METRICS, RUN, RunFolder, SETTINGS, WEIGHTS};
use crate::run_record::{RunRecord, Weights};
use crate::tensorboard::EventWriter;
use crate::training::history::History;
use crate::training::state::{Parameters, Snapshot};
use crate::training::stopping::Ending;
use crate::training::{self, Trained};

/// Flags of `train`.
#[derive(Args, Debug)]
pub struct TrainArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    data: DataSetArgs,
    /// Passes over the training pictures
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Pictures in a step
    #[arg(long, value_name = "N")]
    batch_size: Option<u32>,
    /// The highest learning rate of the schedule
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Train on the first N pictures only
    #[arg(long, value_name = "N")]
    train_limit: Option<u32>,
    /// Stop after the epoch that reaches this validation accuracy (0.99 = 99 %)
    #[arg(long, value_name = "SHARE")]
    target_accuracy: Option<f64>,
    /// Stop once training has taken so many seconds in all
    #[arg(long, value_name = "SECONDS")]
    max_seconds: Option<f64>,
    /// Whose operations compute the network
    #[arg(long, value_enum)]
    kernels: Option<Kernels>,
    /// Do not check the numbers of an adapter that was never trained on
    #[arg(long)]
    no_check: bool,
    /// Write TensorBoard event files into the run folder
    #[arg(long)]
    tensorboard: bool,
    /// A new folder for the run
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with a run that was interrupted or killed, or train one further: its folder, or one
    /// of its checkpoints
    #[arg(long, value_name = "RUN", conflicts_with = "out")]
    resume: Option<PathBuf>,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl TrainArgs {
    /// What the command line says, over `layers`.
    fn over(&self, layers: Layers) -> Result<Layers, ConfigError> {
        let mut layers = self.settings.over(layers)?;
        self.device.apply(&mut layers)?;
        self.data.apply(&mut layers)?;
        let counts = [
            ("training.epochs", self.epochs, "--epochs"),
            ("training.batch_size", self.batch_size, "--batch-size"),
            ("data.train_limit", self.train_limit, "--train-limit"),
        ];
        for (key, value, flag) in counts {
            if let Some(value) = value {
                layers.set(key, i64::from(value), Origin::Flag(flag))?;
            }
        }
        let numbers = [
            (
                "training.learning_rate",
                self.learning_rate,
                "--learning-rate",
            ),
            (
                "training.target_accuracy",
                self.target_accuracy,
                "--target-accuracy",
            ),
            ("training.max_seconds", self.max_seconds, "--max-seconds"),
        ];
        for (key, value, flag) in numbers {
            if let Some(value) = value {
                layers.set(key, value, Origin::Flag(flag))?;
            }
        }
        if self.tensorboard {
            let origin = Origin::Flag("--tensorboard");
            layers.set("training.tensorboard", true, origin)?;
        }
        if let Some(kernels) = self.kernels {
            layers.set(
                "training.kernels",
                value_name(kernels),
                Origin::Flag("--kernels"),
            )?;
        }
        if self.no_check {
            layers.set("device.check", false, Origin::Flag("--no-check"))?;
        }
        Ok(layers)
    }
}

/// # Errors
/// Settings, device, data, training: each with its exit code.
pub fn run(args: &TrainArgs, quiet: bool) -> anyhow::Result<()> {
    let interrupted = interrupt_flag();
    let Some(resumed) = args.resume.as_deref().map(resume::open).transpose()? else {
        let mut layers = args.over(Layers::default())?;
        let mut config = cli::resolve(&layers)?;
        if let Some(out) = &args.out {
            RunFolder::check_free(out)?;
        }
        let device = open_checked(&mut layers, &mut config)?;
        let dataset = dataset::load(&config.data, config.seed)?;
        let splits = split(&dataset, &config, &layers)?;
        name_data(&mut layers, &config, &dataset)?;
        let folder = RunFolder::create(args.out.as_deref(), &dataset.name, &device.info.kind)?;
        let _lock = folder.lock()?;
        let description = describe(&config, &dataset, &splits.0);
        let start = Snapshot::initial(&config);
        let run = Run {
            folder,
            layers,
            config,
            device,
            dataset,
            splits,
            description,
        };
        return run.train(start, interrupted, quiet, args.json);
    };

    let mut layers = args.over(resumed.layers()?)?;
    let mut config = cli::resolve(&layers)?;
    let changed = resumed.check(&layers)?;
    let finished = RunRecord::read(&resumed.folder).filter(|record| record.evaluation.is_some());
    if let Some(record) = finished
        && !changed
    {
        tracing::info!("{} has ended: this is its evaluation", record.run);
        if !resumed.folder.file(REPORT).is_file() {
            write_report(resumed.folder.path());
        }
        return match args.json {
            // As it was written: parsing could change the last digit of a number.
            true => cli::print(&std::fs::read_to_string(resumed.folder.file(RUN))?),
            false => show(&record, false),
        };
    }
    let device = open_checked(&mut layers, &mut config)?;
    let dataset = dataset::load(&config.data, config.seed)?;
    let splits = split(&dataset, &config, &layers)?;
    let mut description = describe(&config, &dataset, &splits.0);
    let start = match &resumed.checkpoint {
        None => {
            tracing::info!("no checkpoint yet: starting from the settings of the run");
            Snapshot::initial(&config)
        }
        Some(checkpoint) => {
            resumed.check_data(&description, changed)?;
            description = checkpoint.description.clone();
            let name = device_name(&device);
            if name != checkpoint.device {
                tracing::warn!(
                    "the run was computed on {}, and goes on on {name}: the weights will differ in their last bits",
                    checkpoint.device
                );
            }
            let position = checkpoint.snapshot.position;
            tracing::info!(
                "going on with epoch {} after {} steps",
                position.epoch,
                position.step
            );
            checkpoint.snapshot.clone()
        }
    };
    let run = Run {
        folder: resumed.folder.clone(),
        layers,
        config,
        device,
        dataset,
        splits,
        description,
    };
    run.train(start, interrupted, quiet, args.json)
}

/// Opens the device of the settings, and has them name the kernels that compute right on it.
fn open_checked(layers: &mut Layers, config: &mut Config) -> anyhow::Result<Device> {
    let device = open_device(&config.device)?;
    let right = check::before_training(&device, config)?;
    if right != config.training.kernels {
        layers.set("training.kernels", value_name(right), Origin::Check)?;
        *config = cli::resolve(layers)?;
    }
    Ok(device)
}

/// Everything that a training and its records need.
struct Run {
    folder: RunFolder,
    layers: Layers,
    config: Config,
    device: Device,
    dataset: Dataset,
    splits: (Split, Split),
    description: Description,
}

impl Run {
    /// Trains from `start`, evaluates, and writes what the run folder holds at the end.
    fn train(
        &self,
        start: Snapshot,
        interrupted: Arc<AtomicBool>,
        quiet: bool,
        json: bool,
    ) -> anyhow::Result<()> {
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
            settings,
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
            TrainingProgress::new(keeper, metrics, events, step, epochs, interrupted, quiet);
        // Inside the pool, so that no kernel on the CPU first has to wake another thread.
        let span = tracing::debug_span!("train", run = %folder.path().display());
        let trained = rayon::scope(|_| {
            let training = self.train_on(start, &mut observer).instrument(span);
            pollster::block_on(training)
        });
        observer.finish();
        let trained = trained?;

        let weights = trained.weights();
        let last_epoch = trained.history.epochs.last().map_or(0, |last| last.epoch);
        let best_epoch = trained.best.as_ref().map_or(last_epoch, |best| best.epoch);
        record.weights = Some(self.save(WEIGHTS, weights, best_epoch)?);
        record.last_weights = Some(self.save(LAST_WEIGHTS, &trained.last, last_epoch)?);
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
        let model = self.device.guard("evaluating", || {
            Model::from_values(&config.model, weights.clone(), self.device.burn())
        })?;
        let evaluation = evaluate_on(
            &self.dataset.test,
            &model,
            &self.description,
            config,
            &self.device,
        )?;
        observer.on_evaluation(record.history.steps, &evaluation);
        folder.write_json(EVALUATION, &evaluation)?;
        keep_worst(
            folder,
            &self.dataset.test,
            &model,
            &self.description,
            config,
            &self.device,
        )?;
        record.evaluation = Some(evaluation);
        folder.write_json(RUN, &record)?;
        write_report(folder.path());
        tracing::info!(
            "{} steps in {:.1} s of training, {:.0} images/s; run folder {}",
            record.history.steps,
            record.history.train_seconds,
            record.history.images_per_second,
            folder.path().display()
        );
        show(&record, json)
    }

    async fn train_on(
        &self,
        start: Snapshot,
        observer: &mut TrainingProgress,
    ) -> anyhow::Result<Trained> {
        let (train, valid) = self.device.guard("preparing the training", || {
            let normalisation = self.description.normalisation;
            let upload = |split| DeviceSplit::upload(split, normalisation, &self.device);
            (upload(&self.splits.0), upload(&self.splits.1))
        })?;
        Ok(training::train(start, &train, &valid, &self.config, &self.device, observer).await?)
    }

    fn save(&self, file: &str, values: &Parameters, epoch: usize) -> anyhow::Result<Weights> {
        checkpoint::save_values(&self.folder.file(file), values, &self.description)?;
        Ok(Weights {
            file: file.into(),
            epoch,
            sha256: checkpoint::weight_hash(&self.config.model, values),
        })
    }

    /// The record of a run that has not ended; a resumed one keeps when it was started.
    fn record(&self, settings_sha256: String) -> RunRecord {
        let started = RunRecord::read(&self.folder).map(|record| record.started);
        RunRecord {
            run: self.folder.path().display().to_string(),
            started: started.unwrap_or_else(|| jiff::Timestamp::now().to_string()),
            dataset: self.dataset.name.clone(),
            device: self.device.info.clone(),
            kernels: self.config.training.kernels,
            seed: self.config.seed,
            version: env!("CARGO_PKG_VERSION").into(),
            settings_sha256,
            parameters: self.config.model.parameter_count(),
            history: History::default(),
            ending: None,
            weights: None,
            last_weights: None,
            evaluation: None,
        }
    }
}

fn show(record: &RunRecord, json: bool) -> anyhow::Result<()> {
    let Some(evaluation) = &record.evaluation else {
        return Ok(());
    };
    cli::print(&match json {
        true => serde_json::to_string(record)? + "\n",
        false => render(evaluation, Format::Text)?,
    })
}

fn device_name(device: &Device) -> String {
    format!("{} ({})", device.info.name, device.info.api)
}

fn describe(config: &Config, dataset: &Dataset, train: &Split) -> Description {
    Description {
        model: config.model.clone(),
        normalisation: Normalisation::measure(train),
        class_names: dataset.class_names.clone(),
        dataset: dataset.name.clone(),
    }
}

/// The settings of the run name the pictures it found, wherever it is resumed from.
fn name_data(layers: &mut Layers, config: &Config, dataset: &Dataset) -> Result<(), ConfigError> {
    let origin = layers.origin("data.set");
    let folder = std::path::absolute(&config.data.folder);
    if let Ok(folder) = folder
        && !config.data.folder.as_os_str().is_empty()
    {
        let origin = layers.origin("data.folder");
        layers.set("data.folder", folder.to_string_lossy().into_owned(), origin)?;
    }
    let set = Path::new(&config.data.set);
    match std::path::absolute(set) {
        _ if config.data.set == "auto" => layers.set("data.set", dataset.name.as_str(), origin),
        Ok(path) if set.is_dir() => {
            layers.set("data.set", path.to_string_lossy().into_owned(), origin)
        }
        _ => Ok(()),
    }
}

/// Training and validation pictures; the test split is no part of this.
fn split(
    dataset: &Dataset,
    config: &Config,
    layers: &Layers,
) -> Result<(Split, Split), ConfigError> {
    let all = dataset.train.len();
    let held_out = config.data.validation_size;
    if held_out >= all {
        return Err(ConfigError::Invalid {
            key: "data.validation_size".into(),
            origin: layers.origin("data.validation_size"),
            value: held_out.to_string(),
            reason: format!(
                "{} has only {all} training pictures: hold out fewer, --set data.validation_size={}",
                dataset.name,
                all / 10
            ),
        });
    }
    if held_out == 0 && config.training.target_accuracy > 0.0 {
        return Err(ConfigError::Invalid {
            key: "training.target_accuracy".into(),
            origin: layers.origin("training.target_accuracy"),
            value: config.training.target_accuracy.to_string(),
            reason: "needs a validation split: data.validation_size is 0".into(),
        });
    }
    let limit = match config.data.train_limit {
        0 => all - held_out,
        limit => limit.min(all - held_out),
    };
    Ok((
        dataset.train.first(limit),
        dataset.train.take(all - held_out..all),
    ))
}

/// Evaluates `model` on `pictures` with the class names of its description.
///
/// # Errors
/// [`crate::device::DeviceError::Failed`].
pub fn evaluate_on(
    pictures: &Split,
    model: &Model,
    description: &Description,
    config: &Config,
    device: &Device,
) -> anyhow::Result<Evaluation> {
    let _span = tracing::debug_span!("evaluate", dataset = %description.dataset).entered();
    let split = device.guard("evaluating", || {
        DeviceSplit::upload(pictures, description.normalisation, device)
    })?;
    let evaluation = pollster::block_on(evaluate(model, &split, config, device))?;
    Ok(evaluation.with_labels(&description.class_names))
}
