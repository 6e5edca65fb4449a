//! `gpu-mnist train`: trains a model and evaluates it on the test set.

use std::path::{Path, PathBuf};

use clap::Args;

use super::report::{REPORT, write_report};
use super::training_run::{Run, device_name, show};
use super::{check, dataset, interrupt_flag, open_device, resume};
use crate::checkpoint::Description;
use crate::cli::{self, DataSetArgs, DeviceArgs, SettingsArgs, value_name};
use crate::config::{Config, ConfigError, Kernels, Layers, Origin};
use crate::data::batches::Normalisation;
use crate::data::{Dataset, Split};
use crate::device::Device;
use crate::run_folder::{RUN, RunFolder};
use crate::run_record::RunRecord;
use crate::training::state::Snapshot;

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
