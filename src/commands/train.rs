//! `gpu-mnist train`: trains a model and evaluates it on the test set.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use toml_edit::Value;

use super::args::{FormatArgs, TRAINING, WorkArgs, resolve};
use super::completion;
use super::slots::{LocalArgs, slots};
use super::training_args::{KernelArgs, LimitArgs, StartArgs};
use crate::config::{ConfigError, Layers};
use crate::data::{DataError, named};
use crate::evaluation::divergence::lost;
use crate::exit::UsageError;
use crate::files::read_record;
use crate::report::files::{REPORT, keep_worst, write_report};
use crate::report::look::Look;
use crate::report::seeds::seeds;
use crate::report::{self, closing, render};
use crate::runs::folder::{RUN, RUNS, RunFolder};
use crate::runs::from;
use crate::runs::in_folder::train_in;
use crate::runs::prepare::{find_set, prepare};
use crate::runs::processes::tie;
use crate::runs::progress::{Reports, Watch};
use crate::runs::record::RunRecord;
use crate::runs::resume::{self, Resumed};
use crate::runs::seeds_record::SeedsRecord;
use crate::runs::series::Series;
use crate::runs::sweep::{BASE, SweepRecord};
use crate::runs::train::TrainingRun;
use crate::runs::which;
use crate::terminal::interrupt::interrupt_flag;
use crate::terminal::print;
use crate::training::state::Snapshot;
use crate::wording::count;

/// Flags of `train`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist train                                   the default recipe
  gpu-mnist train --config fast --dataset mnist     99 % of MNIST, soonest
  gpu-mnist train --dataset ./my-images --epochs 5  a folder of your own
  gpu-mnist train --dataset ./my-images --from RUN  from another run's weights
  gpu-mnist train --ensemble 5                      five networks together
  gpu-mnist train --resume                          goes on with the newest run")]
pub struct TrainArgs {
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    kernels: KernelArgs,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    start: StartArgs,
    #[command(flatten)]
    local: LocalArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// How to train.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training")]
struct TrainingArgs {
    /// Passes over the training images; auto: until the validation loss stops falling, as for sets
    /// unlike MNIST [default: 1]
    #[arg(long, value_name = "N|auto", allow_negative_numbers = true)]
    epochs: Option<String>,
    /// Images in a step [default: 256]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    batch_size: Option<i64>,
    /// The highest learning rate of the schedule [default: 0.01]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// Stop after the epoch that reaches this validation accuracy (0.99 = 99 %) [default: never]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    target_accuracy: Option<f64>,
    /// Stop once training has taken so many seconds in all [default: never]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    max_seconds: Option<f64>,
    /// Test-time augmentation: average the class probabilities of the test images over all shifts
    /// by up to N pixels [default: 0]
    #[arg(
        long,
        alias = "shifts",
        value_name = "N",
        allow_negative_numbers = true
    )]
    tta: Option<i64>,
    /// Train once with each of N seeds, from --seed up, and give means and deviations
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    #[arg(conflicts_with_all = ["ensemble", "resume"], allow_negative_numbers = true)]
    seeds: Option<u32>,
    /// Train N networks, as --seeds does, and also evaluate the mean of their class probabilities
    #[arg(long, alias = "vote", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(2..=10_000))]
    #[arg(conflicts_with = "resume", allow_negative_numbers = true)]
    ensemble: Option<u32>,
    /// Go on with a run that was interrupted or killed, or train one further: its folder, one of
    /// its checkpoints, or the folder above the runs of several seeds [default: the newest run]. Its
    /// settings stay as they were, but for those that flags change
    #[arg(long, value_name = "RUN", conflicts_with_all = ["out", "from"], add = completion::runs())]
    resume: Option<Option<PathBuf>>,
    /// Train with one of several seeds alone
    #[arg(long, hide = true, requires = "resume")]
    only_seed: Option<u64>,
    /// End when standard input does
    #[arg(long, hide = true)]
    tied: bool,
}

/// What a run leaves and prints.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// A new folder for the run [default: runs/TIME-DATASET-DEVICE]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Write TensorBoard event files into the run folder
    #[arg(long)]
    tensorboard: bool,
    /// Print all that there is: every class, the whole confusion matrix, the timings
    #[arg(long)]
    details: bool,
    #[command(flatten)]
    format: FormatArgs,
}

impl OutputArgs {
    fn shown(&self) -> Shown {
        match self.format.json() {
            true => Shown::Json,
            false => Shown::Text(Look::of_stdout(self.details)),
        }
    }
}

impl TrainArgs {
    /// What the command line says, over `layers`.
    fn over(&self, layers: Layers) -> Result<Layers, ConfigError> {
        let mut layers = self.work.over(layers)?;
        self.start.apply(&mut layers)?;
        self.limit.apply(&mut layers)?;
        let training = &self.training;
        for (key, value, flag) in [
            ("training.batch_size", training.batch_size, "--batch-size"),
            ("evaluation.shift", training.tta, "--tta"),
        ] {
            layers.set_flag(key, value, flag)?;
        }
        let epochs = training.epochs.as_deref().map(number_or_word);
        layers.set_flag("training.epochs", epochs, "--epochs")?;
        let rate = training.learning_rate;
        layers.set_flag("training.learning_rate", rate, "--learning-rate")?;
        let target = training.target_accuracy;
        layers.set_flag("training.target_accuracy", target, "--target-accuracy")?;
        layers.set_flag(
            "training.max_seconds",
            training.max_seconds,
            "--max-seconds",
        )?;
        let tensorboard = self.output.tensorboard.then_some(true);
        layers.set_flag("training.tensorboard", tensorboard, "--tensorboard")?;
        self.kernels.apply(&mut layers)?;
        Ok(layers)
    }
}

/// As a setting takes it that may be either.
fn number_or_word(text: &str) -> Value {
    text.parse::<i64>()
        .map_or_else(|_| text.into(), Value::from)
}

/// # Errors
/// Settings, device, data, training: each with its exit code.
pub fn run(args: &TrainArgs, quiet: bool) -> anyhow::Result<()> {
    args.work.compute.settings.only("train", &TRAINING)?;
    let watch = Watch {
        interrupted: interrupt_flag(),
        quiet,
        place: None,
        reports: Reports {
            worst: keep_worst,
            page: write_report,
        },
    };
    let path = match &args.training.resume {
        None => return start(args, &watch),
        Some(None) => which::newest_started()?,
        Some(Some(named)) => named.clone(),
    };
    if SweepRecord::read(&path)?.is_some() {
        return Err(UsageError(format!(
            "--resume {}: it holds a sweep; go on with `{}`",
            path.display(),
            SweepRecord::run_command(&path)
        ))
        .into());
    }
    match SeedsRecord::read(&path)? {
        Some(record) => go_on_with_seeds(args, &path, record, &watch),
        None => go_on(args, &resume::open(&path)?, &watch),
    }
}

/// A new run, or one for each of several seeds.
fn start(args: &TrainArgs, watch: &Watch) -> anyhow::Result<()> {
    let mut layers = args.over(Layers::default())?;
    let source = from::read(&mut layers)?;
    let config = resolve(&layers)?;
    let series = match (args.training.seeds, args.training.ensemble) {
        (None, None) => None,
        (seeds, ensemble) => Some(Series::new(
            config.seed,
            ensemble.or(seeds).unwrap_or(1),
            ensemble.is_some(),
        )?),
    };
    if series.is_some() && !config.evaluation.test {
        return Err(UsageError(
            "evaluation.test = false: runs of several seeds are compared on the test images; leave it at true, or train one seed".into(),
        )
        .into());
    }
    let given = args.local.given();
    if series.is_none() && !given.is_empty() {
        return Err(UsageError(format!(
            "{given}: a single training runs on one device; add --seeds N, or leave that out"
        ))
        .into());
    }
    if let Some(out) = &args.output.out {
        RunFolder::check_free(out)?;
    }
    let run = prepare(layers, |_| anyhow::Ok(()))?.start_from(source)?;
    let kind = match &series {
        Some(series) => format!("{}-{}-seeds", run.device.info.kind, series.seeds.len()),
        None => run.device.info.kind.clone(),
    };
    let folder = RunFolder::create(args.output.out.as_deref(), &run.images.set.name, &kind)?;
    let _lock = folder.lock()?;
    match series {
        Some(series) => {
            let record = series.record(&folder, &run);
            train_side_by_side(args, &series, &folder, &run, &record, watch)?;
            show_several(&series.train(&folder, &run, record, watch)?, args)
        }
        None => {
            let start = run.initial();
            train(args, &folder, run, start, watch)
        }
    }
}

/// Trains several seeds in processes side by side, where someone asks for that.
fn train_side_by_side(
    args: &TrainArgs,
    series: &Series,
    folder: &RunFolder,
    run: &TrainingRun,
    record: &SeedsRecord,
    watch: &Watch,
) -> anyhow::Result<()> {
    if args.local.given().is_empty() {
        return Ok(());
    }
    let left = record.seeds.len() - record.runs.len();
    let places = slots(&args.local, &run.config.device, left)?;
    series.train_side_by_side(folder, run, record, &places, &watch.interrupted)
}

/// A run that stopped somewhere.
fn go_on(args: &TrainArgs, resumed: &Resumed, watch: &Watch) -> anyhow::Result<()> {
    let mut layers = args.over(resumed.layers()?)?;
    named::keep_set(&mut layers, &resumed.layers()?)?;
    named::follow(&mut layers)?;
    let config = resolve(&layers)?;
    let changed = resumed.check(&layers)?;
    let by_hand = named::is_named(&layers);
    if let Some(record) = resumed.finished(&config)
        && !changed
    {
        // What is named is used or refused, even where nothing is left to train on it.
        if by_hand {
            find_set(&mut layers, |set| resumed.check_data(set))?;
        }
        resumed.say_unread(&layers);
        tracing::info!("{} has ended: this is its evaluation", record.run);
        if !resumed.folder.file(REPORT).is_file() {
            write_report(resumed.folder.path());
        }
        return match args.output.shown() {
            // As it was written: parsing could change the last digit of a number.
            Shown::Json => print(&named_so(
                &read_record(&resumed.folder.file(RUN))?,
                &record,
            )?),
            text => show(&record, text),
        };
    }
    if changed {
        resumed.check_left(&layers, &config)?;
        resumed.say_schedule(&config);
    }
    let source = resumed.source(&mut layers)?;
    let prepared = prepare(layers, |set| resumed.check_data(set));
    let mut run = prepared.map_err(|error| {
        match (error.is::<DataError>() && !by_hand, resumed.found_in()) {
            (true, Some(place)) => error.context(format!(
                "--resume {}: its images were found in {place}; if they have moved, name their new place with --dataset or --data-dir",
                resumed.folder.path().display()
            )),
            _ => error,
        }
    })?;
    if source.is_some() {
        run = run.start_from(source)?;
    }
    resumed.set_aside();
    let start = resumed.standing(&mut run);
    train(args, &resumed.folder, run, start, watch)
}

/// The text of a record that names the run as `record` does: its folder may have been moved.
fn named_so(text: &str, record: &RunRecord) -> anyhow::Result<String> {
    let before = serde_json::from_str::<RunRecord>(text)?.run;
    let field = |run| serde_json::to_string(run).map(|run| format!("\"run\": {run}"));
    Ok(text.replacen(&field(&before)?, &field(&record.run)?, 1))
}

/// Runs of several seeds that stopped somewhere.
fn go_on_with_seeds(
    args: &TrainArgs,
    path: &Path,
    mut record: SeedsRecord,
    watch: &Watch,
) -> anyhow::Result<()> {
    let folder = RunFolder::open_several(path)?;
    if let Some(seed) = args.training.only_seed {
        return only_seed(args, seed, &folder, &record, watch);
    }
    // It may have been moved.
    record.folder = folder.path().display().to_string();
    let _lock = folder.lock()?;
    let series = Series::of(&record);
    let before = series.settings(&folder)?;
    let mut layers = args.over(before.clone())?;
    named::keep_set(&mut layers, &before)?;
    resolve(&layers)?;
    let changes = resume::changes(&before, &layers);
    if !changes.is_empty() {
        let changes: String = changes.iter().map(ToString::to_string).collect();
        return Err(UsageError(format!(
            "--resume {}: runs of several seeds have the same settings, and these differ:\n{changes}leave them as the runs have them, or start new ones",
            path.display()
        ))
        .into());
    }
    let source = series.source(&folder, &record, &mut layers)?;
    let mut base = prepare(layers, |set| series.check_data(&folder, set))?;
    if source.is_some() {
        base = base.start_from(source)?;
    }
    train_side_by_side(args, &series, &folder, &base, &record, watch)?;
    show_several(&series.train(&folder, &base, record, watch)?, args)
}

/// One of the processes that train several seeds side by side; whoever started it has locked the folder.
fn only_seed(
    args: &TrainArgs,
    seed: u64,
    folder: &RunFolder,
    record: &SeedsRecord,
    watch: &Watch,
) -> anyhow::Result<()> {
    if args.training.tied {
        tie(watch.interrupted.clone());
    }
    let series = Series::of(record);
    let mut layers = args.over(resume::settings(&folder.file(BASE))?)?;
    let source = from::read(&mut layers)?;
    let base = prepare(layers, |set| series.check_data(folder, set))?.start_from(source)?;
    series.train_only(seed, folder, &base, record, watch)
}

/// Trains one run and prints what came of it, with a word on one that learnt nothing.
fn train(
    args: &TrainArgs,
    folder: &RunFolder,
    run: TrainingRun,
    start: Snapshot,
    watch: &Watch,
) -> anyhow::Result<()> {
    let finished = train_in(folder, run, start, watch)?;
    // On a terminal the last lines say it.
    if matches!(args.output.shown(), Shown::Json) || !std::io::stdout().is_terminal() {
        closing::warn_of_divergence(&finished.record);
    }
    show(&finished.record, args.output.shown())
}

/// How to print what came of a run.
#[derive(Clone, Copy, Debug)]
enum Shown {
    Json,
    Text(Look),
}

/// Prints what came of a run.
fn show(record: &RunRecord, shown: Shown) -> anyhow::Result<()> {
    print(&match (shown, &record.evaluation) {
        (Shown::Json, _) => serde_json::to_string(record)? + "\n",
        (Shown::Text(look), None) => closing::not_evaluated(record, &look),
        (Shown::Text(look), Some(evaluation)) => {
            let newest = which::newest(Path::new(RUNS));
            let newest = newest.is_some_and(|newest| newest == Path::new(&record.run));
            render(evaluation, report::Format::Text, &look)?
                + &closing::closing(record, evaluation, newest, &look)
        }
    })
}

/// Prints what several runs came to; those that failed are an error.
fn show_several(record: &SeedsRecord, args: &TrainArgs) -> anyhow::Result<()> {
    warn_of_divergence(record);
    print(&match args.output.shown() {
        Shown::Json => serde_json::to_string(record)? + "\n",
        // There is nothing to say but why, which was said.
        Shown::Text(_) if record.runs.is_empty() => String::new(),
        Shown::Text(look) => seeds(record, &look) + "\n" + &closing::of_several(record, &look),
    })?;
    let failed = record.failed.iter().map(|failed| failed.seed.to_string());
    let failed: Vec<String> = failed.collect();
    anyhow::ensure!(
        failed.is_empty(),
        "{} of {} failed: {}; the lines above say why",
        failed.len(),
        count(record.seeds.len(), "seed"),
        failed.join(", ")
    );
    Ok(())
}

/// Names the runs whose network has learnt nothing.
fn warn_of_divergence(record: &SeedsRecord) {
    for run in &record.runs {
        let file = Path::new(&record.folder).join(&run.run).join(RUN);
        let text = read_record(&file).unwrap_or_default();
        let found: Option<RunRecord> = serde_json::from_str(&text).ok();
        let evaluation = found.and_then(|found| found.evaluation);
        if let Some(lost) = evaluation.and_then(|found| lost(&found, closing::LEARNING_RATE)) {
            tracing::warn!("{}: {lost}", run.run);
        }
    }
}
