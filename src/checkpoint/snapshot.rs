//! A [`Snapshot`] of training on disk: one safetensors file, checked byte for byte when it is
//! read. Tensors have PyTorch's layouts; counts, settings and the data set are in the metadata.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    CheckpointError, Description, MOST_BYTES, from_pytorch, hexadecimal, pytorch_dims, to_pytorch,
};
use crate::config::ModelConfig;
use crate::run_folder::{SETTINGS, write_atomically};
use crate::training::history::EpochRecord;
use crate::training::state::{
    Averaged, Best, ParameterState, Parameters, Position, Snapshot, Sums,
};

/// What files of this kind begin their `format` with; a number follows.
const FORMAT: &str = "gpu-mnist checkpoint ";
/// Raised when older programs can no longer read the files.
const VERSION: u32 = 1;
const EPOCH_COLUMNS: usize = 7;

/// A snapshot and what it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub snapshot: Snapshot,
    pub description: Description,
    /// All settings, as TOML.
    pub settings: String,
    /// The device it was computed on.
    pub device: String,
}

/// The counts of a snapshot, which JSON holds exactly; numbers with fractions are tensors.
#[derive(Serialize, Deserialize)]
struct Counts {
    position: Position,
    images: usize,
    epoch_images: usize,
    averaged_updates: Option<usize>,
    best_epoch: Option<usize>,
    /// Rule and updates so far of each parameter.
    optimizer: Vec<Option<(String, usize)>>,
}

/// The file name after `step` steps.
pub fn file_name(step: usize) -> String {
    format!("step-{step:08}.safetensors")
}

/// The checkpoints of a folder, newest first.
pub fn list(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(usize, PathBuf)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((step_of(&entry.path())?, entry.path())))
        .collect();
    found.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The step in the name of a checkpoint file.
pub fn step_of(path: &Path) -> Option<usize> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("step-")?
        .strip_suffix(".safetensors")?
        .parse()
        .ok()
}

/// Writes a checkpoint, whole or not at all.
///
/// # Errors
/// [`CheckpointError::Write`].
pub fn save(path: &Path, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
    encode(checkpoint)
        .map_err(std::io::Error::other)
        .and_then(|bytes| write_atomically(path, &bytes))
        .map_err(|source| CheckpointError::Write {
            path: path.into(),
            source,
        })
}

/// Reads a checkpoint.
///
/// # Errors
/// [`CheckpointError::Snapshot`] names what is wrong and an older checkpoint beside it.
pub fn load(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let size = std::fs::metadata(path).map(|metadata| metadata.len());
    size.map_err(|error| error.to_string())
        .and_then(|size| match size > MOST_BYTES {
            true => Err(format!("{size} bytes are too many for a checkpoint")),
            false => std::fs::read(path).map_err(|error| error.to_string()),
        })
        .and_then(|bytes| decode(&bytes))
        .map_err(|reason| CheckpointError::Snapshot {
            path: path.into(),
            reason,
            offer: offer(path),
        })
}

fn offer(path: &Path) -> String {
    let step = step_of(path).unwrap_or(usize::MAX);
    let older = list(path.parent().unwrap_or(Path::new(".")))
        .into_iter()
        .find(|other| step_of(other).is_some_and(|other| other < step));
    match older {
        Some(older) => format!(
            "; go on from the checkpoint before it: gpu-mnist train --resume {}",
            older.display()
        ),
        None => {
            let run = path.parent().and_then(Path::parent);
            let settings = run.unwrap_or(Path::new(".")).join(SETTINGS);
            format!(
                "; no older checkpoint is beside it: start again with `gpu-mnist train --config {}`",
                settings.display()
            )
        }
    }
}

struct Writer {
    model: ModelConfig,
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl Writer {
    fn parameters(&mut self, prefix: &str, values: &Parameters) {
        for (index, values) in values.iter().enumerate() {
            self.parameter(prefix, "", index, values);
        }
    }

    fn parameter(&mut self, prefix: &str, suffix: &str, index: usize, values: &[f32]) {
        let shape = &self.model.parameters()[index];
        let (dims, values) = to_pytorch(&self.model, shape.name, &shape.dims, values.to_vec());
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        let name = format!("{prefix}.{}{suffix}", shape.name);
        self.tensors.push((name, Dtype::F32, dims, bytes.collect()));
    }

    fn numbers(&mut self, name: &str, values: &[f64]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.tensors
            .push((name.into(), Dtype::F64, vec![values.len()], bytes.collect()));
    }
}

fn encode(checkpoint: &Checkpoint) -> Result<Vec<u8>, String> {
    let snapshot = &checkpoint.snapshot;
    let mut writer = Writer {
        model: checkpoint.description.model.clone(),
        tensors: Vec::new(),
    };
    writer.parameters("model", &snapshot.parameters);
    if let Some(averaged) = &snapshot.averaged {
        writer.parameters("averaged", &averaged.parameters);
    }
    if let Some(best) = &snapshot.best {
        writer.parameters("best", &best.parameters);
        writer.numbers("best.validation", &[best.accuracy, best.loss]);
    }
    for (index, state) in snapshot.optimizer.iter().enumerate() {
        for (name, values) in state.iter().flat_map(|state| &state.tensors) {
            writer.parameter("optimizer", &format!(".{name}"), index, values);
        }
    }
    let Sums {
        loss,
        correct,
        images,
        seconds,
    } = snapshot.sums;
    writer.numbers("epoch.sums", &[loss, correct, seconds]);
    writer.numbers("history.step_seconds", &snapshot.step_seconds);
    writer.numbers("history.epochs", &epoch_numbers(&snapshot.epochs));
    let counts = Counts {
        position: snapshot.position,
        images: snapshot.images,
        epoch_images: images,
        averaged_updates: snapshot.averaged.as_ref().map(|averaged| averaged.updates),
        best_epoch: snapshot.best.as_ref().map(|best| best.epoch),
        optimizer: snapshot
            .optimizer
            .iter()
            .map(|state| state.as_ref().map(|state| (state.rule.clone(), state.time)))
            .collect(),
    };
    let json = |error: serde_json::Error| error.to_string();
    let mut metadata = HashMap::from([
        ("format".to_string(), format!("{FORMAT}{VERSION}")),
        ("program".into(), env!("CARGO_PKG_VERSION").into()),
        (
            "description".into(),
            serde_json::to_string(&checkpoint.description).map_err(json)?,
        ),
        (
            "counts".into(),
            serde_json::to_string(&counts).map_err(json)?,
        ),
        ("settings".into(), checkpoint.settings.clone()),
        ("device".into(), checkpoint.device.clone()),
    ]);
    let tensors = &mut writer.tensors;
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let hash = hash(
        &metadata,
        tensors
            .iter()
            .map(|(name, _, _, bytes)| (name.as_str(), bytes.as_slice())),
    );
    metadata.insert("sha256".into(), hash);
    let views = tensors
        .iter()
        .map(|(name, dtype, dims, bytes)| {
            TensorView::new(*dtype, dims.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    serialize(views, Some(metadata)).map_err(|error| error.to_string())
}

/// Over everything a file holds: the metadata, then the tensors, both sorted by name.
fn hash<'a>(
    metadata: &HashMap<String, String>,
    tensors: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    let mut entries: Vec<_> = metadata
        .iter()
        .filter(|(key, _)| *key != "sha256")
        .collect();
    entries.sort();
    for (key, value) in entries {
        add(key.as_bytes());
        add(value.as_bytes());
    }
    for (name, bytes) in tensors {
        add(name.as_bytes());
        add(bytes);
    }
    hexadecimal(&hash.finalize())
}

fn epoch_numbers(epochs: &[EpochRecord]) -> Vec<f64> {
    let row = |record: &EpochRecord| {
        [
            record.epoch as f64,
            record.step as f64,
            record.train_loss,
            record.train_accuracy,
            record.valid_loss.unwrap_or(f64::NAN),
            record.valid_accuracy.unwrap_or(f64::NAN),
            record.seconds,
        ]
    };
    epochs.iter().flat_map(row).collect()
}

fn decode(bytes: &[u8]) -> Result<Checkpoint, String> {
    let (_, header) = SafeTensors::read_metadata(bytes)
        .map_err(|error| format!("not a whole safetensors file ({error})"))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let version = metadata
        .get("format")
        .and_then(|format| format.strip_prefix(FORMAT))
        .and_then(|version| version.parse::<u32>().ok())
        .ok_or("no checkpoint of gpu-mnist")?;
    if version != VERSION {
        let program = metadata.get("program").map_or("?", String::as_str);
        return Err(format!(
            "a checkpoint of format {version}, written by gpu-mnist {program}; this one ({}) reads format {VERSION}",
            env!("CARGO_PKG_VERSION")
        ));
    }
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut names = file.names();
    names.sort();
    let views = names
        .iter()
        .map(|name| file.tensor(name).map(|view| (*name, view)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    let found = hash(
        &metadata,
        views.iter().map(|(name, view)| (*name, view.data())),
    );
    if metadata.get("sha256") != Some(&found) {
        return Err("damaged: its checksum does not fit its contents".into());
    }
    let text = |key: &str| {
        metadata
            .get(key)
            .ok_or_else(|| format!("'{key}' is missing"))
    };
    let description: Description = serde_json::from_str(text("description")?)
        .map_err(|error| format!("its description is damaged ({error})"))?;
    let counts: Counts = serde_json::from_str(text("counts")?)
        .map_err(|error| format!("its counts are damaged ({error})"))?;
    if description.model.pooled_sides().is_none() {
        return Err("it describes a network that cannot be".into());
    }
    let reader = Reader {
        file,
        model: description.model.clone(),
    };
    let snapshot = reader.snapshot(counts)?;
    Ok(Checkpoint {
        snapshot,
        settings: text("settings")?.clone(),
        device: text("device")?.clone(),
        description,
    })
}

struct Reader<'a> {
    file: SafeTensors<'a>,
    model: ModelConfig,
}

impl Reader<'_> {
    fn snapshot(&self, counts: Counts) -> Result<Snapshot, String> {
        let [loss, correct, seconds] = self.numbers("epoch.sums")?[..] else {
            return Err("'epoch.sums' has the wrong length".into());
        };
        let averaged = match counts.averaged_updates {
            None => None,
            Some(updates) => Some(Averaged {
                parameters: self.parameters("averaged")?,
                updates,
            }),
        };
        let best = match counts.best_epoch {
            None => None,
            Some(epoch) => {
                let [accuracy, loss] = self.numbers("best.validation")?[..] else {
                    return Err("'best.validation' has the wrong length".into());
                };
                Some(Best {
                    epoch,
                    loss,
                    accuracy,
                    parameters: Arc::new(self.parameters("best")?),
                })
            }
        };
        let optimizer = counts
            .optimizer
            .into_iter()
            .enumerate()
            .map(|(index, state)| state.map(|state| self.state(index, state)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let parameters = self.parameters("model")?;
        if optimizer.len() != parameters.len() {
            return Err("the optimiser's state has the wrong length".into());
        }
        Ok(Snapshot {
            position: counts.position,
            parameters,
            averaged,
            optimizer,
            sums: Sums {
                loss,
                correct,
                images: counts.epoch_images,
                seconds,
            },
            epochs: epoch_records(&self.numbers("history.epochs")?),
            step_seconds: self.numbers("history.step_seconds")?,
            images: counts.images,
            best,
        })
    }

    fn parameters(&self, prefix: &str) -> Result<Parameters, String> {
        (0..self.model.parameters().len())
            .map(|index| self.parameter(prefix, "", index))
            .collect()
    }

    fn parameter(&self, prefix: &str, suffix: &str, index: usize) -> Result<Vec<f32>, String> {
        let parameters = self.model.parameters();
        let shape = parameters.get(index).ok_or("more states than parameters")?;
        let name = format!("{prefix}.{}{suffix}", shape.name);
        let view = self
            .file
            .tensor(&name)
            .map_err(|_| format!("'{name}' is missing"))?;
        if view.dtype() != Dtype::F32 || view.shape() != pytorch_dims(shape.name, &shape.dims) {
            return Err(format!("'{name}' has the wrong shape"));
        }
        let numbers = view.data().chunks_exact(4);
        let numbers = numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        Ok(from_pytorch(
            &self.model,
            shape.name,
            &shape.dims,
            numbers.collect(),
        ))
    }

    fn state(&self, index: usize, (rule, time): (String, usize)) -> Result<ParameterState, String> {
        let parameters = self.model.parameters();
        let shape = parameters.get(index).ok_or("more states than parameters")?;
        let prefix = format!("optimizer.{}.", shape.name);
        let mut slots: Vec<&str> = self
            .file
            .names()
            .into_iter()
            .filter_map(|name| name.strip_prefix(&prefix))
            .collect();
        slots.sort_unstable();
        let tensors = slots
            .into_iter()
            .map(|slot| {
                self.parameter("optimizer", &format!(".{slot}"), index)
                    .map(|values| (slot.to_string(), values))
            })
            .collect::<Result<_, _>>()?;
        Ok(ParameterState {
            rule,
            time,
            tensors,
        })
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let view = self
            .file
            .tensor(name)
            .map_err(|_| format!("'{name}' is missing"))?;
        if view.dtype() != Dtype::F64 {
            return Err(format!("'{name}' is not F64"));
        }
        let numbers = view.data().chunks_exact(8);
        Ok(numbers
            .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
            .collect())
    }
}

fn epoch_records(numbers: &[f64]) -> Vec<EpochRecord> {
    let present = |number: f64| (!number.is_nan()).then_some(number);
    numbers
        .chunks_exact(EPOCH_COLUMNS)
        .map(|row| EpochRecord {
            epoch: row[0] as usize,
            step: row[1] as usize,
            train_loss: row[2],
            train_accuracy: row[3],
            valid_loss: present(row[4]),
            valid_accuracy: present(row[5]),
            seconds: row[6],
        })
        .collect()
}
