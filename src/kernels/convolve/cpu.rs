//! Convolution with stride and zero padding, bias and ReLU, forward and backward, on the CPU.

mod direct;
mod grad_weight;

pub use super::shape::Shape;
pub use crate::kernels::primitives::layer::{Grads, Inputs, Saved};

use crate::kernels::parallel;
use crate::kernels::primitives::filters::{Filters, Packed};
use crate::kernels::primitives::gemm::{AskLayout, Layout, SLACK};
use crate::kernels::primitives::pad::{Fill, Frame, Mask};
use crate::kernels::primitives::winograd::{self, Convolution, Filtered, Images, Source, Store};
use crate::kernels::simd::{Level, dispatch, dispatch_for_rows, scratch};
use std::ops::Range;

/// Images that one task takes: fixed, so that sums over the batch do not depend on the thread count.
const FORWARD_CHUNK: usize = 4;
const BACKWARD_CHUNK: usize = 16;

/// The convolved images, with ReLU applied if asked for (NaN passes through).
///
/// Scratch: the packed weight and one padded image, kept by the threads for the next call.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn forward(level: Level, shape: &Shape, inputs: Inputs<'_>, output: &mut [f32]) {
    let Inputs {
        input,
        weight,
        bias,
        relu,
    } = inputs;
    assert_eq!(input.len(), shape.batch * shape.input_size(), "input");
    assert_eq!(weight.len(), shape.weight_size(), "weight");
    assert_eq!(bias.len(), shape.out_channels, "bias");
    assert_eq!(output.len(), shape.batch * shape.output_size(), "output");
    if output.is_empty() {
        return;
    }
    let (size, convolved) = (shape.input_size(), shape.output_size());
    if let Some(convolution) = shape.winograd() {
        let filtered = Filtered::new(level, convolution, weight);
        let images = filtered.images();
        let chunks = output.chunks_mut(images * convolved);
        parallel::for_each(input.chunks(images * size).zip(chunks), |(pixels, to)| {
            let store = Store {
                sides: convolution.output,
                bias: Some(bias),
                relu,
                channels: shape.out_channels,
                to,
            };
            filtered.run(pixels, store);
        });
        return;
    }
    let frame = input_frame(shape);
    let layer = Layer::new(level, *shape, frame.line, |layout| {
        shape.filters().pack(layout, weight, bias)
    });
    let chunks = output.chunks_mut(FORWARD_CHUNK * convolved).enumerate();
    parallel::for_each(chunks, |(chunk, output)| {
        let mut framed = scratch::zeroed(frame.size);
        let first = chunk * FORWARD_CHUNK;
        for (image, output) in output.chunks_exact_mut(convolved).enumerate() {
            let input = &input[(first + image) * size..][..size];
            layer.run(shape.framed(&frame, input, &mut framed), relu, output);
        }
    });
}

impl Shape {
    pub(super) fn filters(&self) -> Filters {
        Filters {
            kernel: self.kernel,
            inputs: self.in_channels,
            outputs: self.out_channels,
        }
    }

    /// As Winograd's tiles, where those pay.
    fn winograd(&self) -> Option<Convolution> {
        let convolution = Convolution {
            input: [self.height, self.width],
            output: [self.output_height(), self.output_width()],
            padding: self.padding,
            filters: self.filters(),
        };
        (self.stride == 1 && convolution.pays()).then_some(convolution)
    }

    /// The image with its padding, in `framed` where it needs any.
    fn framed<'a>(&self, frame: &Frame, input: &'a [f32], framed: &'a mut [f32]) -> &'a [f32] {
        if self.padding == 0 {
            return input;
        }
        frame.copy(input, framed);
        framed
    }
}

/// The input, padded.
fn input_frame(shape: &Shape) -> Frame {
    let image = [shape.height, shape.width, shape.in_channels];
    Frame::padded(image, shape.padding)
}

/// The gradient of the output. Where the input's is sought, it lies so that a convolution with stride 1 and the weight
/// turned by 180 degrees gives that.
fn grad_frame(shape: &Shape, with_input: bool) -> Frame {
    let (height, width) = (shape.output_height(), shape.output_width());
    let image = [height, width, shape.out_channels];
    if !with_input {
        return Frame::new(image, 0, [height, width], 1);
    }
    let border = shape.kernel - 1;
    let whole = [shape.height + border, shape.width + border];
    Frame::new(image, border - shape.padding, whole, shape.stride)
}

/// A convolution with its weight packed.
struct Layer {
    shape: Shape,
    lanes: (Level, usize),
    packed: Packed,
    /// Floats from one row of a padded image to the next.
    line: usize,
}

impl Layer {
    fn new(level: Level, shape: Shape, line: usize, pack: impl FnOnce(Layout) -> Packed) -> Self {
        let lanes = (level, shape.out_channels);
        Self {
            shape,
            lanes,
            packed: pack(dispatch_for_rows(lanes, AskLayout::ANY)),
            line,
        }
    }

    fn run(&self, framed: &[f32], relu: bool, output: &mut [f32]) {
        let image = direct::Image {
            shape: &self.shape,
            packed: &self.packed,
            line: self.line,
            framed,
            relu,
            output,
        };
        dispatch_for_rows(self.lanes, image);
    }
}

/// The gradient of the output, zero where ReLU cut that.
struct Cut<'a> {
    level: Level,
    /// Numbers of an image.
    size: usize,
    saved: Saved<'a>,
}

impl Source for Cut<'_> {
    fn of<'a>(&'a self, images: Range<usize>, room: &'a mut [f32]) -> &'a [f32] {
        let all = images.start * self.size..images.end * self.size;
        let from = &self.saved.grad_output[all.clone()];
        let Some(output) = self.saved.output else {
            return from;
        };
        let to = &mut room[..from.len()];
        let output = &output[all];
        dispatch(self.level, Mask { from, output, to });
        to
    }
}

/// Gradients of [`forward`]. Sums over the batch are taken per so many images, then in their order: the result does not
/// depend on the number of threads.
///
/// Scratch: a weight gradient per 16 images, a packed weight and two padded images, kept by the threads.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn backward(level: Level, shape: &Shape, saved: Saved<'_>, grads: Grads<'_>) {
    let (inputs, outputs) = (saved.input.len(), saved.grad_output.len());
    assert_eq!(inputs, shape.batch * shape.input_size(), "input");
    assert_eq!(saved.weight.len(), shape.weight_size(), "weight");
    assert_eq!(
        outputs,
        shape.batch * shape.output_size(),
        "output's gradient"
    );
    assert_eq!(
        saved.output.map_or(outputs, <[f32]>::len),
        outputs,
        "output"
    );
    assert_eq!(grads.weight.len(), saved.weight.len(), "weight's gradient");
    if outputs == 0 {
        return grads.clear();
    }
    let with_input = grads.input.is_some();
    let grad_input = grads.input.unwrap_or_default();
    assert!(
        !with_input || grad_input.len() == inputs,
        "input's gradient"
    );
    if let Some(convolution) = shape.winograd() {
        let images = Images {
            pixels: saved.input,
            weight: saved.weight,
        };
        let source = Cut {
            level,
            size: shape.output_size(),
            saved,
        };
        let grads = Grads {
            input: with_input.then_some(grad_input),
            ..grads
        };
        return winograd::backward(level, &convolution, images, &source, grads);
    }
    let frame = grad_frame(shape, with_input);
    let lanes = (level, shape.out_channels);
    let work = Backward {
        level,
        shape,
        saved,
        layout: dispatch_for_rows(lanes, AskLayout::ANY),
        with_bias: grads.bias.is_some(),
        input_frame: input_frame(shape),
        turned: with_input.then(|| {
            Layer::new(level, shape.turned(), frame.line, |layout| {
                shape.filters().pack_turned(layout, saved.weight)
            })
        }),
        grad_frame: frame,
    };
    let size = shape.filters().sums_size(work.layout);
    let mut sums = scratch::dirty(shape.batch.div_ceil(BACKWARD_CHUNK) * size);
    let parts = sums.chunks_mut(size).enumerate();
    if with_input {
        let targets = grad_input.chunks_mut(BACKWARD_CHUNK * shape.input_size());
        parallel::for_each(parts.zip(targets), |((chunk, sums), grad_input)| {
            work.chunk(chunk, sums, grad_input);
        });
    } else {
        parallel::for_each(parts, |(chunk, sums)| work.chunk(chunk, sums, &mut []));
    }
    let filters = shape.filters();
    filters.collect(work.layout, &mut sums, grads.weight, grads.bias);
}

/// The backward pass, whatever the chunk.
struct Backward<'a> {
    level: Level,
    shape: &'a Shape,
    saved: Saved<'a>,
    layout: Layout,
    with_bias: bool,
    input_frame: Frame,
    grad_frame: Frame,
    /// The convolution that gives the gradient of the input, where that is sought.
    turned: Option<Layer>,
}

impl Backward<'_> {
    /// Writes the gradients of weight and bias, summed over a chunk of images, and that of their input.
    fn chunk(&self, chunk: usize, sums: &mut [f32], grad_input: &mut [f32]) {
        let Self { shape, saved, .. } = self;
        let lanes = (self.level, shape.out_channels);
        let (input_size, output_size) = (shape.input_size(), shape.output_size());
        let mut framed = scratch::zeroed(self.input_frame.size);
        let mut grads = scratch::zeroed(self.grad_frame.size + SLACK);
        sums.fill(0.0);
        let first = chunk * BACKWARD_CHUNK;
        for at in first..shape.batch.min(first + BACKWARD_CHUNK) {
            let input = &saved.input[at * input_size..][..input_size];
            let outputs = at * output_size..(at + 1) * output_size;
            let fill = Fill {
                frame: &self.grad_frame,
                from: &saved.grad_output[outputs.clone()],
                output: saved.output.map(|output| &output[outputs]),
                to: &mut grads,
            };
            dispatch(self.level, fill);
            let image = grad_weight::Image {
                shape,
                line: self.input_frame.line,
                framed: shape.framed(&self.input_frame, input, &mut framed),
                grad_frame: &self.grad_frame,
                grads: &grads,
                layout: self.layout,
                with_bias: self.with_bias,
                sums,
            };
            dispatch_for_rows(lanes, image);
            if let Some(turned) = &self.turned {
                let output = &mut grad_input[(at - first) * input_size..][..input_size];
                turned.run(&grads, false, output);
            }
        }
    }
}
