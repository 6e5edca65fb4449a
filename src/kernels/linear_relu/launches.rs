//! The launches of a linear layer, `output = relu(input x weight + bias)`, and of its gradients.

use crate::kernels::launch::{Launch, MOST_WORKGROUPS, NOMINAL_BATCH};
use crate::kernels::shader::{Shader, shader};
use crate::kernels::tiles::TileProfile;

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
        profile.is_software() && self.in_fours()
    }

    /// The subgroups of such tiles, which need that too, and no more of them than a grid may have.
    fn subgroups(&self, profile: TileProfile) -> Option<Subgroups> {
        let lanes = profile.subgroup().filter(|_| self.in_fours())? as usize;
        // On a card many subgroups, with a part of the depth each; on the CPU more or fewer rows were slower.
        let (rows, slices) = match profile.is_software() {
            true => (16, 1),
            false => (8, (256 / lanes).min(8)),
        };
        let fits = self.batch.max(self.inputs).div_ceil(rows) <= MOST_WORKGROUPS;
        fits.then_some(Subgroups {
            lanes,
            rows,
            slices,
        })
    }

    fn in_fours(&self) -> bool {
        self.inputs.is_multiple_of(4) && self.outputs.is_multiple_of(4)
    }
}

/// Bindings: input `[n, in]`, weight `[in, out]`, bias, output `[n, out]`.
pub fn forward(shape: &Shape, profile: TileProfile) -> Launch {
    let product = Product {
        sizes: [shape.batch, shape.outputs, shape.inputs],
        transposed: [false, false],
        nominal: [NOMINAL_BATCH, shape.outputs],
    };
    let launch = match shape.subgroups(profile) {
        Some(subgroups) => subgroups.launch(shader!("linear_relu_subgroups"), &product),
        None if shape.wide(profile) => {
            wide(shader!("linear_relu"), shape, [shape.batch, shape.outputs])
        }
        None => product.launch(
            [shader!("linear_relu_tiled"), shader!("linear_relu_small")],
            profile,
        ),
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
    let product = Product {
        sizes: [shape.batch, shape.inputs, shape.outputs],
        transposed: [false, true],
        nominal: [NOMINAL_BATCH, shape.inputs],
    };
    let launch = match shape.subgroups(profile) {
        Some(subgroups) => subgroups.launch(IN_SUBGROUPS, &product),
        None if shape.wide(profile) => wide(shader!("linear_relu_grad_input"), shape, sides),
        None => product.launch(GRADIENT, profile),
    };
    launch.bind([
        ("grad_sum", shape.batch * shape.outputs),
        ("weight", shape.inputs * shape.outputs),
        ("grad_input", shape.batch * shape.inputs),
    ])
}

/// Bindings: input, gradient of the sums, gradient of the weight.
pub fn grad_weight(shape: &Shape, profile: TileProfile) -> Launch {
    let sides = [shape.inputs, shape.outputs];
    let product = Product {
        sizes: [shape.inputs, shape.outputs, shape.batch],
        transposed: [true, false],
        nominal: sides,
    };
    let launch = match shape.subgroups(profile) {
        Some(subgroups) => subgroups.launch(IN_SUBGROUPS, &product),
        None if shape.wide(profile) => wide(shader!("linear_relu_grad_weight"), shape, sides),
        None => product.launch(GRADIENT, profile),
    };
    launch.bind([
        ("input", shape.batch * shape.inputs),
        ("grad_sum", shape.batch * shape.outputs),
        ("grad_weight", shape.inputs * shape.outputs),
    ])
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

/// Either gradient in tiles, and without.
const GRADIENT: [Shader; 2] = [
    shader!("linear_relu_grad_tiled"),
    shader!("linear_relu_grad_small"),
];

/// A product of any sizes, by workgroup memory.
struct Product {
    /// Rows, columns, depth.
    sizes: [usize; 3],
    /// Whether the left and the right side are stored transposed.
    transposed: [bool; 2],
    /// Rows and columns for which tiles are chosen.
    nominal: [usize; 2],
}

impl Product {
    /// By the first shader in tiles, by the other where there would be few.
    fn launch(&self, [tiled, small]: [Shader; 2], profile: TileProfile) -> Launch {
        let [rows, columns, _] = self.sizes;
        let [left, right] = self.transposed.map(usize::from);
        let launch = match Square::of(self.nominal, profile) {
            Some(Square { edge, slices }) => {
                let [width, height] = [columns, rows].map(|side| side.div_ceil(4 * edge) as u32);
                let invocations = [edge, edge, slices].map(|side| side as u32);
                Launch::new(tiled, [width, height, 1], invocations)
                    .constants([("EDGE", edge), ("SLICES", slices)])
            }
            None => {
                let nominal = self.nominal.iter().product();
                Launch::each_sum(small, rows * columns, nominal, profile)
            }
        };
        launch
            .constants([("LEFT_TRANSPOSED", left), ("RIGHT_TRANSPOSED", right)])
            .sizes(self.sizes)
    }
}

/// Either gradient in subgroups.
const IN_SUBGROUPS: Shader = shader!("linear_relu_grad_subgroups");

/// Tiles of a product whose invocations tell each other what they load.
struct Subgroups {
    /// Invocations of a subgroup.
    lanes: usize,
    /// Of a tile.
    rows: usize,
    /// Subgroups that share the depth.
    slices: usize,
}

impl Subgroups {
    fn launch(&self, shader: Shader, product: &Product) -> Launch {
        let Self {
            lanes,
            rows,
            slices,
        } = *self;
        let [height, width, _] = product.sizes;
        let [across, right] = product.transposed;
        let workgroups = [width.div_ceil(4 * lanes), height.div_ceil(rows), 1];
        let of_rows = |wanted| if wanted { rows } else { 0 };
        Launch::new(
            shader,
            workgroups.map(|count| count as u32),
            [(lanes * slices) as u32, 1, 1],
        )
        .constants([
            ("LANES", lanes),
            ("ROWS", rows),
            ("PIECES", rows.div_ceil(lanes)),
            ("SLICES", slices),
            ("ROWS_ALONG", of_rows(!across)),
            ("ROWS_ACROSS", of_rows(across)),
            ("RIGHT_TRANSPOSED", usize::from(right)),
        ])
        .sizes(product.sizes)
    }
}

/// Square tiles of a product.
struct Square {
    /// Invocations along an edge, 4x4 numbers each.
    edge: usize,
    /// Parts of the depth that a workgroup adds up side by side.
    slices: usize,
}

impl Square {
    /// The largest that fill a card, if any do.
    fn of([rows, columns]: [usize; 2], profile: TileProfile) -> Option<Self> {
        if profile.is_software() {
            return Some(Self { edge: 8, slices: 1 });
        }
        let invocations = 256;
        let fills = |edge: &usize| {
            let tiles = rows.div_ceil(4 * edge) * columns.div_ceil(4 * edge);
            tiles * invocations >= profile.enough()
        };
        let edge = [16, 8, 4].into_iter().find(fills)?;
        Some(Self {
            edge,
            slices: invocations / (edge * edge),
        })
    }
}
