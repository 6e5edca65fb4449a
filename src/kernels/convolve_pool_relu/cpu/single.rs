//! The weight gradient for images of few channels: lanes are output channels, and each lane picks its maximum's pixel
//! among the four of a window with one shuffle, so no lists are needed.

use super::background::Blank;
use super::lists::{pitch, turned_size};
use super::{Chunk, DEAD, Shape};
use crate::kernels::simd::{Task, Vector, scratch};

/// Whether the layer is one for this file.
pub(super) fn fits(shape: &Shape) -> bool {
    shape.in_channels <= 4 && (shape.kernel == 3 || shape.kernel == 5)
}

/// As `lists::Backward`, without the input's gradient.
pub(super) struct Backward<'a> {
    pub work: Chunk<'a>,
    pub sums: &'a mut [f32],
}

impl Task for Backward<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { work, sums } = self;
        let shape = work.shape;
        let channels = shape.out_channels;
        let padded = channels.next_multiple_of(V::LANES);
        let (taps, size) = (shape.kernel * shape.kernel, shape.output_size());
        // Gradients with the dead ones zero, channels padded to whole registers: `[windows, padded]`.
        let mut grads = scratch::dirty(shape.pooled_pixels() * padded);
        // A register may read past the last one.
        let mut choices = vec![0u8; size + V::LANES];
        let mut quads = scratch::dirty(4 * (shape.height - 1) * (shape.width - 1));
        let inputs = shape.in_channels;
        // `[inputs, taps, padded]`, then the biases.
        let mut totals = scratch::zeroed((inputs * taps + 1) * padded);
        sums.fill(0.0);
        let (weights, biases) = sums.split_at_mut(turned_size(shape));
        for image in work.parts(1) {
            let input = image.input;
            choices[..size].copy_from_slice(image.argmax);
            // SAFETY: the slices hold one image each; the caller vouches for the instruction set.
            unsafe {
                let biases = &mut totals[inputs * taps * padded..];
                mask::<V>(channels, &choices, image.grad_output, &mut grads, biases);
                let blank = Blank::find::<V>(shape, input);
                for channel in 0..inputs {
                    if !fill_quads(shape, channel, input, &mut quads) {
                        continue;
                    }
                    let image = Image {
                        shape,
                        padded,
                        blank: &blank,
                        grads: &grads,
                        choices: &choices,
                        quads: &quads,
                    };
                    for first in (0..padded).step_by(V::LANES) {
                        let totals = &mut totals[channel * taps * padded + first..];
                        match (shape.kernel, V::REGISTERS >= 32) {
                            (5, true) => image.taps::<V, 5, 5>(0, first, totals),
                            (5, false) => {
                                image.taps::<V, 5, 2>(0, first, totals);
                                image.taps::<V, 5, 2>(2, first, totals);
                                image.taps::<V, 5, 1>(4, first, totals);
                            }
                            _ => image.taps::<V, 3, 3>(0, first, totals),
                        }
                    }
                }
            }
        }
        biases.copy_from_slice(&totals[inputs * taps * padded..][..channels]);
        let (kernel, pitch) = (shape.kernel, pitch(shape));
        for (row, weights) in weights.chunks_exact_mut(pitch).enumerate() {
            for (at, weight) in weights[..kernel * inputs].iter_mut().enumerate() {
                let (kx, channel) = (at / inputs, at % inputs);
                let tap = (channel * kernel + row % kernel) * kernel + kx;
                *weight = totals[tap * padded + row / kernel];
            }
        }
    }
}

/// Fills `masked [windows, padded]` with the gradients, zero for the dead, and adds their sum to `biases [padded]`.
#[inline(always)]
unsafe fn mask<V: Vector>(
    channels: usize,
    argmax: &[u8],
    grads: &[f32],
    masked: &mut [f32],
    biases: &mut [f32],
) {
    let padded = biases.len();
    assert!(argmax.len() >= grads.len() + V::LANES && padded >= channels);
    let windows = masked.len() / padded;
    assert!(grads.len() >= windows * channels);
    for at in (0..channels).step_by(V::LANES) {
        let used = V::LANES.min(channels - at);
        // SAFETY: the argmax has a spare register; rows of `masked` and `biases` are whole registers long.
        unsafe {
            let bias = biases.as_mut_ptr().add(at);
            let mut sum = V::load(bias);
            for window in 0..windows {
                let from = window * channels + at;
                let dead =
                    V::load_bytes(argmax.as_ptr().add(from)).sub(V::splat(f32::from(DEAD) - 0.5));
                let grad =
                    dead.select_positive(V::zero(), V::load_first(grads.as_ptr().add(from), used));
                grad.store(masked.as_mut_ptr().add(window * padded + at));
                sum = sum.add(grad);
            }
            sum.store(bias);
        }
    }
}

/// For each pixel of a channel itself, its right neighbour and the two below: `[height - 1, width - 1, 4]`. Whether they
/// are worth a look: the fourth channel of colour is zero.
#[inline(always)]
fn fill_quads(shape: &Shape, channel: usize, input: &[f32], quads: &mut [f32]) -> bool {
    let (width, inputs) = (shape.width, shape.in_channels);
    let line = width * inputs;
    let mut any = inputs == 1;
    for (row, quads) in quads.chunks_exact_mut(4 * (width - 1)).enumerate() {
        let quads = quads.as_chunks_mut::<4>().0.iter_mut();
        let (top, below) = input[row * line..][..2 * line].split_at(line);
        if inputs == 1 {
            let pairs = top.windows(2).zip(below.windows(2));
            for (quad, (top, below)) in quads.zip(pairs) {
                *quad = [top[0], top[1], below[0], below[1]];
            }
            continue;
        }
        let (mut left, mut under) = (top[channel], below[channel]);
        for (column, quad) in quads.enumerate() {
            let next = (column + 1) * inputs + channel;
            *quad = [left, top[next], under, below[next]];
            any |= left != 0.0 || under != 0.0 || top[next] != 0.0 || below[next] != 0.0;
            (left, under) = (top[next], below[next]);
        }
    }
    any
}

struct Image<'a> {
    shape: &'a Shape,
    padded: usize,
    blank: &'a Blank,
    grads: &'a [f32],
    choices: &'a [u8],
    quads: &'a [f32],
}

impl Image<'_> {
    /// Adds to `totals [taps, padded]` the gradients of `ROWS` rows of taps from row `top`, for a register of channels.
    /// Blank windows add their one pixel times the sum of their gradients.
    #[inline(always)]
    unsafe fn taps<V: Vector, const KERNEL: usize, const ROWS: usize>(
        &self,
        top: usize,
        first: usize,
        totals: &mut [f32],
    ) {
        let (rows, columns) = (self.shape.pooled_height(), self.shape.pooled_width());
        let line = 4 * (self.shape.width - 1);
        // SAFETY: a window's quads reach `KERNEL` rows and columns from its corner, inside the image; gradients are
        // padded to whole registers, choices have a spare one; the caller vouches for the instruction set.
        unsafe {
            // Only images of one channel have blank windows.
            let pixel = if self.shape.in_channels == 1 {
                self.blank.value
            } else {
                0.0
            };
            let mut blank = V::zero();
            let mut sums = [[V::zero(); KERNEL]; ROWS];
            for row in 0..rows {
                for column in 0..columns {
                    let window = row * columns + column;
                    let grad = V::load(self.grads.as_ptr().add(window * self.padded + first));
                    if self.blank.has(row, column) {
                        blank = blank.add(grad);
                        continue;
                    }
                    let choice = V::load_choice(
                        self.choices
                            .as_ptr()
                            .add(window * self.shape.out_channels + first),
                    );
                    let corner = self.quads.as_ptr().add((2 * row + top) * line + 8 * column);
                    for (ky, sums) in sums.iter_mut().enumerate() {
                        for (kx, sum) in sums.iter_mut().enumerate() {
                            let four = V::load_four(corner.add(ky * line + 4 * kx));
                            *sum = four.choose(choice).mul_add(grad, *sum);
                        }
                    }
                }
            }
            for (ky, sums) in sums.iter().enumerate() {
                for (kx, &sum) in sums.iter().enumerate() {
                    let to =
                        totals[((top + ky) * KERNEL + kx) * self.padded..][..V::LANES].as_mut_ptr();
                    V::load(to)
                        .add(V::splat(pixel).mul_add(blank, sum))
                        .store(to);
                }
            }
        }
    }
}
