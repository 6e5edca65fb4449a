//! What writes a chunk: the output, and the gradient of the input.

use super::lanes::Lanes;
use crate::kernels::primitives::registers::{Registers, for_each_register};
use crate::kernels::simd::{Task, Vector};

/// `output = (input - mean) * factor + shift (+ residual)`, then ReLU. The residual may go on
/// beyond the chunk.
pub(super) struct Normalise<'a> {
    pub lanes: &'a Lanes,
    pub input: &'a [f32],
    pub residual: Option<&'a [f32]>,
    pub output: &'a mut [f32],
}

impl Task for Normalise<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (unit, length) = (self.lanes.unit, self.output.len());
        assert!(self.input.len() == length);
        assert!(self.residual.is_none_or(|rest| rest.len() >= length));
        // SAFETY: the asserts cover the slices; the caller vouches for the instruction set.
        unsafe {
            match (self.lanes.relu, self.residual.is_some()) {
                (false, false) => {
                    for_each_register::<V>(unit, length, &mut Output::<false, false>(self))
                }
                (true, false) => {
                    for_each_register::<V>(unit, length, &mut Output::<true, false>(self))
                }
                (false, true) => {
                    for_each_register::<V>(unit, length, &mut Output::<false, true>(self))
                }
                (true, true) => {
                    for_each_register::<V>(unit, length, &mut Output::<true, true>(self))
                }
            }
        }
    }
}

struct Output<'a, const RELU: bool, const RESIDUAL: bool>(Normalise<'a>);

impl<const RELU: bool, const RESIDUAL: bool> Registers for Output<'_, RELU, RESIDUAL> {
    #[inline(always)]
    unsafe fn write<V: Vector>(&mut self, at: usize, place: usize, used: usize) {
        let Normalise {
            lanes,
            input,
            residual,
            output,
        } = &mut self.0;
        // SAFETY: the caller's promise.
        unsafe {
            let mean = V::load(lanes.mean.as_ptr().add(place));
            let factor = V::load(lanes.factor.as_ptr().add(place));
            let shift = V::load(lanes.shift.as_ptr().add(place));
            let deviation = V::load_up_to(input.as_ptr().add(at), used).sub(mean);
            let mut value = deviation.mul_add(factor, shift);
            if RESIDUAL {
                let residual = residual.unwrap_or_default().as_ptr();
                value = value.add(V::load_up_to(residual.add(at), used));
            }
            if RELU {
                value = value.select_positive(value, V::zero());
            }
            value.store_up_to(output.as_mut_ptr().add(at), used);
        }
    }
}

/// `grad_input = grad * factor + offset + (input - mean) * slope`, where `grad` is behind ReLU
/// already if `is_masked`.
pub(super) struct GradInput<'a> {
    pub lanes: &'a Lanes,
    pub input: &'a [f32],
    pub grad: &'a [f32],
    pub is_masked: bool,
    pub grad_input: &'a mut [f32],
}

impl Task for GradInput<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (lanes, length) = (self.lanes, self.grad_input.len());
        assert!(self.input.len() == length && self.grad.len() == length);
        assert!(lanes.offset.len() == lanes.unit && lanes.slope.len() == lanes.unit);
        // SAFETY: the asserts cover the slices; the caller vouches for the instruction set.
        unsafe {
            match lanes.relu && !self.is_masked {
                true => for_each_register::<V>(lanes.unit, length, &mut Gradient::<true>(self)),
                false => for_each_register::<V>(lanes.unit, length, &mut Gradient::<false>(self)),
            }
        }
    }
}

struct Gradient<'a, const RELU: bool>(GradInput<'a>);

impl<const RELU: bool> Registers for Gradient<'_, RELU> {
    #[inline(always)]
    unsafe fn write<V: Vector>(&mut self, at: usize, place: usize, used: usize) {
        let GradInput {
            lanes,
            input,
            grad,
            grad_input,
            ..
        } = &mut self.0;
        // SAFETY: the caller's promise.
        unsafe {
            let mean = V::load(lanes.mean.as_ptr().add(place));
            let factor = V::load(lanes.factor.as_ptr().add(place));
            let offset = V::load(lanes.offset.as_ptr().add(place));
            let slope = V::load(lanes.slope.as_ptr().add(place));
            let deviation = V::load_up_to(input.as_ptr().add(at), used).sub(mean);
            let mut grad = V::load_up_to(grad.as_ptr().add(at), used);
            if RELU {
                let shift = V::load(lanes.shift.as_ptr().add(place));
                let output = deviation.mul_add(factor, shift);
                grad = output.select_positive(grad, V::zero());
            }
            let value = deviation.mul_add(slope, grad.mul_add(factor, offset));
            value.store_up_to(grad_input.as_mut_ptr().add(at), used);
        }
    }
}
