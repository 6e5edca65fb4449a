//! Stochastic gradient descent as PyTorch computes it (no dampening), and its momentum.

use burn::tensor::Tensor;

use super::rules::{Rule, Slots, Update, penalise};
use crate::config::TrainingConfig;
use crate::kernels::Kernels;
use crate::kernels::blend::Factor;

#[derive(Clone, Copy)]
pub(super) struct Sgd {
    momentum: Momentum,
    penalty: f64,
}

/// What turns gradients into updates.
#[derive(Clone, Copy)]
pub(super) struct Momentum {
    factor: f64,
    nesterov: bool,
    /// Whose operations compute.
    pub kernels: Kernels,
}

impl Sgd {
    pub fn new(settings: &TrainingConfig, kernels: Kernels) -> Self {
        Self {
            momentum: Momentum::new(settings, kernels),
            penalty: settings.weight_decay,
        }
    }
}

impl Rule for Sgd {
    const NAME: &'static str = "sgd";

    fn slot_names(&self) -> &'static [&'static str] {
        match self.momentum.factor == 0.0 {
            true => &[],
            false => &["velocity"],
        }
    }

    fn step<const D: usize>(
        &self,
        Update { rate, .. }: Update<'_>,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: Slots<D>,
    ) -> (Tensor<D>, Slots<D>) {
        let kernels = self.momentum.kernels;
        let gradient = penalise(kernels, gradient, &parameter, self.penalty);
        let (direction, slots) = self.momentum.apply(gradient, slots);
        let factors = [Factor::ONE, rate.factor(0.0, -1.0)];
        let parameter = kernels.blend_in_step(parameter, direction, factors, rate.steps);
        (parameter, slots)
    }
}

impl Momentum {
    pub fn new(settings: &TrainingConfig, kernels: Kernels) -> Self {
        Self {
            factor: settings.momentum,
            nesterov: settings.nesterov,
            kernels,
        }
    }

    /// The update for a gradient, and the velocity for the next.
    pub fn apply<const D: usize>(
        &self,
        gradient: Tensor<D>,
        slots: Slots<D>,
    ) -> (Tensor<D>, Slots<D>) {
        if self.factor == 0.0 {
            return (gradient, Vec::new());
        }
        let (kernels, factor) = (self.kernels, self.factor);
        let velocity = match slots.into_iter().next() {
            Some(velocity) => kernels.blend(velocity, gradient.clone(), [factor, 1.0]),
            None => gradient.clone(),
        };
        let update = match self.nesterov {
            true => kernels.blend(gradient, velocity.clone(), [1.0, factor]),
            false => velocity.clone(),
        };
        (update, vec![velocity])
    }
}
