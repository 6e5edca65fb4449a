//! A run folder as a report reads it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{Architecture, DEFAULT};
use crate::data::test_split::TestSplit;
use crate::evaluation::worst::Verdict;
use crate::files::read_record;
use crate::runs::folder::{METRICS, RUN, RunFolderError, SETTINGS, absent, followed, lacks};
use crate::runs::metrics::{self, StepRecord};
use crate::runs::record::RunRecord;
use crate::runs::resume;
use crate::runs::sweep::space;
use crate::terminal::quoted;
use crate::training::history::EpochRecord;

/// The worst test images, drawn: what a report needs of the test split.
pub const WORST: &str = "worst.json";

/// Misread test images beside those, so that each mistake can be looked at.
pub const MISREAD: &str = "misread.json";

/// Everything a run left.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// The folder's own name.
    pub name: String,
    /// What `run.json` holds.
    pub run: RunRecord,
    /// A record an epoch.
    pub epochs: Vec<EpochRecord>,
    /// A record every few steps.
    pub steps: Vec<StepRecord>,
    /// All settings.
    pub settings: Vec<Setting>,
    /// The images that were read worst.
    pub worst: Vec<WorstImage>,
    /// Other misread images; none in runs of older versions.
    pub misread: Vec<WorstImage>,
    /// `None` where record and settings do not tell.
    pub network: Option<Architecture>,
}

/// One setting of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value, as TOML.
    pub value: String,
    /// Whether it differs from `config/default.toml`.
    pub changed: bool,
}

/// A verdict with its image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorstImage {
    /// What was made of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The file it was read from; `None` where a file holds many.
    #[serde(default)]
    pub file: Option<String>,
    /// The image as PNG in base64.
    pub png: String,
}

impl Record {
    /// Reads a run folder.
    ///
    /// # Errors
    /// [`RunFolderError::NotARun`] when it holds no record of a run, or a damaged one.
    pub fn read(folder: &Path) -> Result<Self, RunFolderError> {
        let folder = &followed(folder);
        let not_a_run = |reason: String| RunFolderError::NotARun {
            path: folder.into(),
            reason,
        };
        if !folder.is_dir() {
            return Err(not_a_run(absent(folder).into()));
        }
        let run: RunRecord = json(folder, RUN)?.ok_or_else(|| not_a_run(lacks(folder, RUN)))?;
        let (epochs, steps) = points(folder);
        let real = folder.canonicalize().unwrap_or_else(|_| folder.into());
        Ok(Self {
            name: real.file_name().map_or_else(
                || folder.display().to_string(),
                |name| name.to_string_lossy().into_owned(),
            ),
            epochs,
            steps,
            settings: settings(&read_record(&folder.join(SETTINGS)).unwrap_or_default()),
            worst: json(folder, WORST)?.unwrap_or_default(),
            misread: json(folder, MISREAD)?.unwrap_or_default(),
            network: network(folder, &run),
            run,
        })
    }
}

impl WorstImage {
    /// Draws the image of a verdict on `test`, which was read from `file`; `None` when the split has
    /// no such image.
    pub fn draw(verdict: Verdict, test: &TestSplit, file: Option<String>) -> Option<Self> {
        let mut bytes = Vec::new();
        let shape = test.shape();
        let colour = match shape.channels {
            1 => ExtendedColorType::L8,
            _ => ExtendedColorType::Rgb8,
        };
        let (width, height) = (shape.width as u32, shape.height as u32);
        PngEncoder::new(&mut bytes)
            .write_image(test.image(verdict.index)?, width, height, colour)
            .ok()?;
        Some(Self {
            verdict,
            file,
            png: BASE64.encode(bytes),
        })
    }
}

/// The network that a run trained.
fn network(folder: &Path, run: &RunRecord) -> Option<Architecture> {
    let set = run.set.as_ref()?;
    let settings = resume::settings(&folder.join(SETTINGS)).ok()?;
    let model = settings.resolve().ok()?.model;
    Some(model.network(set.shape, set.class_names.len()))
}

/// A JSON file of the folder; `None` when it is not there.
fn json<T: DeserializeOwned>(
    folder: &Path,
    name: &'static str,
) -> Result<Option<T>, RunFolderError> {
    let Ok(text) = read_record(&folder.join(name)) else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| RunFolderError::Damaged {
            path: folder.into(),
            file: name,
            reason: error.to_string(),
            next: format!(
                "`gpu-mnist train --resume {}` writes it again",
                quoted(folder.display())
            ),
        })
}

/// What `metrics.jsonl` holds: nothing, where a run was killed before its first record.
fn points(folder: &Path) -> (Vec<EpochRecord>, Vec<StepRecord>) {
    let (mut epochs, mut steps) = (Vec::new(), Vec::new());
    for record in metrics::read(&folder.join(METRICS)).unwrap_or_default() {
        match record {
            metrics::Record::Epoch(epoch) => epochs.push(epoch),
            metrics::Record::Step(step) => steps.push(step),
        }
    }
    (epochs, steps)
}

fn settings(text: &str) -> Vec<Setting> {
    let table = |text: &str| toml_edit::de::from_str::<Value>(text).unwrap_or_default();
    let mut defaults = Vec::new();
    flatten("", &table(DEFAULT), &mut defaults);
    let mut found = Vec::new();
    flatten("", &table(text), &mut found);
    found
        .into_iter()
        .map(|(key, value)| {
            let changed = !defaults
                .iter()
                .any(|default| *default == (key.clone(), value.clone()));
            Setting {
                key,
                value: space::shown(&value),
                changed,
            }
        })
        .collect()
}

fn flatten(prefix: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    let Value::Object(entries) = value else {
        if !prefix.is_empty() {
            found.push((prefix.into(), value.clone()));
        }
        return;
    };
    for (key, value) in entries {
        let key = match prefix {
            "" => key.clone(),
            prefix => format!("{prefix}.{key}"),
        };
        flatten(&key, value, found);
    }
}
