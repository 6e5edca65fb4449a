//! Stochastic gradient descent as PyTorch computes it (no dampening), and its momentum.

use burn::tensor::Tensor;

use super::rules::{Rule, Slots, Update, penalise};
use crate::config::TrainingConfig;

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
}

impl Sgd {
    pub fn new(settings: &TrainingConfig) -> Self {
        Self {
            momentum: Momentum::new(settings),
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
        update: Update<'_>,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: Slots<D>,
    ) -> (Tensor<D>, Slots<D>) {
        let gradient = penalise(gradient, &parameter, self.penalty);
        let (direction, slots) = self.momentum.apply(gradient, slots);
        (parameter - update.rate.times(direction), slots)
    }
}

impl Momentum {
    pub fn new(settings: &TrainingConfig) -> Self {
        Self {
            factor: settings.momentum,
            nesterov: settings.nesterov,
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
        let velocity = match slots.into_iter().next() {
            Some(velocity) => velocity * self.factor + gradient.clone(),
            None => gradient.clone(),
        };
        let update = match self.nesterov {
            true => gradient + velocity.clone() * self.factor,
            false => velocity.clone(),
        };
        (update, vec![velocity])
    }
}
