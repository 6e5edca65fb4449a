//! `gpu-mnist evaluate`: confusion statistics of a trained model.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueHint};

use super::{dataset, open_device, weights_of};
use crate::checkpoint::{self, Description};
use crate::cli::{self, DataSetArgs, DeviceArgs, SettingsArgs, UsageError};
use crate::completion;
use crate::config::Origin;
use crate::evaluation::test_split::{Answers, answer};
use crate::model::Model;
use crate::report::predictions::predictions;
use crate::report::{Format, render};
use crate::run_folder::write_atomically;
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
    let mut layers = args.settings.layers()?;
    args.device.apply(&mut layers)?;
    args.data.apply(&mut layers)?;
    if let Some(shifts) = args.shifts {
        let origin = Origin::Flag("--shifts");
        layers.set("evaluation.shift", i64::from(shifts), origin)?;
    }
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
    for (model, description) in &networks {
        let asked = answer(model, description, &test, &config, &device);
        answers.push(pollster::block_on(asked)?);
    }
    let answers = Answers::vote(&answers);
    let evaluation = answers.evaluation(&test, &first.set.class_names);
    if let Some(manner) = evaluation.manner() {
        tracing::info!("evaluating by {manner}: no figure of a single network on plain pictures");
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

fn same_data(files: &[PathBuf], networks: &[(Model, Description)]) -> Result<(), UsageError> {
    let first = &networks[0].1.set.name;
    let other = networks.iter().position(|(_, of)| of.set.name != *first);
    match other {
        None => Ok(()),
        Some(other) => Err(UsageError(format!(
            "{} was trained on {}, {} on {first}: say with --dataset which test pictures they vote on",
            files[other].display(),
            networks[other].1.set.name,
            files[0].display(),
        ))),
    }
}
