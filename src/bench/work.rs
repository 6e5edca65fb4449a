//! How much arithmetic a training step takes, counted from the settings.

use crate::config::{Architecture, ConvolutionSize};

/// Floating-point operations of one training step, in 10^9: two a multiply-add, convolutions and
/// linear layers alone. Forward in full; backward of a pooled convolution a quarter, because
/// pooling passes one gradient of four; no gradient of the images. The same count for every
/// device and kernel set, whatever they do.
pub fn gflop_per_step(network: &Architecture, batch: usize) -> f64 {
    let sizes = network.checked_sizes();
    let forward = |size: &ConvolutionSize| {
        let places: usize = size.convolved().iter().product();
        (places * size.inputs * size.layer.channels * size.layer.kernel * size.layer.kernel) as f64
    };
    let mut products = 0.0;
    for (index, size) in sizes.convolutions.iter().enumerate() {
        let gradients = if index == 0 { 1.0 } else { 2.0 };
        let passed = if size.layer.pool { 0.25 } else { 1.0 };
        products += forward(size) * (1.0 + gradients * passed);
    }
    for [inputs, outputs] in &sizes.linears {
        products += 3.0 * (inputs * outputs) as f64;
    }
    2.0 * batch as f64 * products / 1e9
}
