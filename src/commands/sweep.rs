//! `gpu-mnist sweep`: the same training under many settings.

mod spec;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};

use self::spec::Spec;

use super::args::{DeviceArgs, FormatArgs, TRAINING, WorkArgs};
use super::completion;
use super::slots::{LocalArgs, slots};
use super::training_args::{KernelArgs, LimitArgs};
use crate::config::Layers;
use crate::config::document::did_you_mean;
use crate::exit::UsageError;
use crate::report::files::{keep_worst, write_report};
use crate::report::look::Look;
use crate::report::sweep::{self, write_page};
use crate::runs::processes::tie;
use crate::runs::progress::{Reports, Watch};
use crate::runs::sweep::plan::{Wanted, plan};
use crate::runs::sweep::space::Axis;
use crate::runs::sweep::submit::{Engine, Job, submit};
use crate::runs::sweep::trial::Place;
use crate::runs::sweep::{FAILED, Method, Outcome, SweepRecord, collect, local, path_of, trial};
use crate::terminal::interrupt::{end_on_interrupt, interrupt_flag};
use crate::terminal::print;

/// Variables by which an engine numbers the trials of an array.
const NUMBERS: &[&str] = &["SLURM_ARRAY_TASK_ID", "HQ_TASK_ID", "JOB_COMPLETION_INDEX"];

/// Flags of `sweep`.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
For example:
  gpu-mnist sweep --over training.learning_rate=1e-3..3e-2:log --trials 12
  gpu-mnist sweep --over 'training.optimizer=[\"adam\", \"muon\"]'
  gpu-mnist sweep search.toml --method halving --trials 27
  gpu-mnist sweep run runs/SWEEP                     goes on where it stopped

Each trial is a run folder of its own. Trials are compared on the validation images; the best
alone sees the test images. On a cluster: `sweep plan`, then `sweep submit --to slurm`, or
`sweep run DIR --trial K` from any engine that counts."
)]
pub struct SweepArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    local: LocalArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Write the plan of a sweep, and train nothing
    Plan(Box<PlanOnlyArgs>),
    /// Train the trials that have not ended, all of them here or a single one
    Run(RunArgs),
    /// Say where the trials stand
    Status(StatusArgs),
    /// Write what the trials came to, evaluate the best on the test images, and make the report
    Collect(CollectArgs),
    /// Have Slurm or HyperQueue run the trials, wait for them, and collect
    Submit(SubmitArgs),
}

/// What is varied, and how.
#[derive(Args, Debug)]
struct PlanArgs {
    /// A file that says what is varied: method, trials, eta, config, and the tables [set] and [over]
    #[arg(value_name = "SPEC.toml", value_hint = ValueHint::FilePath)]
    spec: Option<PathBuf>,
    /// A setting and its values: a list in brackets, or a range such as 1e-3..3e-2, with :log for
    /// factors, with :5 for five points; may be repeated
    #[arg(long, value_name = "KEY=VALUES", add = completion::settings(), help_heading = "Sweep")]
    over: Vec<String>,
    /// How trials are chosen [default: grid where every setting has a list or points, else random]
    #[arg(long, value_enum, help_heading = "Sweep")]
    method: Option<Method>,
    /// Trials to draw [default: 16; with halving the grid, or 27]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    #[arg(allow_negative_numbers = true, help_heading = "Sweep")]
    trials: Option<u32>,
    /// With halving: one trial of N goes on, and trains N times as long [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100))]
    #[arg(allow_negative_numbers = true, help_heading = "Sweep")]
    eta: Option<u32>,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    kernels: KernelArgs,
    #[command(flatten)]
    limit: LimitArgs,
    /// Passes over the training images [default: 1]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    epochs: Option<i64>,
    /// A new folder for the sweep [default: runs/TIME-DATASET-sweep]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Output")]
    out: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist sweep plan --over training.learning_rate=1e-3..3e-2:log --out lr
  gpu-mnist sweep plan search.toml --out lr  a file that says what is varied
  gpu-mnist sweep run lr                     trains what was planned")]
struct PlanOnlyArgs {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist sweep run runs/SWEEP            goes on where it stopped
  gpu-mnist sweep run runs/SWEEP --retry    failed trials too
  gpu-mnist sweep run runs/SWEEP --trial 3  one trial, in this process")]
struct RunArgs {
    /// The folder of the sweep
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    /// Train this trial alone, in this process; env: the number that Slurm, HyperQueue or Kubernetes
    /// gave this task
    #[arg(
        long,
        value_name = "K|env",
        help_heading = "Sweep",
        allow_hyphen_values = true
    )]
    trial: Option<String>,
    /// Train trials again that failed
    #[arg(long, help_heading = "Sweep")]
    retry: bool,
    /// End when standard input does
    #[arg(long, hide = true)]
    tied: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    local: LocalArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist sweep status runs/SWEEP         every trial, a line each
  gpu-mnist sweep status runs/SWEEP --json  the same for programs")]
struct StatusArgs {
    /// The folder of the sweep
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist sweep collect runs/SWEEP  after trials that ran elsewhere")]
struct CollectArgs {
    /// The folder of the sweep
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist sweep submit runs/SWEEP --to slurm --gpus 1 --time 01:00:00
  gpu-mnist sweep submit runs/SWEEP --to hq --cpus 2
  gpu-mnist sweep submit runs/SWEEP --to slurm --dry-run  only writes the script")]
struct SubmitArgs {
    /// The folder of the sweep
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    /// The engine
    #[arg(long, value_enum, help_heading = "Engine")]
    to: Engine,
    #[command(flatten)]
    job: Job,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// # Errors
/// Settings, device, data, training: each with its exit code.
pub fn run(args: &SweepArgs, quiet: bool) -> anyhow::Result<()> {
    match &args.action {
        None => {
            args.plan.check_word()?;
            let (folder, record) = args.plan.plan()?;
            say_plan(&folder, &record);
            let device = &args.plan.work.compute.device;
            all_here(&folder, record, &args.local, device, &args.format, quiet)
        }
        Some(Action::Plan(args)) => {
            let (folder, record) = args.plan.plan()?;
            say_plan(&folder, &record);
            print(&match args.format.json() {
                true => serde_json::to_string(&record)? + "\n",
                false => format!("Next    {}\n", SweepRecord::run_command(&folder)),
            })
        }
        Some(Action::Run(args)) => run_there(args, quiet),
        Some(Action::Status(args)) => status(args),
        Some(Action::Collect(args)) => {
            let mut record = SweepRecord::open(&args.folder)?;
            let watch = watch(quiet);
            gather(&args.folder, &mut record, &args.device, &watch)?;
            show(&args.folder, &record, &args.format)
        }
        Some(Action::Submit(args)) => submit_there(args, quiet),
    }
}

impl PlanArgs {
    /// Refuses a word that is no file where it is near a subcommand.
    ///
    /// # Errors
    /// [`UsageError`] names the subcommand.
    fn check_word(&self) -> Result<(), UsageError> {
        let word = self.spec.as_deref().filter(|file| !file.exists());
        // No subcommand has a dot or a slash.
        let is_bare = |word: &&str| !word.contains(['.', '/', '\\']);
        let Some(word) = word.and_then(Path::to_str).filter(is_bare) else {
            return Ok(());
        };
        let known = Action::augment_subcommands(clap::Command::new("sweep"));
        let known: Vec<String> = known
            .get_subcommands()
            .map(|one| one.get_name().to_owned())
            .collect();
        match did_you_mean(word, &known).as_str() {
            "" => Ok(()),
            hint => Err(UsageError(format!(
                "{word}: neither a file nor a subcommand of sweep{hint}; name one, or use --over"
            ))),
        }
    }

    fn plan(&self) -> anyhow::Result<(PathBuf, SweepRecord)> {
        self.work.compute.settings.only("sweep", &TRAINING)?;
        let mut layers = Layers::default();
        let mut wanted = match &self.spec {
            Some(file) => Spec::read(file, &mut layers)?,
            None => Spec::default(),
        };
        let given = self.over.iter().map(|argument| Axis::parse(argument));
        let given = given.collect::<Result<Vec<_>, _>>()?;
        // The command line has the last word.
        wanted
            .axes
            .retain(|of_file| given.iter().all(|axis| axis.key != of_file.key));
        wanted.axes.extend(given);
        let mut layers = self.work.over(layers)?;
        self.kernels.apply(&mut layers)?;
        self.limit.apply(&mut layers)?;
        layers.set_flag("training.epochs", self.epochs, "--epochs")?;
        let wanted = Wanted {
            layers,
            axes: wanted.axes,
            method: self.method.or(wanted.method),
            trials: self.trials.or(wanted.trials).map(|trials| trials as usize),
            eta: self.eta.or(wanted.eta).map(|eta| eta as usize),
        };
        plan(wanted, self.out.as_deref())
    }
}

fn watch(quiet: bool) -> Watch {
    Watch {
        interrupted: interrupt_flag(),
        quiet,
        place: None,
        reports: Reports {
            worst: keep_worst,
            page: write_report,
        },
    }
}

fn say_plan(folder: &Path, record: &SweepRecord) {
    tracing::info!("{}: {}", folder.display(), sweep::planned(record));
}

/// `sweep run`: one trial, or all.
fn run_there(args: &RunArgs, quiet: bool) -> anyhow::Result<()> {
    let mut record = SweepRecord::open(&args.folder)?;
    if args.retry {
        forget_failures(&args.folder, &mut record)?;
    }
    let Some(wanted) = &args.trial else {
        return all_here(
            &args.folder,
            record,
            &args.local,
            &args.device,
            &args.format,
            quiet,
        );
    };
    let number = numbered(wanted)?;
    let watch = watch(quiet);
    if args.tied {
        tie(watch.interrupted.clone());
    }
    let place = |layers: &mut Layers| -> anyhow::Result<()> { Ok(args.device.apply(layers)?) };
    match trial::run(&args.folder, &record, number, &place, &watch)? {
        Outcome::Failed { reason } => {
            anyhow::bail!("trial {number} failed: {reason}; `--retry` trains it again")
        }
        outcome => print(&match args.format.json() {
            true => serde_json::to_string(&outcome)? + "\n",
            false => sweep::outcome(number, &outcome) + "\n",
        }),
    }
}

/// The trial that is meant by a number, or by the engine's variable.
fn numbered(wanted: &str) -> Result<usize, UsageError> {
    if wanted == "env" {
        let found = NUMBERS.iter().find_map(|name| std::env::var(name).ok());
        let Some(found) = found else {
            return Err(UsageError(format!(
                "--trial env: none of {} is set; give the number of the trial",
                NUMBERS.join(", ")
            )));
        };
        return numbered(&found);
    }
    wanted.parse().map_err(|_| {
        UsageError(format!(
            "--trial {wanted}: must be the number of a trial, from 0, or env"
        ))
    })
}

fn forget_failures(folder: &Path, record: &mut SweepRecord) -> anyhow::Result<()> {
    let begun: Vec<bool> = record
        .rungs
        .iter()
        .map(|rung| path_of(folder, &record.trials[rung.first]).is_dir())
        .collect();
    let rungs: Vec<usize> = (0..record.trials.len())
        .map(|trial| record.rung_of(trial))
        .collect();
    for (trial, rung) in record.trials.iter_mut().zip(rungs) {
        if begun.get(rung + 1).is_some_and(|begun| *begun) {
            // The best of its rung go on already.
            continue;
        }
        if matches!(trial.outcome, Outcome::Failed { .. } | Outcome::Dropped) {
            let path = path_of(folder, trial).join(FAILED);
            if path.is_file() {
                std::fs::remove_file(path)?;
            }
            trial.outcome = Outcome::Waiting;
        }
    }
    // What was chosen among the others may not be the best any more.
    record.best = None;
    record.settle(folder);
    record.write(folder)?;
    Ok(())
}

/// Trains all trials on this machine, and collects.
fn all_here(
    folder: &Path,
    mut record: SweepRecord,
    args: &LocalArgs,
    device: &DeviceArgs,
    format: &FormatArgs,
    quiet: bool,
) -> anyhow::Result<()> {
    let watch = watch(quiet);
    if !record.has_ended() {
        let mut layers = SweepRecord::base(folder)?;
        device.apply(&mut layers)?;
        let places = slots(args, &layers.resolve()?.device, record.trials.len())?;
        local::run(folder, &mut record, &places, &watch.interrupted)?;
    }
    gather(folder, &mut record, device, &watch)?;
    show(folder, &record, format)
}

/// Collects, and writes the page.
fn gather(
    folder: &Path,
    record: &mut SweepRecord,
    device: &DeviceArgs,
    watch: &Watch,
) -> anyhow::Result<()> {
    let place: Place<'_> = &|layers: &mut Layers| Ok(device.apply(layers)?);
    collect::collect(folder, record, place, watch)?;
    write_page(folder, record)?;
    Ok(())
}

fn show(folder: &Path, record: &SweepRecord, format: &FormatArgs) -> anyhow::Result<()> {
    print(&match format.json() {
        true => serde_json::to_string(record)? + "\n",
        false => sweep::text(folder, record, &Look::of_stdout(false)),
    })?;
    match record.failed() {
        0 => Ok(()),
        failed => Err(anyhow::anyhow!(
            "{failed} of {} trials failed; the table says why, and `{} --retry` trains them again",
            record.trials.len(),
            SweepRecord::run_command(folder)
        )),
    }
}

fn status(args: &StatusArgs) -> anyhow::Result<()> {
    end_on_interrupt();
    let record = SweepRecord::open(&args.folder)?;
    print(&match args.format.json() {
        true => serde_json::to_string(&sweep::standings(&args.folder, &record))? + "\n",
        false => sweep::status(&args.folder, &record, &Look::of_stdout(false)),
    })
}

fn submit_there(args: &SubmitArgs, quiet: bool) -> anyhow::Result<()> {
    let mut record = SweepRecord::open(&args.folder)?;
    let watch = watch(quiet);
    if !submit(
        &args.folder,
        &mut record,
        args.to,
        &args.job,
        &watch.interrupted,
    )? {
        return Ok(());
    }
    gather(&args.folder, &mut record, &args.device, &watch)?;
    show(&args.folder, &record, &args.format)
}
