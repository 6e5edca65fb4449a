//! The weight of a convolution as its CPU kernels stream it, and its gradient on the way back.

use super::gemm::Layout;
use crate::kernels::parallel;
use crate::kernels::simd::scratch::{self, Scratch};

/// The sizes of a weight in PyTorch's layout `[outputs, inputs, kernel, kernel]`.
#[derive(Clone, Copy)]
pub(crate) struct Filters {
    pub kernel: usize,
    pub inputs: usize,
    pub outputs: usize,
}

/// A weight as panels `[kernel, kernel, inputs, width]` and the bias, both padded with zeros.
pub(crate) struct Packed {
    pub layout: Layout,
    pub weight: Scratch,
    pub bias: Scratch,
}

impl Filters {
    /// Numbers of a filter.
    pub fn patch(self) -> usize {
        self.kernel * self.kernel * self.inputs
    }

    /// The weight and the bias for the convolution itself.
    pub fn pack(self, layout: Layout, weight: &[f32], bias: &[f32]) -> Packed {
        let (inputs, taps) = (self.inputs, self.kernel * self.kernel);
        let fill = |step: usize, first: usize, row: &mut [f32]| {
            let (tap, input) = (step / inputs, step % inputs);
            for (output, to) in (first..).zip(row) {
                *to = weight[(output * inputs + input) * taps + tap];
            }
        };
        Packed {
            layout,
            weight: layout.pack(self.patch(), self.outputs, fill),
            bias: layout.pack(1, self.outputs, |_, first, row| {
                row.copy_from_slice(&bias[first..][..row.len()]);
            }),
        }
    }

    /// For the gradient of the input: in- and outputs exchanged, filters turned by 180 degrees, no bias.
    pub fn pack_turned(self, layout: Layout, weight: &[f32]) -> Packed {
        let (inputs, taps) = (self.inputs, self.kernel * self.kernel);
        let fill = |step: usize, first: usize, row: &mut [f32]| {
            let (tap, output) = (step / self.outputs, step % self.outputs);
            for (input, to) in (first..).zip(row) {
                *to = weight[(output * inputs + input) * taps + taps - 1 - tap];
            }
        };
        Packed {
            layout,
            weight: layout.pack(taps * self.outputs, inputs, fill),
            bias: scratch::zeroed(layout.padded(inputs)),
        }
    }

    /// Floats of a gradient of weight and bias in panels.
    pub fn sums_size(self, layout: Layout) -> usize {
        layout.padded(self.outputs) * (self.patch() + 1)
    }

    /// Adds up `sums`, gradients of [`Filters::sums_size`] each, in their order, and puts weights and biases where
    /// PyTorch has them.
    pub fn collect(
        self,
        layout: Layout,
        sums: &mut [f32],
        grad_weight: &mut [f32],
        grad_bias: Option<&mut [f32]>,
    ) {
        let (patch, size) = (self.patch(), self.sums_size(layout));
        let (total, others) = sums.split_at_mut(size);
        let (mut weights, biases) = total.split_at_mut(layout.padded(self.outputs) * patch);
        let mut grads = grad_weight;
        let mut panels = Vec::new();
        for panel in layout.panels(self.outputs) {
            let width = layout.width(panel);
            let used = width.min(self.outputs - panel.first);
            let (total, weights_left) = weights.split_at_mut(width * patch);
            let (to, grads_left) = grads.split_at_mut(used * patch);
            (weights, grads) = (weights_left, grads_left);
            panels.push((panel.first * patch, width, total, to));
        }
        parallel::for_each(panels, |(first, width, total, to)| {
            for part in others.chunks_exact(size) {
                add(total, &part[first..][..total.len()]);
            }
            self.put(width, total, to);
        });
        if let Some(grad_bias) = grad_bias {
            for part in others.chunks_exact(size) {
                add(biases, &part[size - biases.len()..]);
            }
            grad_bias.copy_from_slice(&biases[..self.outputs]);
        }
    }

    /// Puts the weights of a panel `[kernel, kernel, inputs, width]` where PyTorch has them.
    fn put(self, width: usize, panel: &[f32], to: &mut [f32]) {
        let (inputs, taps) = (self.inputs, self.kernel * self.kernel);
        for (lane, to) in to.chunks_exact_mut(self.patch()).enumerate() {
            for (input, to) in to.chunks_exact_mut(taps).enumerate() {
                for (tap, to) in to.iter_mut().enumerate() {
                    *to = panel[(tap * inputs + input) * width + lane];
                }
            }
        }
    }
}

/// Adds all parts of `size` numbers to the first, in their order.
pub(crate) fn add_up(parts: &mut [f32], size: usize) -> &[f32] {
    let (total, others) = parts.split_at_mut(size);
    for part in others.chunks_exact(size) {
        add(total, part);
    }
    total
}

fn add(total: &mut [f32], part: &[f32]) {
    for (total, number) in total.iter_mut().zip(part) {
        *total += number;
    }
}
