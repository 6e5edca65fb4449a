//! A checkpoint as the bytes of its file.

use std::collections::HashMap;

use safetensors::serialize;
use safetensors::tensor::{Dtype, TensorView};

use super::{Checkpoint, Counts, FORMAT, VERSION};
use crate::model::ParameterShape;
use crate::runs::weights::{checksum, header, to_pytorch};
use crate::training::history::EpochRecord;
use crate::training::state::{Parameters, Sums};

/// # Errors
/// What could not be written down.
pub(super) fn encode(checkpoint: &Checkpoint) -> Result<Vec<u8>, String> {
    let snapshot = &checkpoint.snapshot;
    let mut writer = Writer {
        shapes: checkpoint.description.network().parameters(),
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
    checksum::add(
        &mut metadata,
        tensors
            .iter()
            .map(|(name, _, _, bytes)| (name.as_str(), bytes.as_slice())),
    );
    let views = tensors
        .iter()
        .map(|(name, dtype, dims, bytes)| {
            TensorView::new(*dtype, dims.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    serialize(views, Some(metadata))
        .map(header::in_order)
        .map_err(|error| error.to_string())
}

struct Writer {
    shapes: Vec<ParameterShape>,
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl Writer {
    fn parameters(&mut self, prefix: &str, values: &Parameters) {
        for (index, values) in values.iter().enumerate() {
            self.parameter(prefix, "", index, values);
        }
    }

    fn parameter(&mut self, prefix: &str, suffix: &str, index: usize, values: &[f32]) {
        let shape = &self.shapes[index];
        let (dims, values) = to_pytorch(shape, values.to_vec());
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
