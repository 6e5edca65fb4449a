//! The trials of a sweep on this machine, in processes side by side.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::{LOGS, Outcome, Score, SweepRecord, Trial, path_of, space, trial};
use crate::exit::{Code, Interrupted};
use crate::runs::folder::RunFolderError;
use crate::runs::processes::{self, Next, Slot, Tasks};
use crate::terminal::bars::Shown;
use crate::terminal::percent;

/// A trial whose process was killed goes on from its checkpoint; after so many times it has failed.
const ATTEMPTS: usize = 3;
/// How long a trial that another process has is left alone.
const PAUSE: Duration = Duration::from_secs(2);

/// Which trials it was said of that they have ended.
pub(super) struct Said {
    trials: Vec<bool>,
    /// How many had ended when this process began.
    pub before: usize,
    has_titles: bool,
}

impl Said {
    /// Of those that have ended already nothing more is said than how many.
    pub fn of(record: &SweepRecord) -> Self {
        let trials: Vec<bool> = record.trials.iter().map(Trial::has_ended).collect();
        let before = record.ended();
        if before > 0 {
            tracing::info!("{before} of {} trials have ended", trials.len());
        }
        Self {
            trials,
            before,
            has_titles: false,
        }
    }

    pub fn count(&self) -> usize {
        self.trials.iter().filter(|ended| **ended).count()
    }

    /// A line for each that has ended since.
    pub fn say_ended(&mut self, record: &SweepRecord) {
        for (trial, said) in record.trials.iter().zip(&mut self.trials) {
            if trial.has_ended() && !std::mem::replace(said, true) {
                if !std::mem::replace(&mut self.has_titles, true) {
                    tracing::info!("{}", titles(record));
                }
                tracing::info!("{}", line(record, trial));
            }
        }
    }
}

/// Trains all trials that have not ended in processes side by side.
///
/// # Errors
/// [`Interrupted`]; a process that cannot be started.
pub fn run(
    folder: &Path,
    record: &mut SweepRecord,
    places: &[Slot],
    interrupted: &AtomicBool,
) -> anyhow::Result<()> {
    let logs = folder.join(LOGS);
    std::fs::create_dir_all(&logs).map_err(RunFolderError::unwritten(&logs))?;
    let mut trials = Trials {
        folder,
        logs,
        attempts: vec![0; record.trials.len()],
        elsewhere: Vec::new(),
        look_again: None,
        bar: Shown::bar("sweep"),
        said: Said::of(record),
        record,
    };
    if processes::run(&mut trials, places, interrupted)? {
        return Ok(());
    }
    let saved = format!(
        "{} of {} trials have ended, and what there is of the others is kept; go on with `{}`",
        trials.said.count(),
        trials.record.trials.len(),
        SweepRecord::run_command(folder)
    );
    Err(Interrupted { saved }.into())
}

/// The trials of this machine.
struct Trials<'a> {
    folder: &'a Path,
    logs: PathBuf,
    record: &'a mut SweepRecord,
    attempts: Vec<usize>,
    /// Trials that other processes have, and when to ask again.
    elsewhere: Vec<usize>,
    look_again: Option<Instant>,
    bar: Option<Shown>,
    said: Said,
}

impl Tasks for Trials<'_> {
    fn next(&mut self, running: &[usize]) -> Next {
        if self.look_again.is_some_and(|then| then <= Instant::now()) {
            self.look_again = None;
            self.elsewhere.clear();
            self.record.settle(self.folder);
            self.said.say_ended(self.record);
        }
        let waiting = self.record.trials.iter().filter(|trial| !trial.has_ended());
        let mut waiting = waiting.peekable();
        if waiting.peek().is_none() {
            return Next::Done;
        }
        let can_start = |trial: &&Trial| {
            let number = &trial.trial;
            trial.settings.is_some()
                && !running.contains(number)
                && !self.elsewhere.contains(number)
        };
        match waiting.find(can_start) {
            Some(trial) => Next::Start(trial.trial),
            None => Next::Wait,
        }
    }

    fn command(&self, task: usize) -> (Vec<String>, PathBuf) {
        let folder = self.folder.display().to_string();
        let words = ["sweep", "run", &folder, "--trial", &task.to_string()];
        let words = words.map(Into::into).into();
        (words, log_of(&self.logs, &self.record.trials[task]))
    }

    fn ended(&mut self, task: usize, status: ExitStatus) -> anyhow::Result<()> {
        self.record.settle(self.folder);
        let trial = &self.record.trials[task];
        if !trial.has_ended() && status.code() == Some(Code::Usage as i32) {
            // Another process has it, here or on another machine.
            self.elsewhere.push(task);
            self.look_again = Some(Instant::now() + PAUSE);
        } else if !trial.has_ended() {
            self.attempts[task] += 1;
            if self.attempts[task] < ATTEMPTS {
                tracing::warn!(
                    "trial {task}: its process ended with {status}; it is started again"
                );
                return Ok(());
            }
            let log = log_of(&self.logs, trial);
            let reason = format!(
                "its process ended with {status}; {} says more",
                log.display()
            );
            trial::fail(&path_of(self.folder, trial), &reason)?;
            self.record.settle(self.folder);
        }
        self.said.say_ended(self.record);
        Ok(())
    }

    fn show(&mut self, running: &[usize]) {
        let Some(bar) = &self.bar else { return };
        let (ended, all) = (self.said.count(), self.record.trials.len());
        bar.set(ended, all, self.said.before);
        let busy: Vec<String> = running.iter().map(usize::to_string).collect();
        let best = self
            .record
            .ranked()
            .first()
            .map_or_else(String::new, |trial| {
                let accuracy = trial.score().map(|score| score.valid_accuracy);
                format!(", best {} (trial {})", percent(accuracy), trial.trial)
            });
        bar.say(format!(
            "{ended} of {all} trials{best}; training {}",
            busy.join(", ")
        ));
    }
}

fn log_of(logs: &Path, trial: &Trial) -> PathBuf {
    logs.join(format!("{}.log", trial.run))
}

/// Titles above [`line`].
fn titles(record: &SweepRecord) -> String {
    let keys: Vec<&str> = record.over.iter().map(|axis| axis.key.as_str()).collect();
    format!("{:>5}  validation    loss  {}", "trial", keys.join(", "))
}

/// A trial that has ended.
fn line(record: &SweepRecord, trial: &Trial) -> String {
    let settings = trial.settings.as_ref();
    let value = |key: &String| {
        settings
            .and_then(|settings| settings.get(key))
            .map(space::brief)
    };
    let values: Vec<String> = record
        .over
        .iter()
        .filter_map(|axis| value(&axis.key))
        .collect();
    let values = values.join(", ");
    match &trial.outcome {
        Outcome::Finished(Score {
            valid_accuracy,
            valid_loss,
            ..
        }) => format!(
            "{:>5}  {:>10}  {valid_loss:>6.4}  {values}",
            trial.trial,
            percent(Some(*valid_accuracy))
        ),
        Outcome::Failed { reason } => format!("{:>5}      failed  {values}: {reason}", trial.trial),
        Outcome::Waiting | Outcome::Dropped => format!("{:>5}  {values}", trial.trial),
    }
}
