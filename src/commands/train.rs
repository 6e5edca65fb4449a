//! `gpu-mnist train`: trains a model and evaluates it on the test set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueHint};

use super::dataset::{self, Found};
use super::progress::Watch;
use super::report::{REPORT, write_report};
use super::resume::Resumed;
use super::seeds::Series;
use super::training_run::{Run, Shown, show};
use super::{check, interrupt_flag, open_device, resume, which_run};
use crate::cli::{
    self, DataSetArgs, DeviceArgs, FormatArgs, SeedArgs, SettingsArgs, UsageError, value_name,
};
use crate::completion;
use crate::config::{Config, ConfigError, Layers, Origin};
use crate::data::DataError;
use crate::data::training_images::TrainingImages;
use crate::device::Device;
use crate::kernels::Kernels;
use crate::report::look::Look;
use crate::run_folder::{RUN, RunFolder, read_record};
use crate::seeds_record::SeedsRecord;
use crate::training::state::Snapshot;

/// Flags of `train`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist train                                    the default recipe, on what there is
  gpu-mnist train --config fast --dataset mnist      99 % of MNIST in the least time
  gpu-mnist train --dataset ./my-images --epochs 5   a folder of your own
  gpu-mnist train --ensemble 5                       five networks, and what they say together
  gpu-mnist train --resume                           goes on with the newest run")]
pub struct TrainArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    kernels: KernelArgs,
    #[command(flatten)]
    data: DataSetArgs,
    /// Train on N images only, each class in proportion [default: all]
    #[arg(
        long,
        value_name = "N",
        help_heading = "Data",
        allow_negative_numbers = true
    )]
    train_limit: Option<i64>,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Whose operations compute, and whether they are checked.
#[derive(Args, Debug)]
#[command(next_help_heading = "Device")]
struct KernelArgs {
    /// Whose operations compute the network [default: fused]
    #[arg(long, value_enum)]
    kernels: Option<Kernels>,
    /// Do not check the numbers of an adapter that was never trained on
    #[arg(long)]
    no_check: bool,
}

/// How to train.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training")]
struct TrainingArgs {
    /// Passes over the training images [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    epochs: Option<i64>,
    /// Images in a step [default: 256]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    batch_size: Option<i64>,
    /// The highest learning rate of the schedule [default: 0.01]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// Stop after the epoch that reaches this validation accuracy (0.99 = 99 %) [default: never]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    target_accuracy: Option<f64>,
    /// Stop once training has taken so many seconds in all [default: never]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    max_seconds: Option<f64>,
    /// Test-time augmentation: average the class probabilities of the test images over all shifts
    /// by up to N pixels [default: 0]
    #[arg(
        long,
        alias = "shifts",
        value_name = "N",
        allow_negative_numbers = true
    )]
    tta: Option<i64>,
    /// Train once with each of N seeds, from --seed up, and give means and deviations
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    #[arg(conflicts_with_all = ["ensemble", "resume"], allow_negative_numbers = true)]
    seeds: Option<u32>,
    /// Train N networks, as --seeds does, and also evaluate the mean of their class probabilities
    #[arg(long, alias = "vote", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(2..=10_000))]
    #[arg(conflicts_with = "resume", allow_negative_numbers = true)]
    ensemble: Option<u32>,
    /// Go on with a run that was interrupted or killed, or train one further: its folder, one of
    /// its checkpoints, or the folder above the runs of several seeds [default: the newest run]
    #[arg(long, value_name = "RUN", conflicts_with = "out", add = completion::runs())]
    resume: Option<Option<PathBuf>>,
}

/// What a run leaves and prints.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// A new folder for the run [default: runs/TIME-DATASET-DEVICE]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Write TensorBoard event files into the run folder
    #[arg(long)]
    tensorboard: bool,
    /// Print all that there is: every class, the whole confusion matrix, the timings
    #[arg(long)]
    details: bool,
    #[command(flatten)]
    format: FormatArgs,
}

impl OutputArgs {
    fn shown(&self) -> Shown {
        match self.format.json() {
            true => Shown::Json,
            false => Shown::Text(Look::of_stdout(self.details)),
        }
    }
}

impl TrainArgs {
    /// What the command line says, over `layers`.
    fn over(&self, layers: Layers) -> Result<Layers, ConfigError> {
        let mut layers = self.settings.over(layers)?;
        self.seed.apply(&mut layers)?;
        self.device.apply(&mut layers)?;
        self.data.apply(&mut layers)?;
        let training = &self.training;
        let counts = [
            ("training.epochs", training.epochs, "--epochs"),
            ("training.batch_size", training.batch_size, "--batch-size"),
            ("data.train_limit", self.train_limit, "--train-limit"),
            ("evaluation.shift", training.tta, "--tta"),
        ];
        for (key, value, flag) in counts {
            if let Some(value) = value {
                layers.set(key, value, Origin::Flag(flag))?;
            }
        }
        let numbers = [
            (
                "training.learning_rate",
                training.learning_rate,
                "--learning-rate",
            ),
            (
                "training.target_accuracy",
                training.target_accuracy,
                "--target-accuracy",
            ),
            (
                "training.max_seconds",
                training.max_seconds,
                "--max-seconds",
            ),
        ];
        for (key, value, flag) in numbers {
            if let Some(value) = value {
                layers.set(key, value, Origin::Flag(flag))?;
            }
        }
        if self.output.tensorboard {
            let origin = Origin::Flag("--tensorboard");
            layers.set("training.tensorboard", true, origin)?;
        }
        if let Some(kernels) = self.kernels.kernels {
            layers.set(
                "device.kernels",
                value_name(kernels),
                Origin::Flag("--kernels"),
            )?;
        }
        if self.kernels.no_check {
            layers.set("device.check", false, Origin::Flag("--no-check"))?;
        }
        Ok(layers)
    }
}

/// # Errors
/// Settings, device, data, training: each with its exit code.
pub fn run(args: &TrainArgs, quiet: bool) -> anyhow::Result<()> {
    let watch = Watch {
        interrupted: interrupt_flag(),
        quiet,
        place: None,
    };
    let path = match &args.training.resume {
        None => return start(args, watch),
        Some(None) => which_run::newest_started()?,
        Some(Some(named)) => named.clone(),
    };
    match SeedsRecord::read(&path)? {
        Some(record) => go_on_with_seeds(args, &path, record, watch),
        None => go_on(args, &resume::open(&path)?, &watch),
    }
}

/// A new run, or one for each of several seeds.
fn start(args: &TrainArgs, watch: Watch) -> anyhow::Result<()> {
    let mut layers = args.over(Layers::default())?;
    let mut config = cli::resolve(&layers)?;
    let series = match (args.training.seeds, args.training.ensemble) {
        (None, None) => None,
        (seeds, vote) => Some(Series::new(
            config.seed,
            vote.or(seeds).unwrap_or(1),
            vote.is_some(),
        )?),
    };
    if let Some(out) = &args.output.out {
        RunFolder::check_free(out)?;
    }
    let device = open_device(&config.device)?;
    let pictures = find_images(&mut layers, &mut config)?;
    let device = check_kernels(&mut layers, &mut config, device, &pictures)?;
    dataset::name_in(&mut layers, &config.data, &pictures.set.name)?;
    let kind = match &series {
        Some(series) => format!("{}-{}-seeds", device.info.kind, series.seeds.len()),
        None => device.info.kind.clone(),
    };
    let folder = RunFolder::create(args.output.out.as_deref(), &pictures.set.name, &kind)?;
    let _lock = folder.lock()?;
    let run = Run::new(folder, layers, config, device, pictures);
    if let Some(series) = series {
        let record = series.record(&run);
        return series.train(&run, record, watch, args.output.shown());
    }
    let start = Snapshot::initial(&run.description.network(), run.config.seed);
    show(&run.train(start, &watch)?.record, args.output.shown())
}

/// A run that stopped somewhere.
fn go_on(args: &TrainArgs, resumed: &Resumed, watch: &Watch) -> anyhow::Result<()> {
    let mut layers = args.over(resumed.layers()?)?;
    dataset::follow(&mut layers)?;
    let mut config = cli::resolve(&layers)?;
    let changed = resumed.check(&layers)?;
    if let Some(record) = resumed.finished()
        && !changed
    {
        // What is named is used or refused, even where nothing is left to train on it.
        if dataset::is_named(&layers) {
            resumed.check_data(&find_images(&mut layers, &mut config)?.set)?;
        }
        tracing::info!("{} has ended: this is its evaluation", record.run);
        if !resumed.folder.file(REPORT).is_file() {
            write_report(resumed.folder.path());
        }
        return match args.output.shown() {
            // As it was written: parsing could change the last digit of a number.
            Shown::Json => cli::print(&read_record(&resumed.folder.file(RUN))?),
            text => show(&record, text),
        };
    }
    if changed {
        resumed.check_left(&layers, &config)?;
        resumed.say_schedule(&config);
    }
    let device = open_device(&config.device)?;
    let pictures = find_images(&mut layers, &mut config).map_err(|error| {
        match (error.is::<DataError>() && !dataset::is_named(&layers), resumed.found_in()) {
            (true, Some(place)) => error.context(format!(
                "--resume {}: its images were found in {place}; if they have moved, name their new place with --dataset or --data-dir",
                resumed.folder.path().display()
            )),
            _ => error,
        }
    })?;
    resumed.check_data(&pictures.set)?;
    let device = check_kernels(&mut layers, &mut config, device, &pictures)?;
    dataset::name_in(&mut layers, &config.data, &pictures.set.name)?;
    let description = pictures.describe(&config);
    let (start, description) = resumed.standing(&config, &device, description);
    let run = Run {
        folder: resumed.folder.clone(),
        layers,
        config,
        device,
        pictures: Arc::new(pictures),
        description,
    };
    show(&run.train(start, watch)?.record, args.output.shown())
}

/// Runs of several seeds that stopped somewhere.
fn go_on_with_seeds(
    args: &TrainArgs,
    path: &Path,
    mut record: SeedsRecord,
    watch: Watch,
) -> anyhow::Result<()> {
    let folder = RunFolder::open_several(path)?;
    // It may have been moved.
    record.folder = folder.path().display().to_string();
    let _lock = folder.lock()?;
    let series = Series::of(&record);
    let before = series.settings(&folder)?;
    let mut layers = args.over(before.clone())?;
    let changes = resume::changes(&before, &layers);
    if !changes.is_empty() {
        let changes: String = changes.iter().map(ToString::to_string).collect();
        return Err(UsageError(format!(
            "--resume {}: runs of several seeds have the same settings, and these differ:\n{changes}leave them as the runs have them, or start new ones",
            path.display()
        ))
        .into());
    }
    let mut config = cli::resolve(&layers)?;
    let device = open_device(&config.device)?;
    let pictures = find_images(&mut layers, &mut config)?;
    series.check_data(&folder, &pictures.set)?;
    let device = check_kernels(&mut layers, &mut config, device, &pictures)?;
    let base = Run::new(folder, layers, config, device, pictures);
    series.train(&base, record, watch, args.output.shown())
}

/// The images of the settings, divided; defaults that do not suit them give way.
fn find_images(layers: &mut Layers, config: &mut Config) -> anyhow::Result<TrainingImages> {
    dataset::check_folder(layers)?;
    let Found { set, place } = dataset::find(&config.data, config.seed)?;
    if let Some(remark) = TrainingImages::fit_defaults(&set, config, layers)? {
        tracing::info!("{remark}");
        *config = cli::resolve(layers)?;
    }
    let images = TrainingImages {
        found_in: place.to_string(),
        ..TrainingImages::divide(&set, config, layers)?
    };
    for remark in images.remarks() {
        tracing::warn!("{}: {remark}", images.set.name);
    }
    Ok(images)
}

/// The device with the kernels that compute the network right on it; the settings then name them.
fn check_kernels(
    layers: &mut Layers,
    config: &mut Config,
    device: Device,
    images: &TrainingImages,
) -> anyhow::Result<Device> {
    let device = check::before_training(device, config, &images.network(config))?;
    if device.kernels() != config.device.kernels {
        let kernels = value_name(device.kernels());
        layers.set("device.kernels", kernels, Origin::Check)?;
        *config = cli::resolve(layers)?;
    }
    Ok(device)
}
