//! The gradient of the weight by the transposed algorithm: per tile, the 36 points of the pixels times the 36 points
//! `A g A'` of the gradients; their sums over all tiles become weights once, at the end.

use super::POINTS;
use super::maps::{Weights, both_sides};
use super::tiles::TilePoints;
use crate::kernels::primitives::filters::Filters;
use crate::kernels::primitives::gemm::{
    Layout, Strides, Tiles, accumulate, for_each_tile, load_sums, store_sums,
};
use crate::kernels::simd::scratch::{self, Scratch};
use crate::kernels::simd::{Task, Vector};

/// The sums of products over tiles: panels `[36, inputs, width]`. They hold nothing until the first product.
pub(super) struct Sums {
    filters: Filters,
    layout: Layout,
    sums: Scratch,
    is_begun: bool,
}

impl Sums {
    pub fn new(filters: Filters, layout: Layout) -> Self {
        Self {
            filters,
            layout,
            sums: scratch::dirty(POINTS * filters.inputs * layout.padded(filters.outputs)),
            is_begun: false,
        }
    }

    /// Adds the products of `count` tiles.
    ///
    /// # Safety
    /// The processor has the instruction set, and it is the one that gave the layout.
    #[inline(always)]
    pub unsafe fn add<V: Vector>(
        &mut self,
        pixels: TilePoints<'_>,
        grads: TilePoints<'_>,
        count: usize,
    ) {
        let Filters {
            inputs, outputs, ..
        } = self.filters;
        assert!(pixels.points.len() >= count * pixels.stride() && pixels.pitch >= inputs);
        assert!(grads.points.len() >= count * grads.stride());
        assert!(grads.pitch >= self.layout.padded(outputs));
        for point in 0..POINTS {
            for panel in self.layout.panels(outputs) {
                let to = (POINTS * panel.first + point * self.layout.width(panel)) * inputs;
                let mut work = Multiply {
                    left: pixels.points[point * pixels.pitch..].as_ptr(),
                    right: grads.points[point * grads.pitch..].as_ptr(),
                    strides: Strides {
                        run: 0,
                        row: 1,
                        step: pixels.stride(),
                        panel: grads.stride(),
                    },
                    tiles: count,
                    to: self.sums[to..].as_mut_ptr(),
                    is_begun: self.is_begun,
                };
                // SAFETY: the buffers hold the points of the tiles, the sums 36 points of every panel; the caller
                // vouches for the instruction set.
                unsafe { for_each_tile::<V>(inputs, panel, &mut work) };
            }
        }
        self.is_begun = true;
    }
}

/// The product of one point: `[inputs, tiles] x [tiles, width]`.
struct Multiply {
    left: *const f32,
    right: *const f32,
    strides: Strides,
    tiles: usize,
    to: *mut f32,
    is_begun: bool,
}

impl Tiles for Multiply {
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &mut self,
        row: usize,
        column: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let to = self.to.add(row * GROUPS * V::LANES);
            let (left, right) = (self.left.add(row), self.right.add(column));
            let mut sums = [[V::zero(); GROUPS]; ROWS];
            accumulate::<V, ROWS, ROWS, GROUPS>(&mut sums, left, right, self.strides, self.tiles);
            // Sums of few tiles each lose fewer digits than one over all.
            if self.is_begun {
                let before = load_sums::<V, ROWS, GROUPS>(to);
                for (sum, before) in sums
                    .as_flattened_mut()
                    .iter_mut()
                    .zip(before.as_flattened())
                {
                    *sum = before.add(*sum);
                }
            }
            store_sums(&sums, to);
        }
    }
}

/// Turns the sums into weights: panels `[3, 3, inputs, width]` at the start of `to`.
pub(super) struct Finish<'a> {
    pub sums: &'a Sums,
    pub to: &'a mut [f32],
}

impl Task for Finish<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Sums {
            filters,
            layout,
            sums,
            is_begun,
        } = self.sums;
        let inputs = filters.inputs;
        assert!(is_begun, "no tile");
        assert!(self.to.len() >= layout.padded(filters.outputs) * 9 * inputs);
        for panel in layout.panels(filters.outputs) {
            let point = inputs * layout.width(panel);
            for at in (0..point).step_by(V::LANES) {
                let from = sums[panel.first * POINTS * inputs + at..].as_ptr();
                let to = self.to[panel.first * 9 * inputs + at..].as_mut_ptr();
                // SAFETY: 36 points and nine taps of this register are in the slices; the caller vouches for the
                // instruction set.
                unsafe { both_sides::<V, Weights, 6, 3>((from, point), (to, point)) };
            }
        }
    }
}
