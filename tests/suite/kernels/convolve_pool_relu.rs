//! The fused convolution without bias or ReLU, as before a batch norm, and with padding, against Burn's own operations.

use burn::tensor::{DType, Tensor, TensorData};
use gpu_mnist::device::Device;
use gpu_mnist::kernels::convolve_pool_relu::{by_burn, convolve_pool_relu};
use gpu_mnist::kernels::tiles::TileProfile;
use gpu_mnist::kernels::tiles::with_profile;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::{difference, numbers};
use crate::support::adapter_or_skip;

/// A tensor that gets a gradient, uniform in ±1.
pub(super) fn leaf<const D: usize>(seed: u64, dims: [usize; D], device: &Device) -> Tensor<D> {
    let mut stream = ChaCha12Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..dims.iter().product())
        .map(|_| stream.random_range(-1.0..1.0))
        .collect();
    let options = (&device.autodiff(), DType::F32);
    Tensor::from_data(TensorData::new(values, dims), options).require_grad()
}

/// Output, and the gradients of input, weight and (if there is one) bias.
fn run(
    [batch, height, width, inputs, outputs, kernel, padding]: [usize; 7],
    [with_bias, relu, fused]: [bool; 3],
    device: &Device,
) -> Vec<Vec<f32>> {
    let input = leaf(1, [batch, height, width, inputs], device);
    let weight = leaf(2, [outputs, inputs, kernel, kernel], device);
    let bias = with_bias.then(|| leaf(3, [outputs], device));
    let (x, w, b) = (input.clone(), weight.clone(), bias.clone());
    let output = match fused {
        true => convolve_pool_relu(x, w, b, padding, relu),
        false => by_burn(x, w, b, padding, relu),
    };
    let upstream = leaf(4, output.dims(), device).detach();
    let gradients = (output.clone() * upstream).sum().backward();
    let mut found = vec![
        numbers(output.inner()),
        numbers(input.grad(&gradients).expect("a gradient")),
        numbers(weight.grad(&gradients).expect("a gradient")),
    ];
    found.extend(bias.map(|bias| numbers(bias.grad(&gradients).expect("a gradient"))));
    found
}

fn switches_equal_burn(device: &Device) {
    // The last shape is one that shaders leave to Burn's own operations.
    let shapes = [
        [9, 28, 28, 1, 24, 5, 0],
        [9, 12, 12, 24, 32, 3, 0],
        [3, 11, 11, 8, 12, 2, 0],
        [7, 28, 28, 1, 8, 3, 1],
        [5, 13, 13, 4, 8, 4, 2],
        [3, 14, 14, 1, 8, 5, 0],
        [3, 32, 20, 1, 8, 3, 1],
        [3, 15, 9, 1, 8, 3, 0],
        [3, 32, 32, 4, 8, 5, 0],
        [3, 9, 13, 4, 8, 3, 1],
        [1, 128, 128, 4, 4, 3, 0],
        [1, 128, 96, 1, 4, 5, 2],
        [2, 9, 9, 3, 5, 3, 1],
        [2, 9, 9, 4, 2, 3, 0],
    ];
    let mut compared = 0;
    for shape in shapes {
        for [bias, relu] in [[true, false], [false, false], [false, true]] {
            let fused = run(shape, [bias, relu, true], device);
            let burn = run(shape, [bias, relu, false], &Device::cpu());
            assert_eq!(relu, !fused[0].iter().any(|value| *value < 0.0));
            assert_eq!(fused.len(), burn.len());
            for (part, (fused, burn)) in fused.iter().zip(&burn).enumerate() {
                let found = difference(fused, burn);
                assert!(
                    found <= 2e-5,
                    "{shape:?}, bias {bias}, ReLU {relu}, part {part}: differs by {found:e}"
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 14 * 10);
}

#[test]
fn a_convolution_without_bias_or_relu_equals_burn_on_the_cpu() {
    switches_equal_burn(&Device::cpu());
}

#[test]
fn a_convolution_without_bias_or_relu_equals_burn_on_the_adapter() {
    let name = "a_convolution_without_bias_or_relu_equals_burn_on_the_adapter";
    if let Some(device) = adapter_or_skip(name) {
        for profile in TileProfile::ALL {
            with_profile(profile, || switches_equal_burn(&device));
        }
    }
}
