//! `gpu-mnist predict`: reads image files.

mod files;
mod rows;

use std::fmt::Write;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};
use serde::Serialize;
use serde_json::json;

use super::args::ComputeArgs;
use super::completion;
use crate::device::guarded;
use crate::device::opening::open_device;
use crate::evaluation::reading;
use crate::evaluation::unsure::{LEAST_IMAGES, THRESHOLD};
use crate::exit::{Code, Exit};
use crate::picture::{self, Bounds, Count, Drawing, PictureError, Target};
use crate::report::look::Look;
use crate::report::picture::{boxes, characters, half_blocks};
use crate::report::text::{percent, wrapped};
use crate::runs::built_in;
use crate::runs::folder::{RUNS, RunFolder, RunFolderError};
use crate::runs::weights::{self, Description};
use crate::runs::which::{named_or_newest, unfinished_run, weights_of};
use crate::terminal::bars::Shown;
use crate::terminal::{print, quoted};
use crate::wording;

/// Classes shown of a drawing.
const TOP: usize = 3;
/// Files classified at a time: the device is kept busy, and answers come soon.
const FILES_AT_A_TIME: usize = 64;

/// Flags of `predict`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist predict digit.png                   with the newest run
  gpu-mnist predict --show *.png                and what the network saw
  gpu-mnist predict --csv photos > answers.csv  a folder, as a table
  gpu-mnist predict --run RUN --json - < a.png  from stdin, with a run of yours")]
pub struct PredictArgs {
    /// PNG, JPEG, BMP, GIF or WebP images, or folders with images in them or below; - reads stdin
    #[arg(value_name = "FILE|DIR", required = true, value_hint = ValueHint::AnyPath)]
    files: Vec<PathBuf>,
    /// A run folder (of several seeds, the best is taken) or a model.safetensors [default: the
    /// newest run with weights, or a built-in network for handwritten digits]
    #[arg(long, value_name = "RUN", add = completion::runs(), help_heading = "Data")]
    run: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArgs,
    /// How to print the answers
    #[arg(long, value_enum, conflicts_with_all = ["json", "csv"], help_heading = "Output")]
    format: Option<AnswerFormat>,
    /// The same as --format json
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// The same as --format csv
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    csv: bool,
    /// Draw what the network saw, and where in the image it was
    #[arg(long, conflicts_with_all = ["json", "csv", "format"], help_heading = "Output")]
    show: bool,
    /// All marks of an image are one drawing, however far apart
    #[arg(long, help_heading = "Data")]
    single: bool,
    /// Answers with a score above this are unsure; by default 1, which 19 in 20 images of the
    /// network's own set stay below. inf: none is
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true, value_parser = score, help_heading = "Output")]
    threshold: Option<f32>,
}

/// The formats of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AnswerFormat {
    /// A line an image [default]
    Text,
    /// One JSON object an image, a line each
    Json,
    /// A table with a line an answer: file, class, probability, whether it is unsure
    Csv,
}

/// One guess, the likeliest first.
#[derive(Serialize)]
struct Guess<'a> {
    class: usize,
    label: &'a str,
    probability: f64,
}

/// What is read of one drawing.
struct Reading<'a> {
    bounds: Bounds,
    picture: (u32, u32),
    image: &'a [u8],
    guesses: Vec<Guess<'a>>,
    probabilities: Vec<f64>,
    /// How unfamiliar it looks; `None` where the weights do not tell.
    score: Option<f32>,
    unsure: bool,
}

/// A number that scores can be compared with.
fn score(text: &str) -> Result<f32, String> {
    let number = text.parse::<f32>().ok().filter(|number| !number.is_nan());
    number.ok_or_else(|| "must be a number, such as 1.5, or inf".into())
}

/// Some images hold what the network does not know.
#[derive(thiserror::Error, Debug)]
#[error(
    "{unsure} of {} {} something that looks like none of the classes; {} (--threshold says what counts)",
    wording::count(*files, "image"),
    if *unsure == 1 { "holds" } else { "hold" },
    if *unsure == 1 { "the answer for it is a guess" } else { "the answers for them are guesses" }
)]
pub struct Unsure {
    unsure: usize,
    files: usize,
}

/// Some images could not be read.
#[derive(thiserror::Error, Debug)]
#[error("{failed} of {} could not be read; the lines above say why", wording::count(*files, "image"))]
pub struct Unread {
    failed: usize,
    files: usize,
}

/// # Errors
/// Weights and device with their exit codes; [`Unread`] when some images could not be read, and
/// [`Unsure`] when some answers are, after all images were looked at.
pub fn run(args: &PredictArgs) -> anyhow::Result<()> {
    let reads = ["device", "evaluation.batch_size"];
    args.compute.settings.only("predict", &reads)?;
    let config = args.compute.config()?;
    let as_json = args.json || args.format == Some(AnswerFormat::Json);
    let as_csv = args.csv || args.format == Some(AnswerFormat::Csv);
    let all = files::files(&args.files)?;
    let weights = weights_of_run(args.run.as_deref())?;
    let device = open_device(&config.device)?;
    let (model, description) = match &weights {
        Some(weights) => weights::load(weights, &device)?,
        None => built_in::digits(&device)?,
    };
    let (target, names) = (description.set.target(), &description.set.class_names);
    let threshold = args.threshold.unwrap_or(THRESHOLD);
    if description.familiarity.is_none() {
        tracing::warn!("{}", knows_nothing_strange(weights.as_deref()));
    }
    let count = match args.single {
        true => Count::One,
        false => Count::Any,
    };
    if as_csv {
        print(&rows::header())?;
    }
    let (mut failed, mut unsure) = (0, 0);
    // On a terminal the answers themselves say how far it is.
    let quiet = !std::io::stdout().is_terminal();
    let bar = quiet.then(|| Shown::bar("reading images")).flatten();
    let mut done = 0;
    for files in all.chunks(FILES_AT_A_TIME) {
        if let Some(bar) = &bar {
            bar.set(done, all.len(), 0);
        }
        done += files.len();
        let prepared: Vec<_> = files
            .iter()
            .map(|file| prepare(file, &target, count))
            .collect();
        let drawings = prepared.iter().flatten().flatten();
        let drawings: Vec<&[u8]> = drawings.map(|drawing| &drawing.pixels[..]).collect();
        let read = reading::read(&drawings, &model, &description, &config, &device);
        let mut answers = pollster::block_on(read)?.into_iter();
        for (file, prepared) in files.iter().zip(&prepared) {
            match prepared {
                Ok(drawings) => {
                    let read = |drawing| {
                        let answer = answers.next().expect("an answer to every drawing");
                        reading(drawing, answer, names, threshold)
                    };
                    let readings: Vec<Reading> = drawings.iter().map(read).collect();
                    unsure += usize::from(readings.iter().any(|reading| reading.unsure));
                    print(&match (as_json, as_csv) {
                        (true, _) => json_line(file, &readings, threshold),
                        (_, true) => rows::of_readings(file, &readings)?,
                        _ => text(file, &readings, &description, args.show),
                    })?;
                }
                Err(error) => {
                    failed += 1;
                    tracing::error!("{}: {error}", name(file));
                    if as_json {
                        let line =
                            json!({"file": file.to_string_lossy(), "error": error.to_string()});
                        print(&format!("{line}\n"))?;
                    }
                    if as_csv {
                        print(&rows::of_error(file, error.to_string())?)?;
                    }
                }
            }
        }
    }
    drop(bar);
    let files = all.len();
    match (failed, unsure) {
        (0, 0) => Ok(()),
        (0, unsure) => Err(Unsure { unsure, files }.into()),
        (failed, _) => Err(Unread { failed, files }.into()),
    }
}

/// Why no answer by these weights is called unsure, and what makes some that are.
fn knows_nothing_strange(weights: Option<&Path>) -> String {
    let unfinished = weights.and_then(unfinished_run);
    let is_training =
        |run: &Path| RunFolder::open_unfinished(run).is_ok_and(|run| run.is_training());
    let next = match unfinished {
        Some(run) if is_training(run) => "its run is still training".into(),
        Some(run) => format!(
            "its run has not ended: `gpu-mnist train --resume {}` goes on with it",
            quoted(run.display())
        ),
        None => format!(
            "for weights that do, train on at least {LEAST_IMAGES} images, ten or more of them held out for validation"
        ),
    };
    format!(
        "{}: these weights do not say which images are unfamiliar to the network, so no answer is called unsure; {next}",
        weights.map_or(built_in::NAME.into(), |path| path.display().to_string())
    )
}

/// The weights of the run that was named, or of the newest; `None` where there is none.
fn weights_of_run(named: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    match named_or_newest(named) {
        Err(RunFolderError::NoRuns { .. }) if named.is_none() => {
            tracing::info!(
                "run: none in {RUNS}/, so {} reads this; `gpu-mnist train` makes one of your own",
                built_in::NAME
            );
            Ok(None)
        }
        run => Ok(Some(weights_of(&run?)?)),
    }
}

fn prepare(file: &Path, target: &Target, count: Count) -> Result<Vec<Drawing>, PictureError> {
    let bytes = read(file)?;
    // A decoder's panic is a fault of this one file.
    guarded(|| picture::prepare(&bytes, target, count))
        .unwrap_or_else(|reason| Err(PictureError::Damaged(reason)))
}

/// Reads no more than a picture may have.
fn read(file: &Path) -> Result<Vec<u8>, PictureError> {
    let name = file.to_string_lossy().to_ascii_lowercase();
    if ["http://", "https://", "ftp://", "file://"]
        .iter()
        .any(|begin| name.starts_with(begin))
    {
        return Err(PictureError::Address);
    }
    if file.is_dir() {
        return Err(PictureError::NoImages);
    }
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

fn reading<'a>(
    drawing: &'a Drawing,
    found: reading::Reading,
    names: &'a [String],
    threshold: f32,
) -> Reading<'a> {
    Reading {
        bounds: drawing.bounds,
        picture: drawing.picture,
        image: &drawing.pixels,
        guesses: guesses(&found.probabilities, names),
        unsure: found.is_unsure(threshold),
        probabilities: found.probabilities,
        score: found.score,
    }
}

/// The labels in reading order: side by side where each is one character, else with spaces.
fn whole(readings: &[Reading]) -> String {
    let labels: Vec<&str> = readings
        .iter()
        .map(|reading| reading.guesses[0].label)
        .collect();
    let short = labels.iter().all(|label| label.chars().count() == 1);
    labels.join(if short { "" } else { " " })
}

fn json_line(file: &Path, readings: &[Reading], threshold: f32) -> String {
    let drawings: Vec<_> = readings
        .iter()
        .map(|reading| {
            let Bounds {
                left,
                top,
                width,
                height,
            } = reading.bounds;
            let best = &reading.guesses[0];
            json!({
                "box": {"left": left, "top": top, "width": width, "height": height},
                "class": best.class,
                "label": best.label,
                "probability": best.probability,
                "probabilities": reading.probabilities,
                "score": reading.score,
                "unsure": reading.unsure,
            })
        })
        .collect();
    let mut line = json!({
        "file": file.to_string_lossy(),
        "text": whole(readings),
        "unsure": readings.iter().any(|reading| reading.unsure),
        "threshold": threshold.is_finite().then_some(threshold),
        "drawings": drawings,
    });
    if let [reading] = readings {
        let best = &reading.guesses[0];
        line["class"] = json!(best.class);
        line["label"] = json!(best.label);
        line["probability"] = json!(best.probability);
        line["top"] = json!(reading.guesses);
    }
    format!("{line}\n")
}

/// A file in words.
fn name(file: &Path) -> String {
    match file == Path::new("-") {
        true => "stdin".into(),
        false => wording::printable(&file.display().to_string()),
    }
}

fn text(file: &Path, readings: &[Reading], description: &Description, show: bool) -> String {
    let name = name(file);
    let mut text = match readings {
        [_] if show => format!("{name}:\n"),
        [_] => format!("{name}: "),
        _ => format!(
            "{name}: {} ({} drawings)\n",
            whole(readings),
            readings.len()
        ),
    };
    if let (true, [first, ..]) = (show, readings) {
        let places: Vec<[u32; 4]> = readings
            .iter()
            .map(|reading| {
                let Bounds {
                    left,
                    top,
                    width,
                    height,
                } = reading.bounds;
                [left, top, width, height]
            })
            .collect();
        text.push_str(&boxes(first.picture, &places));
    }
    for reading in readings {
        if readings.len() > 1 {
            text.push_str("  ");
        }
        let start = text.rfind('\n').map_or(0, |end| end + 1);
        let others: Vec<String> = reading.guesses[1..].iter().map(describe).collect();
        text.push_str(&describe(&reading.guesses[0]));
        if reading.unsure {
            text.push_str(", unsure: it looks like none of the classes");
        }
        if !others.is_empty() {
            let _ = write!(text, "  (then {})", others.join(", "));
        }
        if readings.len() > 1 || show {
            let Bounds {
                left,
                top,
                width,
                height,
            } = reading.bounds;
            let _ = write!(text, "  at {left},{top}, {width} x {height}");
        }
        if std::io::stdout().is_terminal() {
            let line = text.split_off(start);
            text.push_str(&wrapped(&line, Look::of_stdout(false).width, "      "));
        }
        text.push('\n');
        if show {
            let colour = std::io::stdout().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            text.push_str(&match colour {
                true => half_blocks(reading.image, description.set.shape),
                false => characters(reading.image, description.set.shape),
            });
        }
    }
    text
}

fn describe(guess: &Guess) -> String {
    format!("{} {}", guess.label, percent(Some(guess.probability)))
}

fn guesses<'a>(probabilities: &[f64], names: &'a [String]) -> Vec<Guess<'a>> {
    let mut guesses: Vec<Guess> = probabilities
        .iter()
        .enumerate()
        .map(|(class, &probability)| Guess {
            class,
            label: names.get(class).map_or("?", String::as_str),
            probability,
        })
        .collect();
    guesses.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    guesses.truncate(TOP);
    guesses
}

impl Exit for Unread {
    fn code(&self) -> Code {
        Code::Data
    }
}

impl Exit for Unsure {
    fn code(&self) -> Code {
        Code::UnsureAnswers
    }
}
