//! The gradient of the weight from one image: lanes are output channels, a tile is some adjacent weights of one
//! kernel row, summed over the pixels of the image in registers.

use super::Shape;
use crate::kernels::primitives::gemm::{
    Layout, SLACK, Strides, Tiles, accumulate, for_each_tile, load_sums, most_rows, store_sums,
};
use crate::kernels::primitives::pad::Frame;
use crate::kernels::simd::{Task, Vector};

/// Adds one image's gradients of weight and bias to `sums`.
pub(super) struct Image<'a> {
    pub shape: &'a Shape,
    /// Floats from one row of the padded input to the next.
    pub line: usize,
    /// The input with its padding.
    pub framed: &'a [f32],
    pub grad_frame: &'a Frame,
    /// The output's gradient where `grad_frame` says, and [`SLACK`] floats more.
    pub grads: &'a [f32],
    pub layout: Layout,
    pub with_bias: bool,
    pub sums: &'a mut [f32],
}

impl Task for Image<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let shape = self.shape;
        assert!(self.line >= (shape.width + 2 * shape.padding) * shape.in_channels);
        assert!(self.framed.len() >= (shape.height + 2 * shape.padding) * self.line);
        assert!(self.grads.len() >= self.grad_frame.size + SLACK);
        let (layout, filters) = (self.layout, shape.filters());
        assert_eq!(self.sums.len(), filters.sums_size(layout));
        let run = shape.kernel * shape.in_channels;
        for panel in layout.panels(shape.out_channels) {
            let to = self.sums[panel.first * filters.patch()..].as_mut_ptr();
            // SAFETY: the sizes asserted above cover every row and panel; the caller vouches for the rest.
            unsafe {
                // Three rows of three weights are too few for a tile each.
                if shape.kernel == 3 && run == 3 && most_rows::<V>(panel.registers) >= 9 {
                    let mut tiles = Weights::<true> {
                        image: &self,
                        from: 0,
                        to,
                    };
                    for_each_tile::<V>(9, panel, &mut tiles);
                    continue;
                }
                for row in 0..shape.kernel {
                    let mut tiles = Weights::<false> {
                        image: &self,
                        from: row * self.line,
                        to: to.add(row * run * layout.width(panel)),
                    };
                    for_each_tile::<V>(run, panel, &mut tiles);
                }
            }
        }
        if self.with_bias {
            let biases = layout.padded(shape.out_channels) * filters.patch();
            for first in (0..layout.padded(shape.out_channels)).step_by(V::LANES) {
                let to = self.sums[biases + first..][..V::LANES].as_mut_ptr();
                let one = Strides {
                    run: 0,
                    row: 0,
                    step: 0,
                    panel: self.grad_frame.step,
                };
                // SAFETY: a register reaches at most `SLACK` past the last pixel; the caller vouches for the rest.
                unsafe { self.add_pixels::<V, 1, 1, 1>((&1.0, 0), one, first, to) };
            }
        }
    }
}

impl Image<'_> {
    /// Adds to the sums at `to`, over all pixels, the gradients of the channels from `first` on times the numbers at
    /// `from`, which lie `down` floats further on with each row of pixels.
    #[inline(always)]
    unsafe fn add_pixels<V: Vector, const ROWS: usize, const RUN: usize, const GROUPS: usize>(
        &self,
        (from, down): (*const f32, usize),
        strides: Strides,
        first: usize,
        to: *mut f32,
    ) {
        let (rows, columns) = (self.shape.output_height(), self.shape.output_width());
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = load_sums::<V, ROWS, GROUPS>(to);
            for y in 0..rows {
                let from = from.add(y * down);
                let at = self.grad_frame.first + y * self.grad_frame.row + first;
                let grads = self.grads.as_ptr().add(at);
                accumulate::<V, ROWS, RUN, GROUPS>(&mut sums, from, grads, strides, columns);
            }
            store_sums(&sums, to);
        }
    }
}

/// The weights of one kernel row, or, where they are `SMALL`, of three.
struct Weights<'a, 'b, const SMALL: bool> {
    image: &'a Image<'b>,
    /// Where the first weight sees its first pixel.
    from: usize,
    to: *mut f32,
}

impl<const SMALL: bool> Tiles for Weights<'_, '_, SMALL> {
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &mut self,
        row: usize,
        first: usize,
    ) {
        if SMALL && ROWS != 9 {
            return;
        }
        let image = self.image;
        let strides = Strides {
            run: image.line,
            row: 1,
            step: image.shape.stride * image.shape.in_channels,
            panel: image.grad_frame.step,
        };
        // SAFETY: every weight sees pixels of the padded image; `run` checked the sizes.
        unsafe {
            let from = image.framed.as_ptr().add(self.from + row);
            let from = (from, image.shape.stride * image.line);
            let to = self.to.add(row * GROUPS * V::LANES);
            match SMALL {
                true => image.add_pixels::<V, ROWS, 3, GROUPS>(from, strides, first, to),
                false => image.add_pixels::<V, ROWS, ROWS, GROUPS>(from, strides, first, to),
            }
        }
    }
}
