//! Global average pooling on the CPU, forward and backward. Both are limited by memory.

pub use super::launches::Shape;

use crate::kernels::parallel;
use crate::kernels::simd::{Level, Task, Vector, dispatch};

/// About as many floats a task takes.
const CHUNK: usize = 16_384;

fn pictures_a_chunk(shape: &Shape) -> usize {
    (CHUNK / (shape.pixels * shape.channels)).max(1)
}

/// The mean over the pixels of each picture: `input [n, pixels, c]`, `output [n, c]`.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn forward(level: Level, shape: &Shape, input: &[f32], output: &mut [f32]) {
    assert_eq!(input.len(), shape.input_size(), "input");
    assert_eq!(output.len(), shape.output_size(), "output");
    if input.is_empty() {
        return output.fill(f32::NAN);
    }
    let pictures = pictures_a_chunk(shape);
    let chunks = output
        .chunks_mut(pictures * shape.channels)
        .zip(input.chunks(pictures * shape.pixels * shape.channels));
    parallel::for_each(chunks, |(output, input)| {
        let work = Means {
            shape,
            input,
            output,
        };
        dispatch(level, work);
    });
}

/// Gradient of the input `[n, pixels, c]` from that of the output `[n, c]`.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn backward(shape: &Shape, grad_output: &[f32], grad_input: &mut [f32]) {
    assert_eq!(grad_output.len(), shape.output_size(), "output's gradient");
    assert_eq!(grad_input.len(), shape.input_size(), "input's gradient");
    if grad_input.is_empty() {
        return;
    }
    let pictures = pictures_a_chunk(shape);
    let size = shape.pixels * shape.channels;
    let share = 1.0 / shape.pixels as f32;
    let chunks = grad_input
        .chunks_mut(pictures * size)
        .zip(grad_output.chunks(pictures * shape.channels));
    parallel::for_each(chunks, |(grad_input, grad_output)| {
        let each = grad_input
            .chunks_exact_mut(size)
            .zip(grad_output.chunks_exact(shape.channels));
        for (picture, grads) in each {
            let (first, others) = picture.split_at_mut(shape.channels);
            for (to, grad) in first.iter_mut().zip(grads) {
                *to = grad * share;
            }
            for pixel in others.chunks_exact_mut(shape.channels) {
                pixel.copy_from_slice(first);
            }
        }
    });
}

struct Means<'a> {
    shape: &'a Shape,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Task for Means<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Shape {
            pixels, channels, ..
        } = *self.shape;
        assert!(self.input.len() == self.output.len() * pixels);
        let each = self
            .output
            .chunks_exact_mut(channels)
            .zip(self.input.chunks_exact(pixels * channels));
        for (output, picture) in each {
            let mut at = 0;
            // SAFETY: `at` and what follows it are within the channels; the caller vouches for the
            // instruction set.
            unsafe {
                while at + 4 * V::LANES <= channels {
                    registers::<V, 4>(pixels, picture, at, output);
                    at += 4 * V::LANES;
                }
                while at + V::LANES <= channels {
                    registers::<V, 1>(pixels, picture, at, output);
                    at += V::LANES;
                }
                if at < channels {
                    let used = channels - at;
                    let mut sum = V::zero();
                    for pixel in 0..pixels {
                        let from = picture.as_ptr().add(pixel * channels + at);
                        sum = sum.add(V::load_first(from, used));
                    }
                    let mean = sum.div(V::splat(pixels as f32));
                    mean.store_first(output.as_mut_ptr().add(at), used);
                }
            }
        }
    }
}

/// The means of `WIDTH` registers of channels from channel `at`.
///
/// # Safety
/// There are as many channels; the processor has the instruction set.
#[inline(always)]
unsafe fn registers<V: Vector, const WIDTH: usize>(
    pixels: usize,
    picture: &[f32],
    at: usize,
    output: &mut [f32],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [V::zero(); WIDTH];
        for pixel in 0..pixels {
            let from = picture.as_ptr().add(pixel * output.len() + at);
            for (index, sum) in sums.iter_mut().enumerate() {
                *sum = sum.add(V::load(from.add(index * V::LANES)));
            }
        }
        for (index, sum) in sums.into_iter().enumerate() {
            let mean = sum.div(V::splat(pixels as f32));
            mean.store(output.as_mut_ptr().add(at + index * V::LANES));
        }
    }
}
