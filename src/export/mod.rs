//! A trained network as a file for other programs. Each export is read again and compared with
//! the network, on random pictures, before it gets its name.

pub mod execute;
pub mod onnx;
pub mod proto;

use std::path::{Path, PathBuf};

use prost::Message;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::checkpoint::{self, CheckpointError, Description};
use crate::config::Config;
use crate::data::batches::Normalisation;
use crate::data::{CLASSES, PIXELS, SIDE, Split, idx, synthetic};
use crate::device::{Device, DeviceError};
use crate::evaluation::inference::{Logits, classify};
use crate::model::Model;
use proto::ModelProto;

/// The kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Weights under PyTorch's names, in its layouts
    Safetensors,
    /// A graph that ONNX Runtime and others execute
    Onnx,
}

/// What is written, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub format: Format,
    /// ONNX takes bytes and normalises them itself.
    pub raw_input: bool,
}

/// A named block of numbers, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub name: String,
    pub dims: Vec<usize>,
    pub values: Vec<f32>,
}

/// What the comparison found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    pub pictures: usize,
    /// Of any logit.
    pub largest_difference: f32,
}

/// An export that could not be made.
#[derive(thiserror::Error, Debug)]
pub enum ExportError {
    #[error("{}: could not be written: {source}; choose another place with --out", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "the export to {} was read again and does not agree with the network: {reason}; nothing was written: report this as a defect",
        path.display()
    )]
    Disagrees { path: PathBuf, reason: String },
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Half of the compared pictures are drawn digits, half are noise.
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
    let pictures = pictures();
    let scores = |model: &Model| {
        let normalisation = description.normalisation;
        pollster::block_on(classify(model, &pictures, normalisation, config, device))
    };
    let expected = scores(model)?;
    let unnamed = idx::temporary(folder, ".tmp-")
        .map_err(write_error)?
        .into_temp_path();
    let found = match options.format {
        Format::Safetensors => {
            pollster::block_on(checkpoint::save(&unnamed, model, description, device))?;
            let (again, _) = checkpoint::load(&unnamed, device.burn())?;
            scores(&again)?
        }
        Format::Onnx => {
            let values = pollster::block_on(checkpoint::values(model, device))?;
            let parameters = parameters(description, values);
            let graph = onnx::graph(&parameters, description, options.raw_input);
            crate::run_folder::write_atomically(&unnamed, &graph.encode_to_vec())
                .map_err(write_error)?;
            let bytes = std::fs::read(&unnamed).map_err(write_error)?;
            let again = ModelProto::decode(&bytes[..]).map_err(|e| disagrees(e.to_string()))?;
            let normalisation = (!options.raw_input).then_some(description.normalisation);
            execute_on(&again, &pictures, normalisation).map_err(disagrees)?
        }
    };
    let agreement = compare(&expected, &found).map_err(disagrees)?;
    unnamed
        .persist(path)
        .map_err(|error| write_error(error.error))?;
    Ok(agreement)
}

/// Every tensor of the network as PyTorch names it and lays it out.
pub fn parameters(description: &Description, values: Vec<Vec<f32>>) -> Vec<Tensor> {
    let model = &description.model;
    let shapes = model.parameters();
    let pairs = shapes.iter().zip(values);
    pairs
        .map(|(shape, values)| {
            let (dims, values) = checkpoint::to_pytorch(model, shape, values);
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
    pictures: &Split,
    normalisation: Option<Normalisation>,
) -> Result<Vec<Logits>, String> {
    let pixel = |&byte: &u8| match normalisation {
        Some(by) => (f32::from(byte) / 255.0 - by.mean) / by.standard_deviation,
        None => f32::from(byte),
    };
    let input = pictures.images.iter().map(pixel).collect();
    let output = execute::execute(graph, &[pictures.len(), 1, SIDE, SIDE], input)?;
    let (scores, rest) = output.values.as_chunks::<CLASSES>();
    if !rest.is_empty() || output.dims != [pictures.len(), CLASSES] {
        return Err(format!("its output is {:?}", output.dims));
    }
    Ok(scores.to_vec())
}

/// Compares logits picture by picture.
///
/// # Errors
/// The first logit that differs by more than rounding, or is no number.
pub fn compare(expected: &[Logits], found: &[Logits]) -> Result<Agreement, String> {
    if expected.is_empty() || expected.len() != found.len() {
        return Err(format!(
            "{} pictures against {}",
            found.len(),
            expected.len()
        ));
    }
    let mut largest_difference = 0.0f32;
    for (picture, (expected, found)) in expected.iter().zip(found).enumerate() {
        let scale = expected.iter().fold(1.0f32, |most, v| most.max(v.abs()));
        for class in 0..CLASSES {
            let difference = (expected[class] - found[class]).abs();
            // Not a number is not near either.
            let near = difference <= TOLERANCE * scale;
            if !near {
                return Err(format!(
                    "logit {class} of picture {picture} is {} instead of {}",
                    found[class], expected[class]
                ));
            }
            largest_difference = largest_difference.max(difference);
        }
    }
    Ok(Agreement {
        pictures: expected.len(),
        largest_difference,
    })
}

fn pictures() -> Split {
    let mut split = synthetic::draw(COMPARED_SEED, 1, COMPARED / 2);
    let mut random = ChaCha12Rng::seed_from_u64(COMPARED_SEED);
    let noise = COMPARED - COMPARED / 2;
    split
        .images
        .extend((0..noise * PIXELS).map(|_| random.random::<u8>()));
    split.labels.extend(std::iter::repeat_n(0, noise));
    split
}
