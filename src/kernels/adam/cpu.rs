//! Adam in one pass over a parameter, on the CPU.

use crate::kernels::parallel;
use crate::kernels::primitives::registers::{Registers, for_each_register};
use crate::kernels::simd::{Level, Task, Vector, dispatch};

/// Elements that one task updates.
const CHUNK: usize = 16 * 1024;

/// The settings of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Of this step.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay (AdamW): the parameter shrinks by `learning_rate * weight_decay`; 0 for none.
    pub weight_decay: f32,
    /// The number of this update, from 1; 0 is taken as 1.
    pub step: u32,
}

/// Updates `parameter` and its moments in place by PyTorch's formula: bias-corrected moments, epsilon added outside
/// the square root (Kingma and Ba, 2015, algorithm 1; decay as Loshchilov and Hutter, 2019). No scratch.
///
/// # Panics
/// The four slices differ in length.
pub fn update(
    level: Level,
    settings: &Settings,
    parameter: &mut [f32],
    gradient: &[f32],
    [moment1, moment2]: [&mut [f32]; 2],
) {
    assert_eq!(gradient.len(), parameter.len(), "gradient");
    assert_eq!(moment1.len(), parameter.len(), "first moment");
    assert_eq!(moment2.len(), parameter.len(), "second moment");
    let factors = Factors::new(settings);
    let chunks = parameter.chunks_mut(CHUNK).zip(gradient.chunks(CHUNK));
    let chunks = chunks
        .zip(moment1.chunks_mut(CHUNK))
        .zip(moment2.chunks_mut(CHUNK));
    parallel::for_each(chunks, |(((parameter, gradient), moment1), moment2)| {
        dispatch(
            level,
            Update {
                factors,
                parameter,
                gradient,
                moment1,
                moment2,
            },
        );
    });
}

/// What is the same for every element, computed in float64.
#[derive(Clone, Copy)]
struct Factors {
    beta1: f32,
    beta2: f32,
    /// `1 / sqrt(1 - beta2^step)`.
    second: f32,
    epsilon: f32,
    /// `learning_rate / (1 - beta1^step)`.
    rate: f32,
    /// `1 - learning_rate * weight_decay`.
    keep: f32,
}

impl Factors {
    fn new(settings: &Settings) -> Self {
        let step = f64::from(settings.step.max(1));
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(step);
        Self {
            beta1: settings.beta1,
            beta2: settings.beta2,
            second: correction(settings.beta2).sqrt().recip() as f32,
            epsilon: settings.epsilon,
            rate: (f64::from(settings.learning_rate) / correction(settings.beta1)) as f32,
            keep: (1.0 - f64::from(settings.learning_rate) * f64::from(settings.weight_decay))
                as f32,
        }
    }
}

struct Update<'a> {
    factors: Factors,
    parameter: &'a mut [f32],
    gradient: &'a [f32],
    moment1: &'a mut [f32],
    moment2: &'a mut [f32],
}

impl Task for Update<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let length = self.parameter.len();
        assert_eq!(self.gradient.len(), length);
        assert!(self.moment1.len() == length && self.moment2.len() == length);
        // SAFETY: the slices are equally long; the caller vouches for the instruction set.
        unsafe { for_each_register::<V>(V::LANES, length, &mut self) }
    }
}

impl Registers for Update<'_> {
    #[inline(always)]
    unsafe fn write<V: Vector>(&mut self, at: usize, _place: usize, used: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let [parameter, moment1, moment2] = [
                self.parameter.as_mut_ptr().add(at),
                self.moment1.as_mut_ptr().add(at),
                self.moment2.as_mut_ptr().add(at),
            ];
            let old = [
                V::load_up_to(parameter, used),
                V::load_up_to(moment1, used),
                V::load_up_to(moment2, used),
            ];
            let gradient = V::load_up_to(self.gradient.as_ptr().add(at), used);
            let new = self.factors.apply(old, gradient);
            new[0].store_up_to(parameter, used);
            new[1].store_up_to(moment1, used);
            new[2].store_up_to(moment2, used);
        }
    }
}

impl Factors {
    /// `[parameter, moment1, moment2]` after the step.
    #[inline(always)]
    unsafe fn apply<V: Vector>(
        &self,
        [parameter, moment1, moment2]: [V; 3],
        gradient: V,
    ) -> [V; 3] {
        // SAFETY: the caller holds values of `V`, so the instruction set exists.
        unsafe {
            let moment1 =
                V::splat(self.beta1).mul_add(moment1, V::splat(1.0 - self.beta1).mul(gradient));
            let squared = gradient.mul(gradient);
            let moment2 =
                V::splat(self.beta2).mul_add(moment2, V::splat(1.0 - self.beta2).mul(squared));
            let bottom = moment2
                .sqrt()
                .mul_add(V::splat(self.second), V::splat(self.epsilon));
            let change = moment1.mul(V::splat(self.rate)).div(bottom);
            [
                parameter.mul(V::splat(self.keep)).sub(change),
                moment1,
                moment2,
            ]
        }
    }
}
