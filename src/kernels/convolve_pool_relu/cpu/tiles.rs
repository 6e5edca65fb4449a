//! Both passes by Winograd's tiles, each of four windows. Their gradients are those of the un-pooled sums: zeros but
//! for each window's maximum.

use super::windows::Pooled;
use super::{Grads, Inputs, Outputs, Saved, Shape};
use crate::kernels::parallel;
use crate::kernels::primitives::winograd::{
    self, Convolution, Filtered, Finish, Images, Place, Products, Source,
};
use crate::kernels::simd::{Level, Task, Vector, WIDEST, dispatch};
use std::ops::Range;

impl Shape {
    /// The convolution as Winograd's tiles, where those pay.
    pub(super) fn winograd(&self) -> Option<Convolution> {
        let convolution = Convolution {
            input: [self.height, self.width],
            output: [2 * self.pooled_height(), 2 * self.pooled_width()],
            padding: self.padding,
            filters: self.filters(),
        };
        convolution.pays().then_some(convolution)
    }
}

pub(super) fn forward(
    level: Level,
    shape: &Shape,
    convolution: &Convolution,
    inputs: Inputs<'_>,
    outputs: Outputs<'_>,
) {
    let filtered = Filtered::new(level, *convolution, inputs.weight);
    // Padded to whole registers.
    let mut bias = inputs.bias.to_vec();
    bias.resize(bias.len().next_multiple_of(WIDEST), 0.0);
    let images = filtered.images();
    let size = images * shape.output_size();
    let pixels = inputs.input.chunks(images * shape.input_size());
    let outputs = outputs
        .output
        .chunks_mut(size)
        .zip(outputs.argmax.chunks_mut(size));
    parallel::for_each(pixels.zip(outputs), |(pixels, (output, argmax))| {
        let pooled = Pooled {
            shape,
            bias: &bias,
            relu: inputs.relu,
            output,
            argmax,
        };
        filtered.run(pixels, pooled);
    });
}

impl Finish for Pooled<'_> {
    #[inline(always)]
    unsafe fn tile<V: Vector, const GROUPS: usize>(
        &mut self,
        products: Products<'_>,
        tile: usize,
        place: Place,
        channel: usize,
    ) {
        let (rows, columns) = (self.shape.pooled_height(), self.shape.pooled_width());
        let (first_row, first_column) = (place.row / 2, place.column / 2);
        for group in 0..GROUPS {
            let channel = channel + group * V::LANES;
            // SAFETY: the bias is padded; the caller vouches for the instruction set.
            unsafe {
                let bias = V::load(self.bias[channel..][..V::LANES].as_ptr());
                let all = products.outputs::<V, GROUPS>(tile, group);
                for row in 0..2 {
                    for column in 0..2 {
                        if first_row + row >= rows || first_column + column >= columns {
                            continue;
                        }
                        let (top, left) = (2 * row, 2 * column);
                        let four = [
                            all[top][left],
                            all[top][left + 1],
                            all[top + 1][left],
                            all[top + 1][left + 1],
                        ];
                        let window = (place.image * rows + first_row + row) * columns;
                        self.take(window + first_column + column, channel, four, bias);
                    }
                }
            }
        }
    }
}

pub(super) fn backward(
    level: Level,
    shape: &Shape,
    convolution: &Convolution,
    saved: Saved<'_>,
    grads: Grads<'_>,
) {
    let images = Images {
        pixels: saved.input,
        weight: saved.weight,
    };
    let source = Unpooled {
        level,
        shape,
        saved,
    };
    winograd::backward(level, convolution, images, &source, grads);
}

/// The gradient of the un-pooled sums.
struct Unpooled<'a> {
    level: Level,
    shape: &'a Shape,
    saved: Saved<'a>,
}

impl Source for Unpooled<'_> {
    fn of<'a>(&'a self, images: Range<usize>, room: &'a mut [f32]) -> &'a [f32] {
        let size = self.shape.output_size();
        let all = images.start * size..images.end * size;
        let to = &mut room[..4 * all.len()];
        let work = Unpool {
            channels: self.shape.out_channels,
            columns: self.shape.pooled_width(),
            argmax: &self.saved.argmax[all.clone()],
            grads: &self.saved.grad_output[all],
            to,
        };
        dispatch(self.level, work);
        to
    }
}

struct Unpool<'a> {
    channels: usize,
    /// Windows of a row.
    columns: usize,
    argmax: &'a [u8],
    grads: &'a [f32],
    to: &'a mut [f32],
}

impl Task for Unpool<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (channels, columns) = (self.channels, self.columns);
        let windows = self.grads.len() / channels;
        assert!(self.argmax.len() == windows * channels && windows.is_multiple_of(columns));
        assert_eq!(self.to.len(), 4 * windows * channels);
        let line = 2 * columns * channels;
        for window in 0..windows {
            let corner = window / columns * 2 * line + window % columns * 2 * channels;
            for first in (0..channels).step_by(V::LANES) {
                let (at, used) = (window * channels + first, V::LANES.min(channels - first));
                let mut last = [0; WIDEST];
                let argmax = &self.argmax[at..at + used];
                // SAFETY: a register of bytes is read where there is one; no more is written than the window's four
                // pixels; the caller vouches for the instruction set.
                unsafe {
                    let argmax = match used == V::LANES {
                        true => V::load_bytes(argmax.as_ptr()),
                        false => {
                            last[..used].copy_from_slice(argmax);
                            V::load_bytes(last.as_ptr())
                        }
                    };
                    let grad = V::load_up_to(self.grads.as_ptr().add(at), used);
                    for position in 0..4 {
                        let off = argmax.sub(V::splat(position as f32));
                        let value = off.mul(off).select_positive(V::zero(), grad);
                        let to = corner + position / 2 * line + position % 2 * channels;
                        value.store_up_to(self.to.as_mut_ptr().add(to + first), used);
                    }
                }
            }
        }
    }
}
