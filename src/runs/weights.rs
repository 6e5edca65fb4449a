//! Weights as bytes of a file: safetensors with PyTorch's names and layouts, and what is needed to
//! use them again in the metadata.

pub(super) mod checksum;
#[cfg(not(target_family = "wasm"))]
pub(super) mod files;
pub(super) mod header;

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use sha2::{Digest, Sha256};

use crate::config::Architecture;
pub use crate::evaluation::description::Description;
use crate::model::ParameterShape;
pub use crate::model::values;
use crate::training::state::Parameters;
#[cfg(not(target_family = "wasm"))]
pub use files::{CheckpointError, load, read, save, save_values};

/// The usual name of a file of weights, in run folders and from a page: the best on the validation
/// split where there is one, else the last.
pub const WEIGHTS: &str = "model.safetensors";
/// In run folders, the weights after the last step.
pub const LAST_WEIGHTS: &str = "last.safetensors";
/// Raised when older programs can no longer read the files.
const FORMAT: &str = "gpu-mnist 3";
/// Its description knows nothing of a set but the names of it and its classes.
const FORMAT_2: &str = "gpu-mnist 2";

/// The file of weights as [`values`] gives them, with their description.
///
/// # Errors
/// What could not be written down.
pub fn encode(values: &[Vec<f32>], description: &Description) -> Result<Vec<u8>, String> {
    let tensors = tensors(&description.network(), values);
    let views = tensors
        .iter()
        .map(|(name, dims, bytes)| {
            TensorView::new(Dtype::F32, dims.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    let text = serde_json::to_string(description).map_err(|error| error.to_string())?;
    let mut metadata = HashMap::from([
        ("format".to_string(), FORMAT.to_string()),
        ("description".to_string(), text),
    ]);
    let held = tensors.iter();
    checksum::add(
        &mut metadata,
        held.map(|(name, _, bytes)| (name.as_str(), bytes.as_slice())),
    );
    serialize(views, Some(metadata))
        .map(header::in_order)
        .map_err(|error| error.to_string())
}

/// The weights and their description from the bytes of a file.
///
/// # Errors
/// What is wrong with them.
pub fn decode(bytes: &[u8]) -> Result<(Parameters, Description), String> {
    let (_, header) = SafeTensors::read_metadata(bytes)
        .map_err(|error| format!("not a safetensors file ({error})"))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    match metadata.get("format").map(String::as_str) {
        Some(FORMAT | FORMAT_2) => {}
        Some(other) => {
            return Err(format!(
                "written in format '{other}', this program reads '{FORMAT}'"
            ));
        }
        None => return Err("not a weights file of gpu-mnist".into()),
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    // Older files have none.
    if checksum::fits(&metadata, &tensors).map_err(|error| error.to_string())? == Some(false) {
        return Err(
            "damaged: its checksum does not fit its contents (leave \"sha256\" out of the metadata of a file that you changed)".into(),
        );
    }
    let text = metadata
        .get("description")
        .ok_or("without a description of its network")?;
    let description: Description = serde_json::from_str(text)
        .map_err(|error| format!("its description is damaged ({error})"))?;
    description.check()?;
    let network = description.network();
    let mut values = Vec::new();
    for shape in network.parameters() {
        let view = tensors
            .tensor(&shape.name)
            .map_err(|_| format!("'{}' is missing", shape.name))?;
        let expected = pytorch_dims(&shape.dims);
        if view.shape() != expected || view.dtype() != Dtype::F32 {
            return Err(format!(
                "'{}' is {:?} {:?}, expected F32 {expected:?}",
                shape.name,
                view.dtype(),
                view.shape()
            ));
        }
        let numbers: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(format!(
                "'{}' holds numbers that are NaN or infinite, as a training that diverged leaves them",
                shape.name
            ));
        }
        values.push(from_pytorch(&shape, numbers));
    }
    Ok((values, description))
}

/// SHA-256 over the bytes of all weights (little-endian f32) in the order and layout of the
/// file: the same for the same weights, whatever else is in it.
pub fn weight_hash(network: &Architecture, values: &[Vec<f32>]) -> String {
    let mut hash = Sha256::new();
    for (_, _, bytes) in tensors(network, values) {
        hash.update(bytes);
    }
    hexadecimal(&hash.finalize())
}

/// Name, dimensions and bytes of every tensor as PyTorch has them.
fn tensors(network: &Architecture, values: &[Vec<f32>]) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let shapes = network.parameters();
    let tensor = |(shape, values): (&ParameterShape, &Vec<f32>)| {
        let (dims, values) = to_pytorch(shape, values.clone());
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        (shape.name.clone(), dims, bytes.collect())
    };
    shapes.iter().zip(values).map(tensor).collect()
}

/// The SHA-256 of some bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// PyTorch's linear weight is `[outputs, inputs]`; everything else agrees.
pub(super) fn pytorch_dims(dims: &[usize]) -> Vec<usize> {
    let mut dims = dims.to_vec();
    if dims.len() == 2 {
        dims.reverse();
    }
    dims
}

/// The dimensions and numbers of a tensor as PyTorch lays them out.
pub fn to_pytorch(shape: &ParameterShape, values: Vec<f32>) -> (Vec<usize>, Vec<f32>) {
    let [rows, columns] = shape.dims[..] else {
        return (shape.dims.clone(), values);
    };
    let mut turned = vec![0.0; values.len()];
    for (row, place) in input_places(shape).enumerate() {
        for column in 0..columns {
            turned[column * rows + place] = values[row * columns + column];
        }
    }
    (pytorch_dims(&shape.dims), turned)
}

pub(super) fn from_pytorch(shape: &ParameterShape, values: Vec<f32>) -> Vec<f32> {
    let [rows, columns] = shape.dims[..] else {
        return values;
    };
    let mut turned = vec![0.0; values.len()];
    for (row, place) in input_places(shape).enumerate() {
        for column in 0..columns {
            turned[row * columns + column] = values[column * rows + place];
        }
    }
    turned
}

/// Where PyTorch has each input of a linear layer: behind an image it flattens (channel, height, width), we
/// flatten (height, width, channel).
fn input_places(shape: &ParameterShape) -> impl Iterator<Item = usize> + use<> {
    let rows = shape.dims[0];
    let channels = shape.channels.unwrap_or(rows);
    let pixels = rows / channels;
    (0..rows).map(move |row| (row % channels) * pixels + row / channels)
}
