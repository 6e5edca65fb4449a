//! The passes of batch normalisation, residual addition and ReLU: constants, bindings and grid of
//! each.

use crate::kernels::shader::{Pass, TilePreset, binding, grid};

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
const SUMMING_INVOCATIONS: u32 = 64;
/// Words of the binding that stands for a tensor that is not there.
const NOTHING: usize = 4;

/// Whether the shaders take this shape: fours of channels up to 1024, and tensors within WebGPU's
/// 128 MiB. Else Burn's own operations compute.
pub fn supports(shape: &Shape) -> bool {
    const LARGEST: usize = (128 << 20) / 4;
    shape.rows > 0
        && shape.channels > 0
        && shape.channels.is_multiple_of(4)
        && shape.groups() <= MOST_INVOCATIONS
        && shape.words() <= LARGEST
}

/// Rows that the invocations of a workgroup take at once: a power of two.
fn rows_at_once(shape: &Shape) -> usize {
    let most = MOST_INVOCATIONS / shape.groups();
    1 << most.ilog2()
}

/// How often each invocation of the sums takes a row: at best so that there are enough workgroups
/// to fill the adapter, and few enough for one workgroup to add up what they gave.
fn steps(shape: &Shape, preset: TilePreset) -> usize {
    let workgroups = match preset {
        TilePreset::Hardware => 512,
        TilePreset::Software => 16,
    };
    let once = rows_at_once(shape);
    shape.rows.div_ceil(once * workgroups).max(4)
}

fn chunks(shape: &Shape, preset: TilePreset) -> usize {
    shape
        .rows
        .div_ceil(rows_at_once(shape) * steps(shape, preset))
}

/// Words of the partial sums: two a chunk and channel.
pub fn partial_words(shape: &Shape, preset: TilePreset) -> usize {
    chunks(shape, preset) * 2 * shape.channels
}

/// A pass in which each workgroup sums over a chunk of rows.
fn over_chunks(shape: &Shape, preset: TilePreset) -> Pass {
    let invocations = (rows_at_once(shape) * shape.groups()) as u32;
    Pass {
        name: "",
        template: "",
        constants: vec![
            ("GROUPS", shape.groups() as u32),
            ("INVOCATIONS", invocations),
        ],
        bindings: vec![],
        uniform: vec![shape.rows as u32, steps(shape, preset) as u32, 0, 0],
        workgroups: grid(chunks(shape, preset), 1),
        workgroup_size: [invocations, 1, 1],
    }
}

/// A pass in which a workgroup sums what the chunks gave for four channels.
fn over_partials(shape: &Shape, preset: TilePreset) -> Pass {
    Pass {
        name: "",
        template: "",
        constants: vec![("GROUPS", shape.groups() as u32)],
        bindings: vec![],
        uniform: vec![
            shape.rows as u32,
            (rows_at_once(shape) * steps(shape, preset)) as u32,
            0,
            0,
        ],
        workgroups: [shape.groups() as u32, 1, 1],
        workgroup_size: [SUMMING_INVOCATIONS, 1, 1],
    }
}

/// Means and squared deviations, one of each for a chunk of rows and a channel. Bindings: input
/// `[rows, c]`, partials (of [`partial_words`]).
pub fn statistics(shape: &Shape, preset: TilePreset) -> Pass {
    Pass {
        name: "batch_norm_relu_statistics",
        template: include_str!("../../../shaders/batch_norm_relu_statistics.wgsl"),
        bindings: vec![
            binding("input", shape.words()),
            binding("partials", partial_words(shape, preset)),
        ],
        ..over_chunks(shape, preset)
    }
}

/// Puts the partials of [`statistics`] together. Bindings: partials, mean `[c]`, variance `[c]`.
pub fn merge_statistics(shape: &Shape, preset: TilePreset) -> Pass {
    Pass {
        name: "batch_norm_relu_merge_statistics",
        template: include_str!("../../../shaders/batch_norm_relu_merge_statistics.wgsl"),
        bindings: vec![
            binding("partials", partial_words(shape, preset)),
            binding("mean", shape.channels),
            binding("variance", shape.channels),
        ],
        ..over_partials(shape, preset)
    }
}

/// What follows the normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct After {
    pub residual: bool,
    pub epsilon: f32,
    pub relu: bool,
}

impl After {
    fn constants(&self) -> [(&'static str, u32); 2] {
        [
            ("RESIDUAL", u32::from(self.residual)),
            ("RELU", u32::from(self.relu)),
        ]
    }
}

/// Bindings: input `[rows, c]`, scale, shift, mean, variance `[c]`, residual `[rows, c]` (four
/// words if there is none), output `[rows, c]`.
pub fn normalise(shape: &Shape, after: After) -> Pass {
    let mut constants = vec![("GROUPS", shape.groups() as u32)];
    constants.extend(after.constants());
    Pass {
        name: "batch_norm_relu",
        template: include_str!("../../../shaders/batch_norm_relu.wgsl"),
        constants,
        bindings: vec![
            binding("input", shape.words()),
            binding("scale", shape.channels),
            binding("shift", shape.channels),
            binding("mean", shape.channels),
            binding("variance", shape.channels),
            binding("residual", or_nothing(shape, after.residual)),
            binding("output", shape.words()),
        ],
        uniform: vec![shape.rows as u32, after.epsilon.to_bits(), 0, 0],
        workgroups: grid(shape.words() / 4, 64),
        workgroup_size: [64, 1, 1],
    }
}

/// Sums of the gradients behind ReLU and of those times the deviations, for each chunk of rows.
/// Bindings: input, output, gradient of the output `[rows, c]`, mean `[c]`, partials (of
/// [`partial_words`]).
pub fn grad_parameters(shape: &Shape, preset: TilePreset, after: After) -> Pass {
    let mut pass = over_chunks(shape, preset);
    pass.constants.push(("RELU", u32::from(after.relu)));
    Pass {
        name: "batch_norm_relu_grad_parameters",
        template: include_str!("../../../shaders/batch_norm_relu_grad_parameters.wgsl"),
        bindings: vec![
            binding("input", shape.words()),
            binding("output", shape.words()),
            binding("grad_output", shape.words()),
            binding("mean", shape.channels),
            binding("partials", partial_words(shape, preset)),
        ],
        ..pass
    }
}

/// Adds the partials of [`grad_parameters`]. Bindings: partials, scale, variance `[c]`, gradients
/// of scale and shift `[c]`, and what [`grad_input`] takes `[3, c]`.
pub fn sum_parameters(shape: &Shape, preset: TilePreset, after: After) -> Pass {
    let mut pass = over_partials(shape, preset);
    pass.uniform[2] = after.epsilon.to_bits();
    Pass {
        name: "batch_norm_relu_sum_parameters",
        template: include_str!("../../../shaders/batch_norm_relu_sum_parameters.wgsl"),
        bindings: vec![
            binding("partials", partial_words(shape, preset)),
            binding("scale", shape.channels),
            binding("variance", shape.channels),
            binding("grad_scale", shape.channels),
            binding("grad_shift", shape.channels),
            binding("factors", 3 * shape.channels),
        ],
        ..pass
    }
}

/// Bindings: input, output, gradient of the output `[rows, c]`, mean `[c]`, factors of
/// [`sum_parameters`], gradient of the input, gradient of the residual `[rows, c]` (four words and
/// not written if no residual was added or no ReLU followed).
pub fn grad_input(shape: &Shape, after: After) -> Pass {
    let mut constants = vec![("GROUPS", shape.groups() as u32)];
    constants.extend(after.constants());
    Pass {
        name: "batch_norm_relu_grad_input",
        template: include_str!("../../../shaders/batch_norm_relu_grad_input.wgsl"),
        constants,
        bindings: vec![
            binding("input", shape.words()),
            binding("output", shape.words()),
            binding("grad_output", shape.words()),
            binding("mean", shape.channels),
            binding("factors", 3 * shape.channels),
            binding("grad_input", shape.words()),
            binding(
                "grad_residual",
                or_nothing(shape, after.residual && after.relu),
            ),
        ],
        uniform: vec![shape.rows as u32, 0, 0, 0],
        workgroups: grid(shape.words() / 4, 64),
        workgroup_size: [64, 1, 1],
    }
}

fn or_nothing(shape: &Shape, is_there: bool) -> usize {
    match is_there {
        true => shape.words(),
        false => NOTHING,
    }
}
