//! `gpu-mnist evaluate`: confusion statistics of a trained model.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueHint};

use super::training_run::evaluate_on;
use super::{dataset, open_device, weights_of};
use crate::checkpoint;
use crate::cli::{self, DataSetArgs, DeviceArgs, SettingsArgs};
use crate::completion;
use crate::config::Origin;
use crate::evaluation::inference::classify;
use crate::report::predictions::predictions;
use crate::report::{Format, render};
use crate::run_folder::write_atomically;

/// Flags of `evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArgs {
    /// A run folder (runs/latest is the newest) or a model.safetensors
    #[arg(value_name = "RUN", add = completion::runs())]
    run: PathBuf,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    data: DataSetArgs,
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
    let weights = weights_of(&args.run)?;
    let device = open_device(&cli::resolve(&layers)?.device)?;
    let (model, description) = checkpoint::load(&weights, device.burn())?;
    if layers.origin("data.set") == Origin::Default {
        layers.set(
            "data.set",
            description.dataset.as_str(),
            Origin::File(weights),
        )?;
    }
    let config = cli::resolve(&layers)?;
    let dataset = dataset::load(&config.data, config.seed)?;
    let evaluation = evaluate_on(&dataset.test, &model, &description, &config, &device)?;
    if let Some(path) = &args.predictions {
        let normalisation = description.normalisation;
        let test = &dataset.test;
        let scores = pollster::block_on(classify(&model, test, normalisation, &config, &device))?;
        let text = predictions(&scores, &test.labels)?;
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
