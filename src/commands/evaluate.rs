//! `gpu-mnist evaluate`: confusion statistics of a trained model.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueHint};

use super::bars::Shown;
use super::which_run::named_or_newest;
use super::{dataset, open_device, resume, weights_of};
use crate::checkpoint::{self, Description};
use crate::cli::{self, DataSetArgs, DeviceArgs, SeedArgs, SettingsArgs};
use crate::completion;
use crate::config::{Layers, Origin};
use crate::data::image_set::SetDescription;
use crate::evaluation::test_split::{Answers, answer};
use crate::model::Model;
use crate::report::closing::divergence;
use crate::report::look::Look;
use crate::report::predictions::predictions;
use crate::report::{Format, render};
use crate::run_folder::{SETTINGS, write_atomically};
use crate::seeds_record::SeedsRecord;

/// Flags of `evaluate`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist evaluate                                   the newest run
  gpu-mnist evaluate runs/latest --format csv > a.csv  a line a class
  gpu-mnist evaluate RUN RUN RUN --tta 1               an ensemble, with test-time augmentation")]
pub struct EvaluateArgs {
    /// A run folder or a model.safetensors; several, or a folder of `train --seeds` or --ensemble,
    /// are an ensemble: the mean of their class probabilities is evaluated [default: the newest
    /// run with weights]
    #[arg(value_name = "RUN", add = completion::runs())]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    data: DataSetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is evaluated how, and where it goes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Test-time augmentation: average the class probabilities over all shifts by up to N pixels
    /// [default: 0]
    #[arg(
        long,
        alias = "shifts",
        value_name = "N",
        allow_negative_numbers = true
    )]
    #[arg(help_heading = "Data")]
    tta: Option<i64>,
    /// Evaluate on images with other classes than the network's, as many of them, all the same
    #[arg(long, help_heading = "Data")]
    other_images: bool,
    /// How to print the statistics
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// As text, print every class and the whole confusion matrix, however many
    #[arg(long)]
    details: bool,
    /// Also write every image's verdict and logits to this CSV file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    predictions: Option<PathBuf>,
}

/// # Errors
/// Settings, device, data, weights: each with its exit code.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    let files = networks(&args.runs)?;
    let mut layers = args.settings.over(settings_of(&files[0])?)?;
    args.device.apply(&mut layers)?;
    args.seed.apply(&mut layers)?;
    args.data.apply(&mut layers)?;
    let output = &args.output;
    if let Some(shifts) = output.tta {
        layers.set("evaluation.shift", shifts, Origin::Flag("--tta"))?;
    }
    super::end_on_interrupt();
    let device = open_device(&cli::resolve(&layers)?.device)?;
    let load = |file: &PathBuf| checkpoint::load(file, &device);
    let networks = files.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let (_, first) = &networks[0];
    dataset::follow(&mut layers)?;
    let named = dataset::is_named(&layers);
    same_images(&files, &networks, named)?;
    if layers.origin("data.set") == Origin::Default {
        let origin = Origin::File(files[0].clone());
        layers.set("data.set", first.set.name.as_str(), origin)?;
    }
    dataset::check_folder(&layers)?;
    let config = cli::resolve(&layers)?;
    let set = dataset::load(&config.data, config.seed).map_err(|error| match named {
        true => error,
        false => error.context(format!(
            "{}: the images it was trained on are not where they were; name them with --dataset or --data-dir",
            files[0].display()
        )),
    })?;
    suits(
        &files[0],
        first,
        &set.description,
        named,
        output.other_images,
    )?;
    let test = set.test;
    let mut answers = Vec::new();
    for (place, (model, description)) in networks.iter().enumerate() {
        let _mark = Shown::mark(match networks.len() {
            1 => "evaluating".into(),
            all => format!("evaluating network {} of {all}", place + 1),
        });
        let asked = answer(model, description, &test, &config, &device);
        answers.push(pollster::block_on(asked)?);
    }
    let answers = Answers::vote(&answers);
    let evaluation = answers.evaluation(&test, &first.set.class_names);
    if let Some(manner) = evaluation.manner() {
        tracing::info!("evaluating by {manner}: no figure of a single network on plain images");
    }
    if let Some(path) = &output.predictions {
        let text = predictions(&answers, &test)?;
        write_atomically(path, &text).with_context(|| {
            format!(
                "--predictions {}: could not be written; name another file",
                path.display()
            )
        })?;
    }
    let format = if output.json {
        Format::Json
    } else {
        output.format
    };
    if let Some(remark) = divergence(&evaluation) {
        tracing::warn!("{remark}: this network has learnt nothing of these images");
    }
    let look = Look::of_stdout(output.details);
    cli::print(&render(&evaluation, format, &look)?)
}

/// The settings that say what a run was evaluated on and how, over the defaults: its data, the seed
/// that built-in digits follow from, and test-time augmentation. Weights without a run have none.
pub(super) fn settings_of(weights: &Path) -> anyhow::Result<Layers> {
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

/// Images that a network can say nothing about, or other ones than it should be asked about.
#[derive(thiserror::Error, Debug)]
#[error("{}: {reason}", file.display())]
pub struct OtherImages {
    file: PathBuf,
    reason: String,
}

/// Whether `found` is what the network should be evaluated on: the images it was trained on, or
/// others of the same shape and classes that were named.
pub(super) fn suits(
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
    let newest = || named_or_newest(None).map(|run| vec![run]);
    let named = match named {
        [] => newest()?,
        named => named.to_vec(),
    };
    for run in &named {
        match SeedsRecord::read(run)? {
            Some(record) => {
                tracing::info!(
                    "{}: an ensemble of its {} runs",
                    run.display(),
                    record.runs.len()
                );
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
