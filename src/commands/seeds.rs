//! `train --seeds` and `train --vote`: the same training from several seeds, its statistics, and
//! the mean of the networks' class probabilities.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context;

use super::Interrupted;
use super::progress::Watch;
use super::training_run::{Finished, Run};
use crate::cli::{self, UsageError};
use crate::config::Origin;
use crate::evaluation::test_split::Answers;
use crate::report::seeds::seeds;
use crate::report::text::percent;
use crate::run_folder::{RunFolder, SEEDS, SETTINGS};
use crate::seeds_record::{FailedSeed, SeedRun, SeedStatistics, SeedsRecord};
use crate::training::TrainingError;
use crate::training::state::Snapshot;
use crate::training::stopping::Ending;

/// What is said of the pictures that choices were made on.
const ON_VALIDATION: &str = "Every choice (which weights to keep, when to stop) was made on the validation split; the test split was read once a run, after its training.";
const WITHOUT_VALIDATION: &str = "There was no validation split, so nothing was chosen: the last weights count; the test split was read once a run, after its training.";

/// Seeds to train with.
#[derive(Debug)]
pub struct Series {
    pub seeds: Vec<u64>,
    /// Whether the networks also vote.
    pub vote: bool,
}

impl Series {
    /// `count` seeds from `first` up.
    ///
    /// # Errors
    /// [`UsageError`] where they are no settings any more.
    pub fn new(first: u64, count: u32, vote: bool) -> Result<Self, UsageError> {
        let last = first.checked_add(u64::from(count) - 1);
        match last.filter(|&last| i64::try_from(last).is_ok()) {
            Some(last) => Ok(Self {
                seeds: (first..=last).collect(),
                vote,
            }),
            None => Err(UsageError(format!(
                "--seed {first}: there are no {count} seeds from there up; take a smaller one"
            ))),
        }
    }

    /// Trains with each seed in a folder below that of `base`, and prints what they came to.
    ///
    /// # Errors
    /// [`Interrupted`] with the runs that ended kept; a training that failed otherwise than by
    /// diverging, which ends the series; seeds that diverged, after the others.
    pub fn train(&self, base: Run, watch: Watch, json: bool) -> anyhow::Result<()> {
        let watch = Watch {
            brief: true,
            ..watch
        };
        let target = base.config.training.target_accuracy;
        let parent = base.folder.clone();
        let mut record = self.record(&base);
        let mut answers: Vec<Answers> = Vec::new();
        parent.write_json(SEEDS, &record)?;
        for (place, &seed) in self.seeds.iter().enumerate() {
            let name = format!("seed-{seed}");
            if watch.interrupted.load(Ordering::SeqCst) {
                return Err(stopped(&record, None).into());
            }
            let start = Instant::now();
            let trained = run_of(&base, seed, &parent.file(&name))
                .and_then(|run| train_one(&run, &watch))
                .with_context(|| format!("seed {seed}"));
            match trained {
                Ok(finished) => {
                    let seconds = start.elapsed().as_secs_f64();
                    let found = SeedRun::new(name, &finished.record, seconds);
                    let found = found.context("a run that ended has an evaluation")?;
                    tracing::info!("{}", line(&found, place + 1, self.seeds.len()));
                    record.runs.push(found);
                    if self.vote {
                        answers.push(finished.answers);
                    }
                }
                Err(error) if error.downcast_ref::<Interrupted>().is_some() => {
                    return Err(stopped(&record, Some(&parent.file(&name))).into());
                }
                Err(error) if diverged(&error) => {
                    tracing::error!("{error:#}");
                    record.failed.push(FailedSeed {
                        run: name,
                        seed,
                        reason: error.root_cause().to_string(),
                    });
                }
                Err(error) => {
                    let ended = ended(&record);
                    return Err(error.context(ended));
                }
            }
            record.summarise(target);
            parent.write_json(SEEDS, &record)?;
        }
        if answers.len() > 1 {
            let names = &base.description.class_names;
            let vote = Answers::vote(&answers).evaluation(&base.pictures.test, names);
            record.vote = Some(vote);
            parent.write_json(SEEDS, &record)?;
        }
        tracing::info!("the runs are in {}", record.folder);
        cli::print(&match json {
            true => serde_json::to_string(&record)? + "\n",
            false => seeds(&record),
        })?;
        anyhow::ensure!(
            record.failed.is_empty(),
            "{} of {} seeds failed: {}; the lines above say why",
            record.failed.len(),
            record.seeds.len(),
            names(&record.failed)
        );
        Ok(())
    }

    fn record(&self, base: &Run) -> SeedsRecord {
        SeedsRecord {
            folder: base.folder.path().display().to_string(),
            started: jiff::Timestamp::now().to_string(),
            dataset: base.pictures.dataset.clone(),
            device: base.device.info.clone(),
            kernels: base.config.training.kernels,
            version: env!("CARGO_PKG_VERSION").into(),
            parameters: base.config.model.parameter_count(),
            selection: match base.pictures.valid.is_empty() {
                true => WITHOUT_VALIDATION.into(),
                false => ON_VALIDATION.into(),
            },
            seeds: self.seeds.clone(),
            runs: Vec::new(),
            failed: Vec::new(),
            statistics: SeedStatistics::default(),
            time_to_accuracy: None,
            vote: None,
        }
    }
}

/// The run of one seed on the device and the pictures of `base`.
fn run_of(base: &Run, seed: u64, folder: &Path) -> anyhow::Result<Run> {
    let mut layers = base.layers.clone();
    let origin = Origin::Flag("--seeds");
    layers.set("seed", i64::try_from(seed)?, origin.clone())?;
    if base.pictures.dataset == "synthetic" && base.config.data.synthetic_seed.is_empty() {
        let first = base.config.seed.to_string();
        layers.set("data.synthetic_seed", first, origin)?;
    }
    Ok(Run {
        folder: RunFolder::create(Some(folder), &base.pictures.dataset, &base.device.info.kind)?,
        config: cli::resolve(&layers)?,
        layers,
        device: base.device.clone(),
        pictures: base.pictures.clone(),
        description: base.description.clone(),
    })
}

fn train_one(run: &Run, watch: &Watch) -> anyhow::Result<Finished> {
    let _lock = run.folder.lock()?;
    run.train_once(Snapshot::initial(&run.config), watch)
}

/// Only the seed may be to blame for that.
fn diverged(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(TrainingError::Diverged { .. }))
}

fn line(run: &SeedRun, place: usize, of: usize) -> String {
    let manner = run.manner();
    let augmented = manner.map_or_else(String::new, |manner| format!(" with {manner}"));
    let reached = match run.ending {
        Some(Ending::TargetReached) => format!(", target reached after {} steps", run.steps),
        _ => String::new(),
    };
    format!(
        "seed {} ({place} of {of}): test accuracy {}{augmented}, {} errors, {:.2} s of training{reached}, {:.2} s in all",
        run.seed,
        percent(Some(run.accuracy)),
        run.errors(),
        run.train_seconds,
        run.seconds
    )
}

fn stopped(record: &SeedsRecord, current: Option<&Path>) -> Interrupted {
    let resumable = current.filter(|run| run.join(SETTINGS).is_file());
    let next = resumable.map(|run| {
        format!(
            "; go on with the last with `gpu-mnist train --resume {}`",
            run.display()
        )
    });
    Interrupted {
        saved: ended(record) + &next.unwrap_or_default(),
    }
}

fn ended(record: &SeedsRecord) -> String {
    format!(
        "{} of {} runs finished and are kept in {}",
        record.runs.len(),
        record.seeds.len(),
        record.folder
    )
}

fn names(failed: &[FailedSeed]) -> String {
    let names: Vec<String> = failed
        .iter()
        .map(|failed| failed.seed.to_string())
        .collect();
    names.join(", ")
}
