//! Weights on disk, written atomically.

use std::path::{Path, PathBuf};

use super::{Description, decode, encode, values};
use crate::device::{Device, DeviceError};
use crate::exit::{Code, Exit};
use crate::files::{read_file, write_atomically};
use crate::model::Model;
use crate::training::state::Parameters;

/// Larger files are no weights of ours: the widest network the settings allow needs less.
pub(in crate::runs) const MOST_BYTES: u64 = 4 << 30;

/// Weights that cannot be read or written.
#[derive(thiserror::Error, Debug)]
pub enum CheckpointError {
    /// A file of weights that cannot be read.
    #[error("{}: {reason}; name a run folder or a model.safetensors that gpu-mnist wrote", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint in place of weights.
    #[error("{}: {reason}{offer}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do instead.
        offer: String,
    },
    /// The disk refuses.
    #[error("{}: could not be written: {source}; check the free space and the permissions there", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The file system's words.
        source: std::io::Error,
    },
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Writes `model` with its description.
///
/// # Errors
/// [`CheckpointError::Device`] when the weights cannot be read back,
/// [`CheckpointError::Write`] when the file cannot be written.
pub async fn save(
    path: &Path,
    model: &Model,
    description: &Description,
    device: &Device,
) -> Result<(), CheckpointError> {
    save_values(path, &values(model, device).await?, description)
}

/// Writes weights as [`values`] gives them, with their description.
///
/// # Errors
/// [`CheckpointError::Write`].
pub fn save_values(
    path: &Path,
    values: &[Vec<f32>],
    description: &Description,
) -> Result<(), CheckpointError> {
    encode(values, description)
        .map_err(std::io::Error::other)
        .and_then(|bytes| write_atomically(path, &bytes))
        .map_err(|source| CheckpointError::Write {
            path: path.into(),
            source,
        })
}

/// Reads weights and their description; `device` says where the network is to live.
///
/// # Errors
/// [`CheckpointError::Damaged`] names the file and what is wrong with it.
pub fn load(path: &Path, device: &Device) -> Result<(Model, Description), CheckpointError> {
    let (values, description) = read(path)?;
    let model = Model::from_values(&description.network(), values, device);
    Ok((model, description))
}

/// Reads weights as [`values`] gives them, and their description.
///
/// # Errors
/// As [`load`].
pub fn read(path: &Path) -> Result<(Parameters, Description), CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged {
        path: path.into(),
        reason,
    };
    let bytes = read_file(path, MOST_BYTES).map_err(|error| damaged(error.to_string()))?;
    decode(&bytes).map_err(damaged)
}

impl Exit for CheckpointError {
    fn code(&self) -> Code {
        match self {
            Self::Damaged { .. } | Self::Snapshot { .. } => Code::Data,
            Self::Write { .. } | Self::Device(_) => Code::Failed,
        }
    }
}
