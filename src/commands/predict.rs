//! `gpu-mnist predict`: classifies picture files.

use std::fmt::Write;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde::Serialize;
use serde_json::json;

use super::{open_device, weights_of};
use crate::checkpoint::{self, Description};
use crate::cli::{self, DeviceArgs, SettingsArgs};
use crate::completion;
use crate::config::Config;
use crate::data::Split;
use crate::data::synthetic::PIXELS;
use crate::device::{Device, guarded};
use crate::evaluation::inference::{self, Logits, softmax};
use crate::model::Model;
use crate::picture::{self, Framing, PictureError};
use crate::report::picture::{characters, half_blocks};
use crate::report::text::percent;

/// Classes shown of a picture.
const TOP: usize = 3;
/// Files classified at a time: the device is kept busy, and answers come soon.
const FILES_AT_A_TIME: usize = 64;

/// Flags of `predict`.
#[derive(Args, Debug)]
pub struct PredictArgs {
    /// PNG, JPEG, BMP, GIF or WebP pictures of one digit (or garment) each; - reads stdin
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// A run folder or a model.safetensors
    #[arg(long, value_name = "RUN", default_value = "runs/latest", add = completion::runs())]
    run: PathBuf,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// One JSON object a picture, a line each
    #[arg(long)]
    json: bool,
    /// Draw what the network saw
    #[arg(long, conflicts_with = "json")]
    show: bool,
}

/// One guess, the likeliest first.
#[derive(Serialize)]
struct Guess<'a> {
    class: usize,
    label: &'a str,
    probability: f64,
}

/// # Errors
/// Weights and device with their exit codes; 1 when some pictures could not be classified,
/// after all others were.
pub fn run(args: &PredictArgs) -> anyhow::Result<()> {
    let mut layers = args.settings.layers()?;
    args.device.apply(&mut layers)?;
    let config = cli::resolve(&layers)?;
    let weights = weights_of(&args.run)?;
    let device = open_device(&config.device)?;
    let (model, description) = checkpoint::load(&weights, device.burn())?;
    let framing = Framing::of(&description.set.name);
    let mut failed = 0;
    for files in args.files.chunks(FILES_AT_A_TIME) {
        let prepared: Vec<_> = files.iter().map(|file| prepare(file, framing)).collect();
        let sound: Vec<&[u8; PIXELS]> = prepared.iter().flatten().collect();
        let mut scores = classify(&sound, &model, &description, &config, &device)?.into_iter();
        for (file, prepared) in files.iter().zip(&prepared) {
            match prepared {
                Ok(pixels) => {
                    let scores = scores.next().expect("logits of every sound picture");
                    cli::print(&answer(file, pixels, &scores, &description, args))?;
                }
                Err(error) => {
                    failed += 1;
                    tracing::error!("{}: {error}", file.display());
                    if args.json {
                        let line =
                            json!({"file": file.to_string_lossy(), "error": error.to_string()});
                        cli::print(&format!("{line}\n"))?;
                    }
                }
            }
        }
    }
    anyhow::ensure!(
        failed == 0,
        "{failed} of {} pictures could not be classified; the lines above say why",
        args.files.len()
    );
    Ok(())
}

fn prepare(file: &Path, framing: Framing) -> Result<[u8; PIXELS], PictureError> {
    let bytes = read(file)?;
    // A decoder's panic is a fault of this one file.
    guarded(|| picture::prepare(&bytes, framing))
        .unwrap_or_else(|reason| Err(PictureError::Damaged(reason)))
}

/// Reads no more than a picture may have.
fn read(file: &Path) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    let limit = picture::MOST_BYTES + 1;
    let read = match file == Path::new("-") {
        true => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false => {
            std::fs::File::open(file).and_then(|open| open.take(limit).read_to_end(&mut bytes))
        }
    };
    read.map_err(PictureError::Read)?;
    Ok(bytes)
}

fn classify(
    pictures: &[&[u8; PIXELS]],
    model: &Model,
    description: &Description,
    config: &Config,
    device: &Device,
) -> anyhow::Result<Vec<Logits>> {
    if pictures.is_empty() {
        return Ok(Vec::new());
    }
    let split = Split {
        shape: description.set.shape,
        classes: description.set.class_names.len(),
        images: pictures
            .iter()
            .flat_map(|picture| picture.iter().copied())
            .collect(),
        labels: vec![0; pictures.len()],
    };
    let normalisation = description.normalisation;
    Ok(pollster::block_on(inference::classify(
        model,
        &split,
        normalisation,
        config,
        device,
    ))?)
}

fn answer(
    file: &Path,
    pixels: &[u8; PIXELS],
    scores: &[f32],
    description: &Description,
    args: &PredictArgs,
) -> String {
    let guesses = guesses(scores, &description.set.class_names);
    let best = &guesses[0];
    if args.json {
        let line = json!({
            "file": file.to_string_lossy(),
            "class": best.class,
            "label": best.label,
            "probability": best.probability,
            "top": guesses,
        });
        return format!("{line}\n");
    }
    let name = match file == Path::new("-") {
        true => "stdin".into(),
        false => file.display().to_string(),
    };
    let mut text = format!("{name}: {}", describe(best));
    let others: Vec<String> = guesses[1..].iter().map(describe).collect();
    let _ = writeln!(text, "  (then {})", others.join(", "));
    if args.show {
        let colour = std::io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        text.push_str(&match colour {
            true => half_blocks(pixels, description.set.shape),
            false => characters(pixels, description.set.shape),
        });
    }
    text
}

fn describe(guess: &Guess) -> String {
    format!("{} {}", guess.label, percent(Some(guess.probability)))
}

fn guesses<'a>(scores: &[f32], names: &'a [String]) -> Vec<Guess<'a>> {
    let mut guesses: Vec<Guess> = softmax(scores)
        .into_iter()
        .enumerate()
        .map(|(class, probability)| Guess {
            class,
            label: names.get(class).map_or("?", String::as_str),
            probability,
        })
        .collect();
    guesses.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    guesses.truncate(TOP);
    guesses
}
