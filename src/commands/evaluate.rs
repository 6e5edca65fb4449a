//! `gpu-mnist evaluate`: confusion statistics of a trained model.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueHint};

use super::{dataset, open_device, resume, weights_of};
use crate::checkpoint::{self, Description};
use crate::cli::{self, DataSetArgs, DeviceArgs, SettingsArgs};
use crate::completion;
use crate::config::{Layers, Origin};
use crate::data::image_set::SetDescription;
use crate::evaluation::test_split::{Answers, answer};
use crate::model::Model;
use crate::report::predictions::predictions;
use crate::report::{Format, render};
use crate::run_folder::{SETTINGS, write_atomically};
use crate::seeds_record::SeedsRecord;

/// Flags of `evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArgs {
    /// A run folder (runs/latest is the newest) or a model.safetensors; several, or a folder of
    /// `train --seeds` or `--vote`, vote: the mean of their class probabilities is evaluated
    #[arg(value_name = "RUN", required = true, add = completion::runs())]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    data: DataSetArgs,
    /// Average class probabilities over all shifts by up to N pixels (test-time augmentation)
    #[arg(long, value_name = "N")]
    shifts: Option<u32>,
    /// Evaluate on images with other classes than the network's, as many of them, all the same
    #[arg(long)]
    other_images: bool,
    /// How to print the statistics
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Also write every picture's verdict and logits to this CSV file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    predictions: Option<PathBuf>,
}

/// # Errors
/// Settings, device, data, weights: each with its exit code.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    let files = networks(&args.runs)?;
    let mut layers = args.settings.over(settings_of(&files[0])?)?;
    args.device.apply(&mut layers)?;
    args.data.apply(&mut layers)?;
    if let Some(shifts) = args.shifts {
        let origin = Origin::Flag("--shifts");
        layers.set("evaluation.shift", i64::from(shifts), origin)?;
    }
    let device = open_device(&cli::resolve(&layers)?.device)?;
    let load = |file: &PathBuf| checkpoint::load(file, device.burn());
    let networks = files.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let (_, first) = &networks[0];
    let named = is_named(&layers);
    same_images(&files, &networks, named)?;
    if layers.origin("data.set") == Origin::Default {
        let origin = Origin::File(files[0].clone());
        layers.set("data.set", first.set.name.as_str(), origin)?;
    }
    let config = cli::resolve(&layers)?;
    let set = dataset::load(&config.data, config.seed).map_err(|error| match named {
        true => error,
        false => error.context(format!(
            "{}: the images it was trained on are not where they were; name them with --dataset or --data-dir",
            files[0].display()
        )),
    })?;
    suits(&files[0], first, &set.description, named, args.other_images)?;
    let test = set.test;
    let mut answers = Vec::new();
    for (model, description) in &networks {
        let asked = answer(model, description, &test, &config, &device);
        answers.push(pollster::block_on(asked)?);
    }
    let answers = Answers::vote(&answers);
    let evaluation = answers.evaluation(&test, &first.set.class_names);
    if let Some(manner) = evaluation.manner() {
        tracing::info!("evaluating by {manner}: no figure of a single network on plain images");
    }
    if let Some(path) = &args.predictions {
        let text = predictions(&answers, &test)?;
        write_atomically(path, &text).with_context(|| {
            format!(
                "--predictions {}: could not be written; name another file",
                path.display()
            )
        })?;
    }
    let format = if args.json { Format::Json } else { args.format };
    cli::print(&render(&evaluation, format)?)
}

/// The settings that say what a run was evaluated on and how, over the defaults: its data, the seed
/// that built-in digits follow from, and test-time augmentation. Weights without a run have none.
fn settings_of(weights: &Path) -> anyhow::Result<Layers> {
    let mut layers = Layers::default();
    let file = weights.with_file_name(SETTINGS);
    if !file.is_file() {
        return Ok(layers);
    }
    for entry in resume::settings(&file)?.entries() {
        let key = entry.key.as_str();
        let wanted = key == "seed"
            || ["data.", "evaluation."]
                .iter()
                .any(|of| key.starts_with(of));
        if wanted && entry.origin != Origin::Default {
            layers.set(key, entry.value, entry.origin)?;
        }
    }
    Ok(layers)
}

/// Whether the images were named on the command line or in the environment, not by the run.
fn is_named(layers: &Layers) -> bool {
    ["data.set", "data.folder"]
        .iter()
        .any(|key| !matches!(layers.origin(key), Origin::Default | Origin::File(_)))
}

/// Images that a network can say nothing about, or other ones than it should be asked about.
#[derive(thiserror::Error, Debug)]
#[error("{}: {reason}", file.display())]
pub struct OtherImages {
    file: PathBuf,
    reason: String,
}

/// Whether `found` is what the network should be evaluated on: the images it was trained on, or
/// others of the same shape and classes that were named.
fn suits(
    file: &Path,
    network: &Description,
    found: &SetDescription,
    named: bool,
    anyway: bool,
) -> Result<(), OtherImages> {
    let refused = |reason| {
        Err(OtherImages {
            file: file.into(),
            reason,
        })
    };
    let before = &network.set;
    let countable =
        before.shape == found.shape && before.class_names.len() == found.class_names.len();
    match before.other_classes(found) {
        Some(difference) if countable && anyway => {
            tracing::warn!("evaluating on {} all the same: {difference}", found.name);
        }
        Some(difference) if countable => {
            return refused(format!(
                "it cannot be evaluated on {}: {difference}; --other-images does it all the same, class by class in their order",
                found.name
            ));
        }
        Some(difference) => {
            return refused(format!(
                "it cannot be evaluated on {}: {difference}; name images like those it was trained on with --dataset",
                found.name
            ));
        }
        None => {}
    }
    match before.difference(found) {
        Some(difference) if named || anyway => {
            tracing::info!(
                "evaluating on {}, not on the images it was trained on: {difference}",
                found.name
            );
            Ok(())
        }
        Some(difference) => refused(format!(
            "what lies where its images were is another set: {difference}; name its images with --dataset or --data-dir"
        )),
        None => Ok(()),
    }
}

/// The weights that the arguments name; a folder of several runs stands for those that ended.
fn networks(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for run in named {
        match SeedsRecord::read(run)? {
            Some(record) => {
                for folder in record.folders(run)? {
                    files.push(weights_of(&folder)?);
                }
            }
            None => files.push(weights_of(run)?),
        }
    }
    Ok(files)
}

/// Whether several networks can be put together: the same shape and classes, and the same images
/// unless others are named.
fn same_images(
    files: &[PathBuf],
    networks: &[(Model, Description)],
    named: bool,
) -> Result<(), OtherImages> {
    let first = &networks[0].1.set;
    for (file, (_, other)) in files.iter().zip(networks) {
        let difference = match named {
            true => first.other_classes(&other.set),
            false => first.difference(&other.set),
        };
        if let Some(difference) = difference {
            return Err(OtherImages {
                file: file.clone(),
                reason: format!(
                    "it was trained on {}, {} on {}, so they cannot be put together: {difference}",
                    other.set.name,
                    files[0].display(),
                    first.name
                ),
            });
        }
    }
    Ok(())
}
