//! One padded image through the convolution, directly or by Winograd's tiles: lanes are output channels.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::Shape;
use crate::kernels::primitives::filters::Packed;
use crate::kernels::primitives::gemm::{Strides, Tiles, accumulate, for_each_tile};
use crate::kernels::primitives::winograd::{self, Finish, Images, Products};
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

/// The same by Winograd's tiles; odd sides have a row or a column of zeros more.
pub(super) struct Winograd<'a>(pub Image<'a>);

impl Task for Winograd<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let Image {
            shape,
            packed,
            line,
            framed,
            ..
        } = self.0;
        assert_eq!(self.0.output.len(), shape.output_size());
        assert!(packed.bias.len() >= packed.layout.padded(shape.out_channels));
        let images = images(shape, framed, line);
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            winograd::convolve::<V>(images, images.high, packed, shape.out_channels, &mut self);
        }
    }
}

/// A padded image as Winograd's tiles see it.
#[inline(always)]
pub(super) fn images<'a>(shape: &Shape, framed: &'a [f32], line: usize) -> Images<'a> {
    Images {
        pixels: framed,
        channels: shape.in_channels,
        line,
        size: framed.len(),
        high: shape.output_height().div_ceil(2),
        wide: shape.output_width().div_ceil(2),
    }
}

impl Finish for Winograd<'_> {
    #[inline(always)]
    unsafe fn row<V: Vector, const GROUPS: usize>(
        &mut self,
        products: Products<'_>,
        row: usize,
        channel: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.0.relu {
                true => self.store::<V, GROUPS, true>(products, row, channel),
                false => self.store::<V, GROUPS, false>(products, row, channel),
            }
        }
    }
}

impl Winograd<'_> {
    #[inline(always)]
    unsafe fn store<V: Vector, const GROUPS: usize, const RELU: bool>(
        &mut self,
        products: Products<'_>,
        row: usize,
        first: usize,
    ) {
        let image = &mut self.0;
        let (height, width) = (image.shape.output_height(), image.shape.output_width());
        let channels = image.shape.out_channels;
        // Where all channels are one panel, what a register writes past a pixel is written again by the next one, but
        // for the last of a row. Such stores are cheaper than those of a part of a register.
        let safe = match (2 * row + 1 < height, first + GROUPS * V::LANES <= channels) {
            (true, true) => width / 2,
            (true, false) if channels <= GROUPS * V::LANES => (width - 1) / 2,
            _ => 0,
        };
        let line = width * channels;
        for tile in 0..width.div_ceil(2) {
            // SAFETY: the caller's promise; tiles that are safe have all four outputs and room after them, of the
            // others only what is inside the image is written.
            unsafe {
                let mut outputs = [[V::zero(); 4]; GROUPS];
                for group in 0..GROUPS {
                    let bias = V::load(image.packed.bias.as_ptr().add(first + group * V::LANES));
                    outputs[group] = products.outputs::<V, GROUPS>(tile, group);
                    for pixel in 0..4 {
                        let sum = outputs[group][pixel].add(bias);
                        outputs[group][pixel] = match RELU {
                            true => sum.select_positive(sum, V::zero()),
                            false => sum,
                        };
                    }
                }
                let to = image.output.as_mut_ptr().add(first);
                let to = to.wrapping_add(2 * row * line + 2 * tile * channels);
                // Pixel after pixel, so that the next one's channels overwrite what spills.
                for pixel in 0..4 {
                    let (y, x) = (pixel / 2, pixel % 2);
                    if tile >= safe && (2 * row + y >= height || 2 * tile + x >= width) {
                        continue;
                    }
                    let to = to.wrapping_add(y * line + x * channels);
                    for group in 0..GROUPS {
                        let to = to.add(group * V::LANES);
                        let used = V::LANES.min(channels - first - group * V::LANES);
                        match tile < safe {
                            true => outputs[group][pixel].store(to),
                            false => outputs[group][pixel].store_up_to(to, used),
                        }
                    }
                }
            }
        }
    }
}
