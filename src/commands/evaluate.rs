//! `gpu-mnist evaluate`: confusion statistics of a trained model.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::args::{TableFormatArgs, WorkArgs, resolve};
use super::completion;
use crate::config::Origin;
use crate::data::{find, named};
use crate::device::opening::open_device;
use crate::evaluation::divergence::divergence;
use crate::evaluation::test_split::{Answers, answer_heard};
use crate::exit::UsageError;
use crate::files::{unwritten, write_atomically};
use crate::report::look::Look;
use crate::report::predictions::predictions;
use crate::report::render;
use crate::runs::ensemble::{Asked, best_of, moved, networks, same_images, settings_of, suits};
use crate::runs::weights;
use crate::terminal::bars::Shown;
use crate::terminal::interrupt::end_on_interrupt;
use crate::terminal::print;

/// Flags of `evaluate`.
#[derive(Args, Debug)]
#[command(mut_args(of_the_run))]
#[command(after_help = "\
For example:
  gpu-mnist evaluate                                   the newest run
  gpu-mnist evaluate runs/latest --csv > a.csv         a line a class
  gpu-mnist evaluate RUN RUN RUN --tta 1               an ensemble, with TTA
  gpu-mnist evaluate --ensemble SWEEP --top 5          a sweep's best trials")]
pub struct EvaluateArgs {
    /// A run folder or a model.safetensors; several, or a folder of `train --seeds` or --ensemble,
    /// are an ensemble: the mean of their class probabilities is evaluated [default: the newest
    /// run with weights]
    #[arg(value_name = "RUN", add = completion::runs())]
    runs: Vec<PathBuf>,
    /// Evaluate the mean of the class probabilities of a sweep's best trials
    #[arg(long, value_name = "SWEEP", conflicts_with = "runs", value_hint = ValueHint::DirPath, help_heading = "Data")]
    ensemble: Option<PathBuf>,
    /// How many of the sweep's trials [default: 5]
    #[arg(long, value_name = "N", help_heading = "Data")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000), allow_negative_numbers = true)]
    top: Option<u32>,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The flags whose defaults are those of the run, and not of the settings.
fn of_the_run(flag: clap::Arg) -> clap::Arg {
    let help = match flag.get_id().as_str() {
        "seed" => "Built-in digits follow from it [default: the run's]",
        "dataset" => {
            "auto, synthetic, a known set (`gpu-mnist data list`), or images of your own [default: \
             the run's]"
        }
        "data_dir" => {
            "The folder that holds mnist/ and other known sets [default: the run's, else the \
             system's cache folder]"
        }
        "tta" => {
            "Test-time augmentation: average the class probabilities over all shifts by up to N \
             pixels [default: the run's]"
        }
        _ => return flag,
    };
    flag.help(help)
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
    #[command(flatten)]
    format: TableFormatArgs,
    /// As text, print every class and the whole confusion matrix, however many
    #[arg(long)]
    details: bool,
    /// Also write every image's verdict and logits to this CSV file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    predictions: Option<PathBuf>,
}

/// The settings that an evaluation goes by. Which of a set's images are test images is the run's to say: others may be
/// those it was trained on.
const READS: [&str; 10] = [
    "seed",
    "data.set",
    "data.folder",
    "data.size",
    "data.colour",
    "data.broken",
    "data.synthetic_seed",
    "device",
    "evaluation.batch_size",
    "evaluation.shift",
];

/// # Errors
/// Settings, device, data, weights: each with its exit code.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    args.work.compute.settings.only("evaluate", &READS)?;
    let files = match (&args.ensemble, args.top) {
        (Some(sweep), top) => best_of(sweep, top.map(|top| top as usize))?,
        (None, Some(top)) => {
            return Err(UsageError(format!(
                "--top {top}: it is about the trials of a sweep; add --ensemble SWEEP, or leave it out"
            ))
            .into());
        }
        (None, None) => networks(&args.runs)?,
    };
    let mut layers = args.work.over(settings_of(&files[0])?)?;
    let output = &args.output;
    layers.set_flag("evaluation.shift", output.tta, "--tta")?;
    end_on_interrupt();
    let device = open_device(&resolve(&layers)?.device)?;
    let load = |file: &PathBuf| weights::load(file, &device);
    let networks = files.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let (_, first) = &networks[0];
    named::follow_weights(&mut layers, &files[0], &first.set.name)?;
    let by_hand = named::is_named(&layers);
    same_images(&files, &networks, by_hand)?;
    named::check_folder(&layers)?;
    let config = resolve(&layers)?;
    let set = find::load(&config.data, config.seed).map_err(|error| match by_hand {
        true => error,
        false => error.context(moved(&files[0])),
    })?;
    suits(
        &files[0],
        first,
        &set.description,
        &Asked {
            named: by_hand,
            anyway: output.other_images,
            seed: ["data.synthetic_seed", "seed"]
                .map(|key| layers.origin(key))
                .into_iter()
                .find(|origin| matches!(origin, Origin::Flag(_) | Origin::Set)),
        },
    )?;
    let test = set.test;
    if test.is_empty() {
        return Err(UsageError(format!(
            "{} has no test images: name a set that has some with --dataset",
            set.description.name
        ))
        .into());
    }
    let mut answers = Vec::new();
    let bar = Shown::bar("evaluating");
    for (place, (model, description)) in networks.iter().enumerate() {
        let mut heard = |done, of| {
            if let Some(bar) = &bar {
                bar.set(place * of + done, networks.len() * of, 0);
            }
            if let (Some(bar), all @ 2..) = (&bar, networks.len()) {
                bar.say(format!("evaluating network {} of {all}", place + 1));
            }
            ControlFlow::Continue(())
        };
        let asked = answer_heard(model, description, &test, &config, &device, &mut heard);
        answers.push(pollster::block_on(asked)?);
    }
    drop(bar);
    let answers = Answers::ensemble(&answers);
    let evaluation = answers.evaluation(&test, &first.set.class_names);
    if let Some(manner) = evaluation.manner() {
        tracing::info!(
            "these figures are by {manner}, not of one network on the images as they are"
        );
    }
    if let Some(path) = &output.predictions {
        let text = predictions(&answers, &test)?;
        write_atomically(path, &text).map_err(|error| {
            let what = format!("--predictions {}", path.display());
            unwritten(&what, &error, "name another file")
        })?;
    }
    let format = output.format.format();
    if let Some(remark) = divergence(&evaluation, "test") {
        tracing::warn!("{remark}: this network tells nothing apart in these images");
    }
    let look = Look::of_stdout(output.details);
    print(&render(&evaluation, format, &look)?)
}
