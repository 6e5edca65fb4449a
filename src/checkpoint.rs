//! Weights on disk: safetensors with PyTorch's names and layouts, and what is needed to use
//! them again in the metadata. Written atomically.

mod format1;
pub mod snapshot;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device as BurnDevice;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::ModelConfig;
use crate::data::batches::Normalisation;
use crate::device::{Device, DeviceError};
pub use crate::model::values;
use crate::model::{Model, ParameterShape};
use crate::run_folder::write_atomically;

/// Raised when older programs can no longer read the files.
const FORMAT: &str = "gpu-mnist 2";
/// Its description names two convolutions and a hidden layer instead of a list of layers.
const FORMAT_1: &str = "gpu-mnist 1";
/// Larger files are no weights of ours: the widest network the settings allow needs less.
const MOST_BYTES: u64 = 4 << 30;

/// What a network needs besides its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    pub model: ModelConfig,
    pub normalisation: Normalisation,
    pub class_names: Vec<String>,
    pub dataset: String,
}

/// Weights that cannot be read or written.
#[derive(thiserror::Error, Debug)]
pub enum CheckpointError {
    #[error("{}: {reason}; name a run folder or a model.safetensors that gpu-mnist wrote", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{}: {reason}{offer}", path.display())]
    Snapshot {
        path: PathBuf,
        reason: String,
        /// What to do instead.
        offer: String,
    },
    #[error("{}: could not be written: {source}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
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
    let tensors = tensors(&description.model, values);
    let write_error = |source| CheckpointError::Write {
        path: path.into(),
        source,
    };
    let views = tensors
        .iter()
        .map(|(name, dims, bytes)| {
            TensorView::new(Dtype::F32, dims.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| write_error(std::io::Error::other(error)))?;
    let text = serde_json::to_string(description)
        .map_err(|error| write_error(std::io::Error::other(error)))?;
    let metadata = HashMap::from([
        ("format".to_string(), FORMAT.to_string()),
        ("description".to_string(), text),
    ]);
    let bytes = serialize(views, Some(metadata))
        .map_err(|error| write_error(std::io::Error::other(error)))?;
    write_atomically(path, &bytes).map_err(write_error)
}

/// SHA-256 over the bytes of all weights (little-endian f32) in the order and layout of the
/// file: the same for the same weights, whatever else is in it.
pub fn weight_hash(config: &ModelConfig, values: &[Vec<f32>]) -> String {
    let mut hash = Sha256::new();
    for (_, _, bytes) in tensors(config, values) {
        hash.update(bytes);
    }
    hexadecimal(&hash.finalize())
}

/// Name, dimensions and bytes of every tensor as PyTorch has them.
fn tensors(config: &ModelConfig, values: &[Vec<f32>]) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let shapes = config.parameters();
    let tensor = |(shape, values): (&ParameterShape, &Vec<f32>)| {
        let (dims, values) = to_pytorch(config, shape, values.clone());
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        (shape.name.clone(), dims, bytes.collect())
    };
    shapes.iter().zip(values).map(tensor).collect()
}

/// The SHA-256 of some bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads weights and their description; `device` says where the network is to live.
///
/// # Errors
/// [`CheckpointError::Damaged`] names the file and what is wrong with it.
pub fn load(path: &Path, device: &BurnDevice) -> Result<(Model, Description), CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged {
        path: path.into(),
        reason,
    };
    let size = std::fs::metadata(path)
        .map_err(|error| damaged(error.to_string()))?
        .len();
    if size > MOST_BYTES {
        return Err(damaged(format!("{size} bytes are too many for weights")));
    }
    let bytes = std::fs::read(path).map_err(|error| damaged(error.to_string()))?;
    let (_, header) = SafeTensors::read_metadata(&bytes)
        .map_err(|error| damaged(format!("not a safetensors file ({error})")))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    match metadata.get("format").map(String::as_str) {
        Some(FORMAT | FORMAT_1) => {}
        Some(other) => {
            return Err(damaged(format!(
                "written in format '{other}', this program reads '{FORMAT}'"
            )));
        }
        None => return Err(damaged("no weights of gpu-mnist".into())),
    }
    let old = metadata
        .get("format")
        .is_some_and(|format| format == FORMAT_1);
    let text = metadata
        .get("description")
        .ok_or_else(|| damaged("without a description of its network".into()))?;
    let description: Description = match old {
        true => format1::description(text),
        false => serde_json::from_str(text).map_err(|error| error.to_string()),
    }
    .map_err(|error| damaged(format!("its description is damaged ({error})")))?;
    if let Err(reason) = description.model.sizes() {
        return Err(damaged(format!(
            "it describes a network that cannot be ({reason})"
        )));
    }
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
    let mut values = Vec::new();
    for shape in description.model.parameters() {
        let view = tensors
            .tensor(&shape.name)
            .map_err(|_| damaged(format!("'{}' is missing", shape.name)))?;
        let expected = pytorch_dims(&shape.dims);
        if view.shape() != expected || view.dtype() != Dtype::F32 {
            return Err(damaged(format!(
                "'{}' is {:?} {:?}, expected F32 {expected:?}",
                shape.name,
                view.dtype(),
                view.shape()
            )));
        }
        let numbers: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        values.push(from_pytorch(&description.model, &shape, numbers));
    }
    let model = Model::from_values(&description.model, values, device);
    Ok((model, description))
}

/// PyTorch's linear weight is `[outputs, inputs]`; everything else agrees.
fn pytorch_dims(dims: &[usize]) -> Vec<usize> {
    let mut dims = dims.to_vec();
    if dims.len() == 2 {
        dims.reverse();
    }
    dims
}

/// The dimensions and numbers of a tensor as PyTorch lays them out.
pub fn to_pytorch(
    config: &ModelConfig,
    shape: &ParameterShape,
    values: Vec<f32>,
) -> (Vec<usize>, Vec<f32>) {
    let [rows, columns] = shape.dims[..] else {
        return (shape.dims.clone(), values);
    };
    let mut turned = vec![0.0; values.len()];
    for (row, place) in input_places(config, shape).enumerate() {
        for column in 0..columns {
            turned[column * rows + place] = values[row * columns + column];
        }
    }
    (pytorch_dims(&shape.dims), turned)
}

fn from_pytorch(config: &ModelConfig, shape: &ParameterShape, values: Vec<f32>) -> Vec<f32> {
    let [rows, columns] = shape.dims[..] else {
        return values;
    };
    let mut turned = vec![0.0; values.len()];
    for (row, place) in input_places(config, shape).enumerate() {
        for column in 0..columns {
            turned[row * columns + column] = values[column * rows + place];
        }
    }
    turned
}

/// Where PyTorch has each input of a linear layer: before the first one it flattens (channel,
/// height, width), we flatten (height, width, channel).
fn input_places(config: &ModelConfig, shape: &ParameterShape) -> impl Iterator<Item = usize> {
    let rows = shape.dims[0];
    let channels = match shape.name == "fc1.weight" {
        true => config.checked_sizes().channels,
        false => rows,
    };
    let pixels = rows / channels;
    (0..rows).map(move |row| (row % channels) * pixels + row / channels)
}
