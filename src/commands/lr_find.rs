//! `gpu-mnist lr-find`: tries rising learning rates and suggests one.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde::Serialize;

use super::args::{FormatArgs, TRAINING, WorkArgs, resolve};
use super::training_args::{KernelArgs, LimitArgs, StartArgs};
use crate::config::{ConfigError, Layers};
use crate::exit::UsageError;
use crate::files::{unwritten, write_atomically};
use crate::report::look::Look;
use crate::report::rates::{findings, plot, svg};
use crate::runs::from;
use crate::runs::prepare::prepare;
use crate::runs::train::TrainingRun;
use crate::terminal::bars::Shown;
use crate::terminal::interrupt::end_on_interrupt;
use crate::terminal::{command_line_of, print};
use crate::training::range_test::{Range, RangeTest, Rule};
use crate::wording::{count, rate_text, rounded};

/// A test has at least so many steps: several passes over the images, where one has fewer.
const LEAST_STEPS: usize = 100;

/// Flags of `lr-find`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist lr-find                                         for `train` alone
  gpu-mnist lr-find --dataset ./my-images --config fashion  your own images
  gpu-mnist lr-find --dataset ./my-images --from RUN        from another run
  gpu-mnist lr-find --out rates.svg                         the plot as a file

The learning rate rises from step to step, from the lowest to the highest by the same factor each
(Smith, arXiv:1506.01186), until the loss is four times the lowest or back where it began. Training
images alone are looked at, and nothing is kept.")]
pub struct LrFindArgs {
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    kernels: KernelArgs,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    test: TestArgs,
    #[command(flatten)]
    start: StartArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The rates to try.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training")]
struct TestArgs {
    /// Images in a step [default: 256]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    batch_size: Option<i64>,
    /// The rate of the first step
    #[arg(
        long,
        value_name = "RATE",
        default_value_t = 1e-7,
        allow_negative_numbers = true
    )]
    lowest: f64,
    /// The rate of the last step
    #[arg(
        long,
        value_name = "RATE",
        default_value_t = 10.0,
        allow_negative_numbers = true
    )]
    highest: f64,
    /// Steps from the one to the other [default: one pass over the images, at least 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(20..=100_000))]
    #[arg(allow_negative_numbers = true)]
    steps: Option<u32>,
}

/// What is written and printed.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Also write the plot to a file
    #[arg(long, value_name = "FILE.svg", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
}

impl OutputArgs {
    fn check(&self) -> Result<(), UsageError> {
        let is_svg = |path: &Path| {
            let end = path.extension();
            end.is_none_or(|end| end.eq_ignore_ascii_case("svg"))
        };
        match &self.out {
            Some(path) if !is_svg(path) => Err(UsageError(format!(
                "--out {}: the plot is an SVG; give the file a name that ends in .svg",
                path.display()
            ))),
            _ => Ok(()),
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Found {
    dataset: String,
    /// Of the training images: a rate is good for these.
    fingerprint: String,
    device: String,
    batch_size: usize,
    seed: u64,
    #[serde(flatten)]
    test: RangeTest,
    /// Which of the three rates suits the settings' schedule.
    rule: Option<Rule>,
    /// That rate, to train with.
    learning_rate: Option<f64>,
    command: Option<String>,
    /// Where the plot was written.
    file: Option<String>,
}

impl LrFindArgs {
    /// What the command line says.
    fn layers(&self) -> Result<Layers, ConfigError> {
        let mut layers = self.work.over(Layers::default())?;
        self.start.apply(&mut layers)?;
        self.kernels.apply(&mut layers)?;
        self.limit.apply(&mut layers)?;
        layers.set_flag("training.batch_size", self.test.batch_size, "--batch-size")?;
        Ok(layers)
    }
}

impl TestArgs {
    /// The range for a run.
    fn range(&self, run: &TrainingRun) -> Range {
        let batches = run
            .images
            .train
            .len()
            .div_ceil(run.config.training.batch_size);
        Range {
            lowest: self.lowest,
            highest: self.highest,
            steps: match self.steps {
                Some(steps) => steps as usize,
                None => batches.max(LEAST_STEPS),
            },
        }
    }

    fn check(&self) -> Result<(), UsageError> {
        let positive = |rate: f64| rate > 0.0 && rate.is_finite();
        let Self {
            lowest, highest, ..
        } = self;
        match positive(*lowest) && positive(*highest) && *highest >= 10.0 * lowest {
            true => Ok(()),
            false => Err(UsageError(format!(
                "--lowest {lowest} --highest {highest}: both must be above 0, and the highest at least ten times the lowest"
            ))),
        }
    }
}

/// # Errors
/// Settings, device, data and a file that cannot be written, each with its exit code.
pub fn run(args: &LrFindArgs) -> anyhow::Result<()> {
    args.work.compute.settings.only("lr-find", &TRAINING)?;
    args.test.check()?;
    args.output.check()?;
    let mut layers = args.layers()?;
    let source = from::read(&mut layers)?;
    resolve(&layers)?;
    end_on_interrupt();
    let run = prepare(layers, |_| anyhow::Ok(()))?.start_from(source)?;
    let range = args.test.range(&run);
    let bar = Shown::bar("trying learning rates");
    let done = |steps| {
        if let Some(bar) = &bar {
            bar.set(steps, range.steps, 0);
        }
    };
    // Inside Rayon's pool, as a training is.
    let test = rayon::scope(|_| pollster::block_on(run.find_rate(range, done)))?;
    drop(bar);
    let file = args.output.out.as_ref();
    if let Some(path) = file {
        let written = write_atomically(path, svg(&test)?.as_bytes());
        written.map_err(|error| {
            unwritten(&path.display(), &error, "choose another place with --out")
        })?;
    }
    let schedule = run.config.training.schedule;
    let suggested = test.suggested.map(|found| found.for_schedule(schedule));
    let learning_rate = suggested.map(|(_, rate)| rounded(rate));
    let command = learning_rate.map(command);
    if args.output.format.json() {
        let found = Found {
            dataset: run.images.set.name.clone(),
            fingerprint: run.images.set.fingerprint.clone(),
            device: run.device.info.name.clone(),
            batch_size: run.config.training.batch_size,
            seed: run.config.seed,
            test,
            rule: suggested.map(|(rule, _)| rule),
            learning_rate,
            command,
            file: file.map(|path| path.display().to_string()),
        };
        return print(&(serde_json::to_string(&found)? + "\n"));
    }
    let look = Look::of_stdout(false);
    let batch = run.config.training.batch_size.min(run.images.train.len());
    let title = format!(
        "{} of {} of {}, the rate from {} to {}",
        count(test.rates.len(), "step"),
        count(batch, "image"),
        run.images.set.name,
        rate_text(range.lowest),
        rate_text(test.rates.last().copied().unwrap_or(range.highest))
    );
    let written = file.map(|path| format!("{:<10}{}\n", "Plot", path.display()));
    print(&format!(
        "{title}\n\n{}\n{}{}",
        plot(&test, &look),
        written.unwrap_or_default(),
        findings(&test, schedule, command.as_deref(), &look)
    ))
}

/// The command line that trains as this one tried, with the rate.
fn command(rate: f64) -> String {
    let alone = ["--json", "-q", "--quiet"];
    let with_value = ["--lowest", "--highest", "--steps", "--out", "--format"];
    let mut kept = Vec::new();
    let given = std::env::args_os().skip(1);
    let mut given = given.map(|word| word.to_string_lossy().into_owned());
    while let Some(word) = given.next() {
        let name = word.split('=').next().unwrap_or_default();
        if with_value.contains(&name) {
            if !word.contains('=') {
                given.next();
            }
        } else if word == "lr-find" && !kept.contains(&"train".to_string()) {
            kept.push("train".into());
        } else if !alone.contains(&word.as_str()) {
            kept.push(word);
        }
    }
    kept.extend(["--learning-rate".into(), rate.to_string()]);
    command_line_of(kept)
}
