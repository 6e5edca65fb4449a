//! The passes of convolution + bias + ReLU: constants, bindings and grid of each.

pub use super::shape::Shape;
use crate::kernels::convolve_pool_relu::passes as pooled;
pub use crate::kernels::convolve_pool_relu::passes::Packing;
use crate::kernels::shader::{Pass, TilePreset, binding, grid};

/// Whether the shaders take this shape: one input channel or fours of them, fours of output
/// channels, kernels of 1 to 7, and buffers within WebGPU's 128 MiB. Else Burn's own operations compute.
pub fn supports(shape: &Shape, preset: TilePreset) -> bool {
    const LARGEST: usize = (128 << 20) / 4;
    let channels = |count: usize| count > 0 && count.is_multiple_of(4);
    (single(shape) || channels(shape.in_channels))
        && channels(shape.out_channels)
        && (1..=7).contains(&shape.kernel)
        && shape.output_size() > 0
        && shape.batch > 0
        && shape.batch * shape.input_size() <= LARGEST
        && shape.batch * shape.output_size() <= LARGEST
        && chunks(shape, preset) * partial_words(shape) <= LARGEST
}

/// Weights from PyTorch's `[out][in][k][k]` to a kernel's order. Bindings: weight, packed.
pub fn pack_weight(shape: &Shape, packing: Packing) -> Pass {
    pooled::pack_weight(&as_pooled(shape), packing)
}

/// Bindings: input `[n, h, w, in]`, packed weight (out innermost), bias, output
/// `[n, h', w', out]`.
pub fn forward(shape: &Shape, relu: bool, preset: TilePreset) -> Pass {
    let (name, template) = match single(shape) {
        true => (
            "convolve_single_channel",
            include_str!("../../../shaders/convolve_single_channel.wgsl"),
        ),
        false => ("convolve", include_str!("../../../shaders/convolve.wgsl")),
    };
    let sides = [shape.height, shape.width];
    let out_sides = [shape.output_height(), shape.output_width()];
    let mut constants = sizes(sides, out_sides, shape.out_channels, shape.kernel);
    constants.extend([
        ("STRIDE", shape.stride as u32),
        ("PADDING", shape.padding as u32),
        ("RELU", u32::from(relu)),
    ]);
    if !single(shape) {
        constants.extend([
            ("IN_CHANNELS", shape.in_channels as u32),
            ("DILATION", 1),
            ("TURNED", 0),
        ]);
    }
    let pass = Pass {
        name,
        template,
        constants,
        bindings: vec![
            binding("input", shape.batch * shape.input_size()),
            binding("weight", shape.weight_size()),
            binding("bias", shape.out_channels),
            binding("output", shape.batch * shape.output_size()),
        ],
        uniform: vec![shape.batch as u32, 0, 0, 0],
        workgroups: [1; 3],
        workgroup_size: [1; 3],
    };
    let pixels = shape.batch * out_sides[0] * out_sides[1];
    tiled(pass, pixels, shape.out_channels / 4, preset)
}

/// Only for channels in fours. Bindings: gradient of the output, packed weight (in innermost), a
/// bias that is not added, gradient of the input.
pub fn grad_input(shape: &Shape, preset: TilePreset) -> Pass {
    let sides = [shape.output_height(), shape.output_width()];
    let out_sides = [shape.height, shape.width];
    let mut constants = sizes(sides, out_sides, shape.in_channels, shape.kernel);
    constants.extend([
        ("IN_CHANNELS", shape.out_channels as u32),
        ("STRIDE", 1),
        ("DILATION", shape.stride as u32),
        ("PADDING", (shape.kernel - 1 - shape.padding) as u32),
        ("TURNED", 1),
        ("RELU", 0),
    ]);
    let pass = Pass {
        name: "convolve",
        template: include_str!("../../../shaders/convolve.wgsl"),
        constants,
        bindings: vec![
            binding("grad_output", shape.batch * shape.output_size()),
            binding("weight", shape.weight_size()),
            binding("bias", shape.in_channels),
            binding("grad_input", shape.batch * shape.input_size()),
        ],
        uniform: vec![shape.batch as u32, 0, 0, 0],
        workgroups: [1; 3],
        workgroup_size: [1; 3],
    };
    let pixels = shape.batch * shape.height * shape.width;
    tiled(pass, pixels, shape.in_channels / 4, preset)
}

/// What passes ReLU. Bindings: gradient of the output, output, masked gradient.
pub fn mask_grad(shape: &Shape) -> Pass {
    let words = shape.batch * shape.output_size();
    Pass {
        name: "convolve_mask_grad",
        template: include_str!("../../../shaders/convolve_mask_grad.wgsl"),
        constants: vec![],
        bindings: vec![
            binding("grad_output", words),
            binding("output", words),
            binding("masked", words),
        ],
        uniform: vec![(words / 4) as u32, 0, 0, 0],
        workgroups: grid(words / 4, 64),
        workgroup_size: [64, 1, 1],
    }
}

/// Weight and bias gradients, a partial sum for each chunk of pictures. Bindings: input,
/// (masked) gradient of the output, partials (their size is the last binding's).
pub fn grad_weight(shape: &Shape, preset: TilePreset) -> Pass {
    let (name, template) = match single(shape) {
        true => (
            "convolve_grad_weight_single_channel",
            include_str!("../../../shaders/convolve_grad_weight_single_channel.wgsl"),
        ),
        false => (
            "convolve_grad_weight",
            include_str!("../../../shaders/convolve_grad_weight.wgsl"),
        ),
    };
    let sides = [shape.height, shape.width];
    let out_sides = [shape.output_height(), shape.output_width()];
    let groups = groups(shape.out_channels / 4, preset);
    let invocations = invocations(preset);
    let mut constants = sizes(sides, out_sides, shape.out_channels, shape.kernel);
    constants.extend([
        ("STRIDE", shape.stride as u32),
        ("PADDING", shape.padding as u32),
        ("GROUPS", groups as u32),
        ("CHUNK", chunk(preset) as u32),
        ("INVOCATIONS", invocations),
    ]);
    if !single(shape) {
        constants.push(("IN_CHANNELS", shape.in_channels as u32));
    }
    let tiles = chunks(shape, preset) * rows(shape) * (shape.out_channels / 4).div_ceil(groups);
    Pass {
        name,
        template,
        constants,
        bindings: vec![
            binding("input", shape.batch * shape.input_size()),
            binding("grad_output", shape.batch * shape.output_size()),
            binding("partials", chunks(shape, preset) * partial_words(shape)),
        ],
        uniform: vec![shape.batch as u32, 0, 0, 0],
        workgroups: grid(tiles, invocations),
        workgroup_size: [invocations, 1, 1],
    }
}

/// Adds the partial sums of [`grad_weight`]. Bindings: partials, gradient of the weight
/// `[out][in][k][k]`, gradient of the bias.
pub fn sum_weight(shape: &Shape, preset: TilePreset) -> Pass {
    pooled::sum_partials(&as_pooled(shape), chunks(shape, preset))
}

pub(super) fn single(shape: &Shape) -> bool {
    shape.in_channels == 1
}

/// One invocation takes four pixels and some groups of four channels.
fn tiled(mut pass: Pass, pixels: usize, channel_groups: usize, preset: TilePreset) -> Pass {
    let (groups, invocations) = (groups(channel_groups, preset), invocations(preset));
    pass.constants
        .extend([("GROUPS", groups as u32), ("INVOCATIONS", invocations)]);
    let tiles = pixels.div_ceil(4) * channel_groups.div_ceil(groups);
    pass.workgroups = grid(tiles, invocations);
    pass.workgroup_size = [invocations, 1, 1];
    pass
}

fn groups(channel_groups: usize, preset: TilePreset) -> usize {
    match preset {
        TilePreset::Hardware => channel_groups.min(2),
        // As many as share a load of pixels without idle ones beside them.
        TilePreset::Software => [4, 2, 1]
            .into_iter()
            .find(|groups| channel_groups.is_multiple_of(*groups))
            .unwrap_or(1),
    }
}

fn invocations(preset: TilePreset) -> u32 {
    match preset {
        TilePreset::Hardware => 64,
        TilePreset::Software => 8,
    }
}

/// Pictures of a partial sum.
fn chunk(preset: TilePreset) -> usize {
    match preset {
        TilePreset::Hardware => 4,
        TilePreset::Software => 8,
    }
}

fn chunks(shape: &Shape, preset: TilePreset) -> usize {
    shape.batch.div_ceil(chunk(preset))
}

/// Rows of four weights for one output channel.
fn rows(shape: &Shape) -> usize {
    (shape.kernel * shape.kernel * shape.in_channels).div_ceil(4)
}

fn partial_words(shape: &Shape) -> usize {
    (4 * rows(shape) + 1) * shape.out_channels
}

fn sizes(
    [height, width]: [usize; 2],
    [out_height, out_width]: [usize; 2],
    out_channels: usize,
    kernel: usize,
) -> Vec<(&'static str, u32)> {
    vec![
        ("IN_HEIGHT", height as u32),
        ("IN_WIDTH", width as u32),
        ("OUT_HEIGHT", out_height as u32),
        ("OUT_WIDTH", out_width as u32),
        ("OUT_CHANNELS", out_channels as u32),
        ("KERNEL", kernel as u32),
    ]
}

/// The weight's sizes for the passes that only know those.
fn as_pooled(shape: &Shape) -> pooled::Shape {
    pooled::Shape {
        batch: shape.batch,
        height: shape.height,
        width: shape.width,
        in_channels: shape.in_channels,
        out_channels: shape.out_channels,
        kernel: shape.kernel,
    }
}
