//! The trainings of several seeds in processes side by side; what they came to is put together afterwards.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use super::{Series, folder_name, kept, stopped, train_one};
use crate::runs::folder::{RunFolder, RunFolderError, SEEDS};
use crate::runs::processes::{self, Next, Slot, Tasks};
use crate::runs::progress::{Place, Watch};
use crate::runs::seeds_record::SeedsRecord;
use crate::runs::sweep::{BASE, LOGS};
use crate::runs::train::TrainingRun;
use crate::terminal::bars::Shown;

impl Series {
    /// Trains with each seed that `record` has no result of, in processes of their own.
    ///
    /// # Errors
    /// [`crate::exit::Interrupted`]; a process that cannot be started.
    pub fn train_side_by_side(
        &self,
        parent: &RunFolder,
        base: &TrainingRun,
        record: &SeedsRecord,
        places: &[Slot],
        interrupted: &AtomicBool,
    ) -> anyhow::Result<()> {
        let logs = parent.file(LOGS);
        std::fs::create_dir_all(&logs).map_err(RunFolderError::unwritten(&logs))?;
        parent.write(BASE, base.layers.to_toml().as_bytes())?;
        parent.write_json(SEEDS, record)?;
        let waiting = self.seeds.iter().filter(|seed| !record.has(**seed));
        let mut seeds = Seeds {
            parent,
            logs,
            waiting: waiting.copied().collect(),
            started: 0,
            ended: 0,
            bar: Shown::bar("training"),
        };
        match processes::run(&mut seeds, places, interrupted)? {
            true => Ok(()),
            false => Err(stopped(record).into()),
        }
    }

    /// Trains with one of the seeds alone, as [`Self::train_side_by_side`] has it done.
    ///
    /// # Errors
    /// As those of a single run.
    pub fn train_only(
        &self,
        seed: u64,
        parent: &RunFolder,
        base: &TrainingRun,
        record: &SeedsRecord,
        watch: &Watch,
    ) -> anyhow::Result<()> {
        let watch = Watch {
            place: Some(Place {
                seed,
                before: 0,
                of: 1,
            }),
            ..watch.clone()
        };
        let path = parent.file(&folder_name(seed));
        let trained = train_one(base, seed, &path, &watch);
        trained.with_context(|| format!("seed {seed}: {}", kept(record)))?;
        Ok(())
    }
}

struct Seeds<'a> {
    parent: &'a RunFolder,
    logs: PathBuf,
    waiting: Vec<u64>,
    /// How many of them were started.
    started: usize,
    ended: usize,
    bar: Option<Shown>,
}

impl Tasks for Seeds<'_> {
    fn next(&mut self, _running: &[usize]) -> Next {
        let next = self.started;
        match next < self.waiting.len() {
            true => {
                self.started += 1;
                Next::Start(next)
            }
            false => Next::Done,
        }
    }

    fn command(&self, task: usize) -> (Vec<String>, PathBuf) {
        let folder = self.parent.path().display().to_string();
        let seed = self.waiting[task].to_string();
        let words = ["train", "--resume", &folder, "--only-seed", &seed];
        let log = self.logs.join(format!("seed-{seed}.log"));
        (words.map(Into::into).into(), log)
    }

    /// One that failed is looked at, and said, when all are put together: it goes on from where it stands.
    fn ended(&mut self, task: usize, status: ExitStatus) -> anyhow::Result<()> {
        self.ended += 1;
        let (seed, all) = (self.waiting[task], self.waiting.len());
        match status.success() {
            true => tracing::info!("seed {seed} is trained ({} of {all})", self.ended),
            false => tracing::warn!("seed {seed}: its process ended with {status}"),
        }
        Ok(())
    }

    fn show(&mut self, running: &[usize]) {
        let Some(bar) = &self.bar else { return };
        let seeds: Vec<String> = running
            .iter()
            .map(|&task| self.waiting[task].to_string())
            .collect();
        bar.set(self.ended, self.waiting.len(), 0);
        let (ended, all) = (self.ended, self.waiting.len());
        bar.say(format!(
            "{ended} of {all} seeds; training {}",
            seeds.join(", ")
        ));
    }
}
