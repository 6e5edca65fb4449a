//! How much arithmetic a training step takes, counted from the settings.

use crate::config::Architecture;

/// Floating-point operations of one training step, in 10^9: two a multiply-add, of what its layers count. The
/// same for every device and kernel set, whatever they do.
pub fn gflop_per_step(network: &Architecture, batch: usize) -> f64 {
    let places = network.checked_places();
    let products = places
        .iter()
        .map(|place| place.layer.describe().products(place));
    2.0 * batch as f64 * products.sum::<f64>() / 1e9
}
