//! Training steps on a device beside the same steps on the CPU.

use burn::tensor::{Tensor, Transaction};

use super::band::compare;
use super::waves::waves;
use super::{Finding, Scope};
use crate::config::{Architecture, Config, Kernels};
use crate::data::batches::{DeviceSplit, Normalisation, order, upload_indices};
use crate::device::{Device, DeviceError};
use crate::model::{Model, initial_values};
use crate::training::optimizer::Optimizer;
use crate::training::schedule::Schedule;
use crate::training::step::{Objective, train_step};

/// Trains `network` with `kernels` on `device` and with the fused kernels on the CPU, from the same
/// seed on the same images, and compares the losses of every step.
pub async fn beside_the_cpu(
    device: &Device,
    config: &Config,
    network: &Architecture,
    scope: Scope,
    kernels: Kernels,
) -> Finding {
    let band = config.doctor.band;
    let mut finding = Finding {
        kernels: kernels.into(),
        op: "training".into(),
        part: "losses".into(),
        shape: format!(
            "{} steps of {}, {}",
            scope.steps, scope.step_batch, network.input
        ),
        error: None,
        tolerance: band,
        passed: false,
        note: None,
    };
    let mut settings = config.clone();
    settings.training.batch_size = scope.step_batch;
    settings.training.learning_rate = config.doctor.learning_rate;
    let work = Work {
        images: scope.steps * scope.step_batch,
        steps: scope.steps,
        schedule_steps: scope.steps,
    };
    settings.training.kernels = Kernels::Fused;
    let expected = losses(&Device::cpu(), &settings, network, work).await;
    settings.training.kernels = kernels;
    let found = losses(device, &settings, network, work).await;
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
    let queued = device.guard("checking", || queue(device, config, network, work))?;
    let data = device.read("checking", queued).await?;
    Ok(data[0].iter::<f64>().collect())
}

pub(super) fn queue(
    device: &Device,
    config: &Config,
    network: &Architecture,
    work: Work,
) -> Transaction {
    let images = waves(network, config.seed, 0, work.images);
    let normalisation = Normalisation::measure(&images);
    let split = DeviceSplit::upload(&images, normalisation, device);
    let order = upload_indices(&order(config.seed, 1, images.len()), device);
    let values = initial_values(network, config.seed);
    let mut model = Model::from_values(network, values, &device.autodiff());
    let schedule = Schedule::new(&config.training, work.schedule_steps);
    let mut optimizer = Optimizer::fresh(&config.training, network, device.burn());
    let kernels = config.training.kernels;
    let objective = Objective::new(&config.training, &split, device);
    let mut losses: Vec<Tensor<1>> = Vec::new();
    for step in 0..work.steps {
        let start = step * config.training.batch_size % work.images;
        let indices = order
            .clone()
            .slice(start..start + config.training.batch_size);
        let batch = split.gather(indices, kernels);
        let rate = schedule.learning_rate(step);
        let loss;
        (model, loss, _) = train_step(model, &mut optimizer, batch, rate, &objective);
        losses.push(loss);
    }
    Transaction::default().register(Tensor::cat(losses, 0))
}
