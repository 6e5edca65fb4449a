//! The trials of a sweep through an engine that exists: an array of jobs is submitted and followed until its trials
//! have ended. Whether a trial has ended well its folder says; the engine only says whether to wait on.

mod hq;
mod slurm;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{LOGS, Standing, SweepRecord, local, standing};
use crate::exit::{Interrupted, UsageError};
use crate::files::{read_record, write_atomically};
use crate::runs::folder::RunFolderError;
use crate::terminal::bars::Shown;
use crate::terminal::{command_line, command_line_of, print};
use crate::wording::count;

/// Arrays that were handed over: another `submit` follows them rather than handing their trials over again.
const SUBMITTED: &str = "submitted.json";
/// A trial that leaves the queue without an end or an epoch more is handed over so many times.
const ATTEMPTS: usize = 2;

/// What runs the trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Slurm, by sbatch and squeue
    Slurm,
    /// HyperQueue, by hq
    Hq,
}

/// An engine that can count: a file each.
trait Queue {
    /// The script that trains the trial of a task, and its name; it says how to submit these trials by hand.
    ///
    /// # Errors
    /// Options or paths that the engine cannot take.
    fn script(
        &self,
        work: &Work<'_>,
        trials: &[usize],
    ) -> Result<(&'static str, String), UsageError>;

    /// The words that submit an array of trials.
    fn command(&self, work: &Work<'_>, script: &Path, trials: &[usize]) -> Vec<String>;

    /// What tells one server's jobs from another's; empty where numbers do.
    ///
    /// # Errors
    /// A server that does not answer.
    fn server(&self) -> anyhow::Result<String> {
        Ok(String::new())
    }

    /// The trials of a job that are not over.
    ///
    /// # Errors
    /// An engine that does not answer.
    fn queued(&self, job: &str) -> anyhow::Result<Vec<Queued>>;

    /// The words that end jobs.
    fn cancel(&self, jobs: &[&str]) -> String;

    /// Whether a trial that waits for this reason may wait for ever.
    fn is_stuck(&self, _reason: &str) -> bool {
        false
    }

    /// What may be behind a refusal.
    fn hint(&self, _said: &str) -> &'static str {
        "see that its server answers here (`hq server info`), then submit again: the plan is kept"
    }
}

impl Engine {
    fn queue(self) -> &'static dyn Queue {
        match self {
            Self::Slurm => &slurm::Slurm,
            Self::Hq => &hq::HyperQueue,
        }
    }
}

/// What a job asks for.
#[derive(Args, Debug)]
#[command(next_help_heading = "Engine")]
pub struct Job {
    /// The partition of Slurm [default: the engine's]
    #[arg(long, value_name = "P")]
    pub partition: Option<String>,
    /// Graphics cards of a trial [default: none is asked for]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=64))]
    pub gpus: Option<u32>,
    /// Processor cores of a trial
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub cpus: u32,
    /// The time that a trial may take, as the engine takes it; one that is over it goes on in the next
    /// job [default: the engine's]
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,
    /// The most trials at a time, with Slurm [default: as many as there is room for]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub at_once: Option<u32>,
    /// One more option of sbatch or hq submit, such as --option=--account=lab; may be repeated
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub option: Vec<String>,
    /// Seconds between two looks at the queue
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10.0,
        allow_negative_numbers = true
    )]
    pub every: f64,
    /// Write the script, print the command, and submit nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// An array of jobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Array {
    engine: Engine,
    server: String,
    /// The engine's number.
    job: String,
    /// Trials, and the epochs that each had when it was handed over.
    trials: Vec<(usize, usize)>,
}

/// A trial in a queue.
struct Queued {
    trial: usize,
    is_running: bool,
    reason: String,
}

/// What is submitted.
struct Work<'a> {
    /// The folder of the sweep, as all machines see it.
    folder: &'a Path,
    job: &'a Job,
    program: PathBuf,
}

/// Has an engine run the trials that have not ended; `false` for a dry run. Where all have ended nothing is written.
///
/// # Errors
/// An engine that refuses, trials that end without a result, [`Interrupted`] with the jobs left as they are.
pub fn submit(
    folder: &Path,
    record: &mut SweepRecord,
    engine: Engine,
    job: &Job,
    interrupted: &Arc<AtomicBool>,
) -> anyhow::Result<bool> {
    let place = std::fs::canonicalize(folder).map_err(RunFolderError::unwritten(folder))?;
    if place.to_str().is_none_or(|text| text.contains('\n')) {
        return Err(UsageError(format!(
            "{}: a path that is not UTF-8 text of one line cannot be written into a job; move the sweep",
            folder.display()
        ))
        .into());
    }
    if !(0.1..=3600.0).contains(&job.every) {
        return Err(UsageError(format!(
            "--every {}: must be 0.1 to 3600 seconds, such as 10",
            job.every
        ))
        .into());
    }
    let work = Work {
        folder: &place,
        job,
        program: std::env::current_exe()
            .context("the program cannot find itself; start it by its full path")?,
    };
    let trials = ready(record);
    let (name, text) = engine.queue().script(&work, &trials)?;
    if record.has_ended() {
        let all = record.trials.len();
        tracing::info!("{all} of {all} trials have ended: nothing is left to submit");
        return Ok(!job.dry_run);
    }
    let script = place.join(name);
    std::fs::create_dir_all(place.join(LOGS)).map_err(RunFolderError::unwritten(&place))?;
    write_atomically(&script, text.as_bytes()).map_err(RunFolderError::unwritten(&script))?;
    if job.dry_run {
        let words = engine.queue().command(&work, &script, &trials);
        print(&format!("{}\n", shell(&words)))?;
        return Ok(false);
    }
    let mut follower = Follower {
        engine,
        work,
        script,
        arrays: Vec::new(),
        warned: BTreeSet::new(),
        gone: BTreeSet::new(),
    };
    follower.arrays = follower.known()?;
    follower.follow(record, interrupted)?;
    Ok(true)
}

/// Trials that could run.
fn ready(record: &SweepRecord) -> Vec<usize> {
    let ready = record
        .trials
        .iter()
        .filter(|trial| !trial.has_ended() && trial.settings.is_some());
    ready.map(|trial| trial.trial).collect()
}

/// A sweep in the hands of an engine.
struct Follower<'a> {
    engine: Engine,
    work: Work<'a>,
    script: PathBuf,
    arrays: Vec<Array>,
    /// What was warned of.
    warned: BTreeSet<String>,
    /// Trials that were in no queue at the last look.
    gone: BTreeSet<usize>,
}

impl Follower<'_> {
    fn follow(
        &mut self,
        record: &mut SweepRecord,
        interrupted: &Arc<AtomicBool>,
    ) -> anyhow::Result<()> {
        let mut said = local::Said::of(record);
        let bar = Shown::bar("sweep");
        loop {
            // The queue first: what is not in it any more has written what it came to.
            let queued = self.queued();
            record.settle(self.work.folder);
            said.say_ended(record);
            if record.has_ended() {
                return Ok(());
            }
            if interrupted.load(Ordering::SeqCst) {
                return Err(self.left().into());
            }
            if let Some(queued) = queued {
                let running = queued.iter().filter(|queued| queued.is_running).count();
                if let Some(bar) = &bar {
                    let (ended, all) = (said.count(), record.trials.len());
                    bar.set(ended, all, said.before);
                    bar.say(format!(
                        "{ended} of {all} trials; {running} of {} in the queue are running",
                        queued.len()
                    ));
                }
                self.say_stuck(&queued);
                if self.hand_over_again(record, &queued)? {
                    continue;
                }
            }
            self.pause(interrupted);
        }
    }

    /// Hands over what is ready and in no queue; whether there was any.
    fn hand_over_again(&mut self, record: &SweepRecord, queued: &[Queued]) -> anyhow::Result<bool> {
        let in_queue: BTreeSet<usize> = queued.iter().map(|queued| queued.trial).collect();
        let missing: BTreeSet<usize> = ready(record)
            .into_iter()
            .filter(|trial| !in_queue.contains(trial))
            .collect();
        // Those of an array are given a moment: their files have to be seen here.
        let is_known = |trial: usize| {
            self.arrays
                .iter()
                .any(|array| array.epochs(trial).is_some())
        };
        let settled = missing
            .iter()
            .copied()
            .filter(|&trial| self.gone.contains(&trial) || !is_known(trial));
        let (again, lost): (Vec<usize>, Vec<usize>) =
            settled.partition(|&trial| self.may_go_on(record, trial));
        self.gone = missing;
        if !again.is_empty() {
            let array = self.hand_over(record, &again)?;
            self.arrays.push(array);
            self.keep()?;
            return Ok(true);
        }
        let names: Vec<String> = lost.iter().map(usize::to_string).collect();
        anyhow::ensure!(
            lost.is_empty() || !in_queue.is_empty(),
            "{} left the queue without a result, and without an epoch more than before: {}; their logs in {} say why",
            count(lost.len(), "trial"),
            names.join(", "),
            self.work.folder.join(LOGS).display()
        );
        Ok(false)
    }

    /// Whether a trial that is in no queue may be handed over: it advanced since the last time, or it was not handed
    /// over often.
    fn may_go_on(&self, record: &SweepRecord, trial: usize) -> bool {
        let before: Vec<usize> = self
            .arrays
            .iter()
            .filter_map(|array| array.epochs(trial))
            .collect();
        let now = self.epochs(record, trial);
        before.len() < ATTEMPTS || before.last().is_some_and(|&epochs| now > epochs)
    }

    fn epochs(&self, record: &SweepRecord, trial: usize) -> usize {
        match standing(self.work.folder, &record.trials[trial]) {
            Standing::Begun { epochs } => epochs,
            Standing::Waiting | Standing::Ended(_) => 0,
        }
    }

    /// Submits an array of trials.
    fn hand_over(&self, record: &SweepRecord, trials: &[usize]) -> anyhow::Result<Array> {
        let queue = self.engine.queue();
        let server = queue.server()?;
        let words = queue.command(&self.work, &self.script, trials);
        let output = run(&words)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let job = said.trim().lines().last().unwrap_or_default();
        let job = job.split(';').next().unwrap_or_default().trim();
        if !output.status.success() || job.is_empty() {
            let reason = reason(&output);
            anyhow::bail!(
                "`{}` failed: {reason}\n{}",
                shell(&words),
                queue.hint(&reason)
            );
        }
        tracing::info!(
            "{} in the queue as job {job}: {}",
            count(trials.len(), "trial"),
            spec(trials)
        );
        Ok(Array {
            engine: self.engine,
            server,
            job: job.into(),
            trials: trials
                .iter()
                .map(|&trial| (trial, self.epochs(record, trial)))
                .collect(),
        })
    }

    /// What of the arrays is in the queue; `None` where the engine does not answer now.
    fn queued(&mut self) -> Option<Vec<Queued>> {
        let look = || -> anyhow::Result<Vec<Queued>> {
            let mut found = Vec::new();
            for array in &self.arrays {
                let queue = array.engine.queue();
                // Numbers of another server are another's jobs.
                if queue.server()? == array.server {
                    found.extend(queue.queued(&array.job)?);
                }
            }
            Ok(found)
        };
        match look() {
            Ok(found) => Some(found),
            Err(error) => {
                if self.warned.insert("away".into()) {
                    tracing::warn!("the queue cannot be asked now, and is asked again: {error:#}");
                }
                None
            }
        }
    }

    fn say_stuck(&mut self, queued: &[Queued]) {
        for Queued { trial, reason, .. } in queued {
            if self.engine.queue().is_stuck(reason) && self.warned.insert(reason.clone()) {
                tracing::warn!(
                    "trial {trial} waits for what may never come: {reason}; other options of `gpu-mnist sweep submit` may help"
                );
            }
        }
    }

    fn known(&self) -> anyhow::Result<Vec<Array>> {
        let path = self.work.folder.join(SUBMITTED);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let next = "remove it, and see that its jobs no longer run";
        let damaged = |reason: String| RunFolderError::Damaged {
            path: self.work.folder.into(),
            file: SUBMITTED,
            reason,
            next: next.into(),
        };
        let text = read_record(&path).map_err(|error| damaged(error.to_string()))?;
        Ok(serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?)
    }

    fn keep(&self) -> anyhow::Result<()> {
        let path = self.work.folder.join(SUBMITTED);
        let text = serde_json::to_string_pretty(&self.arrays)? + "\n";
        let written = write_atomically(&path, text.as_bytes());
        Ok(written.map_err(RunFolderError::unwritten(&path))?)
    }

    fn left(&self) -> Interrupted {
        let jobs: Vec<&str> = self.arrays.iter().map(|array| array.job.as_str()).collect();
        Interrupted {
            saved: format!(
                "the jobs go on without this program; `{}` follows them again, `{}` ends them",
                command_line(),
                self.engine.queue().cancel(&jobs)
            ),
        }
    }

    fn pause(&self, interrupted: &Arc<AtomicBool>) {
        let start = Instant::now();
        let all = Duration::from_secs_f64(self.work.job.every);
        while start.elapsed() < all && !interrupted.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(50).min(all));
        }
    }
}

impl Array {
    /// Epochs that a trial had when it was handed over.
    fn epochs(&self, trial: usize) -> Option<usize> {
        let found = self.trials.iter().find(|(number, _)| *number == trial);
        found.map(|(_, epochs)| *epochs)
    }
}

impl Work<'_> {
    /// What trains the trial of a task.
    fn trial(&self) -> Vec<String> {
        let program = self.program.display().to_string();
        let folder = self.folder.display().to_string();
        let words = [&program, "sweep", "run", &folder, "--trial", "env"];
        words.map(Into::into).into()
    }

    /// What the engine calls the job.
    fn name(&self) -> String {
        let folder = self.folder.file_name().unwrap_or_default();
        folder.to_string_lossy().replace('"', "")
    }
}

/// The first lines of a script: which it is, who wrote it, and what submits these trials by hand.
fn head(command: &str, script: &str, trials: &[usize]) -> Vec<String> {
    let array = spec(trials);
    let trials = count(trials.len(), "trial");
    vec![
        "#!/bin/bash".into(),
        format!(
            "# Written by `gpu-mnist sweep submit`; `{command} --array={array} {script}` submits {trials} by hand."
        ),
    ]
}

/// Numbers as an array takes them: `0-3,7`.
fn spec(trials: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for &trial in trials {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == trial => *last = trial,
            _ => parts.push((trial, trial)),
        }
    }
    let part = |(first, last): (usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    parts.into_iter().map(part).collect::<Vec<_>>().join(",")
}

fn run(words: &[String]) -> anyhow::Result<Output> {
    let output = Command::new(&words[0]).args(&words[1..]).output();
    output.map_err(|error| {
        anyhow::anyhow!(
            "{} could not be started ({error}); install it and put it into PATH, or train here: `gpu-mnist sweep run DIR`",
            words[0]
        )
    })
}

/// What a command said before it failed.
fn reason(output: &Output) -> String {
    let said = [&output.stderr, &output.stdout]
        .map(|said| String::from_utf8_lossy(said).trim().to_string());
    said.into_iter()
        .find(|said| !said.is_empty())
        .unwrap_or_else(|| output.status.to_string())
}

/// A command as a shell takes it.
fn shell(words: &[String]) -> String {
    let line = command_line_of(words);
    line.strip_prefix("gpu-mnist ").unwrap_or(&line).into()
}
