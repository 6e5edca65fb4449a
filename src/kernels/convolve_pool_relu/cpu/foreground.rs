//! The forward pass for images of one channel on a plain background, dark or light, as digits are: lanes are output
//! channels, and only the pixels that differ from the background are multiplied. Less the background `b`, a window's
//! sum has few terms: `sum(x w) = sum((x - b) w) + b sum(w)`. Images without such a background go the dense way.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::blank::Background;
use super::direct::{self, finish};
use super::{Forward, Shape};
use crate::kernels::simd::{Task, Vector, scratch};

/// Whether the layer is one for this file: the patch of a pool window must fit 64 bits.
pub(super) fn fits(shape: &Shape) -> bool {
    shape.in_channels == 1 && shape.kernel <= 7 && shape.width <= 64
}

/// The weight with a border of zeros, `[panels, kernel + 2, kernel + 2, width]`, so that each pixel of a window's patch
/// has a tap in all four convolutions; its sums `[panels, width]`; and what the dense way takes.
pub(super) struct Packed {
    bordered: scratch::Scratch,
    sums: scratch::Scratch,
    dense: direct::Packed,
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
        let Self {
            shape,
            weight,
            bias,
        } = self;
        let plan = direct::Plan {
            shape,
            weight,
            bias,
        };
        // SAFETY: the caller vouches for the instruction set.
        let dense = unsafe { plan.run::<V>() };
        let (kernel, width) = (shape.kernel, dense.width);
        let panels = shape.out_channels.div_ceil(width);
        let side = kernel + 2;
        let mut bordered = scratch::zeroed(panels * side * side * width);
        let mut sums = scratch::zeroed(panels * width);
        for (output, taps) in weight.chunks_exact(kernel * kernel).enumerate() {
            let (panel, lane) = (output / width, output % width);
            for (tap, &value) in taps.iter().enumerate() {
                let place = (tap / kernel + 1) * side + tap % kernel + 1;
                bordered[(panel * side * side + place) * width + lane] = value;
            }
            sums[output] = taps.iter().sum();
        }
        Packed {
            bordered,
            sums,
            dense,
        }
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
        assert!(fits(shape) && input.len() >= pictures * shape.input_size());
        let places = places(shape, packed.dense.width);
        let input = input.chunks_exact(shape.input_size());
        let pooled = output
            .chunks_exact_mut(shape.output_size())
            .zip(winners.chunks_exact_mut(shape.output_size()));
        for (input, (output, winners)) in input.zip(pooled) {
            // SAFETY: the slices hold one image each; the caller vouches for the instruction set.
            unsafe {
                let background = Background::find::<V>(shape, input);
                if !background.is_plain {
                    let plan = (shape, &packed.dense, relu);
                    direct::run_image::<V>(plan, input, output, winners);
                    continue;
                }
                let image = Image {
                    shape,
                    packed,
                    relu,
                    places: &places,
                    input,
                    background,
                };
                match packed.dense.width / V::LANES {
                    1 => image.run::<V, 1>(output, winners),
                    2 => image.run::<V, 2>(output, winners),
                    _ => image.run::<V, 3>(output, winners),
                }
            }
        }
    }
}

/// Where a pixel of a window's patch lies from the window's corner, and its tap in the convolution below and right.
#[derive(Clone, Copy)]
struct Place {
    pixel: u32,
    tap: u32,
}

/// The places of a patch in the order of its bits.
fn places(shape: &Shape, width: usize) -> Vec<Place> {
    let (patch, side) = (shape.kernel + 1, shape.kernel + 2);
    let place = |index: usize| Place {
        pixel: (index / patch * shape.width + index % patch) as u32,
        tap: ((index / patch * side + index % patch) * width) as u32,
    };
    (0..patch * patch).map(place).collect()
}

#[inline(always)]
unsafe fn is_finite<V: Vector>(input: &[f32]) -> bool {
    let whole = input.len() / V::LANES * V::LANES;
    // SAFETY: `at + LANES <= whole`; the caller vouches for the instruction set.
    unsafe {
        let mut sum = V::zero();
        for at in (0..whole).step_by(V::LANES) {
            let value = V::load(input.as_ptr().add(at));
            sum = sum.add(value.sub(value));
        }
        let all = u32::MAX >> (32 - V::LANES);
        sum.equal_bits(V::zero()) == all && input[whole..].iter().all(|value| value.is_finite())
    }
}

struct Image<'a> {
    shape: &'a Shape,
    packed: &'a Packed,
    relu: bool,
    places: &'a [Place],
    input: &'a [f32],
    background: Background,
}

impl Image<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const GROUPS: usize>(&self, output: &mut [f32], winners: &mut [u8]) {
        let Self {
            shape,
            packed,
            relu,
            input,
            ref background,
            ..
        } = *self;
        let Shape {
            out_channels: channels,
            kernel,
            ..
        } = *shape;
        let (columns, width, patch) = (shape.pooled_width(), GROUPS * V::LANES, kernel + 1);
        // A place costs about what a tap of the dense way does.
        let most = (kernel * kernel) as u32;
        // SAFETY: windows lie inside the image, panels inside the packed weight; the caller vouches for the rest.
        unsafe {
            let rows = &background.foreground;
            // A zero of the border times infinity would reach convolutions that do not see the pixel.
            let most = if is_finite::<V>(input) { most } else { 0 };
            for window in 0..shape.pooled_height() * columns {
                let (row, column) = (2 * (window / columns), 2 * (window % columns));
                let mut bits = 0u64;
                for (line, &foreground) in rows[row..row + patch].iter().enumerate() {
                    bits |= (foreground >> column & ((1 << patch) - 1)) << (line * patch);
                }
                let is_sparse = bits.count_ones() <= most;
                let mut first = 0;
                while first < channels {
                    let sums = match is_sparse {
                        true => {
                            let corner = row * shape.width + column;
                            self.window_sums::<V, GROUPS>(first / width, corner, bits)
                        }
                        false => {
                            let place = (shape, &packed.dense, first / width, input, row, column);
                            direct::window_sums_of_any_kernel::<V, GROUPS>(place)
                        }
                    };
                    for group in 0..GROUPS {
                        let channel = first + group * V::LANES;
                        if channel < channels {
                            let bias = V::load(packed.dense.bias.as_ptr().add(channel));
                            let bias = match is_sparse {
                                true => V::splat(background.value)
                                    .mul_add(V::load(packed.sums.as_ptr().add(channel)), bias),
                                false => bias,
                            };
                            let four = [
                                sums[0][group],
                                sums[1][group],
                                sums[2][group],
                                sums[3][group],
                            ];
                            let used = V::LANES.min(channels - channel);
                            let at = window * channels + channel;
                            let at = at..at + used;
                            finish(
                                four,
                                (bias, relu),
                                &mut output[at.clone()],
                                &mut winners[at],
                            );
                        }
                    }
                    first += width;
                }
            }
        }
    }

    /// The four outputs of a window for one panel of channels, less bias and background.
    #[inline(always)]
    unsafe fn window_sums<V: Vector, const GROUPS: usize>(
        &self,
        panel: usize,
        corner: usize,
        mut bits: u64,
    ) -> [[V; GROUPS]; 4] {
        let side = self.shape.kernel + 2;
        let width = GROUPS * V::LANES;
        let background = self.background.value;
        // The convolutions above and left see a pixel through the taps below and right of it.
        let taps = [(side + 1) * width, side * width, width, 0];
        // SAFETY: bits are places of the patch, which lies inside the image; every place has four taps in the panel.
        unsafe {
            let weight = self
                .packed
                .bordered
                .as_ptr()
                .add(panel * side * side * width);
            let pixels = self.input.as_ptr().add(corner);
            let mut sums = [[V::zero(); GROUPS]; 4];
            while bits != 0 {
                let place = *self.places.get_unchecked(bits.trailing_zeros() as usize);
                bits &= bits - 1;
                let value = V::splat(*pixels.add(place.pixel as usize) - background);
                let weight = weight.add(place.tap as usize);
                for position in 0..4 {
                    for group in 0..GROUPS {
                        let factor = V::load(weight.add(taps[position] + group * V::LANES));
                        sums[position][group] = value.mul_add(factor, sums[position][group]);
                    }
                }
            }
            sums
        }
    }
}
