//! The passes of a linear layer, `output = relu(input x weight + bias)`, and of its gradients.

use crate::kernels::shader::{Pass, TilePreset, binding, grid};

/// Sizes of one application of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Pictures.
    pub batch: usize,
    /// Width of the input.
    pub inputs: usize,
    /// Width of the output.
    pub outputs: usize,
    /// Whether negative outputs are cut to zero.
    pub relu: bool,
}

impl Shape {
    /// Register tiles without workgroup memory need widths in fours.
    fn wide(&self, preset: TilePreset) -> bool {
        preset == TilePreset::Software
            && self.inputs.is_multiple_of(4)
            && self.outputs.is_multiple_of(4)
    }
}

/// Whether the shaders take this shape: any sizes whose buffers stay within WebGPU's 128 MiB.
pub fn supports(shape: &Shape, preset: TilePreset) -> bool {
    const LARGEST: usize = (128 << 20) / 4;
    shape.batch * shape.inputs.max(shape.outputs) <= LARGEST
        && shape.inputs * shape.outputs * weight_chunks(shape, preset) <= LARGEST
}

/// Bindings: input `[n, in]`, weight `[in, out]`, bias, output `[n, out]`.
pub fn forward(shape: &Shape, preset: TilePreset) -> Pass {
    let bindings = vec![
        binding("input", shape.batch * shape.inputs),
        binding("weight", shape.inputs * shape.outputs),
        binding("bias", shape.outputs),
        binding("output", shape.batch * shape.outputs),
    ];
    let relu = u32::from(shape.relu);
    if shape.wide(preset) {
        let mut pass = wide(
            "linear_relu",
            include_str!("../../../shaders/linear_relu.wgsl"),
            shape,
            [shape.batch, shape.outputs],
            bindings,
        );
        pass.constants.push(("RELU", relu));
        return pass;
    }
    let edge = edge(preset);
    Pass {
        name: "linear_relu_tiled",
        template: include_str!("../../../shaders/linear_relu_tiled.wgsl"),
        constants: vec![("RELU", relu), ("EDGE", edge)],
        bindings,
        uniform: words([shape.batch, shape.outputs, shape.inputs, 0]),
        workgroups: tiles(shape.batch, shape.outputs, 1, edge),
        workgroup_size: [edge, edge, 1],
    }
}

/// The first pass of the gradient. Bindings: gradient of the output, output, gradient of the
/// sums before ReLU `[n, out]`, gradient of the bias.
pub fn mask_grad(shape: &Shape) -> Pass {
    let output = shape.batch * shape.outputs;
    Pass {
        name: "linear_relu_mask_grad",
        template: include_str!("../../../shaders/linear_relu_mask_grad.wgsl"),
        constants: vec![("RELU", u32::from(shape.relu))],
        bindings: vec![
            binding("grad_output", output),
            binding("output", output),
            binding("grad_sum", output),
            binding("grad_bias", shape.outputs),
        ],
        uniform: words([shape.batch, shape.outputs, 0, 0]),
        workgroups: [shape.outputs.div_ceil(16) as u32, 1, 1],
        workgroup_size: [16, 16, 1],
    }
}

/// Bindings: gradient of the sums, weight, gradient of the input.
pub fn grad_input(shape: &Shape, preset: TilePreset) -> Pass {
    let bindings = vec![
        binding("grad_sum", shape.batch * shape.outputs),
        binding("weight", shape.inputs * shape.outputs),
        binding("grad_input", shape.batch * shape.inputs),
    ];
    if shape.wide(preset) {
        return wide(
            "linear_relu_grad_input",
            include_str!("../../../shaders/linear_relu_grad_input.wgsl"),
            shape,
            [shape.batch, shape.inputs],
            bindings,
        );
    }
    grad_tiled(
        [shape.batch, shape.inputs, shape.outputs],
        [0, 1],
        1,
        bindings,
        preset,
    )
}

/// Bindings: input, gradient of the sums, gradient of the weight; or, of
/// [`weight_chunks`] > 1, that many partial sums for [`sum_weight`] to add.
pub fn grad_weight(shape: &Shape, preset: TilePreset) -> Pass {
    let chunks = weight_chunks(shape, preset);
    let bindings = vec![
        binding("input", shape.batch * shape.inputs),
        binding("grad_sum", shape.batch * shape.outputs),
        binding("grad_weight", chunks * shape.inputs * shape.outputs),
    ];
    if shape.wide(preset) {
        return wide(
            "linear_relu_grad_weight",
            include_str!("../../../shaders/linear_relu_grad_weight.wgsl"),
            shape,
            [shape.inputs, shape.outputs],
            bindings,
        );
    }
    grad_tiled(
        [shape.inputs, shape.outputs, shape.batch],
        [1, 0],
        chunks,
        bindings,
        preset,
    )
}

/// How many partial sums [`grad_weight`] writes: more than one where whole tiles would be too
/// few to fill a graphics card.
pub fn weight_chunks(shape: &Shape, preset: TilePreset) -> usize {
    if preset == TilePreset::Software {
        return 1;
    }
    let [x, y, _] = tiles(shape.inputs, shape.outputs, 1, edge(preset));
    let wanted = 256usize.div_ceil((x * y).max(1) as usize);
    let depth = shape.batch.div_ceil(wanted).max(64);
    shape.batch.div_ceil(depth).max(1)
}

/// Adds the partial sums of [`grad_weight`]. Bindings: partials, gradient of the weight.
pub fn sum_weight(shape: &Shape, preset: TilePreset) -> Pass {
    let elements = shape.inputs * shape.outputs;
    let chunks = weight_chunks(shape, preset);
    Pass {
        name: "sum_chunks",
        template: include_str!("../../../shaders/sum_chunks.wgsl"),
        constants: vec![],
        bindings: vec![
            binding("partials", chunks * elements),
            binding("sum", elements),
        ],
        uniform: words([elements, chunks, 0, 0]),
        workgroups: grid(elements, 64),
        workgroup_size: [64, 1, 1],
    }
}

/// A product in register tiles of `4 * ROWS` by `4 * GROUPS`, four by four blocks.
fn wide(
    name: &'static str,
    template: &'static str,
    shape: &Shape,
    [rows, columns]: [usize; 2],
    bindings: Vec<crate::kernels::shader::Binding>,
) -> Pass {
    let tile = |size: usize| {
        if size <= 4 {
            1
        } else if size <= 8 {
            2
        } else {
            4
        }
    };
    // Rows follow the batch in two of the passes, and a batch must not change the source.
    let (row_blocks, groups) = (4, tile(columns));
    let count = rows.div_ceil(4 * row_blocks) * (columns / 4).div_ceil(groups);
    Pass {
        name,
        template,
        constants: vec![
            ("INPUTS", shape.inputs as u32),
            ("OUTPUTS", shape.outputs as u32),
            ("ROWS", row_blocks as u32),
            ("GROUPS", groups as u32),
        ],
        bindings,
        uniform: words([shape.batch, 0, 0, 0]),
        workgroups: grid(count, 8),
        workgroup_size: [8, 1, 1],
    }
}

/// `[rows, columns, depth]` and which sides are stored transposed.
fn grad_tiled(
    [rows, columns, depth]: [usize; 3],
    [left, right]: [u32; 2],
    chunks: usize,
    bindings: Vec<crate::kernels::shader::Binding>,
    preset: TilePreset,
) -> Pass {
    let edge = edge(preset);
    Pass {
        name: "linear_relu_grad_tiled",
        template: include_str!("../../../shaders/linear_relu_grad_tiled.wgsl"),
        constants: vec![
            ("LEFT_TRANSPOSED", left),
            ("RIGHT_TRANSPOSED", right),
            ("EDGE", edge),
        ],
        bindings,
        uniform: words([rows, columns, depth, depth.div_ceil(chunks)]),
        workgroups: tiles(rows, columns, chunks, edge),
        workgroup_size: [edge, edge, 1],
    }
}

fn edge(preset: TilePreset) -> u32 {
    match preset {
        TilePreset::Software => 8,
        TilePreset::Hardware => 16,
    }
}

fn tiles(rows: usize, columns: usize, chunks: usize, edge: u32) -> [u32; 3] {
    let side = 4 * edge as usize;
    [
        columns.div_ceil(side) as u32,
        rows.div_ceil(side) as u32,
        chunks as u32,
    ]
}

fn words(values: [usize; 4]) -> Vec<u32> {
    values.map(|value| value as u32).to_vec()
}
