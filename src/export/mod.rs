//! A trained network as a file for other programs. Each export is read again and compared with
//! the network, on random images, before it gets its name.

mod execute;
pub mod onnx;

use std::path::{Path, PathBuf};

use prost::Message;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::config::Config;
use crate::data::batches::Normalisation;
use crate::data::{Split, idx};
use crate::device::{Device, DeviceError};
use crate::evaluation::inference::{Logits, classify};
use crate::model::Model;
use crate::model::onnx::Tensor;
use crate::model::onnx::proto::ModelProto;
use crate::runs::weights::{self, CheckpointError, Description};

/// The kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Format {
    /// Weights under PyTorch's names, in its layouts
    Safetensors,
    /// A graph that ONNX Runtime and others execute
    Onnx,
}

/// What is written, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Of the file.
    pub format: Format,
    /// ONNX takes bytes and normalises them itself.
    pub raw_input: bool,
    /// What ONNX says of the network's quality, where that is known.
    pub tested: Option<Tested>,
}

/// How a network did on the test images of its set, as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tested {
    /// A share.
    pub accuracy: f64,
    /// Of how many.
    pub images: u64,
}

/// What the comparison found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// How many were compared.
    pub images: usize,
    /// Of any logit.
    pub largest_difference: f32,
}

/// An export that could not be made.
#[derive(thiserror::Error, Debug)]
pub enum ExportError {
    /// The disk refuses.
    #[error("{}: could not be written: {source}; choose another place with --out", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The file system's words.
        source: std::io::Error,
    },
    /// The file does not compute what the network does.
    #[error(
        "the export to {} was read again and does not agree with the network: {reason}; nothing was written: report this as a defect",
        path.display()
    )]
    Disagrees {
        /// The file.
        path: PathBuf,
        /// How it differs.
        reason: String,
    },
    /// The weights cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Half of the compared images are smooth, as photographs and drawings are, half are noise.
const COMPARED: usize = 64;
const COMPARED_SEED: u64 = 5;
/// Of the largest logit: what another order of additions may change.
const TOLERANCE: f32 = 1e-4;

/// Writes `model` to `path` and says how well the written file agrees with it.
///
/// # Errors
/// [`ExportError`]; `path` is then as it was.
pub fn export(
    path: &Path,
    options: Options,
    model: &Model,
    description: &Description,
    config: &Config,
    device: &Device,
) -> Result<Agreement, ExportError> {
    let write_error = |source| ExportError::Write {
        path: path.into(),
        source,
    };
    let disagrees = |reason| ExportError::Disagrees {
        path: path.into(),
        reason,
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let images = compared(description);
    let scores = |model: &Model| {
        let normalisation = description.normalisation;
        pollster::block_on(classify(model, &images, normalisation, config, device))
    };
    let expected = scores(model)?;
    let mut unnamed = idx::temporary(folder, ".tmp-")
        .map_err(write_error)?
        .into_temp_path();
    let found = match options.format {
        Format::Safetensors => {
            pollster::block_on(weights::save(&unnamed, model, description, device))?;
            let (again, _) = weights::load(&unnamed, device)?;
            scores(&again)?
        }
        Format::Onnx => {
            let values = pollster::block_on(weights::values(model, device))?;
            let parameters = parameters(description, values);
            let (raw_input, tested) = (options.raw_input, options.tested);
            let graph = onnx::graph(&parameters, description, raw_input, tested);
            crate::files::write_atomically(&unnamed, &graph.encode_to_vec())
                .map_err(write_error)?;
            let bytes = std::fs::read(&unnamed).map_err(write_error)?;
            let again = ModelProto::decode(&bytes[..]).map_err(|e| disagrees(e.to_string()))?;
            let normalisation = (!options.raw_input).then_some(description.normalisation);
            execute_on(&again, &images, normalisation).map_err(disagrees)?
        }
    };
    let agreement = compare(&expected, &found).map_err(disagrees)?;
    crate::files::rename(&unnamed, path).map_err(write_error)?;
    unnamed.disable_cleanup(true);
    Ok(agreement)
}

/// Every tensor of the network as PyTorch names it and lays it out.
pub fn parameters(description: &Description, values: Vec<Vec<f32>>) -> Vec<Tensor> {
    let network = description.network();
    let shapes = network.parameters();
    let pairs = shapes.iter().zip(values);
    pairs
        .map(|(shape, values)| {
            let (dims, values) = weights::to_pytorch(shape, values);
            Tensor {
                name: shape.name.clone(),
                dims,
                values,
            }
        })
        .collect()
}

/// Logits of an ONNX graph; without a normalisation the graph takes the bytes themselves.
///
/// # Errors
/// What the graph lacks.
pub fn execute_on(
    graph: &ModelProto,
    images: &Split,
    normalisation: Option<Normalisation>,
) -> Result<Vec<Logits>, String> {
    let value = |byte: u8, channel: usize| match normalisation {
        Some(by) => (f32::from(byte) / 255.0 - by.mean[channel]) / by.standard_deviation[channel],
        None => f32::from(byte),
    };
    // Graphs take (channel, row, column), images are (row, column, channel).
    let shape = images.shape;
    let planes = |image: &[u8]| -> Vec<f32> {
        (0..shape.channels)
            .flat_map(|channel| {
                let plane = image.iter().skip(channel).step_by(shape.channels);
                plane.map(move |&byte| value(byte, channel))
            })
            .collect()
    };
    let input = images
        .images
        .chunks_exact(shape.bytes())
        .flat_map(planes)
        .collect();
    let dims = [images.len(), shape.channels, shape.height, shape.width];
    let output = execute::execute(graph, &dims, input)?;
    if output.dims != [images.len(), images.classes] {
        return Err(format!("its output is {:?}", output.dims));
    }
    Ok(output
        .values
        .chunks(images.classes)
        .map(<[f32]>::to_vec)
        .collect())
}

/// Compares logits image by image.
///
/// # Errors
/// The first logit that differs by more than rounding, or is no number.
pub fn compare(expected: &[Logits], found: &[Logits]) -> Result<Agreement, String> {
    if expected.is_empty() || expected.len() != found.len() {
        return Err(format!("{} images against {}", found.len(), expected.len()));
    }
    let mut largest_difference = 0.0f32;
    for (image, (expected, found)) in expected.iter().zip(found).enumerate() {
        if expected.len() != found.len() {
            return Err(format!(
                "{} logits instead of {}",
                found.len(),
                expected.len()
            ));
        }
        let scale = expected.iter().fold(1.0f32, |most, v| most.max(v.abs()));
        for class in 0..expected.len() {
            let difference = (expected[class] - found[class]).abs();
            // Not a number is not near either.
            let near = difference <= TOLERANCE * scale;
            if !near {
                return Err(format!(
                    "logit {class} of image {image} is {} instead of {}",
                    found[class], expected[class]
                ));
            }
            largest_difference = largest_difference.max(difference);
        }
    }
    Ok(Agreement {
        images: expected.len(),
        largest_difference,
    })
}

/// Images of the network's shape: blobs on a plain background, then noise.
fn compared(description: &Description) -> Split {
    let shape = description.set.shape;
    let mut random = ChaCha12Rng::seed_from_u64(COMPARED_SEED);
    let mut images = Vec::with_capacity(COMPARED * shape.bytes());
    for _ in 0..COMPARED / 2 {
        let centre = [shape.height, shape.width]
            .map(|side| random.random_range(0.25..0.75f32) * side as f32);
        let radius = random.random_range(0.1..0.4f32) * shape.height.min(shape.width) as f32;
        let colour: [f32; 3] = random.random();
        for (row, column) in
            (0..shape.height).flat_map(|row| (0..shape.width).map(move |column| (row, column)))
        {
            let (y, x) = (row as f32 - centre[0], column as f32 - centre[1]);
            let strength = (-(x * x + y * y) / (radius * radius)).exp() * 255.0;
            let bytes = colour[..shape.channels].iter();
            images.extend(bytes.map(|share| (share * strength) as u8));
        }
    }
    let noise = (COMPARED - COMPARED / 2) * shape.bytes();
    images.extend((0..noise).map(|_| random.random::<u8>()));
    Split {
        shape,
        classes: description.set.class_names.len(),
        images,
        labels: vec![0; COMPARED],
    }
}
