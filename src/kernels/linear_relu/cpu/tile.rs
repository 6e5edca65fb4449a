//! The matrix product under the linear layers and the Winograd convolution: panels of the right-hand matrix, packed
//! so that a register tile streams them, and the tile itself.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use crate::kernels::parallel;
use crate::kernels::simd::{Level, Task, Vector, dispatch};

/// Columns of a panel at `level` for a matrix of `columns`: two registers, or one where one is enough.
pub(crate) fn panel_width(level: Level, columns: usize) -> usize {
    struct Lanes;
    impl Task for Lanes {
        type Output = usize;
        #[inline(always)]
        unsafe fn run<V: Vector>(self) -> usize {
            V::LANES
        }
    }
    let lanes = dispatch(level, Lanes);
    if columns <= lanes { lanes } else { 2 * lanes }
}

/// Packs `source [depth, columns]` into `panels [ceil(columns / width), depth, width]`, padded with zeros.
pub(crate) fn pack(source: &[f32], depth: usize, columns: usize, width: usize, panels: &mut [f32]) {
    assert_eq!(source.len(), depth * columns, "matrix to pack");
    assert_eq!(
        panels.len(),
        columns.div_ceil(width) * depth * width,
        "packed panels"
    );
    if panels.is_empty() {
        return;
    }
    parallel::for_each(
        panels.chunks_mut(depth * width).enumerate(),
        |(index, panel)| {
            let first = index * width;
            let used = width.min(columns - first);
            for (row, packed) in source
                .chunks_exact(columns)
                .zip(panel.chunks_exact_mut(width))
            {
                packed[..used].copy_from_slice(&row[first..first + used]);
                packed[used..].fill(0.0);
            }
        },
    );
}

/// `source [rows, columns]` as `turned [columns, rows]`.
pub(crate) fn transpose(source: &[f32], rows: usize, columns: usize, turned: &mut [f32]) {
    /// Both sides of a square stay in the cache.
    const BAND: usize = 16;
    assert_eq!(source.len(), rows * columns, "matrix to transpose");
    assert_eq!(turned.len(), source.len(), "transposed matrix");
    if turned.is_empty() {
        return;
    }
    parallel::for_each(
        turned.chunks_mut(BAND * rows).enumerate(),
        |(band, turned)| {
            let first = band * BAND;
            for start in (0..rows).step_by(BAND) {
                for (column, turned) in turned.chunks_exact_mut(rows).enumerate() {
                    for (row, turned) in
                        turned[start..rows.min(start + BAND)].iter_mut().enumerate()
                    {
                        *turned = source[(start + row) * columns + first + column];
                    }
                }
            }
        },
    );
}

/// The left-hand matrix of a product: `data[row * row_stride + step * step_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    pub data: &'a [f32],
    pub row_stride: usize,
    pub step_stride: usize,
}

/// `output [rows, columns] = left [rows, depth] x panels (+ bias) (then ReLU)`.
pub(crate) struct Multiply<'a> {
    pub left: Left<'a>,
    pub depth: usize,
    pub panels: &'a [f32],
    pub width: usize,
    pub columns: usize,
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
    pub output: &'a mut [f32],
}

impl Task for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let rows = self.output.len() / self.columns.max(1);
        if rows == 0 {
            return;
        }
        let Left {
            data,
            row_stride,
            step_stride,
        } = self.left;
        assert!(
            self.depth == 0
                || data.len() > (rows - 1) * row_stride + (self.depth - 1) * step_stride
        );
        assert!(self.panels.len() >= self.columns.div_ceil(self.width) * self.depth * self.width);
        assert!(self.width == V::LANES || self.width == 2 * V::LANES);
        assert!(self.bias.is_none_or(|bias| bias.len() == self.columns));
        // SAFETY: the sizes asserted above cover every row block; the caller vouches for the instruction set.
        unsafe {
            let mut row = 0;
            if V::REGISTERS >= 32 {
                while row + 8 <= rows {
                    self.row_block::<V, 8>(row);
                    row += 8;
                }
            } else {
                while row + 6 <= rows {
                    self.row_block::<V, 6>(row);
                    row += 6;
                }
            }
            while row + 4 <= rows {
                self.row_block::<V, 4>(row);
                row += 4;
            }
            while row < rows {
                self.row_block::<V, 1>(row);
                row += 1;
            }
        }
    }
}

impl Multiply<'_> {
    #[inline(always)]
    unsafe fn row_block<V: Vector, const ROWS: usize>(&self, row: usize) {
        // SAFETY: `run` checked that the rows and panels lie inside the slices.
        unsafe {
            let left = self.left.data.as_ptr().add(row * self.left.row_stride);
            let mut first = 0;
            while first < self.columns {
                let panel = self.panels.as_ptr().add(first * self.depth);
                if self.width == V::LANES {
                    let sums = tile::<V, ROWS, 1>(
                        left,
                        self.left.row_stride,
                        self.left.step_stride,
                        panel,
                        self.depth,
                    );
                    self.finish::<V, ROWS, 1>(row, first, sums);
                } else {
                    let sums = tile::<V, ROWS, 2>(
                        left,
                        self.left.row_stride,
                        self.left.step_stride,
                        panel,
                        self.depth,
                    );
                    self.finish::<V, ROWS, 2>(row, first, sums);
                }
                first += self.width;
            }
        }
    }

    #[inline(always)]
    unsafe fn finish<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &self,
        row: usize,
        first: usize,
        mut sums: [[V; GROUPS]; ROWS],
    ) {
        // SAFETY: `row + ROWS` rows exist in the output, and no more than `columns` of each are touched.
        unsafe {
            let zero = V::zero();
            for group in 0..GROUPS {
                let column = first + group * V::LANES;
                if column >= self.columns {
                    break;
                }
                let used = V::LANES.min(self.columns - column);
                let bias = match self.bias {
                    Some(bias) => V::load_first(bias.as_ptr().add(column), used),
                    None => zero,
                };
                for line in 0..ROWS {
                    let sum = sums[line][group].add(bias);
                    sums[line][group] = if self.relu {
                        sum.select_positive(sum, zero)
                    } else {
                        sum
                    };
                    let to = self
                        .output
                        .as_ptr()
                        .add((row + line) * self.columns + column)
                        .cast_mut();
                    if used == V::LANES {
                        sums[line][group].store(to);
                    } else {
                        sums[line][group].store_first(to, used);
                    }
                }
            }
        }
    }
}

/// `ROWS x (GROUPS * LANES)` sums over `depth` steps, held in registers: a step loads `GROUPS` registers of the panel
/// and broadcasts `ROWS` numbers of the left-hand matrix.
///
/// # Safety
/// The processor has the instruction set; the left-hand elements and `depth * GROUPS * LANES` floats of the panel are
/// readable.
#[inline(always)]
pub(crate) unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
    left: *const f32,
    row_stride: usize,
    step_stride: usize,
    panel: *const f32,
    depth: usize,
) -> [[V; GROUPS]; ROWS] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[V::zero(); GROUPS]; ROWS];
        let strides = Strides {
            run: 0,
            row: row_stride,
            step: step_stride,
            panel: GROUPS * V::LANES,
        };
        accumulate::<V, ROWS, ROWS, GROUPS>(&mut sums, left, panel, strides, depth);
        sums
    }
}

/// Floats from one element to the next in both matrices of [`accumulate`].
#[derive(Clone, Copy)]
pub(crate) struct Strides {
    /// From one run of rows to the next.
    pub run: usize,
    /// From one row of a run to the next.
    pub row: usize,
    /// From one step to the next on the left.
    pub step: usize,
    /// From one step to the next in the panel.
    pub panel: usize,
}

/// As [`tile`], added to `sums`, with rows in runs of `RUN` and any distance between the panel's steps.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub(crate) unsafe fn accumulate<
    V: Vector,
    const ROWS: usize,
    const RUN: usize,
    const GROUPS: usize,
>(
    sums: &mut [[V; GROUPS]; ROWS],
    left: *const f32,
    panel: *const f32,
    strides: Strides,
    depth: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut left = left;
        let mut panel = panel;
        for _ in 0..depth {
            let mut right = [V::zero(); GROUPS];
            for group in 0..GROUPS {
                right[group] = V::load(panel.add(group * V::LANES));
            }
            for row in 0..ROWS {
                let at = row / RUN * strides.run + row % RUN * strides.row;
                let value = V::splat(*left.add(at));
                for group in 0..GROUPS {
                    sums[row][group] = value.mul_add(right[group], sums[row][group]);
                }
            }
            left = left.wrapping_add(strides.step);
            panel = panel.wrapping_add(strides.panel);
        }
    }
}
