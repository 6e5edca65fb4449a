//! The passes that write a chunk: the output, and the gradient of the input.

use super::fold::{load, store};
use super::lanes::Lanes;
use crate::kernels::simd::{Task, Vector};

/// Work on one register of a chunk after another. (No closure: it would be compiled without the
/// instruction set.)
trait Registers {
    /// # Safety
    /// `at + used` is within the chunk, `place + LANES` within a unit; the processor has the
    /// instruction set.
    unsafe fn write<V: Vector>(&mut self, at: usize, place: usize, used: usize);
}

/// # Safety
/// The slices of `work` are `length` long, its constants a `unit`; the processor has the
/// instruction set.
#[inline(always)]
unsafe fn for_each_register<V: Vector>(unit: usize, length: usize, mut work: impl Registers) {
    let whole = length / unit * unit;
    // SAFETY: the places of a unit are whole registers, of the chunk `used` are left.
    unsafe {
        for start in (0..whole).step_by(unit) {
            for place in (0..unit).step_by(V::LANES) {
                work.write::<V>(start + place, place, V::LANES);
            }
        }
        for at in (whole..length).step_by(V::LANES) {
            work.write::<V>(at, at - whole, V::LANES.min(length - at));
        }
    }
}

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
        let Self {
            lanes,
            input,
            residual,
            output,
        } = self;
        let length = output.len();
        assert!(input.len() == length && residual.is_none_or(|rest| rest.len() >= length));
        let input = input.as_ptr();
        let output = output.as_mut_ptr();
        // SAFETY: the assert covers the slices; the caller vouches for the instruction set.
        unsafe {
            match (residual, lanes.relu) {
                (None, true) => {
                    let work = Output::<true> {
                        lanes,
                        input,
                        output,
                    };
                    for_each_register::<V>(lanes.unit, length, work);
                }
                (None, false) => {
                    let work = Output::<false> {
                        lanes,
                        input,
                        output,
                    };
                    for_each_register::<V>(lanes.unit, length, work);
                }
                (Some(residual), relu) => {
                    let residual = residual.as_ptr();
                    let work = OutputWithResidual {
                        plain: Output::<false> {
                            lanes,
                            input,
                            output,
                        },
                        residual,
                        relu,
                    };
                    for_each_register::<V>(lanes.unit, length, work);
                }
            }
        }
    }
}

struct Output<'a, const RELU: bool> {
    lanes: &'a Lanes,
    input: *const f32,
    output: *mut f32,
}

impl<const RELU: bool> Output<'_, RELU> {
    /// # Safety
    /// As [`Registers::write`].
    #[inline(always)]
    unsafe fn value<V: Vector>(&self, at: usize, place: usize, used: usize) -> V {
        let Lanes {
            mean,
            factor,
            shift,
            ..
        } = self.lanes;
        // SAFETY: the caller's promise.
        unsafe {
            let deviation =
                load::<V>(self.input.add(at), used).sub(V::load(mean.as_ptr().add(place)));
            let factor = V::load(factor.as_ptr().add(place));
            deviation.mul_add(factor, V::load(shift.as_ptr().add(place)))
        }
    }
}

impl<const RELU: bool> Registers for Output<'_, RELU> {
    #[inline(always)]
    unsafe fn write<V: Vector>(&mut self, at: usize, place: usize, used: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut value = self.value::<V>(at, place, used);
            if RELU {
                value = value.select_positive(value, V::zero());
            }
            store(value, self.output.add(at), used);
        }
    }
}

struct OutputWithResidual<'a> {
    plain: Output<'a, false>,
    residual: *const f32,
    relu: bool,
}

impl Registers for OutputWithResidual<'_> {
    #[inline(always)]
    unsafe fn write<V: Vector>(&mut self, at: usize, place: usize, used: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let residual = load::<V>(self.residual.add(at), used);
            let mut value = self.plain.value::<V>(at, place, used).add(residual);
            if self.relu {
                value = value.select_positive(value, V::zero());
            }
            store(value, self.plain.output.add(at), used);
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
        let lanes = self.lanes;
        let length = self.grad_input.len();
        assert!(self.input.len() == length && self.grad.len() == length);
        assert!(lanes.offset.len() == lanes.unit && lanes.slope.len() == lanes.unit);
        // SAFETY: the asserts cover the slices; the caller vouches for the instruction set.
        unsafe {
            match lanes.relu && !self.is_masked {
                true => for_each_register::<V>(lanes.unit, length, Gradient::<true>(self)),
                false => for_each_register::<V>(lanes.unit, length, Gradient::<false>(self)),
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
            let deviation = load::<V>(input.as_ptr().add(at), used).sub(mean);
            let mut grad = load::<V>(grad.as_ptr().add(at), used);
            if RELU {
                let shift = V::load(lanes.shift.as_ptr().add(place));
                let output = deviation.mul_add(factor, shift);
                grad = output.select_positive(grad, V::zero());
            }
            let value = deviation.mul_add(slope, grad.mul_add(factor, offset));
            store(value, grad_input.as_mut_ptr().add(at), used);
        }
    }
}
