//! Steps that are recorded and replayed beside the same steps launched one by one: they must agree to the bit.

use super::steps::{read_losses, trainer};
use super::waves::waves;
use super::{Finding, Group, Scope};
use crate::config::{Architecture, Config};
use crate::data::batches::{DeviceSplit, Normalisation};
use crate::device::{Device, DeviceError};
use crate::model;
use crate::wording::count;

/// What findings call it.
const OP: &str = "replay";
/// Replayed steps that are compared.
const STEPS: usize = 12;
/// Steps that are launched besides, before the first that is replayed and before several are recorded together.
const BEFORE: usize = 7;

impl Finding {
    /// Whether it is of replayed steps: where they are wrong, the kernels may be right.
    pub fn is_of_replay(&self) -> bool {
        self.op == OP
    }
}

/// Trains `network` on `device` twice with our kernels, and compares losses and weights; `None` where no step is
/// recorded: on the CPU, and for networks and settings of which each step is launched anew.
pub async fn beside_launches(
    device: &Device,
    config: &Config,
    network: &Architecture,
    scope: Scope,
) -> Option<Finding> {
    let mut settings = config.clone();
    settings.training.batch_size = scope.step_batch;
    settings.training.learning_rate = config.doctor.learning_rate;
    let replayed = train(device, &settings, network, true).await;
    if let Ok((_, false)) = replayed {
        return None;
    }
    let launched = train(device, &settings, network, false).await;
    let mut finding = Finding {
        kernels: Group::Fused,
        op: OP.into(),
        part: "losses and weights".into(),
        shape: format!("{} of {}", count(STEPS, "step"), scope.step_batch),
        error: None,
        tolerance: 0.0,
        passed: false,
        note: None,
    };
    match (replayed, launched) {
        (Ok((replayed, _)), Ok((launched, _))) => {
            let factor = device.injection().factor(OP, &Group::Fused.to_string());
            let differences = replayed.iter().zip(&launched);
            let error = differences
                .map(|(replayed, launched)| (replayed * factor - launched).abs())
                .fold(0.0, f64::max);
            let alike = replayed.iter().all(|number| number.is_finite());
            finding.error = alike.then_some(error);
            finding.passed = alike && error == 0.0 && replayed.len() == launched.len();
        }
        (Err(error), _) | (_, Err(error)) => finding.note = Some(error.to_string()),
    }
    Some(finding)
}

/// The losses of all steps and the weights after them, and whether steps were replayed.
async fn train(
    device: &Device,
    config: &Config,
    network: &Architecture,
    replays: bool,
) -> Result<(Vec<f64>, bool), DeviceError> {
    let device = device.clone().with_replays(replays);
    let steps = BEFORE + STEPS;
    let images = waves(network, config.seed, 0, steps * config.training.batch_size);
    let split = device.guard("checking", || {
        DeviceSplit::upload(&images, Normalisation::measure(&images), &device)
    })?;
    let trainer = trainer(&split, network, steps, config, &device)?;
    let mut trainer = trainer.recording_together();
    let mut losses = Vec::new();
    while !trainer.epoch_is_over() {
        let queued = trainer.next_steps(steps)?;
        losses.extend(queued.iter().map(|step| trainer.loss(step)));
    }
    let mut numbers = read_losses(losses, &device, "checking").await?;
    let weights = model::values(&trainer.eval_model(), &device).await?;
    numbers.extend(weights.into_iter().flatten().map(f64::from));
    Ok((numbers, trainer.replays()))
}
