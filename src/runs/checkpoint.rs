//! A [`Snapshot`] of training on disk: one safetensors file, checked byte for byte when it is
//! read. Tensors have PyTorch's layouts; counts, settings and the data set are in the metadata.

mod reading;
mod writing;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::SETTINGS;
use super::weights::files::MOST_BYTES;
use super::weights::{CheckpointError, Description};
use crate::files::{read_file, write_atomically};
use crate::terminal::quoted;
use crate::training::state::{Position, Snapshot};
use reading::decode;
use writing::encode;

/// What files of this kind begin their `format` with; a number follows.
const FORMAT: &str = "gpu-mnist checkpoint ";
/// Raised when older programs can no longer read the files.
const VERSION: u32 = 3;
/// Older files that are read: their descriptions know less of the set.
const OLDEST_VERSION: u32 = 2;
const EPOCH_COLUMNS: usize = 7;

/// A snapshot and what it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The state of the training.
    pub snapshot: Snapshot,
    /// Of the network.
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
    read_file(path, MOST_BYTES)
        .map_err(|error| error.to_string())
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
            "; go on from the checkpoint before it: `gpu-mnist train --resume {}`",
            quoted(older.display())
        ),
        None => {
            let run = path.parent().and_then(Path::parent);
            let settings = run.unwrap_or(Path::new(".")).join(SETTINGS);
            format!(
                "; no older checkpoint is beside it: start again with `gpu-mnist train --config {}`",
                quoted(settings.display())
            )
        }
    }
}
