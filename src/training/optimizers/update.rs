//! The update rules, one parameter at a time, and the tensors each keeps from step to step.

use burn::optim::AdaptiveMomentumState;
use burn::tensor::Tensor;

use super::muon::Orthogonalised;
use crate::config::{OptimizerKind, TrainingConfig};
use crate::device::Device;
use crate::kernels::adam::{AdamUpdates, FusedAdam};
use crate::model::{ParameterShape, Role};

/// How one parameter is updated.
#[derive(Clone)]
pub(super) enum Rule {
    Adam {
        updates: AdamUpdates,
        /// Weight decay added to the gradient, as plain Adam has it.
        penalty: f64,
    },
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
    pub fn of(settings: &TrainingConfig, shape: &ParameterShape, device: &Device) -> Self {
        let momentum = Momentum {
            factor: settings.momentum,
            nesterov: settings.nesterov,
        };
        match settings.optimizer {
            OptimizerKind::Adam => adam(settings, device),
            OptimizerKind::Adamw => adamw(settings, device),
            OptimizerKind::Sgd => Self::Sgd(Sgd {
                momentum,
                penalty: settings.weight_decay,
            }),
            // Muon is not for the first and the last layer, nor for biases.
            OptimizerKind::Muon if shape.role == Role::HiddenWeight => Self::Muon {
                momentum,
                orthogonalised: Orthogonalised::new(settings.weight_decay, device),
            },
            OptimizerKind::Muon => adamw(settings, device),
        }
    }

    /// Rules of one name go on from each other's state.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Adam { .. } => "adam",
            Self::Sgd(_) => "sgd",
            Self::Muon { .. } => "muon",
        }
    }

    pub fn slot_names(&self) -> &'static [&'static str] {
        match self {
            Self::Adam { .. } => &["moment1", "moment2"],
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
            Self::Adam { updates, penalty } => {
                let gradient = penalise(gradient, &tensor, *penalty);
                let moments = slots.map(moments);
                let (tensor, moments) = updates.step(learning_rate, tensor, gradient, moments);
                (tensor, kept(moments))
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

fn adam(settings: &TrainingConfig, device: &Device) -> Rule {
    Rule::Adam {
        updates: device.kernels().adam(decayed(settings, 0.0)),
        penalty: settings.weight_decay,
    }
}

fn adamw(settings: &TrainingConfig, device: &Device) -> Rule {
    let settings = decayed(settings, settings.weight_decay);
    Rule::Adam {
        updates: device.kernels().adam(settings),
        penalty: 0.0,
    }
}

fn decayed(settings: &TrainingConfig, weight_decay: f64) -> FusedAdam {
    FusedAdam {
        beta1: settings.beta1 as f32,
        beta2: settings.beta2 as f32,
        epsilon: settings.epsilon as f32,
        weight_decay: weight_decay as f32,
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

fn kept<const D: usize>(moments: AdaptiveMomentumState<D>) -> Slots<D> {
    Slots {
        time: moments.time,
        tensors: vec![moments.moment_1, moments.moment_2],
    }
}
