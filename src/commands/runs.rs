//! `gpu-mnist runs`: lists the runs of a folder, and removes old ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use console::measure_text_width;
use serde::Serialize;

use super::args::FormatArgs;
use crate::evaluation::Evaluation;
use crate::exit::UsageError;
use crate::files::read_record;
use crate::report::look::Look;
use crate::report::table::{Table, left, right};
use crate::report::text::{percent, wrapped};
use crate::runs::folder::{
    LATEST, Lock, RUN, RUNS, RunFolder, RunFolderError, SEEDS, SETTINGS, absent, followed, pointed,
};
use crate::runs::record::RunRecord;
use crate::runs::seeds_record::{SeedRun, SeedsRecord};
use crate::runs::series::folder_name;
use crate::runs::sweep::{SWEEP, SweepRecord, path_of};
use crate::runs::which::{self, epochs_done};
use crate::terminal::print;
use crate::training::stopping::Ending;
use crate::wording::count;

/// Flags of `runs`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist runs list
  gpu-mnist runs prune --keep 5")]
pub struct RunsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Each run with its data set, device, accuracy and seconds, the newest last
    List(ListArgs),
    /// Remove all runs but the newest; those of several seeds count as one, and other folders are
    /// never touched
    Prune(PruneArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist runs list         those in runs/
  gpu-mnist runs list --json  the same for programs")]
struct ListArgs {
    /// The folder that holds the runs [default: runs]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    output: FormatArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist runs prune --keep 5            of those in runs/
  gpu-mnist runs prune old-runs --keep 10  of those in a folder of yours")]
struct PruneArgs {
    /// The folder that holds the runs [default: runs]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// How many of the newest runs stay
    #[arg(long, value_name = "N")]
    #[arg(allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    keep: u32,
    #[command(flatten)]
    output: FormatArgs,
}

/// # Errors
/// A folder that cannot be read, or a run that cannot be removed.
pub fn run(args: &RunsArgs) -> anyhow::Result<()> {
    match &args.action {
        Action::List(args) => list(args),
        Action::Prune(args) => prune(args),
    }
}

/// A folder that `train` made.
#[derive(Debug)]
struct Run {
    path: PathBuf,
    record: Kept,
}

#[derive(Debug)]
enum Kept {
    One(Box<RunRecord>),
    /// Of several seeds, each in a folder below.
    Several(Box<SeedsRecord>),
    /// Of many settings, each in a folder below.
    Sweep {
        started: String,
        record: Box<SweepRecord>,
    },
}

impl Kept {
    fn started(&self) -> &str {
        match self {
            Self::One(record) => &record.started,
            Self::Several(record) => &record.started,
            Self::Sweep { started, .. } => started,
        }
    }
}

/// A line of `runs list`.
#[derive(Serialize)]
struct Line<'a> {
    run: String,
    started: &'a str,
    dataset: &'a str,
    device: &'a str,
    /// `None` for several seeds.
    epochs: Option<usize>,
    /// Of several seeds, the mean.
    accuracy: Option<f64>,
    /// Of training; of several seeds, the mean; `None` of a sweep.
    seconds: Option<f64>,
    ending: Option<Ending>,
    /// What makes the accuracy no plain one of a single network.
    manner: Option<String>,
    /// `None` for a single run.
    seeds: Option<Seeds>,
    /// Of a sweep.
    trials: Option<Trials>,
    /// Whether a program is training it, where it is a single run.
    #[serde(skip)]
    training: bool,
}

#[derive(Serialize)]
struct Trials {
    planned: usize,
    ended: usize,
    best: Option<usize>,
}

#[derive(Serialize)]
struct Seeds {
    asked: usize,
    finished: usize,
    ensemble_accuracy: Option<f64>,
}

impl<'a> Line<'a> {
    fn new(Run { path, record }: &'a Run) -> Self {
        let run = path.display().to_string();
        match record {
            Kept::One(record) => Self {
                run,
                started: &record.started,
                dataset: &record.dataset,
                device: &record.device.name,
                epochs: Some(epochs_done(path, record)),
                accuracy: record.evaluation.as_ref().map(|found| found.accuracy),
                seconds: Some(record.history.train_seconds),
                ending: record.ending,
                manner: record.evaluation.as_ref().and_then(Evaluation::manner),
                seeds: None,
                trials: None,
                training: RunFolder::open_unfinished(path).is_ok_and(|run| run.is_training()),
            },
            Kept::Several(record) => Self {
                run,
                started: &record.started,
                dataset: &record.dataset,
                device: &record.device.name,
                epochs: None,
                accuracy: record.statistics.accuracy.map(|found| found.mean),
                seconds: Some(
                    record
                        .statistics
                        .train_seconds
                        .map_or(0.0, |found| found.mean),
                ),
                ending: None,
                manner: record.runs.iter().find_map(SeedRun::manner),
                seeds: Some(Seeds {
                    asked: record.seeds.len(),
                    finished: record.runs.len(),
                    ensemble_accuracy: record.ensemble.as_ref().map(|ensemble| ensemble.accuracy),
                }),
                trials: None,
                training: false,
            },
            Kept::Sweep { started, record } => Self {
                run,
                started,
                dataset: &record.dataset,
                device: "",
                epochs: None,
                accuracy: record.best.as_ref().and_then(|best| best.test_accuracy),
                seconds: None,
                ending: None,
                manner: None,
                seeds: None,
                trials: Some(Trials {
                    planned: record.trials.len(),
                    ended: record.ended(),
                    best: record.best.as_ref().map(|best| best.trial),
                }),
                training: false,
            },
        }
    }

    fn remark(&self) -> String {
        if let Some(trials) = &self.trials {
            let best = trials
                .best
                .map_or_else(String::new, |best| format!(", the best is trial {best}"));
            return format!(
                "a sweep, {} of {} trials{best}",
                trials.ended, trials.planned
            );
        }
        let state = match (&self.seeds, self.ending) {
            (Some(seeds), _) => {
                let ensemble = seeds
                    .ensemble_accuracy
                    .map_or_else(String::new, |accuracy| {
                        format!(", their ensemble {}", percent(Some(accuracy)))
                    });
                Some(format!(
                    "mean of {} of {}{ensemble}",
                    seeds.finished,
                    count(seeds.asked, "seed")
                ))
            }
            (None, None) if self.training => Some("still training".into()),
            (None, None) => Some("unfinished".into()),
            (None, Some(Ending::Interrupted)) => Some("interrupted".into()),
            (None, Some(_)) => None,
        };
        let parts: Vec<String> = state.into_iter().chain(self.manner.clone()).collect();
        parts.join(", ")
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let mut runs = runs(args.folder.as_deref())?;
    if runs.is_empty() {
        runs.extend(itself(args.folder.as_deref()));
    }
    let lines: Vec<Line> = runs.iter().map(Line::new).collect();
    if args.output.json() {
        return print(&(serde_json::json!({ "runs": lines }).to_string() + "\n"));
    }
    if lines.is_empty() {
        tracing::info!("no runs here: `gpu-mnist train` makes one");
        return Ok(());
    }
    print(&(listed(&lines, Look::of_stdout(false).width) + "\n"))
}

/// A table; where a row is too wide what else is to be said stands below its run.
fn listed(lines: &[Line], width: usize) -> String {
    let columns = || {
        [
            left("Run"),
            left("Data set").least(9).dispensable(1),
            left("Device").least(9).dispensable(3),
            right("Epochs").dispensable(2),
            right("Accuracy"),
            right("Seconds"),
        ]
    };
    let started = left("Started").dispensable(4);
    let mut whole = Table::new(columns().into_iter().chain([started, left("")]));
    let mut narrow = Table::new(columns());
    for line in lines {
        let cells = [
            line.run.clone(),
            line.dataset.into(),
            line.device.into(),
            line.epochs
                .map_or_else(String::new, |epochs| epochs.to_string()),
            percent(line.accuracy),
            line.seconds
                .map_or_else(String::new, |seconds| format!("{seconds:.1}")),
        ];
        narrow.row(cells.clone());
        let started = line.started.get(..16).unwrap_or(line.started);
        let rest = [started.replace('T', " "), line.remark()];
        whole.row(cells.into_iter().chain(rest));
    }
    let text = whole.text(usize::MAX);
    if text.lines().all(|line| measure_text_width(line) <= width) {
        return text;
    }
    let text = narrow.text(width);
    let mut shown = Vec::new();
    // A run whose path fits no line is cut nowhere: it is there to be copied.
    let rows = text.lines().enumerate();
    let in_parts = text.lines().count() != lines.len() + 1;
    if in_parts {
        for line in lines {
            shown.push(format!("  {}", line.run));
            let accuracy = percent(line.accuracy);
            let seconds = line
                .seconds
                .map_or_else(String::new, |seconds| format!(", {seconds:.1} s"));
            let found = format!("    {}, {accuracy}{seconds}", line.dataset);
            shown.push(wrapped(&found, width, "      "));
            shown.extend(remark_below(line, width));
        }
        return shown.join("\n");
    }
    for (place, row) in rows {
        shown.push(row.into());
        if let Some(line) = place.checked_sub(1).and_then(|place| lines.get(place)) {
            shown.extend(remark_below(line, width));
        }
    }
    shown.join("\n")
}

fn remark_below(line: &Line, width: usize) -> Option<String> {
    let remark = line.remark();
    (!remark.is_empty()).then(|| wrapped(&format!("    {remark}"), width, "      "))
}

fn prune(args: &PruneArgs) -> anyhow::Result<()> {
    let mut runs = runs(args.folder.as_deref())?;
    if let (true, Some(run)) = (runs.is_empty(), itself(args.folder.as_deref())) {
        return Err(UsageError(format!(
            "{}: a run itself; name the folder that holds it, {}, or remove it by hand",
            run.path.display(),
            parent(&run.path).display()
        ))
        .into());
    }
    let kept = runs.split_off(runs.len().saturating_sub(args.keep as usize));
    let (mut removed, mut busy) = (Vec::new(), Vec::new());
    for run in runs {
        let name = run.path.display().to_string();
        match locks(&run) {
            Ok(locks) => {
                remove(&run.path, locks).with_context(|| {
                    format!("{name}: could not be removed; check the permissions of its folder")
                })?;
                unlink_latest(&run.path);
                removed.push(name);
            }
            Err(RunFolderError::Busy { .. }) => busy.push(name),
            Err(error) => return Err(error.into()),
        }
    }
    for name in &busy {
        tracing::warn!("{name}: kept, because it is being trained");
    }
    let kept: Vec<String> = kept
        .iter()
        .map(|run| run.path.display().to_string())
        .collect();
    if args.output.json() {
        let found = serde_json::json!({ "removed": removed, "busy": busy, "kept": kept });
        return print(&(found.to_string() + "\n"));
    }
    let mut text = String::new();
    for name in &removed {
        text += &format!("removed {name}\n");
    }
    text += &format!(
        "{} removed, {} kept\n",
        removed.len(),
        kept.len() + busy.len()
    );
    print(&text)
}

/// The runs in `folder`, oldest first. A missing folder holds none, unless it was named.
fn runs(named: Option<&Path>) -> anyhow::Result<Vec<Run>> {
    let folder = named.unwrap_or(Path::new(RUNS));
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            return Ok(Vec::new());
        }
        Err(source) if folder.is_dir() => {
            let path = folder.into();
            return Err(RunFolderError::Unreadable { path, source }.into());
        }
        Err(_) => {
            let (path, reason) = (folder.into(), absent(folder));
            return Err(RunFolderError::NoFolder { path, reason }.into());
        }
    };
    let mut found: Vec<Run> = entries
        .flatten()
        .filter_map(|entry| recognise(entry.path()))
        .collect();
    found.sort_by(|a, b| (a.record.started(), &a.path).cmp(&(b.record.started(), &b.path)));
    Ok(found)
}

/// The folder that was named, where it is a run and holds none.
fn itself(named: Option<&Path>) -> Option<Run> {
    read_run(followed(named?))
}

/// The folder that a run lies in.
fn parent(run: &Path) -> PathBuf {
    let run = std::path::absolute(run).unwrap_or_else(|_| run.into());
    run.parent().unwrap_or(&run).into()
}

/// What nobody may train while it is removed: a run, or each of several and their folder.
fn locks(run: &Run) -> Result<Vec<Lock>, RunFolderError> {
    match &run.record {
        Kept::One(_) => Ok(vec![RunFolder::open_unfinished(&run.path)?.lock()?]),
        Kept::Several(record) => {
            let folder = RunFolder::open_several(&run.path)?;
            let mut locks = vec![folder.lock()?];
            for seed in &record.seeds {
                if let Ok(run) = RunFolder::open_unfinished(&folder.file(&folder_name(*seed))) {
                    locks.push(run.lock()?);
                }
            }
            Ok(locks)
        }
        Kept::Sweep { record, .. } => {
            let trials = record.trials.iter().map(|trial| path_of(&run.path, trial));
            let begun = trials.filter_map(|path| RunFolder::open_unfinished(&path).ok());
            begun.map(|run| run.lock()).collect()
        }
    }
}

/// A run is a folder of its own, not a link, with settings and a record that `train` wrote; or
/// one with the record of several such.
fn recognise(path: PathBuf) -> Option<Run> {
    if !fs::symlink_metadata(&path).ok()?.is_dir() || !which::is_readable(&path) {
        return None;
    }
    read_run(path)
}

/// What the records in a folder say of it.
fn read_run(path: PathBuf) -> Option<Run> {
    if path.join(SWEEP).is_file() {
        return match SweepRecord::open(&path) {
            Ok(record) => Some(Run {
                record: Kept::Sweep {
                    started: SweepRecord::started(&path),
                    record: Box::new(record),
                },
                path,
            }),
            Err(error) => {
                tracing::warn!("{}: left out: {error}", path.display());
                None
            }
        };
    }
    let several = path.join(SEEDS).is_file();
    if !several && !path.join(SETTINGS).is_file() {
        return None;
    }
    let name = if several { SEEDS } else { RUN };
    let text = read_record(&path.join(name)).ok()?;
    let record = match several {
        true => serde_json::from_str(&text).map(Kept::Several),
        false => serde_json::from_str(&text).map(Kept::One),
    };
    match record {
        Ok(record) => Some(Run { path, record }),
        Err(error) => {
            tracing::warn!(
                "{}: left out, its {name} is not one of this program ({error})",
                path.display()
            );
            None
        }
    }
}

/// Removes a run that nobody trains. Where no open file can go (FAT and network drives on Windows), the locks are given up
/// before the rest: what is left by then cannot be trained.
fn remove(run: &Path, locks: Vec<Lock>) -> io::Result<()> {
    fs::remove_dir_all(run).or_else(|_| {
        drop(locks);
        fs::remove_dir_all(run)
    })
}

/// A `latest` beside a removed run must not point at nothing, but at the newest that is left.
fn unlink_latest(removed: &Path) {
    let (Some(folder), Some(name)) = (removed.parent(), removed.file_name()) else {
        return;
    };
    let latest = folder.join(LATEST);
    if pointed(&latest).is_some_and(|target| target == Path::new(name)) {
        let _ = fs::remove_file(latest);
        let newest = which::newest(folder);
        if let Some(run) = newest.and_then(|run| RunFolder::open_unfinished(&run).ok()) {
            run.point_latest();
        }
    }
}
