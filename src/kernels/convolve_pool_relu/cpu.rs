//! Convolution, bias, 2x2 max-pool and (if asked for) ReLU fused, forward and backward, on the CPU.

mod blank;
mod direct;
mod foreground;
mod lists;
mod single;
pub(crate) mod winograd;

pub use super::shape::Shape;

use crate::kernels::parallel;
use crate::kernels::simd::{Level, Task, dispatch, dispatch_for_rows, scratch};

/// Pictures that one task takes: fixed, so that sums over the batch do not depend on the thread count.
const FORWARD_CHUNK: usize = 8;
const BACKWARD_CHUNK: usize = 32;

/// The winner of a window that ReLU cut: its maximum was not positive.
pub const DEAD: u8 = 4;

impl Shape {
    /// Elements of one input picture.
    pub fn input_size(&self) -> usize {
        self.height * self.width * self.in_channels
    }

    /// Elements of one pooled picture.
    pub fn output_size(&self) -> usize {
        self.pooled_height() * self.pooled_width() * self.out_channels
    }

    /// Elements of the weight.
    pub fn weight_size(&self) -> usize {
        self.out_channels * self.patch_size()
    }

    /// Elements that one output of the convolution sees.
    fn patch_size(&self) -> usize {
        self.kernel * self.kernel * self.in_channels
    }
}

/// The pooled activations and, for each, its winner: the position `dy * 2 + dx` of the window's first maximum, or
/// [`DEAD`]. Without `relu` the pooled sums are given as they are, and none is dead. NaN reaches the output. Nothing of
/// the un-pooled size is stored.
///
/// Scratch: the packed weight, kept by the calling thread for the next call.
///
/// # Panics
/// A slice does not have the length its shape says.
#[allow(clippy::too_many_arguments)]
pub fn forward(
    level: Level,
    shape: &Shape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    relu: bool,
    output: &mut [f32],
    winners: &mut [u8],
) {
    assert_eq!(input.len(), shape.batch * shape.input_size(), "input");
    assert_eq!(weight.len(), shape.weight_size(), "weight");
    assert_eq!(bias.len(), shape.out_channels, "bias");
    assert_eq!(output.len(), shape.batch * shape.output_size(), "output");
    assert_eq!(winners.len(), output.len(), "winners");
    if output.is_empty() {
        return;
    }
    if winograd::fits(shape) {
        let plan = winograd::Plan {
            shape,
            weight,
            bias,
        };
        let packed = dispatch(level, plan);
        forward_chunks((level, shape, relu), &packed, input, output, winners);
    } else if foreground::fits(shape) {
        let plan = foreground::Plan {
            shape,
            weight,
            bias,
        };
        let packed = dispatch(level, plan);
        forward_chunks((level, shape, relu), &packed, input, output, winners);
    } else {
        let plan = direct::Plan {
            shape,
            weight,
            bias,
        };
        let packed = dispatch(level, plan);
        forward_chunks((level, shape, relu), &packed, input, output, winners);
    }
}

/// The forward pass over the pictures that `output` has room for, with the weight packed as `P`.
struct Forward<'a, P> {
    shape: &'a Shape,
    packed: &'a P,
    relu: bool,
    input: &'a [f32],
    output: &'a mut [f32],
    winners: &'a mut [u8],
}

/// Runs [`Forward`] on every chunk of pictures.
fn forward_chunks<P: Sync>(
    (level, shape, relu): (Level, &Shape, bool),
    packed: &P,
    input: &[f32],
    output: &mut [f32],
    winners: &mut [u8],
) where
    for<'a> Forward<'a, P>: Task<Output = ()>,
{
    let (size, pooled) = (
        FORWARD_CHUNK * shape.input_size(),
        FORWARD_CHUNK * shape.output_size(),
    );
    let chunks = output
        .chunks_mut(pooled)
        .zip(winners.chunks_mut(pooled))
        .enumerate();
    parallel::for_each(chunks, |(chunk, (output, winners))| {
        let work = Forward {
            shape,
            packed,
            relu,
            input: &input[chunk * size..],
            output,
            winners,
        };
        dispatch(level, work);
    });
}

/// Gradients of [`forward`] from `grad_output` (pooled) and the `winners` it kept.
///
/// `grad_input` is computed only if asked for; all gradients are overwritten. The work is proportional to the windows
/// that are alive. Sums over the batch are taken per 32 pictures, then in the order of the pictures: the result does
/// not depend on the number of threads.
///
/// Scratch: a weight gradient per 32 pictures, a packed weight, and the lists of one picture, kept by the threads.
///
/// # Panics
/// A slice does not have the length its shape says.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    level: Level,
    shape: &Shape,
    input: &[f32],
    weight: &[f32],
    winners: &[u8],
    grad_output: &[f32],
    grad_input: Option<&mut [f32]>,
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
) {
    assert_eq!(input.len(), shape.batch * shape.input_size(), "input");
    assert_eq!(weight.len(), shape.weight_size(), "weight");
    assert_eq!(winners.len(), shape.batch * shape.output_size(), "winners");
    assert_eq!(grad_output.len(), winners.len(), "gradient of the output");
    assert_eq!(grad_weight.len(), weight.len(), "gradient of the weight");
    assert_eq!(grad_bias.len(), shape.out_channels, "gradient of the bias");
    let wanted = grad_input.is_some();
    let mut nothing = [];
    let grad_input = grad_input.unwrap_or(&mut nothing);
    assert!(
        !wanted || grad_input.len() == input.len(),
        "gradient of the input"
    );
    if winners.is_empty() || input.is_empty() {
        grad_input.fill(0.0);
        grad_weight.fill(0.0);
        grad_bias.fill(0.0);
        return;
    }

    let mut turned = scratch::dirty(if wanted { lists::turned_size(shape) } else { 0 });
    if wanted {
        lists::turn(shape, weight, &mut turned);
    }
    let turned = &*turned;
    let sums_size = lists::turned_size(shape) + shape.out_channels;
    let chunks = shape.batch.div_ceil(BACKWARD_CHUNK);
    let mut sums = scratch::dirty(chunks * sums_size);
    let part = |size: usize| BACKWARD_CHUNK * size;
    let run = |chunk: usize, sums: &mut [f32], grad_input: Option<&mut [f32]>| {
        let first = chunk * BACKWARD_CHUNK;
        let pictures = BACKWARD_CHUNK.min(shape.batch - first);
        let input = &input[part(chunk * shape.input_size())..][..pictures * shape.input_size()];
        let pooled = part(chunk * shape.output_size())
            ..part(chunk * shape.output_size()) + pictures * shape.output_size();
        let (winners, grad_output) = (&winners[pooled.clone()], &grad_output[pooled]);
        let single = single::fits(shape);
        if single {
            let sums = &mut *sums;
            dispatch_for_rows(
                (level, shape.out_channels),
                single::Backward {
                    shape,
                    input,
                    winners,
                    grad_output,
                    sums,
                },
            );
        }
        if !single || grad_input.is_some() {
            let sums = (!single).then_some(sums);
            dispatch_for_rows(
                (level, shape.in_channels),
                lists::Backward {
                    shape,
                    input,
                    turned,
                    winners,
                    grad_output,
                    grad_input,
                    sums,
                },
            );
        }
    };
    if wanted {
        let chunks = sums
            .chunks_mut(sums_size)
            .zip(grad_input.chunks_mut(part(shape.input_size())));
        parallel::for_each(chunks.enumerate(), |(chunk, (sums, grad_input))| {
            run(chunk, sums, Some(grad_input))
        });
    } else {
        let chunks = sums.chunks_mut(sums_size).enumerate();
        parallel::for_each(chunks, |(chunk, sums)| run(chunk, sums, None));
    }
    lists::collect(shape, &sums, grad_weight, grad_bias);
}
