//! `gpu-mnist train`: trains a model and evaluates it on the test set.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::progress::TrainingProgress;
use super::{Interrupted, dataset, interrupt_flag, open_device};
use crate::checkpoint::{self, Description};
use crate::cli::{self, DataSetArgs, DeviceArgs, SettingsArgs, value_name};
use crate::config::{Config, ConfigError, Kernels, Layers, Origin};
use crate::data::batches::{DeviceSplit, Normalisation};
use crate::data::{Dataset, Split};
use crate::device::{Device, DeviceInfo};
use crate::evaluation::{Evaluation, evaluate};
use crate::model::{Model, initial_values};
use crate::report::{Format, render};
use crate::run_folder::{EVALUATION, RUN, RunFolder, SETTINGS, WEIGHTS};
use crate::training::history::History;
use crate::training::{self, Ending, Trained};

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
    /// Whose operations compute the network
    #[arg(long, value_enum)]
    kernels: Option<Kernels>,
    /// A new folder for the run
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl TrainArgs {
    fn layers(&self) -> Result<Layers, ConfigError> {
        let mut layers = self.settings.layers()?;
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
        ];
        for (key, value, flag) in numbers {
            if let Some(value) = value {
                layers.set(key, value, Origin::Flag(flag))?;
            }
        }
        if let Some(kernels) = self.kernels {
            layers.set(
                "training.kernels",
                value_name(kernels),
                Origin::Flag("--kernels"),
            )?;
        }
        Ok(layers)
    }
}

/// What `train --json` prints and `run.json` holds.
#[derive(Serialize)]
struct Report<'a> {
    run: String,
    dataset: &'a str,
    device: &'a DeviceInfo,
    kernels: Kernels,
    seed: u64,
    version: &'static str,
    parameters: usize,
    #[serde(flatten)]
    history: &'a History,
    ending: &'static str,
    evaluation: Option<&'a Evaluation>,
}

/// # Errors
/// Settings, device, data, training: each with its exit code.
pub fn run(args: &TrainArgs, quiet: bool) -> anyhow::Result<()> {
    let layers = args.layers()?;
    let config = cli::resolve(&layers)?;
    if let Some(out) = &args.out {
        RunFolder::check_free(out)?;
    }
    let interrupted = interrupt_flag();
    let device = open_device(&config.device)?;
    let dataset = dataset::load(&config.data, config.seed)?;
    let (train, valid) = split(&dataset, &config, &layers)?;

    let folder = RunFolder::create(args.out.as_deref(), &dataset.name, &device.info.kind)?;
    folder.write(SETTINGS, layers.to_toml().as_bytes())?;
    let description = Description {
        model: config.model.clone(),
        normalisation: Normalisation::measure(&train),
        class_names: dataset.class_names.clone(),
        dataset: dataset.name.clone(),
    };
    let mut observer =
        TrainingProgress::new(folder.clone(), config.training.epochs, interrupted, quiet);
    // Inside the pool, so that no kernel on the CPU first has to wake another thread.
    let trained = rayon::scope(|_| {
        pollster::block_on(train_on(
            &train,
            &valid,
            &description,
            &config,
            &device,
            &mut observer,
        ))
    });
    observer.finish();
    let trained = trained?;
    pollster::block_on(checkpoint::save(
        &folder.file(WEIGHTS),
        &trained.model,
        &description,
        &device,
    ))?;

    let evaluation = match trained.ending {
        Ending::Interrupted => None,
        _ => Some(evaluate_on(
            &dataset.test,
            &trained.model,
            &description,
            &config,
            &device,
        )?),
    };
    if let Some(evaluation) = &evaluation {
        folder.write_json(EVALUATION, evaluation)?;
    }
    let report = Report {
        run: folder.path().display().to_string(),
        dataset: &dataset.name,
        device: &device.info,
        kernels: config.training.kernels,
        seed: config.seed,
        version: env!("CARGO_PKG_VERSION"),
        parameters: config.model.parameter_count(),
        history: &trained.history,
        ending: match trained.ending {
            Ending::Finished => "finished",
            Ending::TargetReached => "target-reached",
            Ending::Interrupted => "interrupted",
        },
        evaluation: evaluation.as_ref(),
    };
    folder.write_json(RUN, &report)?;
    let Some(evaluation) = &evaluation else {
        return Err(Interrupted {
            saved: format!("the weights so far are in {}", folder.path().display()),
        }
        .into());
    };
    tracing::info!(
        "{} steps in {:.1} s of training, {:.0} images/s; run folder {}",
        trained.history.steps,
        trained.history.train_seconds,
        trained.history.images_per_second,
        folder.path().display()
    );
    cli::print(&match args.json {
        true => serde_json::to_string(&report)? + "\n",
        false => render(evaluation, Format::Text)?,
    })
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

async fn train_on(
    train: &Split,
    valid: &Split,
    description: &Description,
    config: &Config,
    device: &Device,
    observer: &mut TrainingProgress,
) -> anyhow::Result<Trained> {
    let (train, valid, model) = device.guard("preparing the training", || {
        let upload = |split| DeviceSplit::upload(split, description.normalisation, device);
        let values = initial_values(&config.model, config.seed);
        let model = Model::from_values(&config.model, values, &device.autodiff());
        (upload(train), upload(valid), model)
    })?;
    Ok(training::train(model, &train, &valid, config, device, observer).await?)
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
    let split = device.guard("evaluating", || {
        DeviceSplit::upload(pictures, description.normalisation, device)
    })?;
    let evaluation = pollster::block_on(evaluate(model, &split, config, device))?;
    Ok(evaluation.with_labels(&description.class_names))
}
