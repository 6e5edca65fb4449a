//! Linear layer with bias and ReLU fused, forward and backward, on the CPU.

use crate::kernels::parallel;
use crate::kernels::primitives::filters::add_up;
pub use crate::kernels::primitives::layer::{Grads, Inputs, Saved};
use crate::kernels::primitives::product::{Left, Product, transpose};
use crate::kernels::simd::Level;
use crate::kernels::simd::scratch::{self, Scratch};

/// Images whose gradients one task masks and sums: fixed, so that sums do not depend on the thread count.
const CHUNK: usize = 32;

/// A linear layer: `output [batch, outputs] = input [batch, inputs] x weight [inputs, outputs] + bias [outputs]`,
/// all row-major (Burn's layout of the weight).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows of the input.
    pub batch: usize,
    /// Columns of the input.
    pub inputs: usize,
    /// Columns of the output.
    pub outputs: usize,
}

/// The layer's output, with ReLU applied if asked for (NaN passes through).
///
/// Where most of the input is zero, zeros are skipped: a zero times an infinite weight then counts as nothing.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn forward(level: Level, shape: &Shape, inputs: Inputs<'_>, output: &mut [f32]) {
    assert_eq!(inputs.input.len(), shape.batch * shape.inputs, "input");
    assert_eq!(output.len(), shape.batch * shape.outputs, "output");
    let product = Product {
        left: Left::rows(inputs.input, shape.inputs),
        right: inputs.weight,
        depth: shape.inputs,
        columns: shape.outputs,
        bias: Some(inputs.bias),
        relu: inputs.relu,
    };
    product.write(level, output);
}

/// Gradients of [`forward`].
///
/// Scratch: the masked gradient and a transposed weight, kept by the calling thread.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn backward(level: Level, shape: &Shape, saved: Saved<'_>, grads: Grads<'_>) {
    let &Shape {
        batch,
        inputs,
        outputs,
    } = shape;
    assert_eq!(saved.input.len(), batch * inputs, "input");
    assert_eq!(saved.weight.len(), inputs * outputs, "weight");
    let size = saved.grad_output.len();
    assert_eq!(size, batch * outputs, "gradient of the output");
    assert_eq!(saved.output.map_or(size, <[f32]>::len), size, "output");
    assert_eq!(grads.weight.len(), inputs * outputs, "weight's gradient");
    if size == 0 {
        return grads.clear();
    }

    let mut masked = scratch::dirty(size);
    let mut sums = mask(outputs, &saved, &mut masked);
    if let Some(grad_bias) = grads.bias {
        grad_bias.copy_from_slice(add_up(&mut sums, outputs));
    }
    if let Some(grad_input) = grads.input {
        assert_eq!(grad_input.len(), batch * inputs, "input's gradient");
        let mut turned = scratch::dirty(saved.weight.len());
        transpose(saved.weight, inputs, outputs, &mut turned);
        let product = Product {
            left: Left::rows(&masked, outputs),
            right: &turned,
            depth: outputs,
            columns: inputs,
            bias: None,
            relu: false,
        };
        product.write(level, grad_input);
    }
    let product = Product {
        left: Left::transposed(saved.input, inputs),
        right: &masked,
        depth: batch,
        columns: outputs,
        bias: None,
        relu: false,
    };
    product.write(level, grads.weight);
}

/// The gradients that pass ReLU into `masked [batch, outputs]`; gives their sums over each chunk of the batch.
fn mask(outputs: usize, saved: &Saved<'_>, masked: &mut [f32]) -> Scratch {
    let size = CHUNK * outputs;
    let mut sums = scratch::zeroed(outputs * masked.len().div_ceil(size));
    let grads = saved.grad_output.chunks(size);
    let chunks = masked.chunks_mut(size).zip(grads);
    let chunks = chunks.zip(sums.chunks_mut(outputs)).enumerate();
    parallel::for_each(chunks, |(chunk, ((masked, grads), sums))| {
        masked.copy_from_slice(grads);
        if let Some(output) = saved.output {
            let output = &output[chunk * size..];
            for (masked, &output) in masked.iter_mut().zip(output) {
                *masked = if output <= 0.0 { 0.0 } else { *masked };
            }
        }
        for row in masked.chunks_exact(outputs) {
            for (sum, masked) in sums.iter_mut().zip(row) {
                *sum += masked;
            }
        }
    });
    sums
}
