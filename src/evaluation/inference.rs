//! Logits of every image, read back: for the test split, predictions and exports.

use burn::tensor::Transaction;

use crate::config::Config;
use crate::data::Split;
use crate::data::batches::{DeviceSplit, Normalisation, upload_indices};
use crate::device::{Device, DeviceError};
use crate::model::Model;

/// The scores of one image before softmax, one a class.
pub type Logits = Vec<f32>;

/// What a network makes of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What its last layer got.
    pub features: Vec<f32>,
    /// Of each class.
    pub logits: Logits,
}

/// Classifies images as [`classify`] does, and keeps the features too.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn answers(
    model: &Model,
    images: &Split,
    normalisation: Normalisation,
    config: &Config,
    device: &Device,
) -> Result<Vec<Answer>, DeviceError> {
    let all: Vec<i32> = (0..images.len() as i32).collect();
    let queued = device.guard("classifying", || {
        let split = DeviceSplit::upload(images, normalisation, device);
        all.chunks(config.evaluation.batch_size).fold(
            Transaction::default(),
            |transaction, indices| {
                let batch = split.gather(upload_indices(indices, device));
                let (features, logits) = model.forward_with_features(batch.images);
                transaction.register(features).register(logits)
            },
        )
    })?;
    let data = device.read("classifying", queued).await?;
    let mut answers = Vec::with_capacity(images.len());
    for (pair, indices) in data
        .chunks_exact(2)
        .zip(all.chunks(config.evaluation.batch_size))
    {
        let [features, logits] =
            [&pair[0], &pair[1]].map(|part| part.iter::<f32>().collect::<Vec<_>>());
        let width = features.len() / indices.len();
        let rows = features.chunks(width).zip(logits.chunks(images.classes));
        answers.extend(rows.map(|(features, logits)| Answer {
            features: features.to_vec(),
            logits: logits.to_vec(),
        }));
    }
    Ok(answers)
}

/// Classifies images that are not on the device yet, in order.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn classify(
    model: &Model,
    images: &Split,
    normalisation: Normalisation,
    config: &Config,
    device: &Device,
) -> Result<Vec<Logits>, DeviceError> {
    classify_heard(model, images, normalisation, config, device, &mut |_| {}).await
}

/// [`classify`], which tells `heard` how many images it has put through the network.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn classify_heard(
    model: &Model,
    images: &Split,
    normalisation: Normalisation,
    config: &Config,
    device: &Device,
    heard: &mut dyn FnMut(usize),
) -> Result<Vec<Logits>, DeviceError> {
    let split = device.guard("classifying", || {
        DeviceSplit::upload(images, normalisation, device)
    })?;
    logits_heard(model, &split, config, device, heard).await
}

/// Classifies every image of `split` in order, `evaluation.batch_size` at a time.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn logits(
    model: &Model,
    split: &DeviceSplit,
    config: &Config,
    device: &Device,
) -> Result<Vec<Logits>, DeviceError> {
    logits_heard(model, split, config, device, &mut |_| {}).await
}

async fn logits_heard(
    model: &Model,
    split: &DeviceSplit,
    config: &Config,
    device: &Device,
    heard: &mut dyn FnMut(usize),
) -> Result<Vec<Logits>, DeviceError> {
    let all: Vec<i32> = (0..split.len() as i32).collect();
    let mut done = 0;
    let queued = device.guard("classifying", || {
        all.chunks(config.evaluation.batch_size).fold(
            Transaction::default(),
            |transaction, indices| {
                let batch = split.gather(upload_indices(indices, device));
                let transaction = transaction.register(model.forward_eval(batch.images));
                done += indices.len();
                heard(done);
                transaction
            },
        )
    })?;
    let data = device.read("classifying", queued).await?;
    let values: Vec<f32> = data.iter().flat_map(|batch| batch.iter::<f32>()).collect();
    Ok(values
        .chunks(split.classes())
        .map(<[f32]>::to_vec)
        .collect())
}

/// The probability of each class; they add up to 1.
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits
        .iter()
        .map(|logit| f64::from(logit - highest).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// The class of the highest logit, the first of equals.
pub fn best(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, class| match logits[class] > logits[best] {
        true => class,
        false => best,
    })
}
