//! Muon (Jordan et al., 2024): momentum whose updates of a matrix are made orthogonal.

use burn::tensor::Tensor;

use super::rules::{Rule, Slots, Update};
use super::sgd::Momentum;
use crate::config::TrainingConfig;
use crate::kernels::Kernels;

#[derive(Clone)]
pub(super) struct Muon {
    momentum: Momentum,
    weight_decay: f64,
}

impl Muon {
    pub fn new(settings: &TrainingConfig, kernels: Kernels) -> Self {
        Self {
            momentum: Momentum::new(settings, kernels),
            weight_decay: settings.weight_decay,
        }
    }
}

impl Rule for Muon {
    const NAME: &'static str = "muon";

    fn slot_names(&self) -> &'static [&'static str] {
        &["velocity"]
    }

    /// The rate is adjusted so that an update is as large as one of AdamW (arXiv:2502.16982): one learning rate serves
    /// both.
    fn step<const D: usize>(
        &self,
        Update { rate, .. }: Update<'_>,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: Slots<D>,
    ) -> (Tensor<D>, Slots<D>) {
        let kernels = self.momentum.kernels;
        let (direction, slots) = self.momentum.apply(gradient, slots);
        let dims = parameter.dims();
        // Filters are rows, `[outputs, inputs * height * width]`.
        let (rows, columns) = (dims[0], dims.iter().product::<usize>() / dims[0]);
        let direction = kernels.orthogonal(direction.reshape([rows, columns]));
        let adjusted = rate.scaled(0.2).scaled((rows.max(columns) as f64).sqrt());
        let factors = [
            rate.scaled(self.weight_decay).factor(1.0, -1.0),
            adjusted.factor(0.0, -1.0),
        ];
        let direction = direction.reshape(dims);
        let parameter = kernels.blend_in_step(parameter, direction, factors, rate.steps);
        (parameter, slots)
    }
}
