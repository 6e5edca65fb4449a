//! The sums over a chunk: its moments, and those of the gradients.

use super::fold::{Terms, fold};
use super::lanes::{Lanes, repeat, unit_size};
use crate::kernels::simd::{Task, Vector, scratch::Scratch};

/// Sums of each channel over the places of a unit.
fn of_channels(totals: &Scratch, channels: usize, sums: &mut [f64]) {
    sums.fill(0.0);
    for row in totals.chunks_exact(channels) {
        for (sum, total) in sums.iter_mut().zip(row) {
            *sum += f64::from(*total);
        }
    }
}

/// Mean and sum of squared deviations of a chunk `input [rows, channels]`, into `part
/// [2, channels]`.
pub(super) struct Moments<'a> {
    pub input: &'a [f32],
    pub part: &'a mut [f64],
}

impl Task for Moments<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { input, part } = self;
        let channels = part.len() / 2;
        let (unit, rows) = (unit_size(channels), (input.len() / channels) as f64);
        let (means, squares) = part.split_at_mut(channels);
        // SAFETY: the terms read the chunk; the caller vouches for the rest.
        unsafe {
            let [totals, _] = fold::<V, _>(&Sum(input), unit, input.len());
            of_channels(&totals, channels, means);
        }
        // About the rounded mean; what that is off by, the sum of the deviations tells.
        let centre = repeat(unit, channels, |channel| (means[channel] / rows) as f32);
        let terms = Deviations {
            input,
            centre: &centre,
        };
        // SAFETY: the terms read the chunk and constants of a unit; the caller vouches for the rest.
        unsafe {
            let [deviations, totals] = fold::<V, _>(&terms, unit, input.len());
            of_channels(&deviations, channels, means);
            of_channels(&totals, channels, squares);
        }
        for (channel, (mean, squares)) in means.iter_mut().zip(squares).enumerate() {
            *squares -= *mean * *mean / rows;
            *mean = f64::from(centre[channel]) + *mean / rows;
        }
    }
}

struct Sum<'a>(&'a [f32]);

impl<V: Vector> Terms<V> for Sum<'_> {
    type Constants = ();

    #[inline(always)]
    unsafe fn constants(&self, _place: usize) {}

    #[inline(always)]
    unsafe fn add(&self, at: usize, used: usize, _constants: (), sums: [V; 2]) -> [V; 2] {
        // SAFETY: `at + used` is within the chunk; the caller vouches for the rest.
        let value = unsafe { V::load_up_to(self.0.as_ptr().add(at), used) };
        [sums[0].add(value), sums[1]]
    }
}

struct Deviations<'a> {
    input: &'a [f32],
    centre: &'a [f32],
}

impl<V: Vector> Terms<V> for Deviations<'_> {
    type Constants = V;

    #[inline(always)]
    unsafe fn constants(&self, place: usize) -> V {
        // SAFETY: the place is within a unit; the caller vouches for the instruction set.
        unsafe { V::load(self.centre.as_ptr().add(place)) }
    }

    #[inline(always)]
    unsafe fn add(&self, at: usize, used: usize, centre: V, sums: [V; 2]) -> [V; 2] {
        // SAFETY: `at + used` is within the chunk; the caller vouches for the rest.
        let deviation = unsafe { V::load_up_to(self.input.as_ptr().add(at), used).sub(centre) };
        [
            sums[0].add(deviation),
            deviation.mul_add(deviation, sums[1]),
        ]
    }
}

/// The sums of a chunk's gradients behind ReLU, and of those times the deviations, into `part
/// [2, channels]`. With an output the gradients behind ReLU are written to `masked`.
pub(super) struct Gradients<'a> {
    pub lanes: &'a Lanes,
    pub input: &'a [f32],
    pub grad_output: &'a [f32],
    pub output: Option<&'a [f32]>,
    pub masked: Option<&'a mut [f32]>,
    pub part: &'a mut [f64],
}

impl Task for Gradients<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (lanes, length) = (self.lanes, self.input.len());
        assert_eq!(self.grad_output.len(), length);
        let masked = self.masked.unwrap_or_default();
        let kept = self.output.map_or(0, |_| length);
        assert!(masked.len() == kept && self.output.unwrap_or_default().len() == kept);
        let terms = GradientTerms {
            lanes,
            input: self.input,
            grad_output: self.grad_output,
            output: self.output.unwrap_or_default(),
            masked: masked.as_mut_ptr(),
        };
        // SAFETY: the slices are equally long; the caller vouches for the instruction set.
        let totals = unsafe {
            match (self.output.is_some(), lanes.relu) {
                (true, _) => fold::<V, _>(&Cut::<BY_OUTPUT>(terms), lanes.unit, length),
                (false, true) => fold::<V, _>(&Cut::<BY_INPUT>(terms), lanes.unit, length),
                (false, false) => fold::<V, _>(&Cut::<NOT>(terms), lanes.unit, length),
            }
        };
        let (grads, products) = self.part.split_at_mut(lanes.channels);
        of_channels(&totals[0], lanes.channels, grads);
        of_channels(&totals[1], lanes.channels, products);
    }
}

struct GradientTerms<'a> {
    lanes: &'a Lanes,
    input: &'a [f32],
    grad_output: &'a [f32],
    output: &'a [f32],
    masked: *mut f32,
}

/// What tells which gradients ReLU cut: nothing, where there is none; the input; or the output, and then those that
/// pass are kept.
struct Cut<'a, const BY: u8>(GradientTerms<'a>);

const NOT: u8 = 0;
const BY_INPUT: u8 = 1;
const BY_OUTPUT: u8 = 2;

impl<V: Vector, const BY: u8> Terms<V> for Cut<'_, BY> {
    /// Mean, factor and shift; what is not used is not loaded.
    type Constants = [V; 3];

    #[inline(always)]
    unsafe fn constants(&self, place: usize) -> [V; 3] {
        let lanes = self.0.lanes;
        // SAFETY: the place is within a unit; the caller vouches for the instruction set.
        unsafe {
            [
                V::load(lanes.mean.as_ptr().add(place)),
                V::load(lanes.factor.as_ptr().add(place)),
                V::load(lanes.shift.as_ptr().add(place)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn add(
        &self,
        at: usize,
        used: usize,
        [mean, factor, shift]: [V; 3],
        sums: [V; 2],
    ) -> [V; 2] {
        let terms = &self.0;
        // SAFETY: `at + used` is within the chunk, and so within `masked`, which nobody else writes.
        unsafe {
            let deviation = V::load_up_to(terms.input.as_ptr().add(at), used).sub(mean);
            let mut grad = V::load_up_to(terms.grad_output.as_ptr().add(at), used);
            if BY == BY_INPUT {
                let output = deviation.mul_add(factor, shift);
                grad = output.select_positive(grad, V::zero());
            }
            if BY == BY_OUTPUT {
                let output = V::load_up_to(terms.output.as_ptr().add(at), used);
                grad = output.select_positive(grad, V::zero());
                grad.store_up_to(terms.masked.add(at), used);
            }
            [sums[0].add(grad), grad.mul_add(deviation, sums[1])]
        }
    }
}
