//! `gpu-mnist train`: trains a model and evaluates it on the test set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::progress::Watch;
use super::report::{REPORT, write_report};
use super::resume::Resumed;
use super::seeds::Series;
use super::training_run::{Run, show};
use super::{check, dataset, interrupt_flag, open_device, resume};
use crate::cli::{self, DataSetArgs, DeviceArgs, SettingsArgs, UsageError, value_name};
use crate::config::{Config, ConfigError, Kernels, Layers, Origin};
use crate::data::training_images::TrainingImages;
use crate::device::Device;
use crate::run_folder::{RUN, RunFolder, read_record};
use crate::seeds_record::SeedsRecord;
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
    /// Average class probabilities of the test pictures over all shifts by up to N pixels
    #[arg(long, value_name = "N")]
    shifts: Option<u32>,
    /// Train once with each of N seeds, from --seed up, and give means and deviations
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    #[arg(conflicts_with_all = ["vote", "resume"])]
    seeds: Option<u32>,
    /// Train N networks, as --seeds does, and also evaluate the mean of their class probabilities
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000))]
    #[arg(conflicts_with = "resume")]
    vote: Option<u32>,
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
    /// of its checkpoints; or with the runs of several seeds: the folder above theirs
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
            ("evaluation.shift", self.shifts, "--shifts"),
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
    let watch = Watch {
        interrupted: interrupt_flag(),
        quiet,
        brief: false,
    };
    let Some(path) = args.resume.as_deref() else {
        return start(args, watch);
    };
    match SeedsRecord::read(path)? {
        Some(record) => go_on_with_seeds(args, path, record, watch),
        None => go_on(args, &resume::open(path)?, &watch),
    }
}

/// A new run, or one for each of several seeds.
fn start(args: &TrainArgs, watch: Watch) -> anyhow::Result<()> {
    let mut layers = args.over(Layers::default())?;
    let mut config = cli::resolve(&layers)?;
    let series = match (args.seeds, args.vote) {
        (None, None) => None,
        (seeds, vote) => Some(Series::new(
            config.seed,
            vote.or(seeds).unwrap_or(1),
            vote.is_some(),
        )?),
    };
    if let Some(out) = &args.out {
        RunFolder::check_free(out)?;
    }
    let device = open_device(&config.device)?;
    let pictures = find_images(&mut layers, &mut config)?;
    check_kernels(&mut layers, &mut config, &device, &pictures)?;
    dataset::name_in(&mut layers, &config.data, &pictures)?;
    let kind = match &series {
        Some(series) => format!("{}-{}-seeds", device.info.kind, series.seeds.len()),
        None => device.info.kind.clone(),
    };
    let folder = RunFolder::create(args.out.as_deref(), &pictures.set.name, &kind)?;
    let _lock = folder.lock()?;
    let run = Run::new(folder, layers, config, device, pictures);
    if let Some(series) = series {
        let record = series.record(&run);
        return series.train(&run, record, watch, args.json);
    }
    let start = Snapshot::initial(&run.description.network(), run.config.seed);
    show(&run.train(start, &watch)?.record, args.json)
}

/// A run that stopped somewhere.
fn go_on(args: &TrainArgs, resumed: &Resumed, watch: &Watch) -> anyhow::Result<()> {
    let mut layers = args.over(resumed.layers()?)?;
    let mut config = cli::resolve(&layers)?;
    let changed = resumed.check(&layers)?;
    if let Some(record) = resumed.finished()
        && !changed
    {
        tracing::info!("{} has ended: this is its evaluation", record.run);
        if !resumed.folder.file(REPORT).is_file() {
            write_report(resumed.folder.path());
        }
        return match args.json {
            // As it was written: parsing could change the last digit of a number.
            true => cli::print(&read_record(&resumed.folder.file(RUN))?),
            false => show(&record, false),
        };
    }
    let device = open_device(&config.device)?;
    let pictures = find_images(&mut layers, &mut config)?;
    resumed.check_data(&pictures.set)?;
    check_kernels(&mut layers, &mut config, &device, &pictures)?;
    dataset::name_in(&mut layers, &config.data, &pictures)?;
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
    show(&run.train(start, watch)?.record, args.json)
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
    check_kernels(&mut layers, &mut config, &device, &pictures)?;
    let base = Run::new(folder, layers, config, device, pictures);
    series.train(&base, record, watch, args.json)
}

/// The images of the settings, divided; defaults that do not suit them give way.
fn find_images(layers: &mut Layers, config: &mut Config) -> anyhow::Result<TrainingImages> {
    let set = dataset::load(&config.data, config.seed)?;
    if let Some(remark) = TrainingImages::fit_defaults(&set, config, layers)? {
        tracing::info!("{remark}");
        *config = cli::resolve(layers)?;
    }
    let images = TrainingImages::divide(&set, config, layers)?;
    for remark in images.remarks() {
        tracing::warn!("{}: {remark}", images.set.name);
    }
    Ok(images)
}

/// Has the settings name the kernels that compute the network right on the device.
fn check_kernels(
    layers: &mut Layers,
    config: &mut Config,
    device: &Device,
    images: &TrainingImages,
) -> anyhow::Result<()> {
    let right = check::before_training(device, config, &images.network(config))?;
    if right != config.training.kernels {
        layers.set("training.kernels", value_name(right), Origin::Check)?;
        *config = cli::resolve(layers)?;
    }
    Ok(())
}
