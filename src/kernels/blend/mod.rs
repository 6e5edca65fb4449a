//! Sums and multiples of whole tensors: momentum, updates of parameters, moving averages, clipped gradients.

pub mod cpu;
mod gpu;
mod launches;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::flex::{floats, whole};
use super::step_state::{Column, StepState};
use super::{Kernels, shapes};

/// A factor of a step: its value as the host knows it, and how kernels get it where the step may be replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factor {
    value: f64,
    term: Option<Term>,
}

/// `base + slope * number`, of the step to come.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Term {
    base: f32,
    slope: f32,
    column: Column,
}

impl Factor {
    /// 1, in every step.
    pub const ONE: Self = Self {
        value: 1.0,
        term: None,
    };

    /// `value`, which is `base + slope * number` where kernels read `column` of the step.
    pub fn of_step(value: f64, [base, slope]: [f64; 2], column: Column) -> Self {
        let term = Term {
            base: base as f32,
            slope: slope as f32,
            column,
        };
        Self {
            value,
            term: Some(term),
        }
    }

    fn term(self) -> Term {
        self.term.unwrap_or(Term {
            base: self.value as f32,
            slope: 0.0,
            column: Column::LearningRate,
        })
    }
}

impl Kernels {
    /// `target * keep + source * take`, in place where nobody else holds `target`; both without gradients.
    ///
    /// # Panics
    /// The shapes differ.
    pub fn blend<const D: usize>(
        self,
        target: Tensor<D>,
        source: Tensor<D>,
        [keep, take]: [f64; 2],
    ) -> Tensor<D> {
        let (of_target, of_source) = (target.dims(), source.dims());
        shapes::check(
            of_target == of_source,
            "blend",
            &[("target", &of_target), ("source", &of_source)],
            "one shape",
        );
        match self {
            Self::Burn => times(target, keep) + times(source, take),
            Self::Fused => Tensor::from_dispatch(Dispatch::blend(
                target.into_dispatch(),
                source.into_dispatch(),
                keep as f32,
                take as f32,
            )),
        }
    }

    /// The same by factors of a step. Our kernels read them from `steps`, if there are any.
    pub(crate) fn blend_in_step<const D: usize>(
        self,
        target: Tensor<D>,
        source: Tensor<D>,
        factors: [Factor; 2],
        steps: Option<&StepState>,
    ) -> Tensor<D> {
        match (self, steps) {
            (Self::Fused, Some(steps)) => gpu::by_schedule(target, source, factors, steps),
            _ => self.blend(target, source, factors.map(|factor| factor.value)),
        }
    }

    /// `numbers * factor`, in place where nobody else holds `numbers`; both without gradients.
    pub fn scale<const D: usize>(self, numbers: Tensor<D>, factor: Tensor<1>) -> Tensor<D> {
        let (of_numbers, of_factor) = (numbers.dims(), factor.dims());
        shapes::check(
            of_factor == [1],
            "scale",
            &[("numbers", &of_numbers), ("factor", &of_factor)],
            "factor [1]",
        );
        match self {
            Self::Burn => numbers * factor.reshape([1; D]),
            Self::Fused => Tensor::from_dispatch(Dispatch::scale(
                numbers.into_dispatch(),
                factor.into_dispatch(),
            )),
        }
    }
}

/// The tensor times a number, with Burn's own operations.
fn times<const D: usize>(tensor: Tensor<D>, number: f64) -> Tensor<D> {
    match number == 1.0 {
        true => tensor,
        false => tensor * number,
    }
}

/// The operations as Burn dispatches them; they record no gradients.
#[backend_extension(Cube, Flex)]
pub trait Blend: Backend {
    /// `target * keep + source * take`, of one shape.
    fn blend(
        target: FloatTensor<Self>,
        source: FloatTensor<Self>,
        keep: f32,
        take: f32,
    ) -> FloatTensor<Self>;

    /// `numbers` times `factor [1]`.
    fn scale(numbers: FloatTensor<Self>, factor: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Blend for Flex {
    fn blend(
        target: FloatTensor<Self>,
        source: FloatTensor<Self>,
        keep: f32,
        take: f32,
    ) -> FloatTensor<Self> {
        let mut target = whole::<f32>(target);
        let source = source.to_contiguous();
        cpu::blend(target.storage_mut(), floats(&source), [keep, take]);
        target
    }

    fn scale(numbers: FloatTensor<Self>, factor: FloatTensor<Self>) -> FloatTensor<Self> {
        let mut numbers = whole::<f32>(numbers);
        cpu::scale(numbers.storage_mut(), floats(&factor.to_contiguous())[0]);
        numbers
    }
}
