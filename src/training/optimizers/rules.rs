//! The update rules: a file each, and a line each in [`rules!`]. [`UpdateRule::of`] says which
//! parameter is updated by which.

use burn::tensor::Tensor;

use super::adam::Adam;
use super::muon::Muon;
use super::sgd::Sgd;
use crate::config::{OptimizerKind, TrainingConfig};
use crate::device::Device;
use crate::kernels::step_state::{Column, StepState};
use crate::model::{ParameterShape, Role};

/// The learning rate of a step, or a multiple of it.
#[derive(Clone, Copy)]
pub struct Rate<'a> {
    value: f64,
    /// Of the rate itself.
    factor: f64,
    /// Where kernels read the numbers of a step that may be replayed.
    pub steps: Option<&'a StepState>,
}

impl<'a> Rate<'a> {
    /// Read from `steps`, if there are any; `value` is the same.
    pub fn new(value: f64, steps: Option<&'a StepState>) -> Self {
        Self {
            value,
            factor: 1.0,
            steps,
        }
    }

    /// The rate times `factor`.
    pub(super) fn scaled(self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            factor: self.factor * factor,
            ..self
        }
    }

    /// `tensor` times the rate.
    pub(super) fn times<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        match self.steps {
            None => tensor * self.value,
            Some(steps) => {
                let rate = steps.number(Column::LearningRate) * self.factor;
                tensor * rate.reshape([1; D])
            }
        }
    }

    /// `tensor` less its share of that rate.
    pub(super) fn shrunk<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        match self.steps {
            None => tensor * (1.0 - self.value),
            Some(steps) => {
                let keep = steps.number(Column::LearningRate) * -self.factor + 1.0;
                tensor * keep.reshape([1; D])
            }
        }
    }

    /// What the host knows.
    pub(super) fn value(self) -> f64 {
        self.value
    }
}

/// When a parameter is updated, and how far.
#[derive(Clone, Copy)]
pub(super) struct Update<'a> {
    pub rate: Rate<'a>,
    /// Of this parameter, from 1.
    pub number: usize,
}

/// How one parameter is updated.
pub(super) trait Rule {
    /// Rules of one name go on from each other's state.
    const NAME: &'static str;

    /// The names of what it keeps of a parameter.
    fn slot_names(&self) -> &'static [&'static str];

    /// The parameter after an update, and what is kept for the next.
    fn step<const D: usize>(
        &self,
        update: Update<'_>,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: Slots<D>,
    ) -> (Tensor<D>, Slots<D>);
}

/// What a rule keeps of a parameter of rank `D`, named by [`Rule::slot_names`]; nothing before the first update.
pub(super) type Slots<const D: usize> = Vec<Tensor<D>>;

/// One rule or another.
macro_rules! rules {
    ($($rule:ident),*) => {
        #[derive(Clone)]
        pub(super) enum UpdateRule {
            $($rule($rule)),*
        }

        impl UpdateRule {
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$rule(_) => $rule::NAME),*
                }
            }

            pub fn slot_names(&self) -> &'static [&'static str] {
                match self {
                    $(Self::$rule(rule) => rule.slot_names()),*
                }
            }

            pub fn step<const D: usize>(
                &self,
                update: Update<'_>,
                parameter: Tensor<D>,
                gradient: Tensor<D>,
                slots: Slots<D>,
            ) -> (Tensor<D>, Slots<D>) {
                match self {
                    $(Self::$rule(rule) => rule.step(update, parameter, gradient, slots)),*
                }
            }
        }
    };
}

rules!(Adam, Sgd, Muon);

impl UpdateRule {
    /// The rule of the settings for a parameter.
    pub fn of(settings: &TrainingConfig, shape: &ParameterShape, device: &Device) -> Self {
        match settings.optimizer {
            OptimizerKind::Adam => Self::Adam(Adam::new(settings, device)),
            OptimizerKind::Adamw => Self::Adam(Adam::decoupled(settings, device)),
            OptimizerKind::Sgd => Self::Sgd(Sgd::new(settings)),
            // Muon is not for the first and the last layer, nor for biases.
            OptimizerKind::Muon if shape.role == Role::HiddenWeight => {
                Self::Muon(Muon::new(settings, &shape.dims, device))
            }
            OptimizerKind::Muon => Self::Adam(Adam::decoupled(settings, device)),
        }
    }
}

/// L2 regularisation: the gradient of `penalty / 2` times the sum of squares is added.
pub(super) fn penalise<const D: usize>(
    gradient: Tensor<D>,
    parameter: &Tensor<D>,
    penalty: f64,
) -> Tensor<D> {
    match penalty > 0.0 {
        true => gradient + parameter.clone() * penalty,
        false => gradient,
    }
}
