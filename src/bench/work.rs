//! How much arithmetic a training step takes, counted from the settings.

use crate::config::ModelConfig;
use crate::data::{CLASSES, SIDE};

/// Floating-point operations of one training step, in 10^9: two a multiply-add. Forward in full;
/// backward of a pooled convolution a quarter, because pooling passes one gradient of four; no
/// gradient of the pictures. The same count for every device and kernel set, whatever they do.
pub fn gflop_per_step(model: &ModelConfig, batch: usize) -> f64 {
    let [first, _] = model.pooled_sides().expect("checked with the settings");
    let convolution = |side: usize, inputs: usize, outputs: usize, kernel: usize| {
        let places = (side + 1 - kernel) * (side + 1 - kernel);
        (places * inputs * outputs * kernel * kernel) as f64
    };
    let conv1 = convolution(SIDE, 1, model.conv1_channels, model.conv1_kernel);
    let conv2 = convolution(
        first,
        model.conv1_channels,
        model.conv2_channels,
        model.conv2_kernel,
    );
    let linear = (model.flattened() * model.hidden + model.hidden * CLASSES) as f64;
    let forward = conv1 + conv2 + linear;
    let backward = conv1 / 4.0 + 2.0 * conv2 / 4.0 + 2.0 * linear;
    2.0 * batch as f64 * (forward + backward) / 1e9
}
