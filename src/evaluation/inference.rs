//! Logits of every image, read back: for the test split, predictions and exports.

use std::ops::ControlFlow;

use burn::tensor::{TensorData, Transaction};

use super::batches::Batches;
use crate::config::Config;
use crate::data::Split;
use crate::data::batches::{DeviceSplit, Normalisation};
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
    let queue = || {
        let split = DeviceSplit::upload(images, normalisation, device);
        let batches = Batches::of(&split, config.evaluation.batch_size, device, "classifying");
        let (mut features, mut logits) = (batches.kept(), batches.kept());
        batches.each(&mut |_| ControlFlow::Continue(()), |batch| {
            let (of_batch, scores) = model.forward_with_features(batch.images);
            features.take(of_batch);
            logits.take(scores);
            None
        })?;
        Ok([features, logits].map(|kept| kept.tensors))
    };
    let [features, logits] = device.guard("classifying", queue).flatten()?;
    let parts = features.len();
    let queued =
        (features.into_iter().chain(logits)).fold(Transaction::default(), Transaction::register);
    let mut data = device.read("classifying", queued).await?;
    let logits = numbers(&data.split_off(parts));
    let features = numbers(&data);
    let width = features.len() / images.len().max(1);
    let rows = features
        .chunks(width.max(1))
        .zip(logits.chunks(images.classes));
    Ok(rows
        .map(|(features, logits)| Answer {
            features: features.to_vec(),
            logits: logits.to_vec(),
        })
        .collect())
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
    classify_heard(model, images, normalisation, config, device, &mut |_| {
        ControlFlow::Continue(())
    })
    .await
}

/// [`classify`], which tells `heard` how many images it has put through the network, and ends where that says so.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails, [`DeviceError::Stopped`] where `heard` ends it.
pub async fn classify_heard(
    model: &Model,
    images: &Split,
    normalisation: Normalisation,
    config: &Config,
    device: &Device,
    heard: &mut dyn FnMut(usize) -> ControlFlow<()>,
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
    logits_heard(model, split, config, device, &mut |_| {
        ControlFlow::Continue(())
    })
    .await
}

async fn logits_heard(
    model: &Model,
    split: &DeviceSplit,
    config: &Config,
    device: &Device,
    heard: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Logits>, DeviceError> {
    let queued = device
        .guard("classifying", || {
            queue_logits(model, split, config.evaluation.batch_size, device, heard)
        })
        .flatten()?;
    let data = device.read("classifying", queued).await?;
    Ok(numbers(&data)
        .chunks(split.classes())
        .map(<[f32]>::to_vec)
        .collect())
}

/// Queues the logits of every image of `split`, in order.
fn queue_logits(
    model: &Model,
    split: &DeviceSplit,
    batch_size: usize,
    device: &Device,
    heard: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Transaction, DeviceError> {
    let batches = Batches::of(split, batch_size, device, "classifying");
    let mut logits = batches.kept();
    batches.each(heard, |batch| {
        logits.take(model.forward_eval(batch.images));
        None
    })?;
    Ok((logits.tensors.into_iter()).fold(Transaction::default(), Transaction::register))
}

/// Those of all tensors, in order.
fn numbers(data: &[TensorData]) -> Vec<f32> {
    data.iter().flat_map(|part| part.iter::<f32>()).collect()
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
