//! Linear layer with bias and ReLU fused, forward and backward, on the CPU.

use crate::kernels::matmul::cpu::{Left, Product, transpose};
use crate::kernels::parallel;
use crate::kernels::primitives::filters::add_up;
use crate::kernels::simd::{Level, scratch};

/// Images whose gradients one task masks and sums: fixed, so that sums do not depend on the thread count.
const CHUNK: usize = 32;

/// A linear layer: `output [batch, outputs] = input [batch, inputs] x weight [inputs, outputs] + bias [outputs]`,
/// all row-major (Burn's layout of the weight).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub batch: usize,
    pub inputs: usize,
    pub outputs: usize,
}

/// What [`forward`] computes from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub input: &'a [f32],
    pub weight: &'a [f32],
    pub bias: &'a [f32],
    /// Whether ReLU follows.
    pub relu: bool,
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

/// What [`backward`] computes from.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    pub input: &'a [f32],
    pub weight: &'a [f32],
    /// The output, where ReLU made it: no gradient passes where it is not positive.
    pub output: Option<&'a [f32]>,
    pub grad_output: &'a [f32],
}

/// The gradients to compute; all are overwritten.
pub struct Grads<'a> {
    pub input: Option<&'a mut [f32]>,
    pub weight: &'a mut [f32],
    pub bias: &'a mut [f32],
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
    assert_eq!(grads.bias.len(), outputs, "bias's gradient");

    let mut masked = scratch::dirty(size);
    mask(outputs, &saved, &mut masked, grads.bias);
    if size == 0 || inputs == 0 {
        grads.weight.fill(0.0);
        grads.input.unwrap_or_default().fill(0.0);
        return;
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

/// The gradients that pass ReLU into `masked [batch, outputs]`, and their sums over the batch into `bias [outputs]`.
fn mask(outputs: usize, saved: &Saved<'_>, masked: &mut [f32], bias: &mut [f32]) {
    bias.fill(0.0);
    if masked.is_empty() {
        return;
    }
    let mut sums = scratch::zeroed(outputs * (1 + masked.len().div_ceil(CHUNK * outputs)));
    let chunks = masked
        .chunks_mut(CHUNK * outputs)
        .zip(saved.grad_output.chunks(CHUNK * outputs))
        .zip(sums.chunks_mut(outputs).skip(1));
    parallel::for_each(chunks.enumerate(), |(chunk, ((masked, grads), sums))| {
        masked.copy_from_slice(grads);
        if let Some(output) = saved.output {
            let output = &output[chunk * CHUNK * outputs..];
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
    bias.copy_from_slice(add_up(&mut sums, outputs));
}
