//! `metrics.jsonl`: a JSON object a line, one every few steps and one an epoch, as they happen.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{read_file, write_atomically};
use crate::training::Progress;
use crate::training::history::EpochRecord;
use crate::training::state::Position;

/// The records of a month of steps are fewer.
const MOST_BYTES: u64 = 1 << 30;

/// A line of the file; its `kind` is `step` or `epoch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// Of some steps.
    Step(StepRecord),
    /// Of an epoch.
    Epoch(EpochRecord),
}

/// Means over the steps since the record before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// From 1.
    pub epoch: usize,
    /// The last of the steps, from 1, all epochs together.
    pub step: usize,
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of the images right.
    pub accuracy: f64,
    /// Of the last of the steps.
    pub learning_rate: f64,
}

/// The records of a file in order; lines that are none, such as one cut short, are left out.
///
/// # Errors
/// Those of reading the file.
pub fn read(path: &Path) -> io::Result<Vec<Record>> {
    let bytes = read_file(path, MOST_BYTES)?;
    Ok(String::from_utf8_lossy(&bytes)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

/// Appends records to the file of a run.
pub struct MetricsWriter {
    file: File,
    every: usize,
    gathered: Gathered,
}

/// Sums since the last step record.
#[derive(Default)]
struct Gathered {
    loss: f64,
    correct: f64,
    images: usize,
    last: Option<Progress>,
    first_step: usize,
}

impl MetricsWriter {
    /// Opens the file for a run that goes on from `position`: records of what comes after it are
    /// dropped, because they will be made again. A step record sums up at least `every` steps.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path, position: Position, every: usize) -> io::Result<Self> {
        if path.exists() {
            let before = |record: &Record| match record {
                Record::Step(record) => record.step <= position.step,
                Record::Epoch(record) => record.epoch < position.epoch,
            };
            let mut kept = Vec::new();
            for record in read(path)?.iter().filter(|record| before(record)) {
                serde_json::to_writer(&mut kept, record)?;
                kept.push(b'\n');
            }
            write_atomically(path, &kept)?;
        }
        Ok(Self {
            file: File::options().create(true).append(true).open(path)?,
            every: every.max(1),
            gathered: Gathered {
                first_step: position.step,
                ..Gathered::default()
            },
        })
    }

    /// Takes in some steps; gives the record that sums them up once there are enough.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn progress(&mut self, progress: &Progress) -> io::Result<Option<StepRecord>> {
        let images = progress.images as f64;
        self.gathered.loss += progress.loss * images;
        self.gathered.correct += progress.accuracy * images;
        self.gathered.images += progress.images;
        self.gathered.last = Some(*progress);
        match progress.step - self.gathered.first_step >= self.every {
            true => self.flush(),
            false => Ok(None),
        }
    }

    /// Writes the record of the steps since the last one, however few.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn flush(&mut self) -> io::Result<Option<StepRecord>> {
        let gathered = std::mem::take(&mut self.gathered);
        let Some(last) = gathered.last else {
            self.gathered.first_step = gathered.first_step;
            return Ok(None);
        };
        self.gathered.first_step = last.step;
        let record = StepRecord {
            epoch: last.epoch,
            step: last.step,
            loss: gathered.loss / gathered.images as f64,
            accuracy: gathered.correct / gathered.images as f64,
            learning_rate: last.learning_rate,
        };
        self.write(&Record::Step(record.clone()))?;
        Ok(Some(record))
    }

    /// # Errors
    /// Those of the file system.
    pub fn epoch(&mut self, record: &EpochRecord) -> io::Result<()> {
        self.write(&Record::Epoch(record.clone()))
    }

    /// One call to the system a line, so that a killed program leaves whole lines.
    fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let before = self.file.metadata()?.len();
        self.file.write_all(&line).inspect_err(|_| {
            // A full disk takes part of a line, to which the next one would be joined.
            let _ = self.file.set_len(before);
        })
    }
}
