//! The gradient of the weight from one picture: lanes are output channels, a tile is some adjacent weights of one
//! kernel row, summed over the pixels of the picture in registers.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::Shape;
use super::frame::Frame;
use super::panels::{SLACK, cut, most_rows, panels, with_rows};
use crate::kernels::linear_relu::cpu::tile::{Strides, accumulate};
use crate::kernels::simd::{Task, Vector};

/// Floats of a sum: the weight in panels `[kernel, kernel, in_channels, width]`, then the bias, both padded.
pub(super) struct Size<'a>(pub &'a Shape);

impl Task for Size<'_> {
    type Output = usize;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> usize {
        size::<V>(self.0)
    }
}

#[inline(always)]
pub(super) fn size<V: Vector>(shape: &Shape) -> usize {
    let weights = shape.kernel * shape.kernel * shape.in_channels;
    shape.out_channels.next_multiple_of(V::LANES) * (weights + 1)
}

/// Adds one picture's gradient of the weight to `sums`.
pub(super) struct Picture<'a> {
    pub shape: &'a Shape,
    /// The input with its padding.
    pub framed: &'a [f32],
    pub grad_frame: &'a Frame,
    /// The output's gradient where `grad_frame` says, and [`SLACK`] floats more.
    pub grads: &'a [f32],
    pub sums: &'a mut [f32],
}

impl Task for Picture<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let shape = self.shape;
        let line = (shape.width + 2 * shape.padding) * shape.in_channels;
        assert!(self.framed.len() >= (shape.height + 2 * shape.padding) * line);
        assert!(self.grads.len() >= self.grad_frame.size + SLACK);
        assert_eq!(self.sums.len(), size::<V>(shape));
        for (first, groups) in panels::<V>(shape.out_channels) {
            // SAFETY: the sizes asserted above cover every row and panel; the caller vouches for the rest.
            unsafe {
                match groups {
                    1 => self.panel::<V, 1>(first),
                    2 => self.panel::<V, 2>(first),
                    _ => self.panel::<V, 3>(first),
                }
            }
        }
    }
}

impl Picture<'_> {
    #[inline(always)]
    unsafe fn panel<V: Vector, const GROUPS: usize>(&mut self, first: usize) {
        let &Shape {
            in_channels,
            kernel,
            ..
        } = self.shape;
        let (run, width) = (kernel * in_channels, GROUPS * V::LANES);
        // SAFETY: the caller's promise.
        unsafe {
            let sums = self.sums.as_mut_ptr();
            let weights = sums.add(first * kernel * run);
            // Three rows of three weights are too few for a tile each.
            if kernel == 3 && run == 3 && most_rows::<V>(GROUPS) >= 9 {
                return self.tile::<V, 9, 3, GROUPS>(first, 0, weights);
            }
            for row in 0..kernel {
                for (place, rows) in cut(run, most_rows::<V>(GROUPS)) {
                    let sums = weights.add((row * run + place) * width);
                    let line = (self.shape.width + 2 * self.shape.padding) * in_channels;
                    let from = row * line + place;
                    with_rows!(rows, ROWS => self.tile::<V, ROWS, ROWS, GROUPS>(first, from, sums));
                }
            }
        }
    }

    /// `ROWS` weights in runs of `RUN`, one run a kernel row; `from` is where the first weight sees its first pixel.
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const RUN: usize, const GROUPS: usize>(
        &self,
        first: usize,
        from: usize,
        to: *mut f32,
    ) {
        if ROWS > most_rows::<V>(GROUPS) {
            return;
        }
        let &Shape {
            in_channels,
            stride,
            ..
        } = self.shape;
        let line = (self.shape.width + 2 * self.shape.padding) * in_channels;
        let strides = Strides {
            run: line,
            row: 1,
            step: stride * in_channels,
            panel: self.grad_frame.step,
        };
        let (rows, columns) = (self.shape.output_height(), self.shape.output_width());
        // SAFETY: every weight sees pixels of the padded picture; `run` checked the sizes.
        unsafe {
            let mut sums = [[V::zero(); GROUPS]; ROWS];
            for row in 0..ROWS {
                for group in 0..GROUPS {
                    sums[row][group] = V::load(to.add((row * GROUPS + group) * V::LANES));
                }
            }
            for y in 0..rows {
                let from = self.framed.as_ptr().add(from + y * stride * line);
                let at = self.grad_frame.first + y * self.grad_frame.row + first;
                let grads = self.grads.as_ptr().add(at);
                accumulate::<V, ROWS, RUN, GROUPS>(&mut sums, from, grads, strides, columns);
            }
            for row in 0..ROWS {
                for group in 0..GROUPS {
                    sums[row][group].store(to.add((row * GROUPS + group) * V::LANES));
                }
            }
        }
    }
}

/// Adds one picture's gradient of the bias to `sums`.
pub(super) struct Bias<'a> {
    pub shape: &'a Shape,
    pub grad_frame: &'a Frame,
    /// As in [`Picture`].
    pub grads: &'a [f32],
    pub sums: &'a mut [f32],
}

impl Task for Bias<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (shape, frame) = (self.shape, self.grad_frame);
        let padded = shape.out_channels.next_multiple_of(V::LANES);
        assert!(self.grads.len() >= frame.size + SLACK && self.sums.len() >= padded);
        let biases = self.sums.len() - padded;
        for first in (0..padded).step_by(V::LANES) {
            // SAFETY: a register reaches at most `SLACK` past the last pixel; the caller vouches for the rest.
            unsafe {
                let to = self.sums.as_mut_ptr().add(biases + first);
                let mut sum = V::load(to);
                for y in 0..shape.output_height() {
                    let at = frame.first + y * frame.row + first;
                    for x in 0..shape.output_width() {
                        sum = sum.add(V::load(self.grads.as_ptr().add(at + x * frame.step)));
                    }
                }
                sum.store(to);
            }
        }
    }
}
