//! Weights as bytes of a file: safetensors with PyTorch's names and layouts, and what is needed to
//! use them again in the metadata.

#[cfg(not(target_family = "wasm"))]
mod files;
mod header;
#[cfg(not(target_family = "wasm"))]
pub mod snapshot;

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{Architecture, ModelConfig};
use crate::data::batches::Normalisation;
use crate::data::image_set::{
    Background, Framing, ImageShape, MOST_CLASSES, SetDescription, check_shape,
};
use crate::evaluation::unsure::Familiarity;
use crate::model::ParameterShape;
pub use crate::model::values;
use crate::training::state::Parameters;
#[cfg(not(target_family = "wasm"))]
pub use files::{CheckpointError, load, save, save_values};

/// The usual name of a file of weights, in run folders and from a page.
pub const WEIGHTS: &str = "model.safetensors";
/// Raised when older programs can no longer read the files.
const FORMAT: &str = "gpu-mnist 3";
/// Its description knows nothing of a set but the names of it and its classes.
const FORMAT_2: &str = "gpu-mnist 2";

/// What a network needs besides its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Description {
    pub model: ModelConfig,
    pub normalisation: Normalisation,
    /// The set it was trained on.
    pub set: SetDescription,
    /// What it answers to images of its set; `None` where that was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub familiarity: Option<Familiarity>,
}

/// A description as files have it, those of format 2 among them.
#[derive(Deserialize)]
struct Written {
    model: ModelConfig,
    normalisation: Normalisation,
    set: Option<SetDescription>,
    #[serde(default)]
    class_names: Vec<String>,
    #[serde(default)]
    dataset: String,
    familiarity: Option<Familiarity>,
}

impl From<Written> for Description {
    fn from(written: Written) -> Self {
        let Written {
            model,
            normalisation,
            set,
            class_names,
            dataset,
            familiarity,
        } = written;
        Self {
            model,
            normalisation,
            set: set.unwrap_or_else(|| of_format_2(dataset, class_names)),
            familiarity,
        }
    }
}

/// Format 2 had grey images of 28x28 alone, and told their framing by the name of their set.
fn of_format_2(name: String, class_names: Vec<String>) -> SetDescription {
    SetDescription {
        framing: match name.as_str() {
            "fashion-mnist" => Framing::Whole,
            _ => Framing::CentreOfMass,
        },
        shape: ImageShape::grey(28, 28),
        background: Background::Dark,
        mirrorable: None,
        fingerprint: String::new(),
        class_names,
        name,
    }
}

impl Description {
    /// The network: its layers, the images it takes and the classes it tells apart.
    pub fn network(&self) -> Architecture {
        self.model
            .network(self.set.shape, self.set.class_names.len())
    }

    /// Checks a description that comes from a file.
    ///
    /// # Errors
    /// What cannot be.
    fn check(&self) -> Result<(), String> {
        let ModelConfig {
            norm_epsilon,
            norm_momentum,
            ..
        } = self.model;
        check_shape(self.set.shape).map_err(|reason| format!("it describes {reason}"))?;
        let count = self.set.class_names.len();
        if !(2..=MOST_CLASSES).contains(&count) {
            return Err(format!("it names {count} classes, not 2 to {MOST_CLASSES}"));
        }
        self.network()
            .places()
            .map_err(|reason| format!("it describes a network that cannot be ({reason})"))?;
        if !(norm_epsilon > 0.0 && norm_epsilon.is_finite() && (0.0..=1.0).contains(&norm_momentum))
        {
            return Err("its batch norm cannot be".into());
        }
        if self
            .familiarity
            .as_ref()
            .is_some_and(|found| !found.is_sound())
        {
            return Err("its scale of what is familiar cannot be".into());
        }
        if !self.normalisation.is_sound() {
            return Err("its normalisation cannot be".into());
        }
        // They are printed: a name that moves the cursor could hide what else is said.
        let printed = self.set.class_names.iter().chain([&self.set.name]);
        match printed.flat_map(|name| name.chars()).any(char::is_control) {
            true => Err("a name in it holds control characters".into()),
            false => Ok(()),
        }
    }
}

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
    let metadata = HashMap::from([
        ("format".to_string(), FORMAT.to_string()),
        ("description".to_string(), text),
    ]);
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
        None => return Err("no weights of gpu-mnist".into()),
    }
    let text = metadata
        .get("description")
        .ok_or("without a description of its network")?;
    let description: Description = serde_json::from_str(text)
        .map_err(|error| format!("its description is damaged ({error})"))?;
    description.check()?;
    let network = description.network();
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
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
            return Err(format!("'{}' holds no numbers", shape.name));
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

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

fn from_pytorch(shape: &ParameterShape, values: Vec<f32>) -> Vec<f32> {
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
