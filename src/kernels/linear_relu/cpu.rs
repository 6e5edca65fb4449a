//! Linear layer with bias and ReLU fused, forward and backward, on the CPU.

pub(crate) mod sparse;
pub(crate) mod tile;

use crate::kernels::parallel;
use crate::kernels::simd::{Level, dispatch, scratch};
use sparse::{MultiplySparse, density};
use tile::{Left, Multiply, pack, panel_width, transpose};

/// Rows of a product that one task computes. Fixed, so that sums over the batch do not depend on the thread count.
const ROWS: usize = 32;
/// Zeros are skipped where fewer than this share of a matrix is not zero: the list kernel reads a register for each
/// multiply-add, which the dense tile does for one in two.
const SPARSE: f64 = 0.5;

/// A linear layer: `output [batch, outputs] = input [batch, inputs] x weight [inputs, outputs] + bias [outputs]`,
/// all row-major (Burn's layout of the weight).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub batch: usize,
    pub inputs: usize,
    pub outputs: usize,
}

/// The layer's output, with ReLU applied if `relu` (NaN passes through).
///
/// Where most of `input` is zero, zeros are skipped: a zero times an infinite weight then counts as nothing.
///
/// Scratch: a packed copy of the weight or of parts of it, kept by the threads for the next call.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn forward(
    level: Level,
    shape: &Shape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    relu: bool,
    output: &mut [f32],
) {
    let &Shape {
        batch,
        inputs,
        outputs,
    } = shape;
    assert_eq!(input.len(), batch * inputs, "input");
    assert_eq!(weight.len(), inputs * outputs, "weight");
    assert_eq!(bias.len(), outputs, "bias");
    assert_eq!(output.len(), batch * outputs, "output");
    if output.is_empty() {
        return;
    }
    let product = Product {
        level,
        columns: outputs,
        depth: inputs,
        bias: Some(bias),
        relu,
    };
    let left = |row: usize| Left {
        data: &input[row * inputs..],
        row_stride: inputs,
        step_stride: 1,
    };
    product.run(product.is_sparse(input), left, weight, output);
}

/// A product cut into chunks of [`ROWS`] rows.
struct Product<'a> {
    level: Level,
    columns: usize,
    depth: usize,
    bias: Option<&'a [f32]>,
    relu: bool,
}

impl Product<'_> {
    /// Whether skipping the zeros of `left` pays: see [`SPARSE`]. Narrow products are too cheap to ask.
    fn is_sparse(&self, left: &[f32]) -> bool {
        self.columns >= 64 && self.depth >= 64 && density(left) < SPARSE
    }

    /// `output = left x right [depth, columns]`; `left` gives the rows from one on.
    fn run<'b>(
        &self,
        sparse: bool,
        left: impl Fn(usize) -> Left<'b> + Sync,
        right: &[f32],
        output: &mut [f32],
    ) {
        let &Self {
            level,
            columns,
            depth,
            bias,
            relu,
        } = self;
        // A row's sum is the same in every chunk. Each task copies the right-hand side, so there are few when sparse.
        let rows = output.len() / columns;
        let rows = if sparse {
            rows.div_ceil(parallel::threads()).max(ROWS)
        } else {
            ROWS
        };
        let chunks = output.chunks_mut(rows * columns).enumerate();
        if sparse {
            parallel::for_each(chunks, |(chunk, output)| {
                dispatch(
                    level,
                    MultiplySparse {
                        left: left(chunk * rows),
                        depth,
                        right,
                        columns,
                        bias,
                        relu,
                        output,
                    },
                );
            });
            return;
        }
        let width = panel_width(level, columns);
        let mut panels = scratch::dirty(columns.div_ceil(width) * width * depth);
        pack(right, depth, columns, width, &mut panels);
        let panels = &*panels;
        parallel::for_each(chunks, |(chunk, output)| {
            dispatch(
                level,
                Multiply {
                    left: left(chunk * rows),
                    depth,
                    panels,
                    width,
                    columns,
                    bias,
                    relu,
                    output,
                },
            );
        });
    }
}

/// Gradients of [`forward`]: where `relu`, `grad_output` counts only where `output > 0` (or is NaN).
///
/// `grad_input [batch, inputs]` is computed only if asked for; `grad_weight` and `grad_bias` are overwritten.
/// Scratch: the masked gradient, packed copies of it and of the weight, kept by the calling thread.
///
/// # Panics
/// A slice does not have the length its shape says.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    level: Level,
    shape: &Shape,
    input: &[f32],
    weight: &[f32],
    output: &[f32],
    relu: bool,
    grad_output: &[f32],
    grad_input: Option<&mut [f32]>,
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
) {
    let &Shape {
        batch,
        inputs,
        outputs,
    } = shape;
    assert_eq!(input.len(), batch * inputs, "input");
    assert_eq!(weight.len(), inputs * outputs, "weight");
    assert_eq!(output.len(), batch * outputs, "output");
    assert_eq!(grad_output.len(), batch * outputs, "gradient of the output");
    assert!(
        grad_input
            .as_ref()
            .is_none_or(|grad| grad.len() == batch * inputs),
        "gradient of the input"
    );
    assert_eq!(
        grad_weight.len(),
        inputs * outputs,
        "gradient of the weight"
    );
    assert_eq!(grad_bias.len(), outputs, "gradient of the bias");
    if grad_output.is_empty() {
        grad_weight.fill(0.0);
        grad_bias.fill(0.0);
        if let Some(grad) = grad_input {
            grad.fill(0.0);
        }
        return;
    }

    let mut masked = scratch::dirty(batch * outputs);
    let mut sums = scratch::zeroed(batch.div_ceil(ROWS) * outputs);
    let chunks = masked
        .chunks_mut(ROWS * outputs)
        .zip(sums.chunks_mut(outputs));
    parallel::for_each(chunks.enumerate(), |(chunk, (masked, sums))| {
        let first = chunk * ROWS * outputs;
        let grads = grad_output[first..]
            .chunks_exact(outputs)
            .zip(output[first..].chunks_exact(outputs));
        for (masked, (grads, outputs)) in masked.chunks_exact_mut(outputs).zip(grads) {
            for (((masked, &grad), &output), sum) in
                masked.iter_mut().zip(grads).zip(outputs).zip(&mut *sums)
            {
                *masked = if relu && output <= 0.0 { 0.0 } else { grad };
                *sum += *masked;
            }
        }
    });
    grad_bias.fill(0.0);
    for sums in sums.chunks_exact(outputs) {
        for (bias, sum) in grad_bias.iter_mut().zip(sums) {
            *bias += sum;
        }
    }
    if inputs == 0 {
        return;
    }

    let (input, masked) = (input, &*masked);
    if let Some(grad_input) = grad_input {
        let mut turned = scratch::dirty(weight.len());
        transpose(weight, inputs, outputs, &mut turned);
        let product = Product {
            level,
            columns: inputs,
            depth: outputs,
            bias: None,
            relu: false,
        };
        let left = |row: usize| Left {
            data: &masked[row * outputs..],
            row_stride: outputs,
            step_stride: 1,
        };
        product.run(product.is_sparse(masked), left, &turned, grad_input);
    }
    let product = Product {
        level,
        columns: outputs,
        depth: batch,
        bias: None,
        relu: false,
    };
    let left = |row: usize| Left {
        data: &input[row..],
        row_stride: 1,
        step_stride: inputs,
    };
    product.run(product.is_sparse(input), left, masked, grad_weight);
}
