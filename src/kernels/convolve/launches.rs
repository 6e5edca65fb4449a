//! The launches of convolution + bias + ReLU: constants, bindings and grid of each.

pub use super::shape::Shape;
use crate::kernels::convolution_weight::{WeightShape, chunk_on_a_card};
use crate::kernels::launch::{LARGEST_BINDING, Launch};
use crate::kernels::shader::{Shader, shader};
use crate::kernels::tiles::TileProfile;

/// Whether the shaders take this shape: a weight as [`WeightShape::supported`] says, and buffers within WebGPU's
/// 128 MiB. Else use Burn's own operations.
pub fn supports(shape: &Shape, profile: TileProfile) -> bool {
    weight_shape(shape).supported(chunks(shape, profile))
        && (1..=LARGEST_BINDING).contains(&(shape.batch * shape.output_size()))
        && shape.batch * shape.input_size() <= LARGEST_BINDING
}

/// Bindings: input `[n, h, w, in]`, packed weight (out innermost), bias, output `[n, h', w', out]`.
pub fn forward(shape: &Shape, relu: bool, profile: TileProfile) -> Launch {
    let shader = match single(shape) {
        true => shader!("convolve_single_channel"),
        false => shader!("convolve"),
    };
    let pixels = shape.output_height() * shape.output_width();
    tiled(
        shader,
        shape.batch * pixels,
        shape.out_channels / 4,
        profile,
    )
    .constants(sizes(shape))
    .constants([("RELU", usize::from(relu))])
    .bind([
        ("input", shape.batch * shape.input_size()),
        ("weight", shape.weight_size()),
        ("bias", shape.out_channels),
        ("output", shape.batch * shape.output_size()),
    ])
    .sizes([shape.batch])
}

/// Only for channels in fours. Bindings: gradient of the output, packed weight (in innermost), a bias that is not
/// added, gradient of the input.
pub fn grad_input(shape: &Shape, profile: TileProfile) -> Launch {
    let pixels = shape.batch * shape.height * shape.width;
    tiled(shader!("convolve"), pixels, shape.in_channels / 4, profile)
        .constants([
            ("IN_HEIGHT", shape.output_height()),
            ("IN_WIDTH", shape.output_width()),
            ("IN_CHANNELS", shape.out_channels),
            ("OUT_HEIGHT", shape.height),
            ("OUT_WIDTH", shape.width),
            ("OUT_CHANNELS", shape.in_channels),
            ("KERNEL", shape.kernel),
            ("STRIDE", 1),
            ("DILATION", shape.stride),
            ("PADDING", shape.kernel - 1 - shape.padding),
            ("TURNED", 1),
            ("RELU", 0),
        ])
        .bind([
            ("grad_output", shape.batch * shape.output_size()),
            ("weight", shape.weight_size()),
            ("bias", shape.in_channels),
            ("grad_input", shape.batch * shape.input_size()),
        ])
        .sizes([shape.batch])
}

/// What passes ReLU. Bindings: gradient of the output, output, masked gradient.
pub fn mask_grad(shape: &Shape) -> Launch {
    let words = shape.batch * shape.output_size();
    Launch::each(shader!("convolve_mask_grad"), words / 4)
        .bind(["grad_output", "output", "masked"].map(|name| (name, words)))
        .sizes([words / 4])
}

/// Weight and bias gradients, a partial sum for each of the [`chunks`]. Bindings: input, (masked) gradient of the
/// output, partials.
pub fn grad_weight(shape: &Shape, profile: TileProfile) -> Launch {
    let shader = match single(shape) {
        true => shader!("convolve_grad_weight_single_channel"),
        false => shader!("convolve_grad_weight"),
    };
    let channel_groups = shape.out_channels / 4;
    let groups = groups(channel_groups, profile);
    let (weight, chunks) = (weight_shape(shape), chunks(shape, profile));
    let tiles = chunks * weight.rows() * channel_groups.div_ceil(groups);
    Launch::each_in(shader, tiles, invocations(profile))
        .constants(sizes(shape))
        .constants([("ROWS", 1), ("GROUPS", groups)])
        .bind([
            ("input", shape.batch * shape.input_size()),
            ("grad_output", shape.batch * shape.output_size()),
            ("partials", chunks * weight.partial_words()),
        ])
        .sizes([shape.batch, chunk(shape, profile)])
}

/// How many partial sums [`grad_weight`] writes.
pub fn chunks(shape: &Shape, profile: TileProfile) -> usize {
    (shape.batch * steps(shape)).div_ceil(chunk(shape, profile))
}

pub(super) fn single(shape: &Shape) -> bool {
    shape.in_channels == 1
}

pub(super) fn weight_shape(shape: &Shape) -> WeightShape {
    WeightShape {
        in_channels: shape.in_channels,
        out_channels: shape.out_channels,
        kernel: shape.kernel,
    }
}

/// One invocation takes four pixels and some groups of four channels.
fn tiled(shader: Shader, pixels: usize, channel_groups: usize, profile: TileProfile) -> Launch {
    let groups = groups(channel_groups, profile);
    let tiles = pixels.div_ceil(4) * channel_groups.div_ceil(groups);
    Launch::each_in(shader, tiles, invocations(profile))
        .constants([("BLOCKS", 1), ("GROUPS", groups)])
}

fn groups(channel_groups: usize, profile: TileProfile) -> usize {
    match profile.is_software() {
        false => channel_groups.min(2),
        // As many as share a load of pixels without idle ones beside them.
        true => [4, 2, 1]
            .into_iter()
            .find(|groups| channel_groups.is_multiple_of(*groups))
            .unwrap_or(1),
    }
}

fn invocations(profile: TileProfile) -> usize {
    if profile.is_software() { 8 } else { 64 }
}

/// Blocks of four output pixels of a row, of an image.
fn steps(shape: &Shape) -> usize {
    shape.output_height() * shape.output_width().div_ceil(4)
}

/// Blocks of a partial sum.
fn chunk(shape: &Shape, profile: TileProfile) -> usize {
    match profile.is_software() {
        false => {
            let channel_groups = shape.out_channels / 4;
            let parts = channel_groups.div_ceil(groups(channel_groups, profile).max(1));
            let tiles = weight_shape(shape).rows() * parts;
            chunk_on_a_card(tiles, shape.batch * steps(shape), profile)
        }
        true => 8 * steps(shape).max(1),
    }
}

fn sizes(shape: &Shape) -> impl Iterator<Item = (&'static str, usize)> {
    let sides = [
        ("IN_HEIGHT", shape.height),
        ("IN_WIDTH", shape.width),
        ("OUT_HEIGHT", shape.output_height()),
        ("OUT_WIDTH", shape.output_width()),
        ("STRIDE", shape.stride),
        ("PADDING", shape.padding),
    ];
    weight_shape(shape).constants().into_iter().chain(sides)
}
