//! `seeds.json`: what runs of several seeds came to. `train --seeds N --json` prints the same.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::{RunFolder, RunFolderError, SEEDS, followed};
use super::record::RunRecord;
use crate::device::DeviceInfo;
use crate::evaluation::{Evaluation, TestTimeAugmentation, fitting};
use crate::files::read_record;
use crate::kernels::Kernels;
use crate::terminal::command_line_of;
use crate::training::stopping::Ending;

/// Runs that differ in their seed alone, each a folder below that of this record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedsRecord {
    /// The folder, as the command line named it.
    pub folder: String,
    /// In UTC.
    pub started: String,
    /// What the set is called.
    pub dataset: String,
    /// Where they were trained.
    pub device: DeviceInfo,
    /// Whose operations computed.
    pub kernels: Kernels,
    /// Of the program.
    pub version: String,
    /// Numbers in the network.
    pub parameters: usize,
    /// On which images choices were made.
    pub selection: String,
    /// Those asked for.
    pub seeds: Vec<u64>,
    /// Whether their networks are asked together at the end.
    #[serde(default, alias = "voting")]
    pub with_ensemble: bool,
    /// Those that ended with an evaluation, in the order of their seeds.
    pub runs: Vec<SeedRun>,
    /// Those whose loss was no number any more.
    pub failed: Vec<FailedSeed>,
    /// Over the runs.
    pub statistics: SeedStatistics,
    /// `None` without a target accuracy.
    pub time_to_accuracy: Option<TimeToAccuracy>,
    /// The mean of the networks' class probabilities, where that was asked for.
    #[serde(default, alias = "vote", deserialize_with = "fitting")]
    pub ensemble: Option<Evaluation>,
}

/// A run that ended with an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedRun {
    /// Its folder, below the record's.
    pub run: String,
    /// Its seed.
    pub seed: u64,
    /// On the test split.
    pub accuracy: f64,
    /// Test images read right.
    pub correct: u64,
    /// Test images.
    pub total: u64,
    /// `None`: the accuracy is that of the images as they are.
    pub test_time_augmentation: Option<TestTimeAugmentation>,
    /// Of the weights that were evaluated; `None` without a validation split.
    pub valid_accuracy: Option<f64>,
    /// Those it trained.
    pub epochs: usize,
    /// Those it trained.
    pub steps: usize,
    /// Training alone.
    pub train_seconds: f64,
    /// With validation, evaluation and all that the run folder holds; `None` where it was resumed.
    pub seconds: Option<f64>,
    /// Why its training ended.
    pub ending: Option<Ending>,
}

/// A seed without a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedSeed {
    /// Its folder, below the record's.
    pub run: String,
    /// Its seed.
    pub seed: u64,
    /// Why it has no result.
    pub reason: String,
}

/// Mean and spread of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// How many numbers.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Of the sample (over n - 1); `None` for one number.
    pub standard_deviation: Option<f64>,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// Over the runs; `None` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeedStatistics {
    /// On the test split, with test-time augmentation where the runs have it.
    pub accuracy: Option<Statistics>,
    /// Test images read wrong.
    pub errors: Option<Statistics>,
    /// The accuracy of the images as they are, where `accuracy` is not that.
    pub accuracy_without_augmentation: Option<Statistics>,
    /// Training alone.
    pub train_seconds: Option<Statistics>,
    /// With validation and evaluation.
    pub seconds: Option<Statistics>,
}

/// What it took to reach a validation accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeToAccuracy {
    /// The share of the validation images to be read right.
    pub target: f64,
    /// Runs that reached it, of `runs` that ended.
    pub reached: usize,
    /// Those that ended.
    pub runs: usize,
    /// Over those that reached it.
    pub train_seconds: Option<Statistics>,
    /// Over those that reached it.
    pub steps: Option<Statistics>,
}

impl Statistics {
    /// Mean, deviation of the sample, least and greatest; `None` of nothing.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self {
            count,
            mean,
            standard_deviation: (count > 1).then(|| (squares / (count - 1) as f64).sqrt()),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

impl SeedRun {
    /// A run in the folder `run` that took `seconds` in all; `None` before its evaluation.
    pub fn new(run: String, record: &RunRecord, seconds: Option<f64>) -> Option<Self> {
        let evaluation = record.evaluation.as_ref()?;
        let epochs = &record.history.epochs;
        let kept = record.weights.as_ref().map(|weights| weights.epoch);
        let kept_epoch = epochs.iter().find(|epoch| Some(epoch.epoch) == kept);
        Some(Self {
            run,
            seed: record.seed,
            accuracy: evaluation.accuracy,
            correct: evaluation.correct,
            total: evaluation.total,
            test_time_augmentation: evaluation.test_time_augmentation.clone(),
            valid_accuracy: kept_epoch.and_then(|epoch| epoch.valid_accuracy),
            epochs: epochs.len(),
            steps: record.history.steps,
            train_seconds: record.history.train_seconds,
            seconds,
            ending: record.ending,
        })
    }

    /// What makes the accuracy no plain one.
    pub fn manner(&self) -> Option<String> {
        let augmentation = self.test_time_augmentation.as_ref();
        augmentation.map(ToString::to_string)
    }

    /// Test images read wrong.
    pub fn errors(&self) -> u64 {
        self.total.saturating_sub(self.correct)
    }
}

impl SeedsRecord {
    /// Whether `seed` has a result, a number or a failure.
    pub fn has(&self, seed: u64) -> bool {
        let ended = self.runs.iter().any(|run| run.seed == seed);
        ended || self.failed.iter().any(|failed| failed.seed == seed)
    }

    /// The place of the run that did best on the validation images, of equals the first; the first where there are none.
    pub fn best(&self) -> usize {
        let accuracy = |place: &usize| self.runs[*place].valid_accuracy.unwrap_or(0.0);
        let places = (0..self.runs.len()).rev();
        let best = places.max_by(|a, b| accuracy(a).total_cmp(&accuracy(b)));
        best.unwrap_or_default()
    }

    /// Brings the statistics up to the runs; `target` is the validation accuracy to reach, 0: none.
    pub fn summarise(&mut self, target: f64) {
        let runs = &self.runs;
        let over = |value: fn(&SeedRun) -> f64| {
            Statistics::of(&runs.iter().map(value).collect::<Vec<_>>())
        };
        let plain: Vec<f64> = runs
            .iter()
            .filter_map(|run| Some(run.test_time_augmentation.as_ref()?.without.accuracy))
            .collect();
        let seconds: Vec<f64> = runs.iter().filter_map(|run| run.seconds).collect();
        self.statistics = SeedStatistics {
            accuracy: over(|run| run.accuracy),
            errors: over(|run| run.errors() as f64),
            accuracy_without_augmentation: Statistics::of(&plain),
            train_seconds: over(|run| run.train_seconds),
            seconds: Statistics::of(&seconds),
        };
        let reached: Vec<&SeedRun> = runs
            .iter()
            .filter(|run| run.ending == Some(Ending::TargetReached))
            .collect();
        let of_reached = |value: fn(&SeedRun) -> f64| {
            Statistics::of(&reached.iter().map(|run| value(run)).collect::<Vec<_>>())
        };
        self.time_to_accuracy = (target > 0.0).then(|| TimeToAccuracy {
            target,
            reached: reached.len(),
            runs: runs.len(),
            train_seconds: of_reached(|run| run.train_seconds),
            steps: of_reached(|run| run.steps as f64),
        });
    }

    /// The record of the folder; `None` where it holds none.
    ///
    /// # Errors
    /// [`RunFolderError::NotARun`] for a damaged one.
    pub fn read(folder: &Path) -> Result<Option<Self>, RunFolderError> {
        let folder = followed(folder);
        let Ok(text) = read_record(&folder.join(SEEDS)) else {
            return Ok(None);
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| RunFolderError::Damaged {
                path: folder,
                file: SEEDS,
                reason: error.to_string(),
                next: "name one of its runs, such as its seed-0".into(),
            })
    }

    /// The folders of the runs that ended, where `folder` holds this record.
    ///
    /// # Errors
    /// [`RunFolderError::NotARun`] when no run has ended yet.
    pub fn folders(&self, folder: &Path) -> Result<Vec<PathBuf>, RunFolderError> {
        let folder = followed(folder);
        if self.runs.is_empty() {
            if RunFolder::open_several(&folder).is_ok_and(|folder| folder.is_training()) {
                return Err(RunFolderError::StillTraining { path: folder });
            }
            let next = command_line_of(["train", "--resume", &folder.display().to_string()]);
            return Err(RunFolderError::NoneEnded {
                path: folder,
                what: "runs",
                next,
            });
        }
        Ok(self.runs.iter().map(|run| folder.join(&run.run)).collect())
    }
}
