//! Convolution, bias, 2x2 max-pool and (if asked for) ReLU fused, forward and backward, on the CPU.

mod background;
mod foreground;
mod lists;
mod single;
mod tiles;
mod windows;

pub use super::shape::Shape;
pub use crate::kernels::primitives::layer::{Grads, Inputs};

use crate::kernels::parallel;
use crate::kernels::primitives::filters::{Filters, Packed};
use crate::kernels::primitives::gemm::AskLayout;
use crate::kernels::primitives::pad::Frame;
use crate::kernels::simd::{Level, Task, Vector, dispatch, dispatch_for_rows, scratch};
use foreground::Bordered;
use windows::Pooled;

/// Images that one task takes: fixed, so that sums over the batch do not depend on the thread count.
const FORWARD_CHUNK: usize = 8;
const BACKWARD_CHUNK: usize = 32;

/// The argmax of a window that ReLU cut: its maximum was not positive.
pub const DEAD: u8 = 4;

impl Shape {
    /// Elements of one input image.
    pub fn input_size(&self) -> usize {
        self.height * self.width * self.in_channels
    }

    /// Elements of one pooled image.
    pub fn output_size(&self) -> usize {
        self.pooled_pixels() * self.out_channels
    }

    /// Elements of the weight.
    pub fn weight_size(&self) -> usize {
        self.out_channels * self.filters().patch()
    }

    /// Windows of an image.
    fn pooled_pixels(&self) -> usize {
        self.pooled_height() * self.pooled_width()
    }

    fn filters(&self) -> Filters {
        Filters {
            kernel: self.kernel,
            inputs: self.in_channels,
            outputs: self.out_channels,
        }
    }
}

/// The pooled activations and, for each, its argmax: the position `dy * 2 + dx` of the window's first maximum, or
/// [`DEAD`]. Without ReLU the pooled sums are given as they are, and none is dead. NaN reaches the output.
pub struct Outputs<'a> {
    /// `[n, height / 2, width / 2, out channels]`.
    pub output: &'a mut [f32],
    /// The same shape.
    pub argmax: &'a mut [u8],
}

/// Fills `outputs`. Nothing of the un-pooled size is stored.
///
/// Scratch: the packed weight, and padded images where Winograd's tiles do not pay, kept by the calling thread for the
/// next call.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn forward(level: Level, shape: &Shape, inputs: Inputs<'_>, outputs: Outputs<'_>) {
    let Inputs {
        input,
        weight,
        bias,
        relu,
    } = inputs;
    let Outputs { output, argmax } = outputs;
    assert_eq!(input.len(), shape.batch * shape.input_size(), "input");
    assert_eq!(weight.len(), shape.weight_size(), "weight");
    assert_eq!(bias.len(), shape.out_channels, "bias");
    assert_eq!(output.len(), shape.batch * shape.output_size(), "output");
    assert_eq!(argmax.len(), output.len(), "argmax");
    if output.is_empty() {
        return;
    }
    if let Some(convolution) = shape.winograd() {
        return tiles::forward(
            level,
            shape,
            &convolution,
            inputs,
            Outputs { output, argmax },
        );
    }
    if shape.padding > 0 {
        let input = &shape.pad(input);
        let inputs = Inputs { input, ..inputs };
        return forward(level, &shape.padded(), inputs, Outputs { output, argmax });
    }
    let layout = dispatch(level, AskLayout { rows: 4 });
    let packed = shape.filters().pack(layout, weight, bias);
    let bordered = foreground::fits(shape).then(|| Bordered::new(shape, layout, weight));
    let size = FORWARD_CHUNK * shape.output_size();
    let chunks = output.chunks_mut(size).zip(argmax.chunks_mut(size));
    parallel::for_each(chunks.enumerate(), |(chunk, (output, argmax))| {
        let images = output.len() / shape.output_size();
        let first = chunk * FORWARD_CHUNK;
        let work = Forward {
            input: &input[first * shape.input_size()..][..images * shape.input_size()],
            packed: &packed,
            bordered: bordered.as_ref(),
            pooled: Pooled {
                shape,
                bias: &packed.bias,
                relu,
                output,
                argmax,
            },
        };
        dispatch(level, work);
    });
}

/// The forward pass over some images.
struct Forward<'a> {
    input: &'a [f32],
    packed: &'a Packed,
    /// Where images of one channel may have a plain background.
    bordered: Option<&'a Bordered>,
    pooled: Pooled<'a>,
}

impl Task for Forward<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let shape = self.pooled.shape;
        let size = shape.input_size();
        let count = self.input.len() / size;
        assert_eq!(self.pooled.output.len(), count * shape.output_size());
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            for (number, image) in self.input.chunks_exact(size).enumerate() {
                let foreground = match self.bordered {
                    Some(bordered) => bordered.find::<V>(shape, image),
                    None => None,
                };
                let first = number * shape.pooled_pixels();
                let pooled = &mut self.pooled;
                windows::convolve::<V>(self.packed, image, foreground, (pooled, first));
            }
        }
    }
}

/// What [`backward`] computes from.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    /// The activations before it.
    pub input: &'a [f32],
    /// Its weight.
    pub weight: &'a [f32],
    /// What [`forward`] gave.
    pub argmax: &'a [u8],
    /// Whether ReLU cut some of it.
    pub relu: bool,
    /// Pooled.
    pub grad_output: &'a [f32],
}

/// Gradients of [`forward`]. Where Winograd's tiles do not pay, the work is proportional to the windows that are alive.
/// Sums over the batch are taken per so many images, then in their order: the result does not depend on the number of
/// threads.
///
/// Scratch: a weight gradient per 32 images, a packed weight, and the lists of one image, kept by the threads.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn backward(level: Level, shape: &Shape, saved: Saved<'_>, grads: Grads<'_>) {
    let (inputs, outputs) = (saved.input.len(), saved.argmax.len());
    assert_eq!(inputs, shape.batch * shape.input_size(), "input");
    assert_eq!(saved.weight.len(), shape.weight_size(), "weight");
    assert_eq!(outputs, shape.batch * shape.output_size(), "argmax");
    assert_eq!(saved.grad_output.len(), outputs, "output's gradient");
    assert_eq!(grads.weight.len(), saved.weight.len(), "weight's gradient");
    if outputs == 0 || inputs == 0 {
        return grads.clear();
    }
    let grad_inputs = grads.input.as_ref().map_or(inputs, |grads| grads.len());
    assert_eq!(grad_inputs, inputs, "input's gradient");
    // What ReLU cut costs lists nothing, and leaves them less to do than tiles.
    if let (Some(convolution), false) = (shape.winograd(), saved.relu) {
        return tiles::backward(level, shape, &convolution, saved, grads);
    }
    if shape.padding > 0 {
        return padded_backward(level, shape, saved, grads);
    }
    let with_input = grads.input.is_some();
    let grad_input = grads.input.unwrap_or_default();
    let turned = with_input.then(|| lists::turn(shape, saved.weight));
    let size = lists::turned_size(shape) + shape.out_channels;
    let mut sums = scratch::dirty(shape.batch.div_ceil(BACKWARD_CHUNK) * size);
    let run = |chunk: usize, sums: &mut [f32], grad_input: Option<&mut [f32]>| {
        let work = Chunk::new(shape, &saved, chunk);
        let is_single = single::fits(shape);
        let (inputs, outputs) = ((level, shape.in_channels), (level, shape.out_channels));
        if is_single {
            dispatch_for_rows(outputs, single::Backward { work, sums });
        }
        if !is_single || grad_input.is_some() {
            let work = lists::Backward {
                work,
                grad_input: grad_input.zip(turned.as_deref()),
                sums: (!is_single).then_some(sums),
            };
            dispatch_for_rows(inputs, work);
        }
    };
    let parts = sums.chunks_mut(size).enumerate();
    if with_input {
        let targets = grad_input.chunks_mut(BACKWARD_CHUNK * shape.input_size());
        parallel::for_each(parts.zip(targets), |((chunk, sums), grad_input)| {
            run(chunk, sums, Some(grad_input))
        });
    } else {
        parallel::for_each(parts, |(chunk, sums)| run(chunk, sums, None));
    }
    lists::collect(shape, &mut sums, grads.weight, grads.bias);
}

impl Shape {
    /// Images with their padding.
    fn pad(&self, images: &[f32]) -> scratch::Scratch {
        let frame = Frame::padded([self.height, self.width, self.in_channels], self.padding);
        let mut padded = scratch::dirty(self.batch * frame.size);
        let to = padded.chunks_exact_mut(frame.size);
        let from = images.chunks_exact(self.input_size());
        parallel::for_each(to.zip(from), |(to, from)| {
            to.fill(0.0);
            frame.copy(from, to);
        });
        padded
    }
}

/// [`backward`] over images that get their padding first.
fn padded_backward(level: Level, shape: &Shape, saved: Saved<'_>, grads: Grads<'_>) {
    let input = &shape.pad(saved.input);
    let saved = Saved { input, ..saved };
    let Some(grad_input) = grads.input else {
        return backward(level, &shape.padded(), saved, grads);
    };
    let mut padded = scratch::dirty(input.len());
    let grads = Grads {
        input: Some(&mut padded),
        ..grads
    };
    backward(level, &shape.padded(), saved, grads);
    let frame = Frame::padded(
        [shape.height, shape.width, shape.in_channels],
        shape.padding,
    );
    let to = grad_input.chunks_exact_mut(shape.input_size());
    let from = padded.chunks_exact(frame.size);
    parallel::for_each(to.zip(from), |(to, from)| frame.crop(from, to));
}

/// Some images and the gradients of their outputs.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    shape: &'a Shape,
    input: &'a [f32],
    argmax: &'a [u8],
    grad_output: &'a [f32],
}

impl<'a> Chunk<'a> {
    fn new(shape: &'a Shape, saved: &Saved<'a>, chunk: usize) -> Self {
        let first = chunk * BACKWARD_CHUNK;
        let images = first..shape.batch.min(first + BACKWARD_CHUNK);
        let of = |size: usize| images.start * size..images.end * size;
        Self {
            shape,
            input: &saved.input[of(shape.input_size())],
            argmax: &saved.argmax[of(shape.output_size())],
            grad_output: &saved.grad_output[of(shape.output_size())],
        }
    }

    /// The parts of `images` images each.
    fn parts(self, images: usize) -> impl Iterator<Item = Self> {
        let (inputs, outputs) = (self.shape.input_size(), self.shape.output_size());
        let pooled = self.argmax.chunks(images * outputs);
        let pooled = pooled.zip(self.grad_output.chunks(images * outputs));
        let parts = self.input.chunks(images * inputs).zip(pooled);
        parts.map(move |(input, (argmax, grad_output))| Self {
            input,
            argmax,
            grad_output,
            ..self
        })
    }

    /// Argmax and gradient of each window, `[channels]`.
    #[inline(always)]
    fn windows(self) -> impl Iterator<Item = (&'a [u8], &'a [f32])> {
        let channels = self.shape.out_channels;
        let argmax = self.argmax.chunks_exact(channels);
        argmax.zip(self.grad_output.chunks_exact(channels))
    }
}
