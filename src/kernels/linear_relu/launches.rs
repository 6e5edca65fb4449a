//! The launches of a linear layer, `output = relu(input x weight + bias)`, and of its gradients.

use crate::kernels::launch::{Launch, TileProfile};
use crate::kernels::shader::{Shader, shader};

/// Sizes of one application of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Images.
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
    fn wide(&self, profile: TileProfile) -> bool {
        profile == TileProfile::Software
            && self.inputs.is_multiple_of(4)
            && self.outputs.is_multiple_of(4)
    }
}

/// Bindings: input `[n, in]`, weight `[in, out]`, bias, output `[n, out]`.
pub fn forward(shape: &Shape, profile: TileProfile) -> Launch {
    let launch = match shape.wide(profile) {
        true => wide(shader!("linear_relu"), shape, [shape.batch, shape.outputs]),
        false => Product {
            sizes: [shape.batch, shape.outputs, shape.inputs],
            transposed: [false, false],
            chunks: 1,
        }
        .launch(shader!("linear_relu_tiled"), profile),
    };
    launch.constants([("RELU", usize::from(shape.relu))]).bind([
        ("input", shape.batch * shape.inputs),
        ("weight", shape.inputs * shape.outputs),
        ("bias", shape.outputs),
        ("output", shape.batch * shape.outputs),
    ])
}

/// The first launch of the gradient. Bindings: gradient of the output, output, gradient of the sums before ReLU
/// `[n, out]`, gradient of the bias.
pub fn mask_grad(shape: &Shape) -> Launch {
    let output = shape.batch * shape.outputs;
    let workgroups = [shape.outputs.div_ceil(16) as u32, 1, 1];
    Launch::new(shader!("linear_relu_mask_grad"), workgroups, [16, 16, 1])
        .constants([("RELU", usize::from(shape.relu))])
        .bind(["grad_output", "output", "grad_sum"].map(|name| (name, output)))
        .bind([("grad_bias", shape.outputs)])
        .sizes([shape.batch, shape.outputs])
}

/// Bindings: gradient of the sums, weight, gradient of the input.
pub fn grad_input(shape: &Shape, profile: TileProfile) -> Launch {
    let sides = [shape.batch, shape.inputs];
    let launch = match shape.wide(profile) {
        true => wide(shader!("linear_relu_grad_input"), shape, sides),
        false => Product {
            sizes: [shape.batch, shape.inputs, shape.outputs],
            transposed: [false, true],
            chunks: 1,
        }
        .launch(shader!("linear_relu_grad_tiled"), profile),
    };
    launch.bind([
        ("grad_sum", shape.batch * shape.outputs),
        ("weight", shape.inputs * shape.outputs),
        ("grad_input", shape.batch * shape.inputs),
    ])
}

/// Bindings: input, gradient of the sums, gradient of the weight; or, of [`weight_chunks`] > 1, that many partial sums
/// for [`sum_weight`] to add.
pub fn grad_weight(shape: &Shape, profile: TileProfile) -> Launch {
    let chunks = weight_chunks(shape, profile);
    let sides = [shape.inputs, shape.outputs];
    let launch = match shape.wide(profile) {
        true => wide(shader!("linear_relu_grad_weight"), shape, sides),
        false => Product {
            sizes: [shape.inputs, shape.outputs, shape.batch],
            transposed: [true, false],
            chunks,
        }
        .launch(shader!("linear_relu_grad_tiled"), profile),
    };
    launch.bind([
        ("input", shape.batch * shape.inputs),
        ("grad_sum", shape.batch * shape.outputs),
        ("grad_weight", chunks * shape.inputs * shape.outputs),
    ])
}

/// How many partial sums [`grad_weight`] writes: more than one where whole tiles would be too few to fill a graphics
/// card.
pub fn weight_chunks(shape: &Shape, profile: TileProfile) -> usize {
    if profile == TileProfile::Software {
        return 1;
    }
    let [x, y, _] = tiles(shape.inputs, shape.outputs, 1, edge(profile));
    let wanted = 256usize.div_ceil((x * y).max(1) as usize);
    let depth = shape.batch.div_ceil(wanted).max(64);
    shape.batch.div_ceil(depth).max(1)
}

/// Adds the partial sums of [`grad_weight`]. Bindings: partials, gradient of the weight.
pub fn sum_weight(shape: &Shape, profile: TileProfile) -> Launch {
    let elements = shape.inputs * shape.outputs;
    let chunks = weight_chunks(shape, profile);
    Launch::each(shader!("sum_chunks"), elements)
        .bind([("partials", chunks * elements), ("sum", elements)])
        .sizes([elements, chunks])
}

/// A product in register tiles, of four by four blocks.
fn wide(shader: Shader, shape: &Shape, [rows, columns]: [usize; 2]) -> Launch {
    // Rows follow the batch in two of the launches, and a batch must not change the source.
    let blocks = 4;
    let groups = match columns {
        0..=4 => 1,
        5..=8 => 2,
        _ => 4,
    };
    let count = rows.div_ceil(4 * blocks) * (columns / 4).div_ceil(groups);
    Launch::each_in(shader, count, 8)
        .constants([
            ("INPUTS", shape.inputs),
            ("OUTPUTS", shape.outputs),
            ("BLOCKS", blocks),
            ("GROUPS", groups),
        ])
        .sizes([shape.batch])
}

/// A product of any sizes in tiles of workgroup memory.
struct Product {
    /// Rows, columns, depth.
    sizes: [usize; 3],
    /// Whether the left and the right side are stored transposed.
    transposed: [bool; 2],
    /// Parts of the depth.
    chunks: usize,
}

impl Product {
    fn launch(&self, shader: Shader, profile: TileProfile) -> Launch {
        let [rows, columns, depth] = self.sizes;
        let [left, right] = self.transposed.map(usize::from);
        let edge = edge(profile);
        let workgroups = tiles(rows, columns, self.chunks, edge);
        Launch::new(shader, workgroups, [edge as u32, edge as u32, 1])
            .constants([("LEFT_TRANSPOSED", left), ("RIGHT_TRANSPOSED", right)])
            .constants([("EDGE", edge)])
            .sizes([rows, columns, depth, depth.div_ceil(self.chunks)])
    }
}

fn edge(profile: TileProfile) -> usize {
    match profile {
        TileProfile::Software => 8,
        TileProfile::Hardware => 16,
    }
}

fn tiles(rows: usize, columns: usize, chunks: usize, edge: usize) -> [u32; 3] {
    [
        columns.div_ceil(4 * edge) as u32,
        rows.div_ceil(4 * edge) as u32,
        chunks as u32,
    ]
}
