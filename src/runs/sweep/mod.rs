//! A sweep: the same training under many settings, each trial a run of its own below one folder. `sweep.json` is its
//! plan, written first, and in the end what came of it; it holds no times, so that it is the same however
//! often, and wherever, its trials were stopped and went on.

pub mod collect;
pub mod halving;
#[cfg(feature = "cli")]
pub mod local;
pub mod plan;
pub mod space;
#[cfg(feature = "cli")]
pub mod submit;
pub mod trial;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::halving::{Budget, Rung};
use self::space::{Axis, Settings};
pub use super::folder::SWEEP;
use super::folder::{RunFolder, RunFolderError, absent, followed};
use crate::config::{Layers, Origin};
use crate::data::image_set::SetDescription;
use crate::exit::UsageError;
use crate::files::{read_record, write_atomically};
use crate::runs::resume::{self, ResumeError};
use crate::terminal::command_line_of;

/// The settings that all trials share.
pub const BASE: &str = "base.toml";
/// What the trials say while they train, a file each.
pub const LOGS: &str = "logs";
/// In the folder of a trial that failed: why.
pub const FAILED: &str = "failed.json";

/// How the settings of the trials are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Every combination
    Grid,
    /// Combinations drawn from the seed
    Random,
    /// Successive halving: all train a little, the best of them more, and so on
    Halving,
}

/// What `sweep.json` holds: the plan, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRecord {
    /// Of the program.
    pub version: String,
    /// How trials are chosen.
    pub method: Method,
    /// What trials are drawn from.
    pub seed: u64,
    /// With halving: one of how many trials goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta: Option<usize>,
    /// What the set is called.
    pub dataset: String,
    /// The images that every trial must find.
    pub set: SetDescription,
    /// The settings that differ.
    pub over: Vec<Axis>,
    /// The rounds.
    pub rungs: Vec<Rung>,
    /// All trainings.
    pub trials: Vec<Trial>,
    /// The best on the validation images, once all trials have ended.
    pub best: Option<Best>,
}

/// One training of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number, from 0.
    pub trial: usize,
    /// Its run folder, below that of the sweep.
    pub run: String,
    /// What it sets beside the base; `None` until it is known which trials go on.
    pub settings: Option<Settings>,
    /// The trial of the rung before that it repeats for longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<usize>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Outcome {
    /// It has not ended.
    Waiting,
    /// It ended well.
    Finished(Score),
    /// It ended without a result.
    Failed {
        /// Why.
        reason: String,
    },
    /// Too few trials of the rung before ended well.
    Dropped,
}

/// What a trial that ended is chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Of the weights that are kept, on the validation images.
    pub valid_accuracy: f64,
    /// Their loss on the same images.
    pub valid_loss: f64,
    /// The epoch that they are from.
    pub epoch: usize,
    /// Those it trained.
    pub epochs: usize,
    /// Those it trained.
    pub steps: usize,
    /// Numbers in the network.
    pub parameters: usize,
    /// Of the weights that are kept.
    pub weights_sha256: String,
}

/// The trial that is chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its number.
    pub trial: usize,
    /// Its folder, below that of the sweep.
    pub run: String,
    /// On the test images, which no other trial has seen.
    pub test_accuracy: Option<f64>,
    /// Test images read wrong.
    pub test_errors: Option<u64>,
    /// Test images.
    pub test_images: Option<u64>,
}

/// Why a trial failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// In a sentence.
    pub reason: String,
}

/// Where a trial stands, as its folder tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It has not begun.
    Waiting,
    /// It has begun and is not over: it is being trained, or was stopped.
    Begun {
        /// Those it has trained.
        epochs: usize,
    },
    /// It is over.
    Ended(Outcome),
}

impl Score {
    /// Whether it is better than another one: more accurate, or as accurate at a lower loss.
    pub fn beats(&self, other: &Self) -> bool {
        let by = |score: &Self| (score.valid_accuracy, -score.valid_loss);
        by(self) > by(other)
    }
}

impl Trial {
    /// What it is chosen by; `None` where it has not ended well.
    pub fn score(&self) -> Option<&Score> {
        match &self.outcome {
            Outcome::Finished(score) => Some(score),
            _ => None,
        }
    }

    /// Whether it has ended, well or not.
    pub fn has_ended(&self) -> bool {
        self.outcome != Outcome::Waiting
    }
}

impl SweepRecord {
    /// The record of a folder; `None` where it holds none.
    ///
    /// # Errors
    /// [`RunFolderError::Damaged`].
    pub fn read(folder: &Path) -> Result<Option<Self>, RunFolderError> {
        let folder = followed(folder);
        let Ok(text) = read_record(&folder.join(SWEEP)) else {
            return Ok(None);
        };
        let parsed = serde_json::from_str(&text);
        parsed.map(Some).map_err(|error| RunFolderError::Damaged {
            path: folder,
            file: SWEEP,
            reason: error.to_string(),
            next: "name one of its trials, such as its trial-0, or plan a new sweep".into(),
        })
    }

    /// The record of a folder, with what its trials have come to.
    ///
    /// # Errors
    /// Where it holds no sweep.
    pub fn open(folder: &Path) -> Result<Self, RunFolderError> {
        let Some(mut record) = Self::read(folder)? else {
            return Err(RunFolderError::NotASweep {
                path: folder.into(),
                reason: match folder.is_dir() {
                    true => format!("it holds no {SWEEP}"),
                    false => absent(folder).into(),
                },
            });
        };
        record.settle(folder);
        Ok(record)
    }

    /// # Errors
    /// [`RunFolderError::Write`].
    pub fn write(&self, folder: &Path) -> Result<(), RunFolderError> {
        let path = folder.join(SWEEP);
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from);
        let written = text.and_then(|text| write_atomically(&path, (text + "\n").as_bytes()));
        written.map_err(|source| RunFolderError::Write { path, source })
    }

    /// When it was planned, in UTC; empty where the file system does not say.
    pub fn started(folder: &Path) -> String {
        let planned = std::fs::metadata(folder.join(BASE)).and_then(|found| found.modified());
        let planned = planned
            .ok()
            .and_then(|time| jiff::Timestamp::try_from(time).ok());
        planned.map_or_else(String::new, |time| time.to_string())
    }

    /// The folders of the best trials, at most `top`.
    ///
    /// # Errors
    /// [`RunFolderError::NoneEnded`].
    pub fn best_runs(&self, folder: &Path, top: usize) -> Result<Vec<PathBuf>, RunFolderError> {
        let best = self.ranked();
        if best.is_empty() {
            return Err(RunFolderError::NoneEnded {
                path: folder.into(),
                what: "trials",
                next: match self.has_ended() {
                    true => command_line_of(["sweep", "status", &folder.display().to_string()]),
                    false => Self::run_command(folder),
                },
            });
        }
        Ok(best
            .into_iter()
            .take(top)
            .map(|trial| path_of(folder, trial))
            .collect())
    }

    /// The settings of all trials.
    ///
    /// # Errors
    /// Those of the file.
    pub fn base(folder: &Path) -> Result<Layers, ResumeError> {
        resume::settings(&folder.join(BASE))
    }

    /// The rung of a trial, by its number.
    pub fn rung_of(&self, trial: usize) -> usize {
        let later = (self.rungs.iter()).position(|rung| rung.first > trial);
        later.unwrap_or(self.rungs.len()) - 1
    }

    /// The trials of a rung, by its number.
    pub fn of_rung(&self, rung: usize) -> &[Trial] {
        let Rung { first, trials, .. } = self.rungs[rung];
        &self.trials[first..first + trials]
    }

    /// What a trial trains, where its rung says so.
    pub fn budget(&self, trial: usize) -> Option<Budget> {
        self.rungs[self.rung_of(trial)].budget
    }

    /// Takes over what the folders of the trials tell.
    pub fn settle(&mut self, folder: &Path) {
        for rung in 0..self.rungs.len() {
            if rung > 0 {
                self.promote(rung);
            }
            let Rung { first, trials, .. } = self.rungs[rung];
            for trial in &mut self.trials[first..first + trials] {
                if let (false, Standing::Ended(outcome)) =
                    (trial.has_ended(), standing(folder, trial))
                {
                    trial.outcome = outcome;
                }
            }
        }
        if self.has_ended() && self.best.is_none() {
            self.best = self.chosen().map(|trial| Best {
                trial: trial.trial,
                run: trial.run.clone(),
                test_accuracy: None,
                test_errors: None,
                test_images: None,
            });
        }
    }

    /// Has the best trials of the rung before go on in this one, once all of those have ended.
    fn promote(&mut self, rung: usize) {
        let before = self.of_rung(rung - 1);
        if !before.iter().all(Trial::has_ended) {
            return;
        }
        let order: Vec<(usize, Option<Settings>)> = ranked(before)
            .map(|trial| (trial.trial, trial.settings.clone()))
            .collect();
        let Rung { first, trials, .. } = self.rungs[rung];
        for (place, trial) in self.trials[first..first + trials].iter_mut().enumerate() {
            match order.get(place) {
                // What has begun keeps what it began with.
                Some(_) if trial.settings.is_some() => {}
                Some((repeats, settings)) => {
                    trial.repeats = Some(*repeats);
                    trial.settings.clone_from(settings);
                }
                None => trial.outcome = Outcome::Dropped,
            }
        }
    }

    /// Whether all trials have ended.
    pub fn has_ended(&self) -> bool {
        self.ended() == self.trials.len()
    }

    /// How many trials have ended, well or not.
    pub fn ended(&self) -> usize {
        self.trials.iter().filter(|trial| trial.has_ended()).count()
    }

    /// The command that trains what is left of the sweep in a folder.
    pub fn run_command(folder: &Path) -> String {
        command_line_of(["sweep", "run", &folder.display().to_string()])
    }

    /// How many trials failed.
    pub fn failed(&self) -> usize {
        let failed = |trial: &&Trial| matches!(trial.outcome, Outcome::Failed { .. });
        self.trials.iter().filter(failed).count()
    }

    /// Trials that ended well, the best first, among those that trained longest.
    pub fn ranked(&self) -> Vec<&Trial> {
        let rungs = (0..self.rungs.len()).rev();
        let mut found = rungs.map(|rung| ranked(self.of_rung(rung)).collect::<Vec<_>>());
        found.find(|trials| !trials.is_empty()).unwrap_or_default()
    }

    fn chosen(&self) -> Option<&Trial> {
        self.ranked().first().copied()
    }

    /// The settings of a trial over those of the sweep, and how long it trains.
    ///
    /// # Errors
    /// A trial that there is not, or that waits for others.
    pub fn layers(&self, folder: &Path, trial: usize) -> anyhow::Result<Layers> {
        let Some(found) = self.trials.get(trial) else {
            return Err(UsageError(format!(
                "--trial {trial}: the sweep has the trials 0 to {}",
                self.trials.len() - 1
            ))
            .into());
        };
        let Some(settings) = &found.settings else {
            let rung = self.rung_of(trial);
            let left = self
                .of_rung(rung - 1)
                .iter()
                .filter(|trial| !trial.has_ended());
            return Err(UsageError(format!(
                "--trial {trial}: it repeats one of the best trials before it, and {} of those have not ended; run them first",
                left.count()
            ))
            .into());
        };
        let mut layers = Self::base(folder)?;
        space::apply(settings, &mut layers)?;
        if let Some(Budget {
            epochs,
            train_limit,
        }) = self.budget(trial)
        {
            layers.set("training.epochs", epochs as i64, Origin::Set)?;
            if train_limit > 0 {
                layers.set("data.train_limit", train_limit as i64, Origin::Set)?;
            }
        }
        Ok(layers)
    }
}

/// Trials that ended well, the best first; of equals that of the lower number.
fn ranked(trials: &[Trial]) -> impl Iterator<Item = &Trial> {
    let mut found: Vec<&Trial> = trials
        .iter()
        .filter(|trial| trial.score().is_some())
        .collect();
    found.sort_by(|a, b| match (a.score(), b.score()) {
        (Some(first), Some(second)) if first.beats(second) => std::cmp::Ordering::Less,
        (Some(first), Some(second)) if second.beats(first) => std::cmp::Ordering::Greater,
        _ => a.trial.cmp(&b.trial),
    });
    found.into_iter()
}

/// Where a trial stands.
pub fn standing(folder: &Path, trial: &Trial) -> Standing {
    if trial.has_ended() {
        return Standing::Ended(trial.outcome.clone());
    }
    let path = path_of(folder, trial);
    if let Ok(text) = read_record(&path.join(FAILED))
        && let Ok(Failure { reason }) = serde_json::from_str(&text)
    {
        return Standing::Ended(Outcome::Failed { reason });
    }
    let Ok(run) = RunFolder::open_unfinished(&path) else {
        return Standing::Waiting;
    };
    let record = run.record();
    match record.as_ref().filter(|record| record.has_ended()) {
        Some(record) => Standing::Ended(trial::outcome(record)),
        None => Standing::Begun {
            epochs: trial::epochs_done(&run),
        },
    }
}

/// The run folder of a trial of the sweep in `folder`.
pub fn path_of(folder: &Path, trial: &Trial) -> PathBuf {
    followed(folder).join(&trial.run)
}
