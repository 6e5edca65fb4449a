//! Global average pooling on the CPU, forward and backward. Both are limited by memory.

pub use super::shape::Shape;

use crate::kernels::parallel;
use crate::kernels::primitives::registers::{Registers, for_each_register};
use crate::kernels::simd::{Level, Task, Vector, dispatch};

/// About as many floats a task takes.
const CHUNK: usize = 16_384;

fn images_a_chunk(shape: &Shape) -> usize {
    (CHUNK / (shape.pixels * shape.channels)).max(1)
}

/// The mean over the pixels of each image: `input [n, pixels, c]`, `output [n, c]`.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn forward(level: Level, shape: &Shape, input: &[f32], output: &mut [f32]) {
    assert_eq!(input.len(), shape.input_size(), "input");
    assert_eq!(output.len(), shape.output_size(), "output");
    if input.is_empty() {
        return output.fill(f32::NAN);
    }
    let images = images_a_chunk(shape);
    let chunks = output
        .chunks_mut(images * shape.channels)
        .zip(input.chunks(images * shape.pixels * shape.channels));
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
    let images = images_a_chunk(shape);
    let size = shape.pixels * shape.channels;
    let share = 1.0 / shape.pixels as f32;
    let chunks = grad_input
        .chunks_mut(images * size)
        .zip(grad_output.chunks(images * shape.channels));
    parallel::for_each(chunks, |(grad_input, grad_output)| {
        let each = grad_input
            .chunks_exact_mut(size)
            .zip(grad_output.chunks_exact(shape.channels));
        for (image, grads) in each {
            let (first, others) = image.split_at_mut(shape.channels);
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
        let &Shape {
            pixels, channels, ..
        } = self.shape;
        assert!(self.input.len() == self.output.len() * pixels);
        let each = self
            .output
            .chunks_exact_mut(channels)
            .zip(self.input.chunks_exact(pixels * channels));
        for (output, image) in each {
            let mut means = ImageMeans {
                pixels,
                image,
                output,
            };
            // SAFETY: the slices hold one image; the caller vouches for the instruction set.
            unsafe { for_each_register::<V>(V::LANES, channels, &mut means) };
        }
    }
}

struct ImageMeans<'a> {
    pixels: usize,
    image: &'a [f32],
    output: &'a mut [f32],
}

impl Registers for ImageMeans<'_> {
    #[inline(always)]
    unsafe fn write<V: Vector>(&mut self, at: usize, _place: usize, used: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sum = V::zero();
            for pixel in 0..self.pixels {
                let from = self.image.as_ptr().add(pixel * self.output.len() + at);
                sum = sum.add(V::load_up_to(from, used));
            }
            let mean = sum.div(V::splat(self.pixels as f32));
            mean.store_up_to(self.output.as_mut_ptr().add(at), used);
        }
    }
}
