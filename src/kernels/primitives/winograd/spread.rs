//! The gradient of the input.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::products::{Finish, Products};
use super::tiles::{Place, TileBuffer};
use super::weight::Weight;
use super::{Convolution, SEEN, forward};
use crate::kernels::primitives::gemm::cut;
use crate::kernels::simd::{Task, Vector};
use std::ops::Range;

/// Adds what some tiles contribute to the gradient of the input: the forward pass transposed, which needs no more tiles
/// than that, and the points of the gradients that the weight's needs too.
pub(super) struct Spread<'a> {
    pub convolution: &'a Convolution,
    pub weight: &'a Weight,
    pub grads: &'a TileBuffer,
    pub first: usize,
    pub count: usize,
    /// Images `[rows, columns, inputs]`.
    pub to: &'a mut [f32],
}

impl Task for Spread<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let convolution = self.convolution;
        let mut pixels = PixelSums {
            sides: convolution.input,
            channels: convolution.filters.inputs,
            padding: convolution.padding,
            to: self.to,
        };
        for (from, count) in cut(self.count, forward::MOST) {
            // SAFETY: the caller vouches for the instruction set, of which the weight's layout is.
            unsafe {
                let grads = self.grads.from(from);
                let tiles = (self.first + from, count);
                self.weight
                    .multiply::<V>(convolution, tiles, grads, &mut pixels);
            }
        }
    }
}

/// Sums at the pixels of images, of which neighbouring tiles share some.
struct PixelSums<'a> {
    sides: [usize; 2],
    channels: usize,
    padding: usize,
    to: &'a mut [f32],
}

impl Finish for PixelSums<'_> {
    #[inline(always)]
    unsafe fn tile<V: Vector, const GROUPS: usize>(
        &mut self,
        products: Products<'_>,
        tile: usize,
        place: Place,
        channel: usize,
    ) {
        let ([rows, columns], channels, padding) = (self.sides, self.channels, self.padding);
        let size = rows * columns * channels;
        let image = self.to[place.image * size..][..size].as_mut_ptr();
        let in_rows = seen(place.row, rows, padding);
        let in_columns = seen(place.column, columns, padding);
        for group in 0..GROUPS {
            let first = channel + group * V::LANES;
            let used = V::LANES.min(channels - first);
            // SAFETY: only pixels of the image and channels that are there are touched; the caller vouches for the
            // instruction set.
            unsafe {
                let grads = products.pixel_gradients::<V, GROUPS>(tile, group);
                for y in 0..SEEN {
                    if !in_rows.contains(&y) {
                        continue;
                    }
                    let row = (place.row + y - padding) * columns;
                    for x in 0..SEEN {
                        if !in_columns.contains(&x) {
                            continue;
                        }
                        let at = (row + place.column + x - padding) * channels + first;
                        let to = image.add(at);
                        match used == V::LANES {
                            true => V::load(to).add(grads[y][x]).store(to),
                            false => V::load_up_to(to, used)
                                .add(grads[y][x])
                                .store_up_to(to, used),
                        }
                    }
                }
            }
        }
    }
}

/// Those of a tile's rows, or columns, from `place` on that are in an image of `side`.
#[inline(always)]
fn seen(place: usize, side: usize, padding: usize) -> Range<usize> {
    padding.saturating_sub(place)..SEEN.min((side + padding).saturating_sub(place))
}
