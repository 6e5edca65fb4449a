//! `gpu-mnist export`: a run's network as safetensors or ONNX.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::args::ComputeArgs;
use super::completion;
use crate::device::opening::open_device;
use crate::exit::UsageError;
use crate::export::{Format, Options, Tested, export};
use crate::files::read_record;
use crate::model::Model;
use crate::runs::folder::RUN;
use crate::runs::record::RunRecord;
use crate::runs::weights;
use crate::runs::which::{named_or_newest, weights_of};
use crate::terminal::bars::Shown;
use crate::terminal::interrupt::end_on_interrupt;
use crate::terminal::print;
use crate::wording::count;

/// Flags of `export`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist export --format onnx                            the newest run
  gpu-mnist export runs/latest --format onnx --raw-input --out digits.onnx")]
pub struct ExportArgs {
    /// A run folder (of several seeds, the best is taken) or a model.safetensors [default: the
    /// newest run with weights]
    #[arg(value_name = "RUN", add = completion::runs())]
    run: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The file to write.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// The kind of file
    #[arg(long, value_enum)]
    format: Format,
    /// ONNX: take bytes (0 is background) and normalise them inside the graph
    #[arg(long)]
    raw_input: bool,
    /// The file to write, replaced if it is there [default: the run's name with .onnx, -raw.onnx or
    /// .safetensors, which must not be there yet]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
}

/// # Errors
/// Weights and device with their exit codes; 1 when the file cannot be written or disagrees.
pub fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let output = &args.output;
    if output.raw_input && output.format != Format::Onnx {
        let reason =
            "--raw-input: safetensors holds weights, no graph to normalise in: use --format onnx";
        return Err(UsageError(reason.into()).into());
    }
    let reads = ["device", "evaluation.batch_size"];
    args.compute.settings.only("export", &reads)?;
    let config = args.compute.config()?;
    let weights = weights_of(&named_or_newest(args.run.as_deref())?)?;
    let path = match &output.out {
        Some(path) => path.clone(),
        None => free(named_after(&weights, output))?,
    };
    end_on_interrupt();
    let device = open_device(&config.device)?;
    let (values, description) = weights::read(&weights)?;
    let network = description.network();
    let options = Options {
        format: output.format,
        raw_input: output.raw_input,
        tested: tested(&weights, &weights::weight_hash(&network, &values)),
    };
    let model = device.guard("loading the weights", || {
        Model::from_values(&network, values, &device)
    })?;
    let mark = Shown::mark("writing and comparing");
    let agreement = export(&path, options, &model, &description, &config, &device)?;
    drop(mark);
    tracing::info!(
        "read again: {} compared, logits within {:.1e}",
        count(agreement.images, "image"),
        agreement.largest_difference
    );
    print(&format!("{}\n", path.display()))
}

/// How the weights of that hash did on the test images, where the record beside the file says so.
fn tested(weights: &Path, sha256: &str) -> Option<Tested> {
    let text = read_record(&weights.parent()?.join(RUN)).ok()?;
    let record: RunRecord = serde_json::from_str(&text).ok()?;
    let evaluation = record.evaluation?;
    let plain = evaluation.test_time_augmentation.as_ref();
    (record.weights?.sha256 == sha256).then(|| Tested {
        accuracy: plain.map_or(evaluation.accuracy, |found| found.without.accuracy),
        images: evaluation.total,
    })
}

/// Refuses to replace what nobody named: it may be weights, or another kind of export.
fn free(path: PathBuf) -> Result<PathBuf, UsageError> {
    match path.exists() {
        false => Ok(path),
        true => Err(UsageError(format!(
            "{path} is there already: name the file with --out (--out {path} replaces it)",
            path = path.display()
        ))),
    }
}

/// The folder's own name where the path goes through a link such as `runs/latest`.
fn named_after(weights: &Path, output: &OutputArgs) -> PathBuf {
    let real = weights.canonicalize().unwrap_or_else(|_| weights.into());
    let name = real.parent().and_then(Path::file_name).map_or_else(
        || "model".into(),
        |name| name.to_string_lossy().into_owned(),
    );
    PathBuf::from(match (output.format, output.raw_input) {
        (Format::Safetensors, _) => format!("{name}.safetensors"),
        (Format::Onnx, false) => format!("{name}.onnx"),
        (Format::Onnx, true) => format!("{name}-raw.onnx"),
    })
}
