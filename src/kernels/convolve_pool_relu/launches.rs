//! The launches of convolution + bias + max-pool (+ ReLU): constants, bindings and grid of each.

pub use super::shape::Shape;
use super::tiles::{
    STAGED_INVOCATIONS, UNROLLED_INVOCATIONS, grad_input_unrolls, product_tile, staged_groups,
    unrolled_groups, weight_tile,
};
use crate::kernels::convolution_weight::WeightShape;
use crate::kernels::launch::{LARGEST_BINDING, Launch};
use crate::kernels::shader::{Shader, shader};
use crate::kernels::tiles::TileProfile;

impl Shape {
    fn windows(&self) -> usize {
        self.batch * self.pooled_height() * self.pooled_width()
    }

    fn input_words(&self) -> usize {
        self.batch * self.height * self.width * self.in_channels
    }

    fn output_words(&self) -> usize {
        self.windows() * self.out_channels
    }

    pub(super) fn single(&self) -> bool {
        self.in_channels == 1
    }

    pub(super) fn weight(&self) -> WeightShape {
        WeightShape {
            in_channels: self.in_channels,
            out_channels: self.out_channels,
            kernel: self.kernel,
        }
    }

    fn constants(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let sides = [("HEIGHT", self.height), ("WIDTH", self.width)];
        sides.into_iter().chain(self.weight().constants())
    }
}

/// Whether the shaders take this shape: a weight as [`WeightShape::supported`] says, and buffers within WebGPU's
/// 128 MiB. Else use Burn's own operations.
pub fn supports(shape: &Shape, profile: TileProfile) -> bool {
    shape.weight().supported(chunks(shape, profile))
        && shape.pooled_height() > 0
        && shape.pooled_width() > 0
        && shape.input_words() <= LARGEST_BINDING
        && shape.output_words() <= LARGEST_BINDING
}

/// Bindings: input `[n, h, w, in]`, packed weight (out innermost), bias, output `[n, h', w', out]`, argmax
/// `[n, h', w', out / 4]`: a byte a channel, 0..3 the position `dy * 2 + dx` of the first maximum, 4 where ReLU cut (only
/// with `relu`).
pub fn forward(shape: &Shape, profile: TileProfile, relu: bool) -> Launch {
    // An image of one channel is staged whole: a quarter of a vec4 a pixel.
    let pixels = shape.height * shape.width;
    let staged = match shape.single() {
        true => staged_groups(pixels.div_ceil(4), 1),
        false => staged_groups(pixels, shape.in_channels / 4),
    };
    let blocks = shape.pooled_height() * shape.pooled_width();
    let work = Blocks {
        batch: shape.batch,
        blocks,
        groups: shape.out_channels / 4,
    };
    let unrolled = unrolled_groups(shape).filter(|_| profile.unrolls());
    let launch = match (profile.is_software(), staged, unrolled) {
        (false, Some(staged), _) => work.staged(
            match shape.single() {
                true => shader!("convolve_pool_relu_single_channel_tiled"),
                false => shader!("convolve_pool_relu_tiled"),
            },
            staged,
        ),
        (true, _, Some(groups)) => unrolled_forward(shape, &work, groups),
        _ => work.in_registers(
            match shape.single() {
                true => shader!("convolve_pool_relu_single_channel"),
                false => shader!("convolve_pool_relu"),
            },
            profile,
        ),
    };
    launch
        .constants(shape.constants())
        .constants([("RELU", usize::from(relu))])
        .bind([
            ("input", shape.input_words()),
            ("weight", shape.weight().size()),
            ("bias", shape.out_channels),
            ("output", shape.output_words()),
            ("argmax", shape.output_words() / 4),
        ])
        .sizes([shape.batch])
}

/// Without a loop, `groups` of four output channels an invocation.
fn unrolled_forward(shape: &Shape, work: &Blocks, groups: usize) -> Launch {
    let taps = shape.kernel * shape.kernel;
    let seen = (shape.kernel + 1) * (shape.kernel + 1);
    match shape.single() {
        true => Launch::each_in(
            shader!("convolve_pool_relu_single_channel_unrolled"),
            work.batch * work.blocks,
            UNROLLED_INVOCATIONS,
        )
        .constants([("OUT_GROUPS", groups), ("TAPS", taps), ("SEEN", seen)]),
        false => {
            let fours = shape.in_channels / 4;
            work.unrolled(
                shader!("convolve_pool_relu_unrolled"),
                work.groups.div_ceil(groups),
            )
            .constants([("GROUPS", groups)])
            .constants([("STEPS", taps * fours), ("SEEN", seen * fours)])
        }
    }
}

/// Bindings: gradient of the output, argmax, packed weight (in innermost), gradient of the input.
pub fn grad_input(shape: &Shape, profile: TileProfile) -> Launch {
    let side = |pixels: usize| pixels.next_multiple_of(2) + shape.kernel - 1;
    let pixels = side(shape.height) * side(shape.width);
    let work = Blocks {
        batch: shape.batch,
        blocks: shape.height.div_ceil(2) * shape.width.div_ceil(2),
        groups: shape.in_channels / 4,
    };
    let staged = staged_groups(pixels, shape.out_channels / 4);
    let launch = match staged.filter(|_| !profile.is_software()) {
        _ if shape.single() => Launch::each(
            shader!("convolve_pool_relu_grad_input_single_channel"),
            shape.input_words(),
        ),
        Some(staged) => work.staged(shader!("convolve_pool_relu_grad_input_tiled"), staged),
        None if profile.unrolls() && grad_input_unrolls(shape) => {
            let (fours, reach) = (shape.out_channels / 4, shape.kernel / 2 + 1);
            let shader = shader!("convolve_pool_relu_grad_input_unrolled");
            work.unrolled(shader, work.groups).constants([
                ("REACHING", reach * reach * fours),
                ("STEPS", shape.kernel * shape.kernel * fours),
            ])
        }
        None => work.in_registers(shader!("convolve_pool_relu_grad_input"), profile),
    };
    launch
        .constants(shape.constants())
        .bind([
            ("grad_output", shape.output_words()),
            ("argmax", shape.output_words() / 4),
            ("weight", shape.weight().size()),
            ("grad_input", shape.input_words()),
        ])
        .sizes([shape.batch])
}

/// Weight and bias gradients, a partial sum for each of the [`chunks`]. Bindings: input, gradient of the output, argmax,
/// partials.
pub fn grad_weight(shape: &Shape, profile: TileProfile) -> Launch {
    let tile = weight_tile(shape, profile);
    let chunks = chunks(shape, profile);
    let tiles = chunks * (shape.out_channels / 4).div_ceil(tile.groups);
    let launch = match tile.unrolled {
        false => {
            let shader = match shape.single() {
                true => shader!("convolve_pool_relu_grad_weight_single_channel"),
                false => shader!("convolve_pool_relu_grad_weight"),
            };
            let tiles = tiles * shape.weight().rows().div_ceil(tile.rows);
            Launch::each_in(shader, tiles, tile.invocations).constants([("ROWS", tile.rows)])
        }
        true => {
            let shader = match shape.single() {
                true => shader!("convolve_pool_relu_grad_weight_single_channel_unrolled"),
                false => shader!("convolve_pool_relu_grad_weight_unrolled"),
            };
            let tiles = tiles * shape.in_channels.div_ceil(4);
            let seen = (shape.kernel + 1) * (shape.kernel + 1);
            Launch::each_in(shader, tiles, tile.invocations)
                .constants([("TAPS", tile.rows), ("SEEN", seen)])
        }
    };
    launch
        .constants(shape.constants())
        .constants([("GROUPS", tile.groups)])
        .bind([
            ("input", shape.input_words()),
            ("grad_output", shape.output_words()),
            ("argmax", shape.output_words() / 4),
            ("partials", chunks * shape.weight().partial_words()),
        ])
        .sizes([shape.batch, tile.chunk])
}

/// How many partial sums [`grad_weight`] writes.
pub fn chunks(shape: &Shape, profile: TileProfile) -> usize {
    let windows = shape.batch * shape.pooled_height() * shape.pooled_width();
    windows.div_ceil(weight_tile(shape, profile).chunk)
}

/// What there is to compute: 2x2 blocks of each image of a batch, by groups of four channels.
struct Blocks {
    batch: usize,
    blocks: usize,
    groups: usize,
}

impl Blocks {
    /// Some blocks and groups an invocation, in registers.
    fn in_registers(&self, shader: Shader, profile: TileProfile) -> Launch {
        let tile = product_tile(self.groups, profile);
        let blocks = self.batch * self.blocks;
        let tiles = blocks.div_ceil(tile.blocks) * self.groups.div_ceil(tile.groups);
        Launch::each_in(shader, tiles, tile.invocations)
            .constants([("BLOCKS", tile.blocks), ("GROUPS", tile.groups)])
    }

    /// A block an invocation, and `parts` workgroups that share the groups of as many blocks as a workgroup has invocations.
    fn unrolled(&self, shader: Shader, parts: usize) -> Launch {
        let blocks = (self.batch * self.blocks).div_ceil(UNROLLED_INVOCATIONS);
        Launch::workgroup_each(shader, blocks * parts, UNROLLED_INVOCATIONS)
    }

    /// An image a workgroup, `staged` groups of its channels at a time in workgroup memory.
    fn staged(&self, shader: Shader, staged: usize) -> Launch {
        let parts = (self.blocks * self.groups).div_ceil(STAGED_INVOCATIONS);
        Launch::workgroup_each(shader, self.batch * parts, STAGED_INVOCATIONS)
            .constants([("STAGED", staged)])
    }
}
