//! The products of tiles and a weight, point by point, and what becomes of those of a tile.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::maps::{Map, Outputs, PixelGradients};
use super::tiles::Place;
use super::{POINTS, SEEN, SIDE};
use crate::kernels::primitives::gemm::{Strides, Tiles, accumulate};
use crate::kernels::simd::Vector;

/// The products of one point: `[tiles, depth] x [depth, width]`.
pub(super) struct Multiply {
    pub depth: usize,
    /// And floats from one tile to the next, on both sides.
    pub left: (*const f32, usize),
    pub right: *const f32,
    pub to: (*mut f32, usize),
}

impl Tiles for Multiply {
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &mut self,
        row: usize,
        _column: usize,
    ) {
        let ((left, pitch), (to, step)) = (self.left, self.to);
        let strides = Strides {
            run: 0,
            row: pitch,
            step: 1,
            panel: GROUPS * V::LANES,
        };
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[V::zero(); GROUPS]; ROWS];
            let left = left.add(row * pitch);
            accumulate::<V, ROWS, ROWS, GROUPS>(&mut sums, left, self.right, strides, self.depth);
            for (index, sums) in sums.iter().enumerate() {
                for (group, sum) in sums.iter().enumerate() {
                    sum.store(to.add((row + index) * step + group * V::LANES));
                }
            }
        }
    }
}

/// What becomes of the products.
pub(crate) trait Finish {
    /// Takes the tile at `place`, number `tile` of the products, for the `GROUPS` registers of channels from
    /// `channel` on. Must be `#[inline(always)]`.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn tile<V: Vector, const GROUPS: usize>(
        &mut self,
        products: Products<'_>,
        tile: usize,
        place: Place,
        channel: usize,
    );
}

/// The products of some tiles with a panel of filters, `[tiles][36, width]`.
#[derive(Clone, Copy)]
pub(crate) struct Products<'a> {
    pub(super) numbers: &'a [f32],
    /// Floats from one tile to the next.
    pub(super) stride: usize,
}

impl Products<'_> {
    /// `A' m A`: the rows of outputs of tile `tile` in register `group` of `GROUPS`.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub unsafe fn outputs<V: Vector, const GROUPS: usize>(
        &self,
        tile: usize,
        group: usize,
    ) -> [[V; SIDE]; SIDE] {
        // SAFETY: the caller's promise.
        unsafe { self.mapped::<V, Outputs, GROUPS, SIDE>(tile, group) }
    }

    /// `B m B'`: the rows of gradients of the pixels that tile `tile` sees.
    ///
    /// # Safety
    /// As [`Products::outputs`].
    #[inline(always)]
    pub(super) unsafe fn pixel_gradients<V: Vector, const GROUPS: usize>(
        &self,
        tile: usize,
        group: usize,
    ) -> [[V; SEEN]; SEEN] {
        // SAFETY: the caller's promise.
        unsafe { self.mapped::<V, PixelGradients, GROUPS, SEEN>(tile, group) }
    }

    #[inline(always)]
    unsafe fn mapped<V: Vector, S: Map<SEEN, N>, const GROUPS: usize, const N: usize>(
        &self,
        tile: usize,
        group: usize,
    ) -> [[V; N]; N] {
        let width = GROUPS * V::LANES;
        let numbers = self.numbers[tile * self.stride..][..POINTS * width].as_ptr();
        // SAFETY: the slice has the 36 points; the caller vouches for the instruction set.
        unsafe {
            let mut rows = [[V::zero(); SEEN]; N];
            for column in 0..SEEN {
                let mut products = [V::zero(); SEEN];
                for row in 0..SEEN {
                    let at = (SEEN * row + column) * width + group * V::LANES;
                    products[row] = V::load(numbers.add(at));
                }
                let all = S::apply(products);
                for row in 0..N {
                    rows[row][column] = all[row];
                }
            }
            let mut all = [[V::zero(); N]; N];
            for row in 0..N {
                all[row] = S::apply(rows[row]);
            }
            all
        }
    }
}
