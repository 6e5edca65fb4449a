//! `gpu-mnist evaluate`: confusion statistics of a trained model.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueHint};

use super::bars::Shown;
use super::which_run::named_or_newest;
use super::{dataset, open_device, weights_of};
use crate::checkpoint::{self, Description};
use crate::cli::{self, DataSetArgs, DeviceArgs, SeedArgs, SettingsArgs, UsageError};
use crate::completion;
use crate::config::Origin;
use crate::evaluation::test_split::{Answers, answer};
use crate::model::Model;
use crate::report::closing::divergence;
use crate::report::look::Look;
use crate::report::predictions::predictions;
use crate::report::{Format, render};
use crate::run_folder::write_atomically;
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
    let mut layers = args.settings.layers()?;
    args.device.apply(&mut layers)?;
    args.seed.apply(&mut layers)?;
    args.data.apply(&mut layers)?;
    let output = &args.output;
    if let Some(shifts) = output.tta {
        layers.set("evaluation.shift", shifts, Origin::Flag("--tta"))?;
    }
    super::end_on_interrupt();
    let files = networks(&args.runs)?;
    let device = open_device(&cli::resolve(&layers)?.device)?;
    let load = |file: &PathBuf| checkpoint::load(file, device.burn());
    let networks = files.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let (_, first) = &networks[0];
    if layers.origin("data.set") == Origin::Default {
        same_data(&files, &networks)?;
        let origin = Origin::File(files[0].clone());
        layers.set("data.set", first.set.name.as_str(), origin)?;
    }
    let config = cli::resolve(&layers)?;
    let test = dataset::load(&config.data, config.seed)?.test;
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

fn same_data(files: &[PathBuf], networks: &[(Model, Description)]) -> Result<(), UsageError> {
    let first = &networks[0].1.set.name;
    let other = networks.iter().position(|(_, of)| of.set.name != *first);
    match other {
        None => Ok(()),
        Some(other) => Err(UsageError(format!(
            "{} was trained on {}, {} on {first}: say with --dataset which test images to evaluate the ensemble on",
            files[other].display(),
            networks[other].1.set.name,
            files[0].display(),
        ))),
    }
}
