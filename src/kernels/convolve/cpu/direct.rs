//! One padded image through the convolution, directly: lanes are output channels.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::Shape;
use crate::kernels::primitives::filters::Packed;
use crate::kernels::primitives::gemm::{Strides, Tiles, accumulate, for_each_tile};
use crate::kernels::simd::{Task, Vector};

/// Convolves an image that already has its padding around it; a tile is some adjacent outputs of a row.
pub(super) struct Image<'a> {
    pub shape: &'a Shape,
    pub packed: &'a Packed,
    /// Floats from one row of the padded image to the next.
    pub line: usize,
    pub framed: &'a [f32],
    pub relu: bool,
    pub output: &'a mut [f32],
}

impl Task for Image<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (shape, layout) = (self.shape, self.packed.layout);
        assert!(self.line >= (shape.width + 2 * shape.padding) * shape.in_channels);
        assert!(self.framed.len() >= (shape.height + 2 * shape.padding) * self.line);
        assert_eq!(self.output.len(), shape.output_size());
        let padded = layout.padded(shape.out_channels);
        assert!(self.packed.weight.len() >= padded * shape.filters().patch());
        assert!(self.packed.bias.len() >= padded);
        let mut row = Row { image: self, y: 0 };
        for y in 0..shape.output_height() {
            row.y = y;
            for panel in layout.panels(shape.out_channels) {
                // SAFETY: the sizes asserted above cover every row and panel; the caller vouches for the rest.
                unsafe { for_each_tile::<V>(shape.output_width(), panel, &mut row) }
            }
        }
    }
}

/// A row of outputs.
struct Row<'a> {
    image: Image<'a>,
    y: usize,
}

impl Tiles for Row<'_> {
    #[inline(always)]
    unsafe fn tile<V: Vector, const COLUMNS: usize, const GROUPS: usize>(
        &mut self,
        x: usize,
        first: usize,
    ) {
        let (image, y) = (&mut self.image, self.y);
        let &Shape {
            in_channels,
            out_channels,
            kernel,
            stride,
            ..
        } = image.shape;
        let (run, width) = (kernel * in_channels, GROUPS * V::LANES);
        let strides = Strides {
            run: 0,
            row: stride * in_channels,
            step: 1,
            panel: width,
        };
        // SAFETY: the tile's outputs lie in row `y`, their patches in the padded image; `run` checked the sizes.
        unsafe {
            let from = image.framed.as_ptr();
            let from = from.add(stride * (y * image.line + x * in_channels));
            let panel = image.packed.weight.as_ptr().add(first * kernel * run);
            let mut bias = [V::zero(); GROUPS];
            for group in 0..GROUPS {
                bias[group] = V::load(image.packed.bias.as_ptr().add(first + group * V::LANES));
            }
            let mut sums = [bias; COLUMNS];
            for row in 0..kernel {
                let (from, panel) = (from.add(row * image.line), panel.add(row * run * width));
                accumulate::<V, COLUMNS, COLUMNS, GROUPS>(&mut sums, from, panel, strides, run);
            }
            let at = (y * image.shape.output_width() + x) * out_channels + first;
            let to = image.output.as_mut_ptr().add(at);
            for group in 0..GROUPS {
                let used = V::LANES.min(out_channels - first - group * V::LANES);
                for pixel in 0..COLUMNS {
                    let sum = sums[pixel][group];
                    let value = match image.relu {
                        true => sum.select_positive(sum, V::zero()),
                        false => sum,
                    };
                    value.store_up_to(to.add(pixel * out_channels + group * V::LANES), used);
                }
            }
        }
    }
}
