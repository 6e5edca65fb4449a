//! `gpu-mnist export`: a run's network as safetensors or ONNX.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::{open_device, weights_of};
use crate::checkpoint;
use crate::cli::{self, DeviceArgs, SettingsArgs, UsageError};
use crate::completion;
use crate::export::{Format, Options, export};

/// Flags of `export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// A run folder (runs/latest is the newest) or a model.safetensors
    #[arg(value_name = "RUN", add = completion::runs())]
    run: PathBuf,
    /// The kind of file
    #[arg(long, value_enum)]
    format: Format,
    /// ONNX: take bytes (0 is background) and normalise them inside the graph
    #[arg(long)]
    raw_input: bool,
    /// The file to write [default: the run's name with .onnx or .safetensors]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// # Errors
/// Weights and device with their exit codes; 1 when the file cannot be written or disagrees.
pub fn run(args: &ExportArgs) -> anyhow::Result<()> {
    if args.raw_input && args.format != Format::Onnx {
        let reason =
            "--raw-input: safetensors holds weights, no graph to normalise in: use --format onnx";
        return Err(UsageError(reason.into()).into());
    }
    let mut layers = args.settings.layers()?;
    args.device.apply(&mut layers)?;
    let config = cli::resolve(&layers)?;
    let weights = weights_of(&args.run)?;
    let device = open_device(&config.device)?;
    let (model, description) = checkpoint::load(&weights, device.burn())?;
    let path = match &args.out {
        Some(path) => path.clone(),
        None => named_after(&weights, args.format),
    };
    let options = Options {
        format: args.format,
        raw_input: args.raw_input,
    };
    let agreement = export(&path, options, &model, &description, &config, &device)?;
    tracing::info!(
        "read again: {} pictures agree, logits within {:.1e}",
        agreement.pictures,
        agreement.largest_difference
    );
    cli::print(&format!("{}\n", path.display()))
}

/// The folder's own name where the path goes through a link such as `runs/latest`.
fn named_after(weights: &Path, format: Format) -> PathBuf {
    let real = weights.canonicalize().unwrap_or_else(|_| weights.into());
    let name = real.parent().and_then(Path::file_name).map_or_else(
        || "model".into(),
        |name| name.to_string_lossy().into_owned(),
    );
    PathBuf::from(match format {
        Format::Safetensors => format!("{name}.safetensors"),
        Format::Onnx => format!("{name}.onnx"),
    })
}
