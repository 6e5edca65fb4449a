//! A product by register tiles: each streams a packed panel of the right-hand matrix.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::Product;
use crate::kernels::primitives::gemm::{
    Layout, Strides, Tiles, accumulate, cut, for_each_tile, most_rows,
};
use crate::kernels::simd::{Task, Vector};

/// The rows that `output` has room for.
pub(super) struct Multiply<'a> {
    pub product: Product<'a>,
    /// The right-hand matrix.
    pub packed: &'a [f32],
    pub layout: Layout,
    pub output: &'a mut [f32],
}

impl Task for Multiply<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Product { depth, columns, .. } = self.product;
        let rows = self.output.len() / columns;
        self.product.left.assert_holds(rows, depth);
        assert!(self.packed.len() >= self.layout.padded(columns) * depth);
        assert!(self.product.bias.is_none_or(|bias| bias.len() == columns));
        let (layout, mut block) = (self.layout, Block { work: self, row: 0 });
        // A tile of rows stays in the cache while every panel passes.
        for (first, rows) in cut(rows, most_rows::<V>(2)) {
            block.row = first;
            for panel in layout.panels(columns) {
                // SAFETY: the sizes asserted above cover every tile; the caller vouches for the instruction set.
                unsafe { for_each_tile::<V>(rows, panel, &mut block) };
            }
        }
    }
}

/// The rows from `row` on.
struct Block<'a> {
    work: Multiply<'a>,
    row: usize,
}

impl Tiles for Block<'_> {
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &mut self,
        row: usize,
        column: usize,
    ) {
        let row = self.row + row;
        let Product {
            left, depth, relu, ..
        } = self.work.product;
        let strides = Strides {
            run: 0,
            row: left.row_stride,
            step: left.step_stride,
            panel: GROUPS * V::LANES,
        };
        let columns = self.work.product.columns;
        // SAFETY: the caller's promise.
        unsafe {
            let zero = V::zero();
            let mut sums = [[zero; GROUPS]; ROWS];
            let from = left.data.as_ptr().add(row * left.row_stride);
            let panel = self.work.packed.as_ptr().add(column * depth);
            accumulate::<V, ROWS, ROWS, GROUPS>(&mut sums, from, panel, strides, depth);
            let to = self.work.output.as_mut_ptr().add(row * columns + column);
            for group in 0..GROUPS {
                let at = group * V::LANES;
                let used = V::LANES.min(columns - column - at);
                let bias = match self.work.product.bias {
                    Some(bias) => V::load_up_to(bias.as_ptr().add(column + at), used),
                    None => zero,
                };
                for line in 0..ROWS {
                    let sum = sums[line][group].add(bias);
                    let value = match relu {
                        true => sum.select_positive(sum, zero),
                        false => sum,
                    };
                    value.store_up_to(to.add(line * columns + at), used);
                }
            }
        }
    }
}
