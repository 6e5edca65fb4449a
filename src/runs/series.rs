//! `train --seeds` and `train --ensemble`: the same training from several seeds, its statistics, and
//! the mean of the networks' class probabilities.

#[cfg(feature = "cli")]
mod side_by_side;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context;

use super::checkpoint;
use super::folder::{CHECKPOINTS, RUN, RunFolder, SEEDS, SETTINGS, WEIGHTS};
use super::from::{self, Source};
use super::in_folder::train_once_in;
use super::progress::{Place, Watch};
use super::record::RunRecord;
use super::resume::{self, ResumeError};
use super::seeds_record::{FailedSeed, SeedRun, SeedStatistics, SeedsRecord};
use super::train::{Finished, TrainingRun};
use super::weights;
use crate::config::{Layers, Origin};
use crate::data::image_set::SetDescription;
use crate::device::DeviceError;
use crate::evaluation::test_split::Answers;
use crate::exit::{Interrupted, UsageError};
use crate::terminal::percent;
use crate::terminal::quoted;
use crate::training::TrainingError;
use crate::training::stopping::Ending;
use crate::wording::count;

/// What is said of the images that choices were made on.
const ON_VALIDATION: &str = "Every choice (which weights to keep, when to stop) was made on the validation split; the test split was read once a run, after its training.";
const WITHOUT_VALIDATION: &str = "There was no validation split, so nothing was chosen: the last weights count; the test split was read once a run, after its training.";

/// Seeds to train with.
#[derive(Debug)]
pub struct Series {
    /// In the order they are trained.
    pub seeds: Vec<u64>,
    /// Whether the networks are also asked together.
    pub ensemble: bool,
}

impl Series {
    /// `count` seeds from `first` up.
    ///
    /// # Errors
    /// [`UsageError`] where they are no settings any more.
    pub fn new(first: u64, count: u32, ensemble: bool) -> Result<Self, UsageError> {
        let last = first.checked_add(u64::from(count) - 1);
        match last.filter(|&last| i64::try_from(last).is_ok()) {
            Some(last) => Ok(Self {
                seeds: (first..=last).collect(),
                ensemble,
            }),
            None => Err(UsageError(format!(
                "--seed {first}: there are fewer than {count} seeds from there on; take a smaller one"
            ))),
        }
    }

    /// Those of runs that stopped somewhere.
    pub fn of(record: &SeedsRecord) -> Self {
        Self {
            seeds: record.seeds.clone(),
            ensemble: record.with_ensemble,
        }
    }

    /// The settings of the runs in `folder`: those that the first one was started with.
    ///
    /// # Errors
    /// [`ResumeError`] where there is none yet.
    pub fn settings(&self, folder: &RunFolder) -> Result<Layers, ResumeError> {
        let first = folder_name(self.seeds.first().copied().unwrap_or_default());
        let first = RunFolder::open_unfinished(&folder.file(&first))?;
        resume::settings(&first.file(SETTINGS))
    }

    /// Whether the runs that there are were trained on these images.
    ///
    /// # Errors
    /// [`ResumeError::Data`].
    pub fn check_data(
        &self,
        folder: &RunFolder,
        found: &SetDescription,
    ) -> Result<(), ResumeError> {
        for &seed in &self.seeds {
            let run = RunFolder::open_unfinished(&folder.file(&folder_name(seed)));
            let before = run.ok().and_then(|run| run.record()?.set);
            if let Some(difference) = before.and_then(|before| before.difference(found)) {
                return Err(ResumeError::Data {
                    run: folder.path().into(),
                    found: found.name.clone(),
                    difference,
                });
            }
        }
        Ok(())
    }

    /// The weights that the runs start from, where some run has no checkpoint yet.
    ///
    /// # Errors
    /// As [`from::again`].
    pub fn source(
        &self,
        folder: &RunFolder,
        record: &SeedsRecord,
        layers: &mut Layers,
    ) -> anyhow::Result<Option<Source>> {
        let path = |seed| folder.file(&folder_name(seed));
        let begun = |seed| !checkpoint::list(&path(seed).join(CHECKPOINTS)).is_empty();
        let seeds = || self.seeds.iter().copied();
        // A run that is gone is trained anew.
        let gone = |seed| {
            record.runs.iter().any(|run| run.seed == seed) && !path(seed).join(RUN).is_file()
        };
        if seeds().all(|seed| !gone(seed) && (record.has(seed) || begun(seed))) {
            return Ok(None);
        }
        let of_seed = |seed| {
            RunFolder::open_unfinished(&path(seed))
                .ok()?
                .record()?
                .started_from
        };
        from::again(layers, folder.path(), seeds().find_map(of_seed))
    }

    /// Trains with each seed that `record` has no result of, in a folder below `parent`.
    ///
    /// # Errors
    /// [`Interrupted`] with the runs that ended kept; a training that failed otherwise than by
    /// diverging, which ends the series.
    pub fn train(
        &self,
        parent: &RunFolder,
        base: &TrainingRun,
        mut record: SeedsRecord,
        watch: &Watch,
    ) -> anyhow::Result<SeedsRecord> {
        let target = base.config.training.target_accuracy;
        record.runs.retain(|run| {
            let there = parent.file(&run.run).join(RUN).is_file();
            if !there {
                tracing::warn!("{} is gone, and trained anew", run.run);
            }
            there
        });
        let mut answers: HashMap<u64, Answers> = HashMap::new();
        parent.write_json(SEEDS, &record)?;
        for (place, &seed) in self.seeds.iter().enumerate() {
            if record.has(seed) {
                continue;
            }
            let name = folder_name(seed);
            if watch.interrupted.load(Ordering::SeqCst) {
                return Err(stopped(&record).into());
            }
            let watch = Watch {
                place: Some(Place {
                    seed,
                    before: place,
                    of: self.seeds.len(),
                }),
                ..watch.clone()
            };
            let trained = train_one(base, seed, &parent.file(&name), &watch)
                .with_context(|| format!("seed {seed}"));
            match trained {
                Ok(Ended {
                    record: run,
                    answers: given,
                    seconds,
                }) => {
                    let found = SeedRun::new(name, &run, seconds);
                    let found = found.context("a run that ended has an evaluation")?;
                    tracing::info!("{}", line(&found, place + 1, self.seeds.len()));
                    record.runs.push(found);
                    answers.extend(given.filter(|_| self.ensemble).map(|given| (seed, given)));
                }
                Err(error) if error.downcast_ref::<Interrupted>().is_some() => {
                    return Err(stopped(&record).into());
                }
                Err(error) if diverged(&error) => {
                    tracing::error!("{error:#}");
                    record.failed.push(FailedSeed {
                        run: name,
                        seed,
                        reason: error.root_cause().to_string(),
                    });
                }
                Err(error) => return Err(error.context(kept(&record))),
            }
            record.summarise(target);
            parent.write_json(SEEDS, &record)?;
            if record.runs.len() == 1 {
                parent.point_latest();
            }
        }
        if self.ensemble && record.runs.len() > 1 && record.ensemble.is_none() {
            let mut heard = |_, _| match watch.interrupted.load(Ordering::SeqCst) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            let mut given = Vec::new();
            for run in &record.runs {
                if let Some(found) = answers.remove(&run.seed) {
                    given.push(found);
                    continue;
                }
                let file = parent.file(&run.run).join(WEIGHTS);
                let (model, description) = weights::load(&file, &base.device)?;
                match pollster::block_on(base.answers(&model, &description, &mut heard)) {
                    Err(DeviceError::Stopped { .. }) => return Err(stopped(&record).into()),
                    found => given.push(found?),
                }
            }
            let names = &base.description.set.class_names;
            let ensemble = Answers::ensemble(&given).evaluation(&base.images.test, names);
            record.ensemble = Some(ensemble);
            parent.write_json(SEEDS, &record)?;
        }
        Ok(record)
    }

    /// A record without runs.
    pub fn record(&self, parent: &RunFolder, base: &TrainingRun) -> SeedsRecord {
        SeedsRecord {
            folder: parent.path().display().to_string(),
            started: jiff::Timestamp::now().to_string(),
            dataset: base.images.set.name.clone(),
            device: base.device.info.clone(),
            kernels: base.device.kernels(),
            version: env!("CARGO_PKG_VERSION").into(),
            parameters: base.description.network().parameter_count(),
            selection: match base.images.valid.is_empty() {
                true => WITHOUT_VALIDATION.into(),
                false => ON_VALIDATION.into(),
            },
            seeds: self.seeds.clone(),
            with_ensemble: self.ensemble,
            runs: Vec::new(),
            failed: Vec::new(),
            statistics: SeedStatistics::default(),
            time_to_accuracy: None,
            ensemble: None,
        }
    }
}

/// A run of the series that ended.
struct Ended {
    record: RunRecord,
    /// `None` where it had ended before.
    answers: Option<Answers>,
    /// All that it took; `None` where it was resumed.
    seconds: Option<f64>,
}

/// Trains with one seed on the device and the images of `base`, from where the run in `folder`
/// stands if there is one.
fn train_one(base: &TrainingRun, seed: u64, folder: &Path, watch: &Watch) -> anyhow::Result<Ended> {
    let start = Instant::now();
    let layers = layers_of(base, seed)?;
    let config = layers.resolve()?;
    let began = folder.join(SETTINGS).is_file();
    let resumed = began.then(|| resume::open(folder)).transpose()?;
    let mut run = TrainingRun {
        config,
        layers,
        device: base.device.clone(),
        images: base.images.clone(),
        description: base.description.clone(),
        from: base.from.clone(),
    };
    let (folder, snapshot) = match &resumed {
        None => {
            // What a killed program left of a run before its settings.
            let (dataset, device) = (&base.images.set.name, &base.device.info.kind);
            let folder = RunFolder::create(Some(folder), dataset, device)?;
            (folder, run.initial())
        }
        Some(resumed) => {
            resumed.check(&run.layers)?;
            resumed.check_data(&base.images.set)?;
            if let Some(record) = resumed.finished(&run.config) {
                return Ok(Ended {
                    record,
                    answers: None,
                    seconds: None,
                });
            }
            let snapshot = resumed.standing(&mut run);
            (resumed.folder.clone(), snapshot)
        }
    };
    // A resumed run holds its own.
    let _lock = match &resumed {
        None => Some(folder.lock()?),
        Some(_) => None,
    };
    let Finished {
        record, answers, ..
    } = train_once_in(&folder, &run, snapshot, watch)?;
    Ok(Ended {
        record,
        answers,
        seconds: resumed.is_none().then(|| start.elapsed().as_secs_f64()),
    })
}

/// The settings of `base` with another seed.
fn layers_of(base: &TrainingRun, seed: u64) -> anyhow::Result<Layers> {
    let mut layers = base.layers.clone();
    let origin = Origin::Flag("--seeds");
    layers.set("seed", i64::try_from(seed)?, origin.clone())?;
    if base.images.set.name == "synthetic" && base.config.data.synthetic_seed.is_empty() {
        let first = base.config.seed.to_string();
        layers.set("data.synthetic_seed", first, origin.clone())?;
    }
    if base.config.data.split_seed.is_empty() {
        let first = base.config.seed.to_string();
        layers.set("data.split_seed", first, origin)?;
    }
    Ok(layers)
}

/// The folder of a seed's run, below that of the series.
pub fn folder_name(seed: u64) -> String {
    format!("seed-{seed}")
}

/// Only the seed may be to blame for that.
fn diverged(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(TrainingError::Diverged { .. }))
}

fn line(run: &SeedRun, place: usize, of: usize) -> String {
    let augmented = if run.manner().is_some() {
        ", augmented"
    } else {
        ""
    };
    let all = match run.seconds {
        Some(seconds) => format!("{seconds:.2} s in all"),
        None => "resumed, or beside others".into(),
    };
    let reached = match run.ending {
        Some(Ending::TargetReached) => {
            format!(", target reached after {}", count(run.steps, "step"))
        }
        _ => String::new(),
    };
    format!(
        "seed {} ({place} of {of}): test accuracy {}{augmented}, {}, {:.2} s ({all}){reached}",
        run.seed,
        percent(Some(run.accuracy)),
        count(run.errors(), "error"),
        run.train_seconds,
    )
}

fn stopped(record: &SeedsRecord) -> Interrupted {
    Interrupted {
        saved: kept(record),
    }
}

fn kept(record: &SeedsRecord) -> String {
    format!(
        "{} of {} finished and are kept in {folder}; go on with `gpu-mnist train --resume {}`",
        record.runs.len(),
        count(record.seeds.len(), "run"),
        quoted(&record.folder),
        folder = record.folder
    )
}
