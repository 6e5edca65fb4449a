//! The passes of convolution + bias + max-pool (+ ReLU): constants, bindings and grid of each.

pub use super::shape::Shape;
use super::tiles::{STAGED_INVOCATIONS, product_tile, staged_groups, weight_tile};
use crate::kernels::shader::{Pass, TilePreset, binding, grid};

/// Which channels lie innermost in packed weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packing {
    /// `[tap][in][out]`, for the forward pass.
    OutInnermost,
    /// `[tap][out][in]`, for the input gradient.
    InInnermost,
}

impl Shape {
    fn windows(&self) -> usize {
        self.batch * self.pooled_height() * self.pooled_width()
    }

    fn input_words(&self) -> usize {
        self.batch * self.height * self.width * self.in_channels
    }

    pub(super) fn single(&self) -> bool {
        self.in_channels == 1
    }
}

/// Whether the shaders take this shape: one input channel or fours of them, fours of output
/// channels, kernels of 1 to 7, and buffers within WebGPU's 128 MiB. Else Burn's own operations compute.
pub fn supports(shape: &Shape, preset: TilePreset) -> bool {
    const LARGEST: usize = (128 << 20) / 4;
    let channels = |count: usize| count > 0 && count.is_multiple_of(4);
    (shape.single() || channels(shape.in_channels))
        && channels(shape.out_channels)
        && (1..=7).contains(&shape.kernel)
        && shape.pooled_height() > 0
        && shape.pooled_width() > 0
        && shape.input_words() <= LARGEST
        && shape.windows() * shape.out_channels <= LARGEST
        && chunks(shape, preset) * partial_words(shape) <= LARGEST
}

/// Weights from PyTorch's `[out][in][k][k]` to a kernel's order. Bindings: weight, packed.
pub fn pack_weight(shape: &Shape, packing: Packing) -> Pass {
    let words = shape.weight_size();
    Pass {
        name: "pack_convolution_weight",
        template: include_str!("../../../shaders/pack_convolution_weight.wgsl"),
        constants: vec![
            ("IN_CHANNELS", shape.in_channels as u32),
            ("OUT_CHANNELS", shape.out_channels as u32),
            ("KERNEL", shape.kernel as u32),
            ("IN_INNERMOST", u32::from(packing == Packing::InInnermost)),
        ],
        bindings: vec![binding("weight", words), binding("packed", words)],
        uniform: vec![],
        workgroups: grid(words, 64),
        workgroup_size: [64, 1, 1],
    }
}

/// Bindings: input `[n, h, w, in]`, packed weight (out innermost), bias, output
/// `[n, h', w', out]`, winners `[n, h', w', out / 4]`: a byte a channel, 0..3 the position
/// `dy * 2 + dx` of the first maximum, 4 where ReLU cut (only with `relu`).
pub fn forward(shape: &Shape, preset: TilePreset, relu: bool) -> Pass {
    let (name, template) = if shape.single() {
        (
            "convolve_pool_relu_single_channel",
            include_str!("../../../shaders/convolve_pool_relu_single_channel.wgsl"),
        )
    } else {
        (
            "convolve_pool_relu",
            include_str!("../../../shaders/convolve_pool_relu.wgsl"),
        )
    };
    let channel_groups = shape.out_channels / 4;
    let tile = product_tile(channel_groups, preset);
    let mut constants = shape_constants(shape);
    constants.extend([
        ("WINDOWS", tile.blocks),
        ("GROUPS", tile.groups),
        ("INVOCATIONS", tile.invocations),
        ("RELU", u32::from(relu)),
    ]);
    let output = shape.windows() * shape.out_channels;
    let tiles = shape.windows().div_ceil(tile.blocks as usize)
        * channel_groups.div_ceil(tile.groups as usize);
    let pass = Pass {
        name,
        template,
        constants,
        bindings: vec![
            binding("input", shape.input_words()),
            binding("weight", shape.weight_size()),
            binding("bias", shape.out_channels),
            binding("output", output),
            binding("winners", output / 4),
        ],
        uniform: vec![shape.batch as u32, 0, 0, 0],
        workgroups: grid(tiles, tile.invocations),
        workgroup_size: [tile.invocations, 1, 1],
    };
    let items = shape.pooled_height() * shape.pooled_width() * channel_groups;
    // A picture of one channel is staged whole: a quarter of a vec4 a pixel.
    let (pixels, groups) = match shape.single() {
        true => ((shape.height * shape.width).div_ceil(4), 1),
        false => (shape.height * shape.width, shape.in_channels / 4),
    };
    match (preset, staged_groups(pixels, groups)) {
        (TilePreset::Hardware, Some(staged)) => {
            let (name, template) = match shape.single() {
                true => (
                    "convolve_pool_relu_single_channel_tiled",
                    include_str!("../../../shaders/convolve_pool_relu_single_channel_tiled.wgsl"),
                ),
                false => (
                    "convolve_pool_relu_tiled",
                    include_str!("../../../shaders/convolve_pool_relu_tiled.wgsl"),
                ),
            };
            let staged = (!shape.single()).then_some(staged);
            let mut staged_pass =
                a_picture_a_workgroup(pass, (name, template), shape, staged, items);
            staged_pass.constants.push(("RELU", u32::from(relu)));
            staged_pass
        }
        _ => pass,
    }
}

/// The same pass with a shader that stages a picture in workgroup memory.
fn a_picture_a_workgroup(
    pass: Pass,
    (name, template): (&'static str, &'static str),
    shape: &Shape,
    staged: Option<u32>,
    items: usize,
) -> Pass {
    let mut constants = shape_constants(shape);
    constants.push(("INVOCATIONS", STAGED_INVOCATIONS));
    constants.extend(staged.map(|groups| ("STAGED", groups)));
    let parts = items.div_ceil(STAGED_INVOCATIONS as usize);
    Pass {
        name,
        template,
        constants,
        workgroups: grid(shape.batch * parts, 1),
        workgroup_size: [STAGED_INVOCATIONS, 1, 1],
        ..pass
    }
}

/// Bindings: gradient of the output, winners, packed weight (in innermost), gradient of the
/// input.
pub fn grad_input(shape: &Shape, preset: TilePreset) -> Pass {
    let output = shape.windows() * shape.out_channels;
    let mut pass = Pass {
        name: "convolve_pool_relu_grad_input",
        template: include_str!("../../../shaders/convolve_pool_relu_grad_input.wgsl"),
        constants: shape_constants(shape),
        bindings: vec![
            binding("grad_output", output),
            binding("winners", output / 4),
            binding("weight", shape.weight_size()),
            binding("grad_input", shape.input_words()),
        ],
        uniform: vec![shape.batch as u32, 0, 0, 0],
        workgroups: grid(shape.input_words(), 64),
        workgroup_size: [64, 1, 1],
    };
    if shape.single() {
        pass.name = "convolve_pool_relu_grad_input_single_channel";
        pass.template =
            include_str!("../../../shaders/convolve_pool_relu_grad_input_single_channel.wgsl");
        return pass;
    }
    let channel_groups = shape.in_channels / 4;
    let tile = product_tile(channel_groups, preset);
    pass.constants.extend([
        ("BLOCKS", tile.blocks),
        ("GROUPS", tile.groups),
        ("INVOCATIONS", tile.invocations),
    ]);
    let blocks = shape.batch * shape.height.div_ceil(2) * shape.width.div_ceil(2);
    let tiles =
        blocks.div_ceil(tile.blocks as usize) * channel_groups.div_ceil(tile.groups as usize);
    pass.workgroups = grid(tiles, tile.invocations);
    pass.workgroup_size = [tile.invocations, 1, 1];
    let side = |pixels: usize| pixels.next_multiple_of(2) + shape.kernel - 1;
    let staged = staged_groups(
        side(shape.height) * side(shape.width),
        shape.out_channels / 4,
    );
    match (preset, staged) {
        (TilePreset::Hardware, Some(staged)) => {
            let shader = (
                "convolve_pool_relu_grad_input_tiled",
                include_str!("../../../shaders/convolve_pool_relu_grad_input_tiled.wgsl"),
            );
            let items = shape.height.div_ceil(2) * shape.width.div_ceil(2) * channel_groups;
            a_picture_a_workgroup(pass, shader, shape, Some(staged), items)
        }
        _ => pass,
    }
}

/// Weight and bias gradients, a partial sum for each chunk of pictures. Bindings: input,
/// gradient of the output, winners, partials (their size is the last binding's).
pub fn grad_weight(shape: &Shape, preset: TilePreset) -> Pass {
    let (name, template) = if shape.single() {
        (
            "convolve_pool_relu_grad_weight_single_channel",
            include_str!("../../../shaders/convolve_pool_relu_grad_weight_single_channel.wgsl"),
        )
    } else {
        (
            "convolve_pool_relu_grad_weight",
            include_str!("../../../shaders/convolve_pool_relu_grad_weight.wgsl"),
        )
    };
    let tile = weight_tile(shape, weight_rows(shape), preset);
    let mut constants = shape_constants(shape);
    constants.extend([
        ("ROWS", tile.rows),
        ("GROUPS", tile.groups),
        ("CHUNK", tile.chunk),
        ("INVOCATIONS", tile.invocations),
    ]);
    let output = shape.windows() * shape.out_channels;
    let tiles = chunks(shape, preset)
        * weight_rows(shape).div_ceil(tile.rows as usize)
        * (shape.out_channels / 4).div_ceil(tile.groups as usize);
    Pass {
        name,
        template,
        constants,
        bindings: vec![
            binding("input", shape.input_words()),
            binding("grad_output", output),
            binding("winners", output / 4),
            binding("partials", chunks(shape, preset) * partial_words(shape)),
        ],
        uniform: vec![shape.batch as u32, 0, 0, 0],
        workgroups: grid(tiles, tile.invocations),
        workgroup_size: [tile.invocations, 1, 1],
    }
}

/// Adds the partial sums of [`grad_weight`]. Bindings: partials, gradient of the weight
/// `[out][in][k][k]`, gradient of the bias.
pub fn sum_weight(shape: &Shape, preset: TilePreset) -> Pass {
    sum_partials(shape, chunks(shape, preset))
}

/// As [`sum_weight`], for any number of chunks.
pub(crate) fn sum_partials(shape: &Shape, chunks: usize) -> Pass {
    let weights = shape.weight_size();
    Pass {
        name: "convolve_pool_relu_sum_weight",
        template: include_str!("../../../shaders/convolve_pool_relu_sum_weight.wgsl"),
        constants: vec![
            ("IN_CHANNELS", shape.in_channels as u32),
            ("OUT_CHANNELS", shape.out_channels as u32),
            ("KERNEL", shape.kernel as u32),
        ],
        bindings: vec![
            binding("partials", chunks * partial_words(shape)),
            binding("grad_weight", weights),
            binding("grad_bias", shape.out_channels),
        ],
        uniform: vec![chunks as u32, 0, 0, 0],
        workgroups: grid(weights + shape.out_channels, 64),
        workgroup_size: [64, 1, 1],
    }
}

fn shape_constants(shape: &Shape) -> Vec<(&'static str, u32)> {
    let mut constants = vec![
        ("HEIGHT", shape.height as u32),
        ("WIDTH", shape.width as u32),
        ("OUT_CHANNELS", shape.out_channels as u32),
        ("KERNEL", shape.kernel as u32),
    ];
    if !shape.single() {
        constants.push(("IN_CHANNELS", shape.in_channels as u32));
    }
    constants
}

/// Rows of four weights for one output channel.
fn weight_rows(shape: &Shape) -> usize {
    (shape.kernel * shape.kernel * shape.in_channels).div_ceil(4)
}

fn chunks(shape: &Shape, preset: TilePreset) -> usize {
    shape
        .batch
        .div_ceil(weight_tile(shape, weight_rows(shape), preset).chunk as usize)
}

fn partial_words(shape: &Shape) -> usize {
    (4 * weight_rows(shape) + 1) * shape.out_channels
}
