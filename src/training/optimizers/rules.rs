//! What an update rule is, and what an update takes.

use burn::tensor::Tensor;

use crate::kernels::Kernels;
use crate::kernels::blend::Factor;
use crate::kernels::step_state::{Column, StepState};

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

    /// `base + slope * rate`.
    pub(super) fn factor(self, base: f64, slope: f64) -> Factor {
        let of_step = [base, slope * self.factor];
        Factor::of_step(base + slope * self.value, of_step, Column::LearningRate)
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

/// L2 regularisation: the gradient of `penalty / 2` times the sum of squares is added.
pub(super) fn penalise<const D: usize>(
    kernels: Kernels,
    gradient: Tensor<D>,
    parameter: &Tensor<D>,
    penalty: f64,
) -> Tensor<D> {
    match penalty > 0.0 {
        true => kernels.blend(gradient, parameter.clone(), [1.0, penalty]),
        false => gradient,
    }
}
