//! Adam (Kingma & Ba, arXiv:1412.6980), and AdamW, whose weight decay is decoupled (Loshchilov &
//! Hutter, arXiv:1711.05101).

use burn::optim::AdaptiveMomentumState;
use burn::tensor::Tensor;

use super::rules::{Rule, Slots, Update, penalise};
use crate::config::TrainingConfig;
use crate::device::Device;
use crate::kernels::Kernels;
use crate::kernels::adam::{AdamUpdates, FusedAdam};
use crate::kernels::step_state::AdamNumbers;

#[derive(Clone)]
pub(super) struct Adam {
    updates: AdamUpdates,
    /// Weight decay added to the gradient, as plain Adam has it.
    penalty: f64,
    kernels: Kernels,
}

impl Adam {
    /// Plain Adam: weight decay is part of the gradient.
    pub fn new(settings: &TrainingConfig, device: &Device) -> Self {
        Self {
            updates: updates(settings, 0.0, device),
            penalty: settings.weight_decay,
            kernels: device.kernels(),
        }
    }

    /// AdamW.
    pub fn decoupled(settings: &TrainingConfig, device: &Device) -> Self {
        Self {
            updates: updates(settings, settings.weight_decay, device),
            penalty: 0.0,
            kernels: device.kernels(),
        }
    }
}

impl Adam {
    /// What update number `time`, from 1, takes beside moments and gradient; `None` for Burn's own operations.
    pub fn numbers(&self, learning_rate: f64, time: usize) -> Option<AdamNumbers> {
        match &self.updates {
            AdamUpdates::Fused(rule) => Some(rule.numbers(learning_rate, time)),
            AdamUpdates::Adam(_) | AdamUpdates::AdamW(_) => None,
        }
    }

    /// The gradient with what weight decay adds to it.
    pub fn penalised<const D: usize>(
        &self,
        gradient: Tensor<D>,
        parameter: &Tensor<D>,
    ) -> Tensor<D> {
        penalise(self.kernels, gradient, parameter, self.penalty)
    }
}

impl Rule for Adam {
    const NAME: &'static str = "adam";

    fn slot_names(&self) -> &'static [&'static str] {
        &["moment1", "moment2"]
    }

    fn step<const D: usize>(
        &self,
        update: Update<'_>,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: Slots<D>,
    ) -> (Tensor<D>, Slots<D>) {
        let gradient = self.penalised(gradient, &parameter);
        let moments = <[Tensor<D>; 2]>::try_from(slots).ok();
        let moments = moments
            .map(|[first, second]| AdaptiveMomentumState::new(update.number - 1, first, second));
        let (parameter, moments) =
            (self.updates).step(update.rate.value(), parameter, gradient, moments);
        (parameter, vec![moments.moment_1, moments.moment_2])
    }
}

fn updates(settings: &TrainingConfig, weight_decay: f64, device: &Device) -> AdamUpdates {
    device.kernels().adam(FusedAdam {
        beta1: settings.beta1 as f32,
        beta2: settings.beta2 as f32,
        epsilon: settings.epsilon as f32,
        weight_decay: weight_decay as f32,
    })
}
