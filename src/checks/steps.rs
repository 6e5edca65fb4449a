//! Training steps on a device beside the same steps on the CPU.

use burn::tensor::{Tensor, Transaction};

use super::band::compare;
use super::waves::waves;
use super::{Finding, Scope};
use crate::config::{Architecture, Config};
use crate::data::batches::{DeviceSplit, Normalisation};
use crate::device::{Device, DeviceError};
use crate::training::state::Snapshot;
use crate::training::trainer::{StepOutcome, Trainer};
use crate::wording::count;

/// Trains `network` on `device` with its kernels and on the CPU with the fused ones, from the same
/// seed on the same images, and compares the losses of every step.
pub async fn beside_the_cpu(
    device: &Device,
    config: &Config,
    network: &Architecture,
    scope: Scope,
) -> Finding {
    let band = config.doctor.band;
    let mut finding = Finding {
        kernels: device.kernels().into(),
        op: "training".into(),
        part: "losses".into(),
        shape: format!(
            "{} of {}, {}",
            count(scope.steps, "step"),
            scope.step_batch,
            network.input
        ),
        error: None,
        tolerance: band,
        passed: false,
        note: None,
    };
    let mut settings = config.clone();
    settings.training.batch_size = scope.step_batch;
    settings.training.learning_rate = config.doctor.learning_rate;
    // Every layer is checked.
    settings.training.freeze = 0;
    let work = Work {
        images: scope.steps * scope.step_batch,
        steps: scope.steps,
        schedule_steps: scope.steps,
    };
    let expected = losses(&Device::cpu(), &settings, network, work).await;
    // Whether steps can be replayed is another question.
    let device = device.clone().with_replays(false);
    let found = losses(&device, &settings, network, work).await;
    match (found, expected) {
        (Ok(found), Ok(expected)) => {
            let parity = compare(&found, &expected, band);
            finding.error = parity.deviation;
            finding.passed = parity.ok;
        }
        (Err(error), _) | (_, Err(error)) => finding.note = Some(error.to_string()),
    }
    finding
}

/// The first steps of a training.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Whole batches of images; steps go round.
    pub images: usize,
    /// Steps to train.
    pub steps: usize,
    /// Steps that the schedule of the learning rate is laid out for.
    pub schedule_steps: usize,
}

/// The loss of every step of `work`.
///
/// # Errors
/// [`DeviceError::Failed`].
pub async fn losses(
    device: &Device,
    config: &Config,
    network: &Architecture,
    work: Work,
) -> Result<Vec<f64>, DeviceError> {
    let images = waves(network, config.seed, 0, work.images);
    let split = device.guard("checking", || {
        DeviceSplit::upload(&images, Normalisation::measure(&images), device)
    })?;
    let mut trainer = trainer(&split, network, work.schedule_steps, config, device)?;
    let losses = (0..work.steps).map(|_| trainer.step().map(|step| trainer.loss(&step)));
    read_losses(losses.collect::<Result<_, _>>()?, device, "checking").await
}

/// A training of `network` before its first step.
///
/// # Errors
/// [`DeviceError::Failed`].
pub fn trainer(
    images: &DeviceSplit,
    network: &Architecture,
    steps: usize,
    config: &Config,
    device: &Device,
) -> Result<Trainer, DeviceError> {
    let start = Snapshot::initial(network, config.seed);
    Trainer::new(start, images, steps, config, device)
}

/// A batch of images, and a training of `network` with its first step on them queued; errors call it `doing`.
///
/// # Errors
/// [`DeviceError::Failed`].
pub fn first_step(
    device: &Device,
    config: &Config,
    network: &Architecture,
    doing: &'static str,
) -> Result<(DeviceSplit, Trainer, StepOutcome), DeviceError> {
    let images = waves(network, config.seed, 0, config.training.batch_size);
    let split = device.guard(doing, || {
        DeviceSplit::upload(&images, Normalisation::measure(&images), device)
    })?;
    let mut trainer = trainer(&split, network, 1, config, device)?;
    let step = trainer.step()?;
    Ok((split, trainer, step))
}

/// Reads the losses of steps back, all at once; errors call it `doing`.
///
/// # Errors
/// [`DeviceError::Failed`].
pub async fn read_losses(
    losses: Vec<Tensor<1>>,
    device: &Device,
    doing: &'static str,
) -> Result<Vec<f64>, DeviceError> {
    let joined = device.guard(doing, || {
        Transaction::default().register(Tensor::cat(losses, 0))
    })?;
    let data = device.read(doing, joined).await?;
    Ok(data[0].iter::<f64>().collect())
}
