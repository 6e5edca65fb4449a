//! The trials of a sweep on this machine, side by side: each is a process of its own, with its share of the
//! processor's threads or an adapter.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use super::{LOGS, Outcome, Score, SweepRecord, Trial, path_of, space, trial};
use crate::exit::{Code, Interrupted};
use crate::terminal::bars::Shown;
use crate::terminal::{command_line_of, percent};

/// How often the processes are looked at.
const PAUSE: Duration = Duration::from_millis(15);
/// A trial whose process was killed goes on from its checkpoint; after so many times it has failed.
const ATTEMPTS: usize = 3;

/// A place where one trial at a time is trained.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Flags that choose the device.
    pub flags: Vec<String>,
    /// Threads that its processor kernels have.
    pub threads: usize,
}

/// A trial that is being trained.
struct Running {
    trial: usize,
    child: Child,
}

/// How far the trials of this machine are.
struct State {
    attempts: Vec<usize>,
    slots: Vec<Option<Running>>,
    bar: Option<Shown>,
    said: Said,
}

impl State {
    fn busy(&self) -> Vec<usize> {
        self.slots
            .iter()
            .flatten()
            .map(|running| running.trial)
            .collect()
    }

    fn show(&self, record: &SweepRecord) {
        let Some(bar) = &self.bar else { return };
        let (ended, all) = (self.said.count(), record.trials.len());
        bar.set(ended, all, self.said.before);
        let busy: Vec<String> = self.busy().iter().map(usize::to_string).collect();
        let best = record.ranked().first().map_or_else(String::new, |trial| {
            let accuracy = trial.score().map(|score| score.valid_accuracy);
            format!(", best {} (trial {})", percent(accuracy), trial.trial)
        });
        bar.say(format!(
            "{ended} of {all} trials{best}; training {}",
            busy.join(", ")
        ));
    }
}

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
        let before = trials.iter().filter(|ended| **ended).count();
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

/// The trials of this machine.
pub struct Local<'a> {
    pub folder: &'a Path,
    pub slots: Vec<Slot>,
    pub interrupted: Arc<AtomicBool>,
}

impl Local<'_> {
    /// Trains all trials that have not ended.
    ///
    /// # Errors
    /// [`Interrupted`]; a process that cannot be started.
    pub fn run(&self, record: &mut SweepRecord) -> anyhow::Result<()> {
        let program = std::env::current_exe().context("the program cannot find itself")?;
        let logs = self.folder.join(LOGS);
        std::fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
        let mut state = State {
            attempts: vec![0; record.trials.len()],
            slots: self.slots.iter().map(|_| None).collect(),
            bar: Shown::bar("sweep"),
            said: Said::of(record),
        };
        loop {
            let stopping = self.interrupted.load(Ordering::SeqCst);
            for place in 0..state.slots.len() {
                self.look_after(&mut state, place, record, stopping)?;
            }
            let is_busy = state.slots.iter().any(Option::is_some);
            if stopping && !is_busy {
                return Err(self.stopped(record).into());
            }
            if !stopping {
                self.fill(&mut state, &program, record)?;
                if state.slots.iter().all(Option::is_none) {
                    return Ok(());
                }
            }
            state.show(record);
            std::thread::sleep(PAUSE);
        }
    }

    /// Sees whether the trial in a slot is over.
    fn look_after(
        &self,
        state: &mut State,
        place: usize,
        record: &mut SweepRecord,
        stopping: bool,
    ) -> anyhow::Result<()> {
        let Some(running) = &mut state.slots[place] else {
            return Ok(());
        };
        if stopping {
            // It saves what there is when nobody holds the other end any more.
            drop(running.child.stdin.take());
        }
        let Some(status) = running.child.try_wait()? else {
            return Ok(());
        };
        let number = running.trial;
        state.slots[place] = None;
        record.settle(self.folder);
        if !record.trials[number].has_ended() && !stopping {
            self.left(state, number, status, record)?;
        }
        state.said.say_ended(record);
        Ok(())
    }

    /// A process that ended before its trial.
    fn left(
        &self,
        state: &mut State,
        number: usize,
        status: ExitStatus,
        record: &mut SweepRecord,
    ) -> anyhow::Result<()> {
        let trial = &record.trials[number];
        let log = log_of(&self.folder.join(LOGS), trial);
        if status.code() == Some(Code::Interrupted as i32) {
            // Ctrl-C reaches all processes of a terminal.
            self.interrupted.store(true, Ordering::SeqCst);
            return Ok(());
        }
        state.attempts[number] += 1;
        if state.attempts[number] < ATTEMPTS {
            tracing::warn!("trial {number}: its process ended with {status}; it is started again");
            return Ok(());
        }
        let reason = format!(
            "its process ended with {status}; {} says more",
            log.display()
        );
        trial::fail(&path_of(self.folder, trial), &reason)?;
        record.settle(self.folder);
        Ok(())
    }

    /// Starts trials where there is room.
    fn fill(&self, state: &mut State, program: &Path, record: &SweepRecord) -> anyhow::Result<()> {
        let busy = state.busy();
        let mut waiting = record.trials.iter().filter(|trial| {
            !trial.has_ended() && trial.settings.is_some() && !busy.contains(&trial.trial)
        });
        for (slot, place) in state.slots.iter_mut().zip(&self.slots) {
            if slot.is_some() {
                continue;
            }
            let Some(trial) = waiting.next() else { break };
            *slot = Some(Running {
                trial: trial.trial,
                child: self.start(program, place, trial)?,
            });
        }
        Ok(())
    }

    fn start(&self, program: &Path, slot: &Slot, trial: &Trial) -> anyhow::Result<Child> {
        let log = log_of(&self.folder.join(LOGS), trial);
        let file = File::options().create(true).append(true).open(&log);
        let file = file.with_context(|| log.display().to_string())?;
        Command::new(program)
            .args(["sweep", "run"])
            .arg(self.folder)
            .args(["--trial", &trial.trial.to_string(), "--tied"])
            .args(&slot.flags)
            .env("RAYON_NUM_THREADS", slot.threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .with_context(|| format!("trial {} could not be started", trial.trial))
    }

    fn stopped(&self, record: &SweepRecord) -> Interrupted {
        let ended = record
            .trials
            .iter()
            .filter(|trial| trial.has_ended())
            .count();
        let folder = self.folder.display().to_string();
        let command = command_line_of(["sweep".into(), "run".into(), folder].into_iter());
        Interrupted {
            saved: format!(
                "{ended} of {} trials have ended, and what there is of the others is kept; go on with `{command}`",
                record.trials.len()
            ),
        }
    }
}

/// Raises `flag` when the process that started this one ends, or lets go of it.
pub fn tie(flag: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let mut byte = [0];
        while std::io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
        flag.store(true, Ordering::SeqCst);
    });
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
            .map(space::shown)
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
