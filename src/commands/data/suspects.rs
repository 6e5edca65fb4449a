//! `gpu-mnist data suspects`: the images whose labels look wrong to a network that was not trained
//! on them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::ListFormat;
use crate::commands::args::{DeviceArgs, resolve, set_data_folder};
use crate::commands::completion;
use crate::config::{Config, Origin};
use crate::data::image_set::Sources;
use crate::data::{find, named};
use crate::device::Device;
use crate::device::opening::open_device;
use crate::evaluation::Evaluation;
use crate::evaluation::description::Description;
use crate::evaluation::divergence::divergence;
use crate::evaluation::inference::classify;
use crate::evaluation::test_split::{Answers, answer_heard};
use crate::evaluation::worst::{self, Verdict, verdicts};
use crate::exit::UsageError;
use crate::model::Model;
use crate::report::look::Look;
use crate::report::table::{Table, left, right};
use crate::report::text::{percent, wrapped};
use crate::runs::ensemble::{Asked, moved, settings_of, suits};
use crate::runs::folder::SETTINGS;
use crate::runs::training_images::TrainingImages;
use crate::runs::weights;
use crate::runs::which::{named_or_newest, weights_of};
use crate::terminal::bars::Shown;
use crate::terminal::interrupt::end_on_interrupt;
use crate::terminal::print;

/// Lines of text, unless all are asked for.
const SHOWN: usize = 40;

#[derive(Args, Debug)]
#[command(after_help = "\
An image is listed where the network is as sure of another class as it is of that class's own
images on average (confident learning, arXiv:1911.00068). It may be wrong: look at each one.

For example:
  gpu-mnist data suspects                                by the newest run
  gpu-mnist data suspects RUN --csv > doubts.csv  a table")]
pub struct SuspectsArgs {
    /// A run folder or a model.safetensors [default: the newest run with weights]
    #[arg(value_name = "RUN", add = completion::runs())]
    run: Option<PathBuf>,
    /// The images it was trained on, if they are no longer where they were
    #[arg(long, value_name = "SET|DIR", add = completion::data_sets(), help_heading = "Data")]
    dataset: Option<String>,
    #[command(flatten)]
    device: DeviceArgs,
    /// The same as --format csv
    #[arg(long, conflicts_with_all = ["format", "json"], help_heading = "Output")]
    csv: bool,
    /// As text, list all of them, however many
    #[arg(long, help_heading = "Output")]
    details: bool,
}

/// An image whose label looks wrong.
#[derive(Serialize)]
struct Suspect<'a> {
    /// `test`, or the split of the set that the validation images are from: `valid` or `train`.
    split: &'a str,
    /// Position in that split, from 0.
    index: usize,
    /// Below the set's folder, where each image is a file of its own.
    file: Option<&'a str>,
    label: &'a str,
    predicted: &'a str,
    /// Of the predicted class.
    probability: f64,
    label_probability: f64,
}

/// # Errors
/// Weights, device and data with their exit codes; images that are not those of the run.
pub fn run(
    args: &SuspectsArgs,
    data_dir: Option<&PathBuf>,
    format: ListFormat,
) -> anyhow::Result<()> {
    if args.csv && format == ListFormat::Json {
        return Err(UsageError("--csv --json: take one of them".into()).into());
    }
    let file = weights_of(&named_or_newest(args.run.as_deref())?)?;
    let mut layers = settings_of(&file)?;
    args.device.apply(&mut layers)?;
    layers.set_flag("data.set", args.dataset.as_deref(), "--dataset")?;
    if let Some(folder) = data_dir {
        set_data_folder(&mut layers, folder)?;
    }
    // What the network says of the images themselves.
    layers.set("evaluation.shift", 0i64, Origin::Default)?;
    end_on_interrupt();
    let device = open_device(&resolve(&layers)?.device)?;
    let (model, description) = weights::load(&file, &device)?;
    named::follow_weights(&mut layers, &file, &description.set.name)?;
    let mut config = resolve(&layers)?;
    let by_hand = named::is_named(&layers);
    let set = find::load(&config.data, config.seed).map_err(|error| match by_hand {
        true => error,
        false => error.context(moved(&file)),
    })?;
    suits(&file, &description, &set.description, &Asked::default())?;
    let bar = Shown::bar("evaluating");
    let mut heard = |done, of| {
        if let Some(bar) = &bar {
            bar.set(done, of, 0);
        }
        ControlFlow::Continue(())
    };
    let test = answer_heard(
        &model,
        &description,
        &set.test,
        &config,
        &device,
        &mut heard,
    );
    let answers = pollster::block_on(test)?;
    let names = &description.set.class_names;
    if !set.test.is_empty() {
        warn_of_divergence(&file, "test", &answers.evaluation(&set.test, names));
    }
    let test = answers.verdicts(&set.test);
    let valid = match file.with_file_name(SETTINGS).is_file() {
        true => {
            config.model = description.model.clone();
            let images = TrainingImages::divide(&set, &config, &layers)?;
            let answers = validation(&model, &description, &images, &config, &device)?;
            if set.test.is_empty() && !images.valid.is_empty() {
                let of_valid = Evaluation::of_answers(
                    answers.log_probabilities(),
                    &images.valid.labels,
                    names,
                );
                warn_of_divergence(&file, "validation", &of_valid);
            }
            doubted(&answers, &images)
        }
        false => {
            tracing::warn!(
                "{}: no settings beside it say which training images it has not seen, so only the test images are looked at",
                file.display()
            );
            Vec::new()
        }
    };
    drop(bar);
    let examined = test.len() + valid.len();
    if examined == 0 {
        return Err(UsageError(format!(
            "{}: no test or validation images to look at, and a network repeats the labels it was trained on; train with a greater data.validation_size",
            file.display()
        ))
        .into());
    }
    let names = &set.description.class_names;
    let held_out = match set.valid {
        Some(_) => "valid",
        None => "train",
    };
    let found: Vec<Suspect> = [("test", test), (held_out, valid)]
        .into_iter()
        .flat_map(|(split, verdicts)| {
            let suspects = worst::suspects(verdicts).into_iter();
            let sources = set.sources.as_deref();
            suspects.map(move |verdict| suspect(split, &verdict, names, sources))
        })
        .collect();
    print(&match format {
        _ if args.csv => csv(&found)?,
        ListFormat::Json => {
            let run = file.display().to_string();
            format!(
                "{}\n",
                json!({"run": run, "examined": examined, "suspects": found})
            )
        }
        ListFormat::Csv => csv(&found)?,
        ListFormat::Text => text(&found, examined, &Look::of_stdout(args.details)),
    })
}

/// The answers to the images that were held out of the training.
fn validation(
    model: &Model,
    description: &Description,
    images: &TrainingImages,
    config: &Config,
    device: &Device,
) -> anyhow::Result<Answers> {
    let answers = match images.valid.is_empty() {
        true => Vec::new(),
        false => {
            let normalisation = description.normalisation;
            let logits = classify(model, &images.valid, normalisation, config, device);
            pollster::block_on(logits)?
        }
    };
    Ok(Answers::of_logits(answers))
}

/// The verdicts on the images that were held out, with their places in the split of the set that they are from.
fn doubted(answers: &Answers, images: &TrainingImages) -> Vec<Verdict> {
    let found = verdicts(answers.log_probabilities(), &images.valid.labels).into_iter();
    let placed = found.map(|verdict| Verdict {
        index: images.held_out[verdict.index],
        ..verdict
    });
    placed.collect()
}

fn warn_of_divergence(file: &Path, split: &str, evaluation: &Evaluation) {
    if let Some(shown) = divergence(evaluation, split) {
        tracing::warn!(
            "{}: {shown}: it has learnt nothing, so it cannot tell which labels look wrong; name another run",
            file.display()
        );
    }
}

fn suspect<'a>(
    split: &'a str,
    verdict: &Verdict,
    names: &'a [String],
    sources: Option<&'a Sources>,
) -> Suspect<'a> {
    let files = sources.map(|sources| match split {
        "test" => &sources.test,
        "valid" => &sources.valid,
        _ => &sources.train,
    });
    Suspect {
        split,
        index: verdict.index,
        file: files.and_then(|files| files.get(verdict.index).map(String::as_str)),
        label: &names[usize::from(verdict.label)],
        predicted: &names[usize::from(verdict.predicted)],
        probability: verdict.confidence,
        label_probability: verdict.label_probability(),
    }
}

fn csv(found: &[Suspect]) -> anyhow::Result<String> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    writer.write_record([
        "split",
        "index",
        "file",
        "label",
        "predicted",
        "probability",
        "label_probability",
    ])?;
    for suspect in found {
        writer.serialize(suspect)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn text(found: &[Suspect], examined: usize, look: &Look) -> String {
    if found.is_empty() {
        return format!("No label of the {examined} test and validation images looks wrong.\n");
    }
    let shown = match look.details {
        true => found.len(),
        false => found.len().min(SHOWN),
    };
    let has_files = found.iter().any(|suspect| suspect.file.is_some());
    let file = has_files.then(|| left("File").least(12).keeps_end());
    let columns = [
        left("Split"),
        right("Index"),
        left("Label").least(8),
        left("Read as").least(8),
        right("Sure"),
        right("Of label"),
    ];
    let mut table = Table::new(columns.into_iter().chain(file)).keys(2);
    for suspect in &found[..shown] {
        table.row([
            suspect.split.to_string(),
            suspect.index.to_string(),
            suspect.label.to_string(),
            suspect.predicted.to_string(),
            percent(Some(suspect.probability)),
            percent(Some(suspect.label_probability)),
            suspect.file.unwrap_or_default().to_string(),
        ]);
    }
    let rest = match found.len() - shown {
        0 => String::new(),
        rest => format!("  {rest} more with --details\n"),
    };
    let all = found.len();
    let summary = format!(
        "{all} of {examined} test and validation images {} mislabelled; look at each one, for the network may be wrong.",
        if all == 1 { "looks" } else { "look" }
    );
    let summary = wrapped(&summary, look.width, "");
    format!("{}\n{rest}\n{summary}\n", table.text(look.width))
}
