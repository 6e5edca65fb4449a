//! The forward pass for any shape: lanes are output channels, the four outputs of a pool window stay in registers.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::{DEAD, Forward, Shape};
use crate::kernels::simd::{Task, Vector, scratch};

/// The weight as `[panels, kernel, kernel, in_channels, width]` and the bias as `[panels, width]`, padded with zeros;
/// a panel is 1 to 3 registers wide.
pub(super) struct Packed {
    weight: scratch::Scratch,
    pub bias: scratch::Scratch,
    pub width: usize,
}

/// Packs the weight for the instruction set it is run on.
pub(super) struct Plan<'a> {
    pub shape: &'a Shape,
    pub weight: &'a [f32],
    pub bias: &'a [f32],
}

impl Task for Plan<'_> {
    type Output = Packed;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Packed {
        let Shape {
            in_channels,
            out_channels,
            kernel,
            ..
        } = *self.shape;
        let registers = out_channels.div_ceil(V::LANES);
        let width = V::LANES
            * if registers.is_multiple_of(3) && V::LANES < 16 {
                3
            } else {
                registers.min(2)
            };
        pack(
            in_channels,
            out_channels,
            kernel,
            width,
            self.weight,
            self.bias,
        )
    }
}

fn pack(
    inputs: usize,
    outputs: usize,
    kernel: usize,
    width: usize,
    weight: &[f32],
    bias: &[f32],
) -> Packed {
    let panels = outputs.div_ceil(width);
    let taps = kernel * kernel;
    let mut packed = scratch::zeroed(panels * taps * inputs * width);
    let mut padded = scratch::zeroed(panels * width);
    padded[..outputs].copy_from_slice(bias);
    for output in 0..outputs {
        let panel = &mut packed[output / width * taps * inputs * width..];
        for channel in 0..inputs {
            for tap in 0..taps {
                panel[(tap * inputs + channel) * width + output % width] =
                    weight[(output * inputs + channel) * taps + tap];
            }
        }
    }
    Packed {
        weight: packed,
        bias: padded,
        width,
    }
}

impl Task for Forward<'_, Packed> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            shape,
            packed,
            relu,
            input,
            output,
            winners,
        } = self;
        let pictures = output.len() / shape.output_size();
        assert!(input.len() >= pictures * shape.input_size());
        let input = input.chunks_exact(shape.input_size());
        let pooled = output
            .chunks_exact_mut(shape.output_size())
            .zip(winners.chunks_exact_mut(shape.output_size()));
        for (input, (output, winners)) in input.zip(pooled) {
            // SAFETY: the slices hold one image each; the caller vouches for the instruction set.
            unsafe { run_image::<V>((shape, packed, relu), input, output, winners) }
        }
    }
}

/// One image.
///
/// # Safety
/// The slices hold one image each; the processor has the instruction set.
#[inline(always)]
pub(super) unsafe fn run_image<V: Vector>(
    plan: (&Shape, &Packed, bool),
    input: &[f32],
    output: &mut [f32],
    winners: &mut [u8],
) {
    // SAFETY: the caller's promise.
    unsafe {
        match plan.1.width / V::LANES {
            1 => windows::<V, 1>(plan, input, output, winners),
            2 => windows::<V, 2>(plan, input, output, winners),
            _ => windows::<V, 3>(plan, input, output, winners),
        }
    }
}

#[inline(always)]
unsafe fn windows<V: Vector, const GROUPS: usize>(
    (shape, packed, relu): (&Shape, &Packed, bool),
    input: &[f32],
    output: &mut [f32],
    winners: &mut [u8],
) {
    let (columns, channels, width) = (shape.pooled_width(), shape.out_channels, GROUPS * V::LANES);
    for window in 0..shape.pooled_height() * columns {
        let (row, column) = (2 * (window / columns), 2 * (window % columns));
        let mut first = 0;
        while first < channels {
            // SAFETY: the window lies inside the picture, the panel inside the packed weight.
            unsafe {
                let place = (shape, packed, first / width, input, row, column);
                let sums = window_sums_of_any_kernel::<V, GROUPS>(place);
                for group in 0..GROUPS {
                    let channel = first + group * V::LANES;
                    if channel < channels {
                        let bias = V::load(packed.bias.as_ptr().add(channel));
                        let four = [
                            sums[0][group],
                            sums[1][group],
                            sums[2][group],
                            sums[3][group],
                        ];
                        let at = window * channels + channel;
                        let used = V::LANES.min(channels - channel);
                        finish(
                            four,
                            (bias, relu),
                            &mut output[at..at + used],
                            &mut winners[at..at + used],
                        );
                    }
                }
            }
            first += width;
        }
    }
}

/// [`window_sums`] with the short rows of small kernels unrolled.
#[inline(always)]
pub(super) unsafe fn window_sums_of_any_kernel<V: Vector, const GROUPS: usize>(
    place: Place<'_>,
) -> [[V; GROUPS]; 4] {
    // SAFETY: the caller's promise is the one asked for.
    unsafe {
        match place.0.kernel * place.0.in_channels {
            3 => window_sums::<V, GROUPS, 3>(place),
            5 => window_sums::<V, GROUPS, 5>(place),
            _ => window_sums::<V, GROUPS, 0>(place),
        }
    }
}

/// Layer, weight, panel, picture, row and column of a window.
type Place<'a> = (&'a Shape, &'a Packed, usize, &'a [f32], usize, usize);

/// The four outputs of the window at `(row, column)` for one panel of channels, without bias. `RUN` is the length of a
/// patch's row where it is short enough to unroll, else 0.
#[inline(always)]
unsafe fn window_sums<V: Vector, const GROUPS: usize, const RUN: usize>(
    (shape, packed, panel, input, row, column): Place<'_>,
) -> [[V; GROUPS]; 4] {
    let Shape {
        in_channels,
        kernel,
        ..
    } = *shape;
    let line = shape.width * in_channels;
    let run = if RUN > 0 { RUN } else { kernel * in_channels };
    debug_assert!((row + kernel) * line + column * in_channels + run + in_channels <= input.len());
    // SAFETY: a window reads `kernel + 1` rows and columns from its corner, all inside the picture.
    unsafe {
        let mut weight = packed
            .weight
            .as_ptr()
            .add(panel * kernel * run * GROUPS * V::LANES);
        let mut sums = [[V::zero(); GROUPS]; 4];
        for tap in 0..kernel {
            let top = input
                .as_ptr()
                .add((row + tap) * line + column * in_channels);
            for step in 0..run {
                let at = top.add(step);
                let below = at.add(line);
                let values = [
                    V::splat(*at),
                    V::splat(*at.add(in_channels)),
                    V::splat(*below),
                    V::splat(*below.add(in_channels)),
                ];
                for group in 0..GROUPS {
                    let factor = V::load(weight.add(group * V::LANES));
                    for position in 0..4 {
                        sums[position][group] =
                            values[position].mul_add(factor, sums[position][group]);
                    }
                }
                weight = weight.add(GROUPS * V::LANES);
            }
        }
        sums
    }
}

/// Bias, maximum, winner and (if `relu`) ReLU of a window's four sums; the slices say how many channels are real.
///
/// # Safety
/// The processor has the instruction set; the slices are equally long and no longer than a register.
#[inline(always)]
pub(super) unsafe fn finish<V: Vector>(
    four: [V; 4],
    (bias, relu): (V, bool),
    output: &mut [f32],
    winners: &mut [u8],
) {
    // SAFETY: no more is written than the slices hold; the caller vouches for the instruction set.
    unsafe {
        let (best, winner) = pool(four, bias, relu);
        if output.len() == V::LANES {
            best.store(output.as_mut_ptr());
            winner.store_bytes(winners.as_mut_ptr());
        } else {
            best.store_first(output.as_mut_ptr(), output.len());
            winner.store_bytes_first(winners.as_mut_ptr(), output.len());
        }
    }
}

/// The activation and the winner of each lane.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub(super) unsafe fn pool<V: Vector>(four: [V; 4], bias: V, relu: bool) -> (V, V) {
    // SAFETY: the caller vouches for the instruction set.
    unsafe {
        let (best, winner) = four[0].larger(V::zero(), four[1], V::splat(1.0));
        let (best, winner) = best.larger(winner, four[2], V::splat(2.0));
        let (best, winner) = best.larger(winner, four[3], V::splat(3.0));
        let best = best.add(bias);
        if !relu {
            return (best, winner);
        }
        (
            best.select_positive(best, V::zero()),
            best.select_positive(winner, V::splat(f32::from(DEAD))),
        )
    }
}
