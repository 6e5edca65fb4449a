//! The update rules, one parameter at a time, and the tensors each keeps from step to step.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::{
    Adam, AdamConfig, AdamState, AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState,
    Optimizer as _,
};
use burn::tensor::Tensor;

use super::muon::Orthogonalised;
use crate::config::{Kernels, OptimizerKind, TrainingConfig};
use crate::kernels::adam::FusedAdam;
use crate::model::{ParameterShape, Role};

/// How one parameter is updated.
#[derive(Clone)]
pub(super) enum Rule {
    FusedAdam {
        rule: FusedAdam,
        /// Weight decay added to the gradient, as plain Adam has it.
        penalty: f64,
    },
    Adam(Adam),
    AdamW(AdamW),
    Sgd(Sgd),
    Muon {
        momentum: Momentum,
        orthogonalised: Orthogonalised,
    },
}

/// Stochastic gradient descent as PyTorch computes it (no dampening).
#[derive(Clone, Copy)]
pub(super) struct Sgd {
    momentum: Momentum,
    penalty: f64,
}

#[derive(Clone, Copy)]
pub(super) struct Momentum {
    factor: f64,
    nesterov: bool,
}

/// What a rule keeps of a parameter of rank `D`.
#[derive(Clone)]
pub(super) struct Slots<const D: usize> {
    /// Updates so far.
    pub time: usize,
    /// Named by [`Rule::slot_names`].
    pub tensors: Vec<Tensor<D>>,
}

impl Rule {
    /// The rule of the settings for a parameter.
    pub fn of(settings: &TrainingConfig, shape: &ParameterShape) -> Self {
        let momentum = Momentum {
            factor: settings.momentum,
            nesterov: settings.nesterov,
        };
        match settings.optimizer {
            OptimizerKind::Adam => adam(settings),
            OptimizerKind::Adamw => adamw(settings),
            OptimizerKind::Sgd => Self::Sgd(Sgd {
                momentum,
                penalty: settings.weight_decay,
            }),
            // Muon is not for the first and the last layer, nor for biases.
            OptimizerKind::Muon if shape.role == Role::HiddenWeight => Self::Muon {
                momentum,
                orthogonalised: Orthogonalised::new(settings.weight_decay, settings.kernels),
            },
            OptimizerKind::Muon => adamw(settings),
        }
    }

    /// Rules of one name go on from each other's state.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FusedAdam { .. } | Self::Adam(_) | Self::AdamW(_) => "adam",
            Self::Sgd(_) => "sgd",
            Self::Muon { .. } => "muon",
        }
    }

    pub fn slot_names(&self) -> &'static [&'static str] {
        match self {
            Self::FusedAdam { .. } | Self::Adam(_) | Self::AdamW(_) => &["moment1", "moment2"],
            Self::Sgd(Sgd { momentum, .. }) if momentum.factor == 0.0 => &[],
            Self::Sgd(_) | Self::Muon { .. } => &["velocity"],
        }
    }

    /// The parameter after one update, and what is kept for the next.
    pub fn step<const D: usize>(
        &self,
        learning_rate: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        slots: Option<Slots<D>>,
    ) -> (Tensor<D>, Slots<D>) {
        match self {
            Self::FusedAdam { rule, penalty } => {
                let gradient = penalise(gradient, &tensor, *penalty);
                let state = slots.map(|slots| AdamState::new(moments(slots)));
                let (tensor, state) = rule.step(learning_rate, tensor, gradient, state);
                (tensor, kept(state.map(|state| state.momentum)))
            }
            Self::Adam(rule) => {
                let state = slots.map(|slots| AdamState::new(moments(slots)));
                let (tensor, state) = rule.step(learning_rate, tensor, gradient, state);
                (tensor, kept(state.map(|state| state.momentum)))
            }
            Self::AdamW(rule) => {
                let state = slots.map(|slots| AdamWState::new(moments(slots)));
                let (tensor, state) = rule.step(learning_rate, tensor, gradient, state);
                (tensor, kept(state.map(|state| state.momentum)))
            }
            Self::Sgd(Sgd { momentum, penalty }) => {
                let gradient = penalise(gradient, &tensor, *penalty);
                let (update, slots) = momentum.apply(gradient, slots);
                (tensor - update * learning_rate, slots)
            }
            Self::Muon {
                momentum,
                orthogonalised,
            } => {
                let (update, slots) = momentum.apply(gradient, slots);
                // Filters are rows: `[outputs, inputs * height * width]`.
                let dims = tensor.dims();
                let rows = dims[0];
                let columns = dims.iter().product::<usize>() / rows;
                let tensor = orthogonalised.step(
                    learning_rate,
                    tensor.reshape([rows, columns]),
                    update.reshape([rows, columns]),
                );
                (tensor.reshape(dims), slots)
            }
        }
    }
}

impl Momentum {
    fn apply<const D: usize>(
        &self,
        gradient: Tensor<D>,
        slots: Option<Slots<D>>,
    ) -> (Tensor<D>, Slots<D>) {
        let (time, velocity) = match slots {
            Some(slots) => (slots.time + 1, slots.tensors.into_iter().next()),
            None => (1, None),
        };
        if self.factor == 0.0 {
            let tensors = Vec::new();
            return (gradient, Slots { time, tensors });
        }
        let velocity = match velocity {
            Some(velocity) => velocity * self.factor + gradient.clone(),
            None => gradient.clone(),
        };
        let update = match self.nesterov {
            true => gradient + velocity.clone() * self.factor,
            false => velocity.clone(),
        };
        let tensors = vec![velocity];
        (update, Slots { time, tensors })
    }
}

fn adam(settings: &TrainingConfig) -> Rule {
    let (beta1, beta2) = (settings.beta1 as f32, settings.beta2 as f32);
    let epsilon = settings.epsilon as f32;
    let penalty = settings.weight_decay;
    match settings.kernels {
        Kernels::Fused => Rule::FusedAdam {
            rule: FusedAdam {
                beta1,
                beta2,
                epsilon,
                weight_decay: 0.0,
            },
            penalty,
        },
        Kernels::Stock => Rule::Adam(
            AdamConfig::new()
                .with_beta_1(beta1)
                .with_beta_2(beta2)
                .with_epsilon(epsilon)
                .with_weight_decay((penalty > 0.0).then(|| WeightDecayConfig::new(penalty as f32)))
                .build(),
        ),
    }
}

fn adamw(settings: &TrainingConfig) -> Rule {
    let (beta1, beta2) = (settings.beta1 as f32, settings.beta2 as f32);
    let epsilon = settings.epsilon as f32;
    let weight_decay = settings.weight_decay as f32;
    match settings.kernels {
        Kernels::Fused => Rule::FusedAdam {
            rule: FusedAdam {
                beta1,
                beta2,
                epsilon,
                weight_decay,
            },
            penalty: 0.0,
        },
        Kernels::Stock => Rule::AdamW(
            AdamWConfig::new()
                .with_beta_1(beta1)
                .with_beta_2(beta2)
                .with_epsilon(epsilon)
                .with_weight_decay(weight_decay)
                .build(),
        ),
    }
}

/// L2 regularisation: the gradient of `penalty / 2` times the sum of squares is added.
fn penalise<const D: usize>(gradient: Tensor<D>, tensor: &Tensor<D>, penalty: f64) -> Tensor<D> {
    match penalty > 0.0 {
        true => gradient + tensor.clone() * penalty,
        false => gradient,
    }
}

fn moments<const D: usize>(slots: Slots<D>) -> AdaptiveMomentumState<D> {
    let mut tensors = slots.tensors.into_iter();
    let mut next = || tensors.next().expect("Adam has two moments");
    AdaptiveMomentumState::new(slots.time, next(), next())
}

fn kept<const D: usize>(momentum: Option<AdaptiveMomentumState<D>>) -> Slots<D> {
    let momentum = momentum.expect("Adam always has a state");
    Slots {
        time: momentum.time,
        tensors: vec![momentum.moment_1, momentum.moment_2],
    }
}
