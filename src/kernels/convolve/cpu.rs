//! Convolution with stride and zero padding, bias and ReLU, forward and backward, on the CPU.

mod direct;
mod frame;
mod grad_weight;
mod grad_winograd;
mod panels;
mod winograd;

pub use super::shape::Shape;

use crate::kernels::parallel;
use crate::kernels::simd::{Level, dispatch, dispatch_for_rows, scratch};
use frame::{Fill, Frame};
use panels::{Collect, Packed, Plan, SLACK};

/// Pictures that one task takes: fixed, so that sums over the batch do not depend on the thread count.
const FORWARD_CHUNK: usize = 4;
const BACKWARD_CHUNK: usize = 16;

/// The convolved pictures, with ReLU applied if `relu` (NaN passes through).
///
/// Scratch: the packed weight and one padded picture, kept by the threads for the next call.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn forward(
    level: Level,
    shape: &Shape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    relu: bool,
    output: &mut [f32],
) {
    assert_eq!(input.len(), shape.batch * shape.input_size(), "input");
    assert_eq!(weight.len(), shape.weight_size(), "weight");
    assert_eq!(bias.len(), shape.out_channels, "bias");
    assert_eq!(output.len(), shape.batch * shape.output_size(), "output");
    if output.is_empty() {
        return;
    }
    let frame = Frame::of_input(shape, winograd::fits(shape));
    let layer = Layer::new(level, *shape, &frame, Plan::of(shape, weight, bias));
    let (size, convolved) = (shape.input_size(), shape.output_size());
    let chunks = output.chunks_mut(FORWARD_CHUNK * convolved).enumerate();
    parallel::for_each(chunks, |(chunk, output)| {
        let mut framed = scratch::zeroed(frame.size + SLACK);
        let first = chunk * FORWARD_CHUNK;
        for (picture, output) in output.chunks_exact_mut(convolved).enumerate() {
            let input = &input[(first + picture) * size..][..size];
            let framed = layer.frame(&frame, input, &mut framed);
            layer.run(framed, relu, output);
        }
    });
}

/// A convolution with its weight packed for the way that suits its shape.
struct Layer {
    shape: Shape,
    lanes: (Level, usize),
    packed: Packed,
    winograd: bool,
    /// Floats from one row of a padded picture to the next.
    line: usize,
}

impl Layer {
    fn new(level: Level, shape: Shape, frame: &Frame, plan: Plan<'_>) -> Self {
        let lanes = (level, shape.out_channels);
        let winograd = winograd::fits(&shape);
        let mut packed = dispatch_for_rows(lanes, plan);
        if winograd {
            let channels = [shape.in_channels, shape.out_channels];
            let work = winograd::Transform { channels, packed };
            packed = dispatch_for_rows(lanes, work);
        }
        Self {
            shape,
            lanes,
            packed,
            winograd,
            line: frame.line,
        }
    }

    /// The picture with its padding, in `framed` where it needs any.
    fn frame<'a>(&self, frame: &Frame, input: &'a [f32], framed: &'a mut [f32]) -> &'a [f32] {
        if self.shape.padding == 0 && !self.winograd {
            return input;
        }
        frame.copy(input, framed);
        framed
    }

    fn run(&self, framed: &[f32], relu: bool, output: &mut [f32]) {
        let Self {
            shape,
            lanes,
            packed,
            line,
            ..
        } = self;
        if self.winograd {
            let work = winograd::Picture {
                shape,
                packed,
                line: *line,
                framed,
                relu,
                output,
            };
            dispatch_for_rows(*lanes, work);
        } else {
            let work = direct::Picture {
                shape,
                packed,
                framed,
                relu,
                output,
            };
            dispatch_for_rows(*lanes, work);
        }
    }
}

/// What the gradients are computed from.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub input: &'a [f32],
    pub weight: &'a [f32],
    /// The output, where ReLU made it: no gradient passes where it is not positive.
    pub output: Option<&'a [f32]>,
    pub grad_output: &'a [f32],
}

/// The gradients to compute; all are overwritten.
pub struct Sought<'a> {
    pub input: Option<&'a mut [f32]>,
    pub weight: &'a mut [f32],
    pub bias: Option<&'a mut [f32]>,
}

/// Gradients of [`forward`]. Sums over the batch are taken per 16 pictures, then in the order of the pictures: the
/// result does not depend on the number of threads.
///
/// Scratch: a weight gradient per 16 pictures, a packed weight and two padded pictures, kept by the threads.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn backward(level: Level, shape: &Shape, known: Known<'_>, sought: Sought<'_>) {
    let (input_size, output_size) = (shape.input_size(), shape.output_size());
    assert_eq!(known.input.len(), shape.batch * input_size, "input");
    assert_eq!(known.weight.len(), shape.weight_size(), "weight");
    let outputs = known.grad_output.len();
    assert_eq!(outputs, shape.batch * output_size, "gradient of the output");
    let fits = |output: &[f32]| output.len() == outputs;
    assert!(known.output.is_none_or(fits), "output");
    let wanted = sought.input.is_some();
    let grad_input = sought.input.unwrap_or_default();
    let fits = grad_input.len() == known.input.len();
    assert!(!wanted || fits, "gradient of the input");
    assert_eq!(
        sought.weight.len(),
        shape.weight_size(),
        "gradient of the weight"
    );
    if outputs == 0 {
        grad_input.fill(0.0);
        sought.weight.fill(0.0);
        sought.bias.unwrap_or_default().fill(0.0);
        return;
    }

    let lanes = (level, shape.out_channels);
    let winograd = winograd::fits(shape);
    let input_frame = Frame::of_input(shape, winograd);
    let turned_shape = shape.turned();
    let grad_frame = match wanted {
        true => Frame::of_gradient(shape, winograd::fits(&turned_shape)),
        false => Frame::of_gradient_alone(shape, winograd),
    };
    let turned = wanted.then(|| {
        let plan = Plan::turned(shape, known.weight);
        Layer::new(level, turned_shape, &grad_frame, plan)
    });
    let sums_size = dispatch_for_rows(lanes, grad_weight::Size(shape));
    let chunks = shape.batch.div_ceil(BACKWARD_CHUNK);
    let mut sums = scratch::dirty(chunks * sums_size);
    let with_bias = sought.bias.is_some();
    let run = |chunk: usize, sums: &mut [f32], mut grad_input: Option<&mut [f32]>| {
        sums.fill(0.0);
        let mut framed = scratch::zeroed(input_frame.size + SLACK);
        let mut grads = scratch::zeroed(grad_frame.size + SLACK);
        let mut collected = winograd.then(|| grad_winograd::Collected::new(shape));
        let first = chunk * BACKWARD_CHUNK;
        let pictures = BACKWARD_CHUNK.min(shape.batch - first);
        for picture in 0..pictures {
            let at = first + picture;
            let input = &known.input[at * input_size..][..input_size];
            let outputs = at * output_size..(at + 1) * output_size;
            let fill = Fill {
                frame: &grad_frame,
                from: &known.grad_output[outputs.clone()],
                output: known.output.map(|output| &output[outputs]),
                to: &mut grads,
            };
            dispatch(level, fill);
            // Winograd's tiles give it by the way.
            if with_bias && !winograd {
                let work = grad_weight::Bias {
                    shape,
                    grad_frame: &grad_frame,
                    grads: &grads,
                    sums,
                };
                dispatch_for_rows(lanes, work);
            }
            let framed = match shape.padding == 0 && !winograd {
                true => input,
                false => {
                    input_frame.copy(input, &mut framed);
                    &*framed
                }
            };
            if let Some(collected) = &mut collected {
                let work = grad_winograd::Picture {
                    shape,
                    line: input_frame.line,
                    framed,
                    grad_frame: &grad_frame,
                    grads: &grads,
                    collected,
                    sums,
                };
                dispatch_for_rows(lanes, work);
            } else {
                let work = grad_weight::Picture {
                    shape,
                    framed,
                    grad_frame: &grad_frame,
                    grads: &grads,
                    sums,
                };
                dispatch_for_rows(lanes, work);
            }
            if let (Some(grad_input), Some(turned)) = (grad_input.as_deref_mut(), &turned) {
                let output = &mut grad_input[picture * input_size..][..input_size];
                turned.run(&grads, false, output);
            }
        }
        if let Some(collected) = &mut collected {
            let work = grad_winograd::Finish {
                shape,
                collected,
                sums,
            };
            dispatch_for_rows(lanes, work);
        }
    };
    let parts = sums.chunks_mut(sums_size).enumerate();
    if wanted {
        let targets = grad_input.chunks_mut(BACKWARD_CHUNK * input_size);
        parallel::for_each(parts.zip(targets), |((chunk, sums), grad_input)| {
            run(chunk, sums, Some(grad_input))
        });
    } else {
        parallel::for_each(parts, |(chunk, sums)| run(chunk, sums, None));
    }
    let work = Collect {
        shape,
        sums: &mut sums,
        size: sums_size,
        grad_weight: sought.weight,
        grad_bias: sought.bias,
    };
    dispatch_for_rows(lanes, work);
}
