//! The forward pass for images of one channel on a plain background, dark or light, as digits are: only the pixels
//! that differ from the background are multiplied. Less the background `b`, a window's sum has few terms:
//! `sum(x w) = sum((x - b) w) + b sum(w)`.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::Shape;
use super::background::Background;
use crate::kernels::primitives::gemm::{Layout, Sums};
use crate::kernels::simd::{Vector, scratch};

/// Whether the layer is one for this file: the patch of a pool window must fit 64 bits.
pub(super) fn fits(shape: &Shape) -> bool {
    shape.in_channels == 1 && shape.kernel <= 7 && shape.width <= 64
}

/// The weight with a border of zeros, in panels `[kernel + 2, kernel + 2, width]`, so that each pixel of a window's
/// patch has a tap in all four convolutions.
pub(super) struct Bordered {
    weight: scratch::Scratch,
    /// The sums of the filters.
    sums: scratch::Scratch,
    /// The places of a window's patch in the order of its bits.
    places: Vec<Place>,
}

/// Where a pixel lies from the window's corner, and its tap in the convolution below and right.
#[derive(Clone, Copy)]
struct Place {
    pixel: u32,
    tap: u32,
}

impl Bordered {
    pub fn new(shape: &Shape, layout: Layout, weight: &[f32]) -> Self {
        let (kernel, side, patch) = (shape.kernel, shape.kernel + 2, shape.kernel + 1);
        let taps = |output: usize| &weight[output * kernel * kernel..][..kernel * kernel];
        let fill = |step: usize, first: usize, row: &mut [f32]| {
            let (y, x) = (step / side, step % side);
            let is_inside = (1..=kernel).contains(&y) && (1..=kernel).contains(&x);
            for (output, to) in (first..).zip(row) {
                *to = match is_inside {
                    true => taps(output)[(y - 1) * kernel + x - 1],
                    false => 0.0,
                };
            }
        };
        let fill_sums = |_, first: usize, row: &mut [f32]| {
            for (output, to) in (first..).zip(row) {
                *to = taps(output).iter().sum();
            }
        };
        let place = |bit: usize| Place {
            pixel: (bit / patch * shape.width + bit % patch) as u32,
            tap: (bit / patch * side + bit % patch) as u32,
        };
        Self {
            weight: layout.pack(side * side, shape.out_channels, fill),
            sums: layout.pack(1, shape.out_channels, fill_sums),
            places: (0..patch * patch).map(place).collect(),
        }
    }

    /// The foreground of an image, if it has a plain background.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub unsafe fn find<V: Vector>(&self, shape: &Shape, image: &[f32]) -> Option<Foreground<'_>> {
        assert!(fits(shape));
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let background = Background::find::<V>(shape, image);
            background.is_plain.then_some(())?;
            // A zero of the border times infinity would reach convolutions that do not see the pixel.
            let is_finite = is_finite::<V>(image);
            Some(Foreground {
                bordered: self,
                kernel: shape.kernel,
                background,
                // A place costs about what a tap of the dense way does.
                most: if is_finite {
                    (shape.kernel * shape.kernel) as u32
                } else {
                    0
                },
            })
        }
    }
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

/// The pixels of an image that differ from its background.
pub(super) struct Foreground<'a> {
    bordered: &'a Bordered,
    kernel: usize,
    background: Background,
    /// Pixels in a patch with which it is no more work than all of them.
    most: u32,
}

impl Foreground<'_> {
    /// The places of the foreground in the patch of the window at `(row, column)`, where they are few.
    #[inline(always)]
    pub fn bits(&self, row: usize, column: usize) -> Option<u64> {
        let patch = self.kernel + 1;
        let mut bits = 0u64;
        for (line, &pixels) in self.background.foreground[row..row + patch]
            .iter()
            .enumerate()
        {
            bits |= (pixels >> column & ((1 << patch) - 1)) << (line * patch);
        }
        (bits.count_ones() <= self.most).then_some(bits)
    }

    /// Adds what the background gives to the bias of the channels from `first` on.
    ///
    /// # Safety
    /// The processor has the instruction set; there are such channels.
    #[inline(always)]
    pub unsafe fn add_background<V: Vector, const GROUPS: usize>(
        &self,
        first: usize,
        bias: &mut [V; GROUPS],
    ) {
        for group in 0..GROUPS {
            // SAFETY: the caller's promise.
            unsafe {
                let sums = V::load(self.bordered.sums.as_ptr().add(first + group * V::LANES));
                bias[group] = V::splat(self.background.value).mul_add(sums, bias[group]);
            }
        }
    }

    /// The four outputs of the window at `corner` for the panel of channels from `first` on, less bias and background.
    ///
    /// # Safety
    /// The processor has the instruction set; there are such channels, and `bits` are of this window.
    #[inline(always)]
    pub unsafe fn window_sums<V: Vector, const GROUPS: usize>(
        &self,
        first: usize,
        corner: *const f32,
        mut bits: u64,
    ) -> Sums<V, 4, GROUPS> {
        let (side, width) = (self.kernel + 2, GROUPS * V::LANES);
        let background = self.background.value;
        // The convolutions above and left see a pixel through the taps below and right of it.
        let taps = [(side + 1) * width, side * width, width, 0];
        // SAFETY: bits are places of the patch, which lies inside the image; every place has four taps in the panel.
        unsafe {
            let weight = self.bordered.weight.as_ptr().add(first * side * side);
            let mut sums = [[V::zero(); GROUPS]; 4];
            while bits != 0 {
                let bit = bits.trailing_zeros() as usize;
                let place = *self.bordered.places.get_unchecked(bit);
                bits &= bits - 1;
                let value = V::splat(*corner.add(place.pixel as usize) - background);
                let weight = weight.add(place.tap as usize * width);
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
