//! The passes of global average pooling.

use crate::kernels::shader::{Pass, binding, grid};

/// Activations `[batch, pixels, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub batch: usize,
    pub pixels: usize,
    pub channels: usize,
}

impl Shape {
    /// Elements of the input.
    pub fn input_size(&self) -> usize {
        self.output_size() * self.pixels
    }

    /// Elements of the output.
    pub fn output_size(&self) -> usize {
        self.batch * self.channels
    }
}

/// Whether the shaders take this shape: tensors within WebGPU's 128 MiB. Else Burn's own operations compute.
pub fn supports(shape: &Shape) -> bool {
    const LARGEST: usize = (128 << 20) / 4;
    shape.input_size() > 0 && shape.input_size() <= LARGEST
}

/// Bindings: input `[n, pixels, c]`, output `[n, c]`.
pub fn forward(shape: &Shape) -> Pass {
    Pass {
        name: "average_pool",
        template: include_str!("../../../shaders/average_pool.wgsl"),
        bindings: vec![
            binding("input", shape.input_size()),
            binding("output", shape.output_size()),
        ],
        ..over(shape, shape.output_size())
    }
}

/// Bindings: gradient of the output `[n, c]`, gradient of the input `[n, pixels, c]`.
pub fn grad_input(shape: &Shape) -> Pass {
    Pass {
        name: "average_pool_grad_input",
        template: include_str!("../../../shaders/average_pool_grad_input.wgsl"),
        bindings: vec![
            binding("grad_output", shape.output_size()),
            binding("grad_input", shape.input_size()),
        ],
        ..over(shape, shape.input_size())
    }
}

fn over(shape: &Shape, invocations: usize) -> Pass {
    Pass {
        name: "",
        template: "",
        constants: vec![("CHANNELS", shape.channels as u32)],
        bindings: vec![],
        uniform: vec![shape.batch as u32, shape.pixels as u32, 0, 0],
        workgroups: grid(invocations, 64),
        workgroup_size: [64, 1, 1],
    }
}
