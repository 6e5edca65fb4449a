//! The sums over a chunk: its moments, and those of the gradients.

use super::fold::{Terms, fold, load, store};
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
        // SAFETY: the terms read the chunk and constants of a unit; the caller vouches for the rest.
        unsafe {
            let [totals, _] = fold::<V, _>(&Sum(input), unit, input.len());
            of_channels(&totals, channels, means);
        }
        // About the rounded mean; what that is off by, the sum of the deviations tells.
        let centre = repeat(unit, channels, |channel| (means[channel] / rows) as f32);
        // SAFETY: as above.
        unsafe {
            let terms = Deviations {
                input,
                centre: &centre,
            };
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
        let value = unsafe { load::<V>(self.0.as_ptr().add(at), used) };
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
        let value = unsafe { load::<V>(self.input.as_ptr().add(at), used) };
        let deviation = value.sub(centre);
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
        let Self {
            lanes,
            input,
            grad_output,
            output,
            masked,
            part,
        } = self;
        let (unit, length) = (lanes.unit, input.len());
        assert_eq!(grad_output.len(), length);
        // SAFETY: the slices are equally long; the caller vouches for the instruction set.
        let totals = unsafe {
            match (output, masked) {
                (Some(output), Some(masked)) => {
                    assert!(output.len() == length && masked.len() == length);
                    let terms = BehindOutput {
                        lanes,
                        input,
                        grad_output,
                        output,
                        masked: masked.as_mut_ptr(),
                    };
                    fold::<V, _>(&terms, unit, length)
                }
                _ if lanes.relu => {
                    let terms = BehindInput {
                        lanes,
                        input,
                        grad_output,
                    };
                    fold::<V, _>(&terms, unit, length)
                }
                _ => {
                    let terms = Unmasked {
                        lanes,
                        input,
                        grad_output,
                    };
                    fold::<V, _>(&terms, unit, length)
                }
            }
        };
        let (grads, products) = part.split_at_mut(lanes.channels);
        of_channels(&totals[0], lanes.channels, grads);
        of_channels(&totals[1], lanes.channels, products);
    }
}

/// Gradients without ReLU.
struct Unmasked<'a> {
    lanes: &'a Lanes,
    input: &'a [f32],
    grad_output: &'a [f32],
}

impl<V: Vector> Terms<V> for Unmasked<'_> {
    type Constants = V;

    #[inline(always)]
    unsafe fn constants(&self, place: usize) -> V {
        // SAFETY: the place is within a unit; the caller vouches for the instruction set.
        unsafe { V::load(self.lanes.mean.as_ptr().add(place)) }
    }

    #[inline(always)]
    unsafe fn add(&self, at: usize, used: usize, mean: V, sums: [V; 2]) -> [V; 2] {
        // SAFETY: `at + used` is within the chunk; the caller vouches for the rest.
        unsafe {
            let deviation = load::<V>(self.input.as_ptr().add(at), used).sub(mean);
            let grad = load::<V>(self.grad_output.as_ptr().add(at), used);
            [sums[0].add(grad), grad.mul_add(deviation, sums[1])]
        }
    }
}

/// Gradients behind a ReLU; the input says which it cut.
struct BehindInput<'a> {
    lanes: &'a Lanes,
    input: &'a [f32],
    grad_output: &'a [f32],
}

impl<V: Vector> Terms<V> for BehindInput<'_> {
    type Constants = [V; 3];

    #[inline(always)]
    unsafe fn constants(&self, place: usize) -> [V; 3] {
        let Lanes {
            mean,
            factor,
            shift,
            ..
        } = self.lanes;
        // SAFETY: the place is within a unit; the caller vouches for the instruction set.
        unsafe {
            [
                V::load(mean.as_ptr().add(place)),
                V::load(factor.as_ptr().add(place)),
                V::load(shift.as_ptr().add(place)),
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
        // SAFETY: `at + used` is within the chunk; the caller vouches for the rest.
        unsafe {
            let deviation = load::<V>(self.input.as_ptr().add(at), used).sub(mean);
            let output = deviation.mul_add(factor, shift);
            let grad = load::<V>(self.grad_output.as_ptr().add(at), used);
            let grad = output.select_positive(grad, V::zero());
            [sums[0].add(grad), grad.mul_add(deviation, sums[1])]
        }
    }
}

/// Gradients behind a ReLU, cut by the output and kept.
struct BehindOutput<'a> {
    lanes: &'a Lanes,
    input: &'a [f32],
    grad_output: &'a [f32],
    output: &'a [f32],
    masked: *mut f32,
}

impl<V: Vector> Terms<V> for BehindOutput<'_> {
    type Constants = V;

    #[inline(always)]
    unsafe fn constants(&self, place: usize) -> V {
        // SAFETY: the place is within a unit; the caller vouches for the instruction set.
        unsafe { V::load(self.lanes.mean.as_ptr().add(place)) }
    }

    #[inline(always)]
    unsafe fn add(&self, at: usize, used: usize, mean: V, sums: [V; 2]) -> [V; 2] {
        // SAFETY: `at + used` is within the chunk, and so within `masked`, which nobody else writes.
        unsafe {
            let deviation = load::<V>(self.input.as_ptr().add(at), used).sub(mean);
            let output = load::<V>(self.output.as_ptr().add(at), used);
            let grad = load::<V>(self.grad_output.as_ptr().add(at), used);
            let grad = output.select_positive(grad, V::zero());
            store(grad, self.masked.add(at), used);
            [sums[0].add(grad), grad.mul_add(deviation, sums[1])]
        }
    }
}
