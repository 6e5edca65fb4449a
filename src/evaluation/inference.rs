//! Logits of every picture, read back: for the test split, predictions and exports.

use burn::tensor::Transaction;

use crate::config::Config;
use crate::data::batches::{DeviceSplit, Normalisation, upload_indices};
use crate::data::{CLASSES, Split};
use crate::device::{Device, DeviceError};
use crate::model::Model;

/// The scores of one picture before softmax.
pub type Logits = [f32; CLASSES];

/// Classifies pictures that are not on the device yet, in order.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn classify(
    model: &Model,
    pictures: &Split,
    normalisation: Normalisation,
    config: &Config,
    device: &Device,
) -> Result<Vec<Logits>, DeviceError> {
    let split = device.guard("classifying", || {
        DeviceSplit::upload(pictures, normalisation, device)
    })?;
    logits(model, &split, config, device).await
}

/// Classifies every picture of `split` in order, `evaluation.batch_size` at a time.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn logits(
    model: &Model,
    split: &DeviceSplit,
    config: &Config,
    device: &Device,
) -> Result<Vec<Logits>, DeviceError> {
    let kernels = config.training.kernels;
    let all: Vec<i32> = (0..split.len() as i32).collect();
    let queued = device.guard("classifying", || {
        all.chunks(config.evaluation.batch_size).fold(
            Transaction::default(),
            |transaction, indices| {
                let batch = split.gather(upload_indices(indices, device), kernels);
                transaction.register(model.forward(batch.pictures, kernels))
            },
        )
    })?;
    let data = device.read("classifying", queued).await?;
    let values: Vec<f32> = data.iter().flat_map(|batch| batch.iter::<f32>()).collect();
    let (pictures, _) = values.as_chunks::<CLASSES>();
    Ok(pictures.to_vec())
}

/// The probability of each class; they add up to 1.
pub fn softmax(logits: &Logits) -> [f64; CLASSES] {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = logits.map(|logit| f64::from(logit - highest).exp());
    let sum: f64 = powers.iter().sum();
    powers.map(|power| power / sum)
}

/// The class of the highest logit, the first of equals.
pub fn best(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, class| match logits[class] > logits[best] {
        true => class,
        false => best,
    })
}
