//! What a network reads in drawings that were brought to the form of its own images.

use super::description::Description;
use super::inference::{answers, softmax};
use crate::config::Config;
use crate::data::Split;
use crate::device::{Device, DeviceError};
use crate::model::Model;

/// What it makes of one drawing.
pub struct Reading {
    /// Of each class.
    pub probabilities: Vec<f64>,
    /// How unfamiliar it looks; `None` where the weights do not tell.
    pub score: Option<f32>,
}

impl Reading {
    /// Whether it looks like none of the classes.
    pub fn is_unsure(&self, threshold: f32) -> bool {
        self.score.is_some_and(|score| score > threshold)
    }
}

/// Reads drawings, each the bytes of an image of the network's shape.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn read(
    drawings: &[&[u8]],
    model: &Model,
    description: &Description,
    config: &Config,
    device: &Device,
) -> Result<Vec<Reading>, DeviceError> {
    if drawings.is_empty() {
        return Ok(Vec::new());
    }
    let split = Split {
        shape: description.set.shape,
        classes: description.set.class_names.len(),
        images: drawings.concat(),
        labels: vec![0; drawings.len()],
    };
    let found = answers(model, &split, description.normalisation, config, device).await?;
    let known = description.familiarity.as_ref();
    let reading = found.iter().map(|answer| Reading {
        probabilities: softmax(&answer.logits),
        score: known.map(|known| known.score(answer)),
    });
    Ok(reading.collect())
}
