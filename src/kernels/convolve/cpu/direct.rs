//! One padded picture through the convolution: lanes are output channels, a tile is some adjacent outputs of a row.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::Shape;
use super::panels::{Packed, cut, most_rows, panels, with_rows};
use crate::kernels::linear_relu::cpu::tile::{Strides, accumulate};
use crate::kernels::simd::{Task, Vector};

/// Convolves a picture that already has its padding around it.
pub(super) struct Picture<'a> {
    pub shape: &'a Shape,
    pub packed: &'a Packed,
    pub framed: &'a [f32],
    pub relu: bool,
    pub output: &'a mut [f32],
}

impl Task for Picture<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let shape = self.shape;
        let line = (shape.width + 2 * shape.padding) * shape.in_channels;
        assert!(self.framed.len() >= (shape.height + 2 * shape.padding) * line);
        assert_eq!(self.output.len(), shape.output_size());
        let padded = shape.out_channels.next_multiple_of(V::LANES);
        let taps = shape.kernel * shape.kernel * shape.in_channels;
        assert!(self.packed.weight.len() >= padded * taps && self.packed.bias.len() >= padded);
        for y in 0..shape.output_height() {
            for (first, groups) in panels::<V>(shape.out_channels) {
                // SAFETY: the sizes asserted above cover every row and panel; the caller vouches for the rest.
                unsafe {
                    match groups {
                        1 => self.row::<V, 1>(y, first),
                        2 => self.row::<V, 2>(y, first),
                        _ => self.row::<V, 3>(y, first),
                    }
                }
            }
        }
    }
}

impl Picture<'_> {
    #[inline(always)]
    unsafe fn row<V: Vector, const GROUPS: usize>(&mut self, y: usize, first: usize) {
        for (x, pixels) in cut(self.shape.output_width(), most_rows::<V>(GROUPS)) {
            // SAFETY: the caller's promise.
            with_rows!(pixels, COLUMNS => unsafe { self.tile::<V, COLUMNS, GROUPS>(y, x, first) });
        }
    }

    #[inline(always)]
    unsafe fn tile<V: Vector, const COLUMNS: usize, const GROUPS: usize>(
        &mut self,
        y: usize,
        x: usize,
        first: usize,
    ) {
        if COLUMNS > most_rows::<V>(GROUPS) {
            return;
        }
        let &Shape {
            in_channels,
            out_channels,
            kernel,
            stride,
            ..
        } = self.shape;
        let line = (self.shape.width + 2 * self.shape.padding) * in_channels;
        let (run, width) = (kernel * in_channels, GROUPS * V::LANES);
        let strides = Strides {
            run: 0,
            row: stride * in_channels,
            step: 1,
            panel: width,
        };
        // SAFETY: the tile's outputs lie in row `y`, their patches in the padded picture; `run` checked the sizes.
        unsafe {
            let from = self.framed.as_ptr();
            let from = from.add(stride * (y * line + x * in_channels));
            let panel = self.packed.weight.as_ptr().add(first * kernel * run);
            let mut bias = [V::zero(); GROUPS];
            for group in 0..GROUPS {
                bias[group] = V::load(self.packed.bias.as_ptr().add(first + group * V::LANES));
            }
            let mut sums = [bias; COLUMNS];
            for row in 0..kernel {
                let (from, panel) = (from.add(row * line), panel.add(row * run * width));
                accumulate::<V, COLUMNS, COLUMNS, GROUPS>(&mut sums, from, panel, strides, run);
            }
            let at = (y * self.shape.output_width() + x) * out_channels + first;
            let to = self.output.as_mut_ptr().add(at);
            for group in 0..GROUPS {
                let used = V::LANES.min(out_channels - first - group * V::LANES);
                for pixel in 0..COLUMNS {
                    let sum = sums[pixel][group];
                    let value = match self.relu {
                        true => sum.select_positive(sum, V::zero()),
                        false => sum,
                    };
                    let to = to.add(pixel * out_channels + group * V::LANES);
                    match used == V::LANES {
                        true => value.store(to),
                        false => value.store_first(to, used),
                    }
                }
            }
        }
    }
}
