//! Matrix products on the CPU: by register tiles, or, where the left-hand matrix is mostly zeros, by lists of the rest.

mod dense;
mod sparse;

use crate::kernels::parallel;
use crate::kernels::primitives::gemm::AskLayout;
use crate::kernels::simd::{Level, dispatch};

/// Rows of a product that one task computes. Fixed, so that sums over the batch do not depend on the thread count.
const ROWS: usize = 32;
/// Zeros are skipped where fewer than this share of a matrix is not zero: the list kernel reads a register for each
/// multiply-add, which the dense tile does for one in two.
const SPARSE: f64 = 0.5;

/// A matrix `[rows, steps]`: element `data[row * row_stride + step * step_stride]`. One of the strides is 1.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a> {
    data: &'a [f32],
    row_stride: usize,
    step_stride: usize,
}

impl<'a> Left<'a> {
    /// Rows of `steps` numbers, one after the other.
    pub fn rows(data: &'a [f32], steps: usize) -> Self {
        Self {
            data,
            row_stride: steps,
            step_stride: 1,
        }
    }

    /// The transpose of such rows of `rows` numbers.
    pub fn transposed(data: &'a [f32], rows: usize) -> Self {
        Self {
            data,
            row_stride: 1,
            step_stride: rows,
        }
    }

    /// The same from row `row` on.
    fn starting_at(self, row: usize) -> Self {
        Self {
            data: &self.data[row * self.row_stride..],
            ..self
        }
    }

    fn assert_holds(&self, rows: usize, steps: usize) {
        let last =
            rows.saturating_sub(1) * self.row_stride + steps.saturating_sub(1) * self.step_stride;
        assert!(
            rows * steps == 0 || self.data.len() > last,
            "left-hand matrix of {rows} x {steps}: {} numbers",
            self.data.len()
        );
    }
}

/// `left [rows, depth] x right [depth, columns]`, then plus `bias [columns]`, then ReLU (NaN passes through).
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    pub left: Left<'a>,
    /// Row-major.
    pub right: &'a [f32],
    pub depth: usize,
    pub columns: usize,
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
}

impl Product<'_> {
    /// Writes the product into `output [rows, columns]`. Where most of the left-hand matrix is zero, zeros are skipped:
    /// a zero times infinity then counts as nothing.
    ///
    /// Scratch: a packed copy of the right-hand matrix or of parts of it, kept by the threads for the next call.
    ///
    /// # Panics
    /// A slice does not have the length its shape says.
    pub fn write(self, level: Level, output: &mut [f32]) {
        let Self { depth, columns, .. } = self;
        assert_eq!(self.right.len(), depth * columns, "right-hand matrix");
        assert!(
            self.bias.is_none_or(|bias| bias.len() == columns),
            "bias of {columns} columns"
        );
        if output.is_empty() {
            return;
        }
        let rows = output.len() / columns;
        assert_eq!(output.len(), rows * columns, "output");
        self.left.assert_holds(rows, depth);
        let is_sparse = self.is_sparse();
        // A row's sum is the same in every chunk. Each task copies the right-hand side, so there are few when sparse.
        let rows = match is_sparse {
            true => rows.div_ceil(parallel::threads()).max(ROWS),
            false => ROWS,
        };
        let layout = dispatch(level, AskLayout::ANY);
        let packed = (!is_sparse).then(|| {
            layout.pack(depth, columns, |step, first, to| {
                to.copy_from_slice(&self.right[step * columns + first..][..to.len()]);
            })
        });
        let chunks = output.chunks_mut(rows * columns).enumerate();
        parallel::for_each(chunks, |(chunk, output)| {
            let product = Self {
                left: self.left.starting_at(chunk * rows),
                ..self
            };
            match &packed {
                None => dispatch(level, sparse::Multiply { product, output }),
                Some(packed) => dispatch(
                    level,
                    dense::Multiply {
                        product,
                        packed,
                        layout,
                        output,
                    },
                ),
            }
        });
    }

    /// Whether skipping the zeros of the left-hand matrix pays: see [`SPARSE`]. Narrow products are too cheap to ask.
    fn is_sparse(&self) -> bool {
        self.columns >= 64 && self.depth >= 64 && density(self.left.data) < SPARSE
    }
}

/// The share of `data` that is not zero, from every second line of 16 floats, so that the order of the data matters
/// little.
fn density(data: &[f32]) -> f64 {
    const PART: usize = 64 * 1024;
    let mut parts = vec![(0, 0); data.len().div_ceil(PART)];
    let work = data.chunks(PART).zip(&mut parts);
    parallel::for_each(work, |(data, (alive, all))| {
        for line in data.chunks(16).step_by(2) {
            *alive += line.iter().map(|&x| usize::from(x != 0.0)).sum::<usize>();
            *all += line.len();
        }
    });
    let sum = |sum: (usize, usize), part: &(usize, usize)| (sum.0 + part.0, sum.1 + part.1);
    let (alive, all) = parts.iter().fold((0, 0), sum);
    alive as f64 / all.max(1) as f64
}

/// `source [rows, columns]` as `turned [columns, rows]`.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn transpose(source: &[f32], rows: usize, columns: usize, turned: &mut [f32]) {
    /// Both sides of a square stay in the cache.
    const BAND: usize = 16;
    assert_eq!(source.len(), rows * columns, "matrix to transpose");
    assert_eq!(turned.len(), source.len(), "transposed matrix");
    if turned.is_empty() {
        return;
    }
    let bands = turned.chunks_mut(BAND * rows).enumerate();
    parallel::for_each(bands, |(band, turned)| {
        for start in (0..rows).step_by(BAND) {
            for (column, turned) in turned.chunks_exact_mut(rows).enumerate() {
                let square = &mut turned[start..rows.min(start + BAND)];
                for (row, turned) in square.iter_mut().enumerate() {
                    *turned = source[(start + row) * columns + band * BAND + column];
                }
            }
        }
    });
}
