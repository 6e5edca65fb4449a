//! The forward pass a pool window after the other: lanes are output channels, and the four outputs of a window stay in
//! registers until the largest is known.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::foreground::Foreground;
use super::{DEAD, Shape};
use crate::kernels::primitives::filters::Packed;
use crate::kernels::primitives::gemm::{Strides, Sums, Tiles, accumulate, for_each_tile};
use crate::kernels::simd::Vector;

/// Where the maxima of some images go.
pub(super) struct Pooled<'a> {
    pub shape: &'a Shape,
    /// Padded to whole registers.
    pub bias: &'a [f32],
    pub relu: bool,
    pub output: &'a mut [f32],
    pub argmax: &'a mut [u8],
}

impl Pooled<'_> {
    /// Bias, maximum, argmax and (if wanted) ReLU of the four sums of window `window`, counted through all images, for
    /// the register of channels from `channel` on.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub unsafe fn take<V: Vector>(&mut self, window: usize, channel: usize, four: [V; 4], bias: V) {
        let channels = self.shape.out_channels;
        let used = V::LANES.min(channels - channel);
        let at = window * channels + channel;
        let (output, argmax) = (
            &mut self.output[at..at + used],
            &mut self.argmax[at..at + used],
        );
        // SAFETY: no more is written than the slices hold; the caller vouches for the instruction set.
        unsafe {
            let (best, position) = four[0].larger(V::zero(), four[1], V::splat(1.0));
            let (best, position) = best.larger(position, four[2], V::splat(2.0));
            let (best, position) = best.larger(position, four[3], V::splat(3.0));
            let best = best.add(bias);
            let (best, position) = match self.relu {
                true => (
                    best.select_positive(best, V::zero()),
                    best.select_positive(position, V::splat(f32::from(DEAD))),
                ),
                false => (best, position),
            };
            best.store_up_to(output.as_mut_ptr(), used);
            position.store_bytes(argmax.as_mut_ptr(), used);
        }
    }
}

/// Convolves and pools one image, whose first window is `first`.
///
/// # Safety
/// The processor has the instruction set that the weight is packed for.
#[inline(always)]
pub(super) unsafe fn convolve<V: Vector>(
    packed: &Packed,
    image: &[f32],
    foreground: Option<Foreground<'_>>,
    (pooled, first): (&mut Pooled<'_>, usize),
) {
    let shape = pooled.shape;
    assert_eq!(image.len(), shape.input_size());
    let padded = packed.layout.padded(shape.out_channels);
    assert!(packed.bias.len() >= padded);
    assert!(packed.weight.len() >= padded * shape.filters().patch());
    let mut windows = Windows {
        packed,
        image,
        foreground,
        pooled,
        first,
    };
    for panel in packed.layout.panels(shape.out_channels) {
        // SAFETY: the weight has every panel; the caller vouches for the instruction set.
        unsafe { for_each_tile::<V>(4, panel, &mut windows) };
    }
}

/// The windows of an image, each a tile of four outputs.
struct Windows<'a, 'b> {
    packed: &'a Packed,
    image: &'a [f32],
    foreground: Option<Foreground<'a>>,
    pooled: &'a mut Pooled<'b>,
    first: usize,
}

impl Tiles for Windows<'_, '_> {
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &mut self,
        _row: usize,
        channel: usize,
    ) {
        if ROWS == 4 {
            // SAFETY: the caller's promise.
            unsafe { self.panel::<V, GROUPS>(channel) }
        }
    }
}

impl Windows<'_, '_> {
    #[inline(always)]
    unsafe fn panel<V: Vector, const GROUPS: usize>(&mut self, first: usize) {
        let shape = self.pooled.shape;
        let columns = shape.pooled_width();
        let line = shape.width * shape.in_channels;
        for window in 0..shape.pooled_pixels() {
            let (row, column) = (2 * (window / columns), 2 * (window % columns));
            let corner = row * line + column * shape.in_channels;
            // SAFETY: a window reads `kernel + 1` rows and columns from its corner, all inside the image; the panel is
            // inside the packed weight.
            unsafe {
                let corner = self.image.as_ptr().add(corner);
                let mut bias = [V::zero(); GROUPS];
                for group in 0..GROUPS {
                    let at = first + group * V::LANES;
                    bias[group] = V::load(self.packed.bias.as_ptr().add(at));
                }
                let bits = self
                    .foreground
                    .as_ref()
                    .and_then(|found| found.bits(row, column));
                let sums = match (&self.foreground, bits) {
                    (Some(found), Some(bits)) => {
                        found.add_background(first, &mut bias);
                        found.window_sums::<V, GROUPS>(first, corner, bits)
                    }
                    _ => {
                        let weight = self.packed.weight.as_ptr();
                        let panel = weight.add(first * shape.filters().patch());
                        window_sums::<V, GROUPS>(shape, corner, panel)
                    }
                };
                for group in 0..GROUPS {
                    let four = [
                        sums[0][group],
                        sums[1][group],
                        sums[2][group],
                        sums[3][group],
                    ];
                    let channel = first + group * V::LANES;
                    self.pooled
                        .take(self.first + window, channel, four, bias[group]);
                }
            }
        }
    }
}

/// The four outputs of the window at `corner` for one panel of channels, without bias. The short rows of small kernels
/// are unrolled.
#[inline(always)]
unsafe fn window_sums<V: Vector, const GROUPS: usize>(
    shape: &Shape,
    corner: *const f32,
    panel: *const f32,
) -> Sums<V, 4, GROUPS> {
    // SAFETY: the caller's promise.
    unsafe {
        match shape.kernel * shape.in_channels {
            3 => sums_of_runs::<V, GROUPS>(shape, corner, panel, 3),
            5 => sums_of_runs::<V, GROUPS>(shape, corner, panel, 5),
            run => sums_of_runs::<V, GROUPS>(shape, corner, panel, run),
        }
    }
}

#[inline(always)]
unsafe fn sums_of_runs<V: Vector, const GROUPS: usize>(
    shape: &Shape,
    corner: *const f32,
    panel: *const f32,
    run: usize,
) -> Sums<V, 4, GROUPS> {
    let line = shape.width * shape.in_channels;
    let strides = Strides {
        run: line,
        row: shape.in_channels,
        step: 1,
        panel: GROUPS * V::LANES,
    };
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[V::zero(); GROUPS]; 4];
        for tap in 0..shape.kernel {
            let (from, panel) = (corner.add(tap * line), panel.add(tap * run * strides.panel));
            accumulate::<V, 4, 2, GROUPS>(&mut sums, from, panel, strides, run);
        }
        sums
    }
}
