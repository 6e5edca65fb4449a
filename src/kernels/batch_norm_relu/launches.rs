//! The launches of batch normalisation, residual addition and ReLU.

use crate::kernels::launch::{LARGEST_BINDING, Launch};
use crate::kernels::shader::{Shader, shader};
use crate::kernels::tiles::TileProfile;

/// Activations `[rows, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Pixels of the whole batch.
    pub rows: usize,
    pub channels: usize,
}

impl Shape {
    fn words(&self) -> usize {
        self.rows * self.channels
    }

    fn groups(&self) -> usize {
        self.channels / 4
    }
}

/// Most invocations of a workgroup that every adapter has.
const MOST_INVOCATIONS: usize = 256;
/// Invocations that add up what the chunks gave.
const SUMMING_INVOCATIONS: usize = 64;
/// Words of the binding that stands for a tensor that is not there.
const NOTHING: usize = 4;

/// Whether the shaders take this shape: fours of channels up to 1024, and tensors within WebGPU's
/// 128 MiB. Else use Burn's own operations.
pub fn supports(shape: &Shape) -> bool {
    shape.rows > 0
        && shape.channels > 0
        && shape.channels.is_multiple_of(4)
        && shape.groups() <= MOST_INVOCATIONS
        && shape.words() <= LARGEST_BINDING
}

/// Rows that the invocations of a workgroup take at once: a power of two.
fn rows_at_once(shape: &Shape) -> usize {
    let most = MOST_INVOCATIONS / shape.groups();
    1 << most.ilog2()
}

/// How often each invocation of the sums takes a row: at best so that there are enough workgroups
/// to fill the adapter, and few enough for one workgroup to add up what they gave.
fn steps(shape: &Shape, profile: TileProfile) -> usize {
    let workgroups = match profile.is_software() {
        true => 16,
        false => profile.enough() / 64,
    };
    let once = rows_at_once(shape);
    shape.rows.div_ceil(once * workgroups).max(4)
}

fn chunks(shape: &Shape, profile: TileProfile) -> usize {
    shape
        .rows
        .div_ceil(rows_at_once(shape) * steps(shape, profile))
}

/// Words of the partial sums: two a chunk and channel.
pub fn partial_words(shape: &Shape, profile: TileProfile) -> usize {
    chunks(shape, profile) * 2 * shape.channels
}

/// A launch in which each workgroup sums over a chunk of rows.
fn over_chunks(shader: Shader, shape: &Shape, profile: TileProfile) -> Launch {
    let invocations = rows_at_once(shape) * shape.groups();
    Launch::workgroup_each(shader, chunks(shape, profile), invocations)
        .constants([("GROUPS", shape.groups())])
        .sizes([shape.rows, steps(shape, profile)])
}

/// A launch in which a workgroup sums what the chunks gave for four channels.
fn over_partials(shader: Shader, shape: &Shape, profile: TileProfile) -> Launch {
    Launch::workgroup_each(shader, shape.groups(), SUMMING_INVOCATIONS)
        .constants([("GROUPS", shape.groups())])
        .sizes([shape.rows, rows_at_once(shape) * steps(shape, profile)])
}

/// Means and squared deviations, one of each for a chunk of rows and a channel. Bindings: input `[rows, c]`, partials
/// (of [`partial_words`]).
pub fn statistics(shape: &Shape, profile: TileProfile) -> Launch {
    over_chunks(shader!("batch_norm_relu_statistics"), shape, profile).bind([
        ("input", shape.words()),
        ("partials", partial_words(shape, profile)),
    ])
}

/// Puts the partials of [`statistics`] together. Bindings: partials, mean `[c]`, variance `[c]`.
pub fn merge_statistics(shape: &Shape, profile: TileProfile) -> Launch {
    over_partials(shader!("batch_norm_relu_merge_statistics"), shape, profile)
        .bind([
            ("partials", partial_words(shape, profile)),
            ("mean", shape.channels),
            ("variance", shape.channels),
        ])
        .numbers([0.0])
}

/// What follows the normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct After {
    pub residual: bool,
    pub epsilon: f32,
    pub relu: bool,
}

/// A launch in which an invocation takes four channels of a pixel.
fn over_pixels(shader: Shader, shape: &Shape, after: After) -> Launch {
    Launch::each(shader, shape.words() / 4)
        .constants([
            ("GROUPS", shape.groups()),
            ("RESIDUAL", usize::from(after.residual)),
            ("RELU", usize::from(after.relu)),
        ])
        .sizes([shape.rows])
}

/// Bindings: input `[rows, c]`, scale, shift, mean, variance `[c]`, residual `[rows, c]` (four words if there is none),
/// output `[rows, c]`.
pub fn normalise(shape: &Shape, after: After) -> Launch {
    over_pixels(shader!("batch_norm_relu"), shape, after)
        .bind([
            ("input", shape.words()),
            ("scale", shape.channels),
            ("shift", shape.channels),
            ("mean", shape.channels),
            ("variance", shape.channels),
            ("residual", or_nothing(shape, after.residual)),
            ("output", shape.words()),
        ])
        .numbers([after.epsilon])
}

/// Sums of the gradients behind ReLU and of those times the deviations, for each chunk of rows. Bindings: input, output,
/// gradient of the output `[rows, c]`, mean `[c]`, partials (of [`partial_words`]).
pub fn grad_parameters(shape: &Shape, profile: TileProfile, after: After) -> Launch {
    over_chunks(shader!("batch_norm_relu_grad_parameters"), shape, profile)
        .constants([("RELU", usize::from(after.relu))])
        .bind([
            ("input", shape.words()),
            ("output", shape.words()),
            ("grad_output", shape.words()),
            ("mean", shape.channels),
            ("partials", partial_words(shape, profile)),
        ])
}

/// Adds the partials of [`grad_parameters`]. Bindings: partials, scale, variance `[c]`, gradients of scale and shift
/// `[c]`, and what [`grad_input`] takes `[3, c]`.
pub fn sum_parameters(shape: &Shape, profile: TileProfile, after: After) -> Launch {
    over_partials(shader!("batch_norm_relu_sum_parameters"), shape, profile)
        .bind([
            ("partials", partial_words(shape, profile)),
            ("scale", shape.channels),
            ("variance", shape.channels),
            ("grad_scale", shape.channels),
            ("grad_shift", shape.channels),
            ("factors", 3 * shape.channels),
        ])
        .numbers([after.epsilon])
}

/// Bindings: input, output, gradient of the output `[rows, c]`, mean `[c]`, factors of [`sum_parameters`], gradient of
/// the input, gradient of the residual `[rows, c]` (four words and not written if no residual was added or no ReLU
/// followed).
pub fn grad_input(shape: &Shape, after: After) -> Launch {
    let grad_residual = or_nothing(shape, after.residual && after.relu);
    over_pixels(shader!("batch_norm_relu_grad_input"), shape, after).bind([
        ("input", shape.words()),
        ("output", shape.words()),
        ("grad_output", shape.words()),
        ("mean", shape.channels),
        ("factors", 3 * shape.channels),
        ("grad_input", shape.words()),
        ("grad_residual", grad_residual),
    ])
}

fn or_nothing(shape: &Shape, is_there: bool) -> usize {
    match is_there {
        true => shape.words(),
        false => NOTHING,
    }
}
