//! The launches of global average pooling.

use super::Shape;
use crate::kernels::launch::{LARGEST_BINDING, Launch};
use crate::kernels::shader::shader;

/// Whether the shaders take this shape: tensors within WebGPU's 128 MiB. Else use Burn's own operations.
pub fn supports(shape: &Shape) -> bool {
    (1..=LARGEST_BINDING).contains(&shape.input_size())
}

/// Bindings: input `[n, pixels, c]`, output `[n, c]`.
pub fn forward(shape: &Shape) -> Launch {
    Launch::each(shader!("average_pool"), shape.output_size())
        .constants([("CHANNELS", shape.channels)])
        .bind([
            ("input", shape.input_size()),
            ("output", shape.output_size()),
        ])
        .sizes([shape.batch, shape.pixels])
}

/// Bindings: gradient of the output `[n, c]`, gradient of the input `[n, pixels, c]`.
pub fn grad_input(shape: &Shape) -> Launch {
    Launch::each(shader!("average_pool_grad_input"), shape.input_size())
        .constants([("CHANNELS", shape.channels)])
        .bind([
            ("grad_output", shape.output_size()),
            ("grad_input", shape.input_size()),
        ])
        .sizes([shape.batch, shape.pixels])
}
