//! Two measurements of the same rows: faster, slower or no difference.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::row::Row;
use super::statistics::median_ratio;
use crate::config::{Config, ModelConfig, TrainingConfig};
use crate::device::with_api;
use crate::exit::{Code, Exit};
use crate::files::{MOST_RECORD, read_file};
use crate::kernels::Kernels;

/// Raised when files of an older program can no longer be read.
pub const FORMAT: &str = "gpu-mnist bench 1";

/// A whole measurement, as `--format json` prints it and `--save` keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// [`FORMAT`].
    pub format: String,
    /// Of the program.
    pub version: String,
    /// Versions of what the kernels run on.
    pub libraries: String,
    /// A hash of the shaders and of what launches them.
    pub kernel_set: String,
    /// The profile of Cargo that the program was built with; empty in files of older programs.
    #[serde(default)]
    pub build: String,
    /// The operating system.
    pub os: String,
    /// When it was measured, in UTC.
    pub time: String,
    /// What was done.
    pub work: Work,
    /// A row for each device, batch size and kernels.
    pub rows: Vec<Row>,
    /// `None` without `--compare`.
    pub comparison: Option<Vec<Comparison>>,
}

impl Measurement {
    /// Whether Burn's own operations were timed on the CPU in a build that leaves them slow: `release` compiles them in
    /// the least time, `dist` for speed.
    pub fn slows_burn(&self) -> bool {
        let slowed = |row: &Row| row.kind == "cpu" && row.kernels == Kernels::Burn;
        self.build == "release" && self.rows.iter().any(slowed)
    }
}

/// What was done: the fused kernels skip zeros, so a step costs less the further training is,
/// and only the same steps of the same training can be compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// What weights and images follow from.
    pub seed: u64,
    /// Steps that are timed in a round.
    pub steps: usize,
    /// Steps before those.
    pub warmup: usize,
    /// How often devices take turns.
    pub rounds: usize,
    /// The network.
    pub model: ModelConfig,
    /// How it is trained.
    #[serde(deserialize_with = "without_kernels")]
    pub training: TrainingConfig,
}

/// The kernels stood among these settings once; they are those of a row.
fn without_kernels<'de, D: Deserializer<'de>>(from: D) -> Result<TrainingConfig, D::Error> {
    let mut settings = serde_json::Map::deserialize(from)?;
    settings.remove("kernels");
    serde_json::from_value(settings.into()).map_err(D::Error::custom)
}

impl Work {
    /// The work of these settings.
    pub fn of(config: &Config) -> Self {
        let mut training = config.training.clone();
        training.learning_rate = config.doctor.learning_rate;
        Self {
            seed: config.seed,
            steps: config.bench.steps,
            warmup: config.bench.warmup,
            rounds: config.bench.rounds,
            model: config.model.clone(),
            training,
        }
    }

    /// Whether rows of the same batch size and kernels did the same.
    fn same(&self, other: &Self) -> bool {
        let plain = |work: &Self| {
            let mut work = work.clone();
            work.training.batch_size = 0;
            work
        };
        plain(self) == plain(other)
    }
}

/// A saved measurement that cannot be used.
#[derive(thiserror::Error, Debug)]
#[error("--compare {}: {reason}; name a file that `gpu-mnist bench --save` wrote", path.display())]
pub struct SavedError {
    path: PathBuf,
    reason: String,
}

/// # Errors
/// [`SavedError`] when the file is not there, damaged or of another format.
pub fn load(path: &Path) -> Result<Measurement, SavedError> {
    let saved_error = |reason: String| SavedError {
        path: path.into(),
        reason,
    };
    let bytes = read_file(path, MOST_RECORD).map_err(|error| saved_error(error.to_string()))?;
    let damaged = |error: serde_json::Error| saved_error(format!("no measurement ({error})"));
    let saved: Value = serde_json::from_slice(&bytes).map_err(damaged)?;
    // Another format has other fields.
    let format = saved["format"].as_str().map(str::to_owned);
    match format.as_deref() {
        Some(FORMAT) | None => serde_json::from_value(saved).map_err(damaged),
        Some(other) => Err(saved_error(format!(
            "written in format '{other}', this program reads '{FORMAT}'"
        ))),
    }
}

/// How a row compares with the one that was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Faster by more than the margin.
    Faster,
    /// Slower by more than the margin.
    Slower,
    /// Within the margin, or not surely beyond it.
    NoDifference,
    /// The row was not measured, or not trusted, on both sides.
    NotComparable,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::NoDifference => "no difference",
            Self::NotComparable => "not comparable",
        })
    }
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The device.
    pub name: String,
    /// Its API.
    pub api: String,
    /// Whose operations computed.
    pub kernels: Kernels,
    /// Images in a step.
    pub batch_size: usize,
    /// What came of it.
    pub outcome: Outcome,
    /// Median step now over median step then, with its 95 % bootstrap interval.
    pub ratio: Option<f64>,
    /// The interval's lower end.
    pub low: Option<f64>,
    /// The interval's upper end.
    pub high: Option<f64>,
    /// What else changed, or why nothing can be said.
    pub note: Option<String>,
}

/// Which row of a measurement it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The device.
    pub name: String,
    /// Its API.
    pub api: String,
    /// Its place on the bus, which tells two cards of a kind apart.
    pub bus: Option<String>,
    /// Whose operations computed.
    pub kernels: Kernels,
    /// Images in a step.
    pub batch_size: usize,
}

impl Key {
    fn of(row: &Row) -> Self {
        Self {
            name: row.name.clone(),
            api: row.api.clone(),
            bus: row.bus.clone(),
            kernels: row.kernels,
            batch_size: row.batch_size,
        }
    }
}

/// Why none of the rows `planned`, to be measured at `work`, will have its like in `then`; `None`
/// where one has.
pub fn nothing_comparable(planned: &[Key], work: &Work, then: &Measurement) -> Option<String> {
    if !work.same(&then.work) {
        return Some(other_work(work, &then.work));
    }
    let kept = || then.rows.iter().filter(|row| row.trusted()).map(Key::of);
    if kept().any(|row| planned.contains(&row)) {
        return None;
    }
    let names: Vec<String> = kept()
        .map(|row| {
            let device = with_api(&row.name, &row.api);
            format!("{device}, {}, batch {}", row.kernels, row.batch_size)
        })
        .collect();
    Some(match names.is_empty() {
        true => "the saved measurement holds no row that can be trusted".into(),
        false => format!(
            "the saved measurement holds other rows: {}",
            names.join("; ")
        ),
    })
}

/// What differs, most telling first.
fn other_work(work: &Work, then: &Work) -> String {
    let rounds = |work: &Work| format!("bench.rounds = {}", work.rounds);
    let pairs = [
        (work.model != then.model, "another network".into()),
        (work.steps != then.steps, format!("--steps {}", then.steps)),
        (
            work.warmup != then.warmup,
            format!("--warmup {}", then.warmup),
        ),
        (work.rounds != then.rounds, rounds(then)),
        (work.seed != then.seed, format!("--seed {}", then.seed)),
    ];
    let different: Vec<String> = (pairs.into_iter())
        .filter_map(|(differs, saved)| differs.then_some(saved))
        .collect();
    match different.is_empty() {
        true => "the saved measurement had other training settings".into(),
        false => format!("the saved measurement had {}", different.join(", ")),
    }
}

/// Compares each row of `now`, measured at `work`, with the row of the same device, kernels and
/// batch in `then`. A difference counts when the whole interval lies more than `margin` from
/// equality.
pub fn compare(now: &[Row], work: &Work, then: &Measurement, margin: f64) -> Vec<Comparison> {
    if !work.same(&then.work) {
        let note = other_work(work, &then.work);
        return now.iter().map(|row| not_comparable(row, &note)).collect();
    }
    let then = &then.rows;
    let mut comparisons: Vec<Comparison> = now
        .iter()
        .map(|row| match then.iter().find(|other| same(row, other)) {
            Some(before) => compare_row(row, before, margin),
            None => not_comparable(row, "not in the saved measurement"),
        })
        .collect();
    comparisons.extend(
        then.iter()
            .filter(|before| !now.iter().any(|row| same(row, before)))
            .map(|before| not_comparable(before, "only in the saved measurement")),
    );
    comparisons
}

fn same(a: &Row, b: &Row) -> bool {
    Key::of(a) == Key::of(b)
}

fn compare_row(now: &Row, then: &Row, margin: f64) -> Comparison {
    if !now.trusted() || !then.trusted() {
        return not_comparable(now, "the losses left the band, or the device failed");
    }
    let Some(ratio) = median_ratio(&now.samples_ms, &then.samples_ms) else {
        return not_comparable(now, "no steps were timed");
    };
    let outcome = if ratio.low > 1.0 + margin {
        Outcome::Slower
    } else if ratio.high < 1.0 / (1.0 + margin) {
        Outcome::Faster
    } else {
        Outcome::NoDifference
    };
    Comparison {
        outcome,
        ratio: Some(ratio.ratio),
        low: Some(ratio.low),
        high: Some(ratio.high),
        note: (now.driver != then.driver)
            .then(|| format!("driver then: {}, now: {}", then.driver, now.driver)),
        ..not_comparable(now, "")
    }
}

fn not_comparable(row: &Row, note: &str) -> Comparison {
    Comparison {
        name: row.name.clone(),
        api: row.api.clone(),
        kernels: row.kernels,
        batch_size: row.batch_size,
        outcome: Outcome::NotComparable,
        ratio: None,
        low: None,
        high: None,
        note: Some(note.into()),
    }
}

/// The rows that are slower by more than `percent` in the median, as well as beyond doubt.
pub fn slower_than(comparisons: &[Comparison], percent: f64) -> Vec<&Comparison> {
    comparisons
        .iter()
        .filter(|row| row.outcome == Outcome::Slower)
        .filter(|row| row.ratio.is_some_and(|ratio| ratio > 1.0 + percent / 100.0))
        .collect()
}

impl Exit for SavedError {
    fn code(&self) -> Code {
        Code::Data
    }
}
