//! Convolution, bias, 2x2 max-pool and (if asked for) ReLU fused, forward and backward, on the CPU.

mod background;
mod foreground;
mod lists;
mod single;
mod windows;

pub use super::shape::Shape;
pub use crate::kernels::primitives::layer::{Grads, Inputs};

use crate::kernels::parallel;
use crate::kernels::primitives::filters::{Filters, Packed};
use crate::kernels::primitives::gemm::AskLayout;
use crate::kernels::primitives::winograd::{self, Images, TransformWeight};
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
    pub output: &'a mut [f32],
    pub argmax: &'a mut [u8],
}

/// Fills `outputs`. Nothing of the un-pooled size is stored.
///
/// Scratch: the packed weight, kept by the calling thread for the next call.
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
    let is_winograd = winograd::fits(shape.filters(), 1);
    let layout = match is_winograd {
        true => AskLayout::ANY,
        false => AskLayout { rows: 4 },
    };
    let layout = dispatch(level, layout);
    let mut packed = shape.filters().pack(layout, weight, bias);
    if is_winograd {
        let inputs = shape.in_channels;
        packed = dispatch(level, TransformWeight { inputs, packed });
    }
    let bordered = foreground::fits(shape).then(|| Bordered::new(shape, layout, weight));
    let size = FORWARD_CHUNK * shape.output_size();
    let chunks = output.chunks_mut(size).zip(argmax.chunks_mut(size));
    parallel::for_each(chunks.enumerate(), |(chunk, (output, argmax))| {
        let images = output.len() / shape.output_size();
        let first = chunk * FORWARD_CHUNK;
        let work = Forward {
            input: &input[first * shape.input_size()..][..images * shape.input_size()],
            is_winograd,
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
    is_winograd: bool,
    packed: &'a Packed,
    /// Where images of one channel may have a plain background.
    bordered: Option<&'a Bordered>,
    pooled: Pooled<'a>,
}

impl Task for Forward<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let shape = self.pooled.shape;
        let images = Images {
            pixels: self.input,
            channels: shape.in_channels,
            line: shape.width * shape.in_channels,
            size: shape.input_size(),
            high: shape.pooled_height(),
            wide: shape.pooled_width(),
        };
        let count = self.input.len() / images.size;
        assert_eq!(self.pooled.output.len(), count * shape.output_size());
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            if self.is_winograd {
                let (rows, channels) = (count * images.high, shape.out_channels);
                winograd::convolve::<V>(images, rows, self.packed, channels, &mut self.pooled);
                return;
            }
            for (number, image) in self.input.chunks_exact(images.size).enumerate() {
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
    pub input: &'a [f32],
    pub weight: &'a [f32],
    /// What [`forward`] gave.
    pub argmax: &'a [u8],
    /// Pooled.
    pub grad_output: &'a [f32],
}

/// Gradients of [`forward`]. The work is proportional to the windows that are alive. Sums over the batch are taken per
/// 32 images, then in the order of the images: the result does not depend on the number of threads.
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
    let with_input = grads.input.is_some();
    let grad_input = grads.input.unwrap_or_default();
    assert!(
        !with_input || grad_input.len() == inputs,
        "input's gradient"
    );
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
