//! Trainings side by side on this machine: each is a process of its own, with its share of the processor's
//! threads or an adapter.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use super::folder::RunFolderError;
use crate::exit::Code;

/// How often the processes are looked at.
const PAUSE: Duration = Duration::from_millis(15);

/// A place where one training at a time runs.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Flags that choose the device.
    pub flags: Vec<String>,
    /// Threads that its processor kernels have.
    pub threads: usize,
}

/// What is to be done where there is room for a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// This one starts.
    Start(usize),
    /// None can start now, but one may later.
    Wait,
    /// None is left.
    Done,
}

/// Trainings to be done, by number.
pub trait Tasks {
    /// One that can start and is not among those that run.
    fn next(&mut self, running: &[usize]) -> Next;

    /// The arguments that train it, without the device's, and the file of its messages.
    fn command(&self, task: usize) -> (Vec<String>, PathBuf);

    /// Its process ended.
    ///
    /// # Errors
    /// What ends all of them.
    fn ended(&mut self, task: usize, status: ExitStatus) -> anyhow::Result<()>;

    /// Shows how far they are.
    fn show(&mut self, running: &[usize]);
}

/// A training that runs.
struct Running {
    task: usize,
    child: Child,
}

/// Runs all tasks; `false` where someone stopped them before the last had ended.
///
/// # Errors
/// A process that cannot be started, and those of `tasks`.
pub fn run(
    tasks: &mut impl Tasks,
    places: &[Slot],
    interrupted: &AtomicBool,
) -> anyhow::Result<bool> {
    let program = std::env::current_exe()
        .context("the program cannot find itself; start it by its full path")?;
    let mut slots: Vec<Option<Running>> = places.iter().map(|_| None).collect();
    loop {
        let stopping = interrupted.load(Ordering::SeqCst);
        for slot in &mut slots {
            let Some(running) = slot else { continue };
            if stopping {
                // It saves what there is when nobody holds the other end any more.
                drop(running.child.stdin.take());
            }
            let Some(status) = running.child.try_wait()? else {
                continue;
            };
            let task = running.task;
            *slot = None;
            match status.code() == Some(Code::Interrupted as i32) {
                // Ctrl-C reaches all processes of a terminal.
                true => interrupted.store(true, Ordering::SeqCst),
                false => tasks.ended(task, status)?,
            }
        }
        let stopping = interrupted.load(Ordering::SeqCst);
        let mut is_done = stopping;
        for place in 0..slots.len() {
            if stopping || slots[place].is_some() {
                continue;
            }
            match tasks.next(&busy(&slots)) {
                Next::Start(task) => {
                    let child = start(&program, &places[place], tasks.command(task))?;
                    slots[place] = Some(Running { task, child });
                }
                next => {
                    is_done = next == Next::Done;
                    break;
                }
            }
        }
        let running = busy(&slots);
        if running.is_empty() && is_done {
            return Ok(!stopping);
        }
        tasks.show(&running);
        std::thread::sleep(PAUSE);
    }
}

fn busy(slots: &[Option<Running>]) -> Vec<usize> {
    slots.iter().flatten().map(|running| running.task).collect()
}

fn start(
    program: &Path,
    place: &Slot,
    (arguments, log): (Vec<String>, PathBuf),
) -> anyhow::Result<Child> {
    let file = File::options().create(true).append(true).open(&log);
    let file = file.map_err(RunFolderError::unwritten(&log))?;
    Command::new(program)
        .args(arguments)
        .args(&place.flags)
        .arg("--tied")
        .env("RAYON_NUM_THREADS", place.threads.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .context("a process could not be started; close other programs, or take fewer --jobs")
}

/// Raises `flag` when the process that started this one ends, or lets go of it.
pub fn tie(flag: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let mut byte = [0];
        while std::io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
        flag.store(true, Ordering::SeqCst);
    });
}
