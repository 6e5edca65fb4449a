//! The fused batch norm against Burn's own operations.

use burn::tensor::{DType, Tensor, TensorData};
use gpu_mnist::device::Device;
use gpu_mnist::kernels::batch_norm_relu::{
    batch_norm_relu, by_burn, normalise_by_burn, normalise_relu,
};
use gpu_mnist::kernels::tiles::TileProfile;
use gpu_mnist::kernels::tiles::with_profile;

use super::convolve_pool_relu::leaf;
use super::{difference, numbers};
use crate::support::adapter_or_skip;

const EPSILON: f32 = 1e-5;

/// The last one is of channels that shaders leave to Burn's own operations.
const SHAPES: [[usize; 4]; 6] = [
    [9, 28, 28, 8],
    [3, 7, 7, 96],
    [2, 5, 5, 64],
    [1, 3, 2, 4],
    [77, 12, 12, 12],
    [5, 6, 7, 10],
];

/// Residual and ReLU.
const SWITCHES: [[bool; 2]; 4] = [[false, true], [true, true], [false, false], [true, false]];

/// Output, mean, variance; gradients of input, scale, shift and (if there is one) residual.
/// Outputs near zero get no gradient from `upstream`.
fn run(
    shape: [usize; 4],
    [with_residual, relu]: [bool; 2],
    fused: bool,
    device: &Device,
) -> Vec<Vec<f32>> {
    let channels = [shape[3]];
    let input = leaf(1, shape, device);
    let (scale, shift) = (leaf(2, channels, device), leaf(3, channels, device));
    let residual = with_residual.then(|| leaf(4, shape, device));
    let work = |fused: bool, relu: bool| {
        let (x, w, b) = (input.clone(), scale.clone(), shift.clone());
        match fused {
            true => batch_norm_relu(x, w, b, residual.clone(), EPSILON, relu),
            false => by_burn(x, w, b, residual.clone(), EPSILON, relu),
        }
    };
    let sums = numbers(work(false, false).0.inner());
    let upstream = numbers(leaf(5, shape, device).inner());
    let upstream: Vec<f32> = (upstream.into_iter().zip(sums))
        .map(|(grad, sum)| if sum.abs() < 1e-3 { 0.0 } else { grad })
        .collect();
    let options = (&device.autodiff(), DType::F32);
    let upstream = Tensor::<4>::from_data(TensorData::new(upstream, shape), options);
    let (output, mean, variance) = work(fused, relu);
    assert!(!mean.is_require_grad() && !variance.is_require_grad());
    let gradients = (output.clone() * upstream).sum().backward();
    let mut found = vec![
        numbers(output.inner()),
        numbers(mean.inner()),
        numbers(variance.inner()),
        numbers(input.grad(&gradients).expect("a gradient")),
        numbers(scale.grad(&gradients).expect("a gradient")),
        numbers(shift.grad(&gradients).expect("a gradient")),
    ];
    found.extend(residual.map(|residual| numbers(residual.grad(&gradients).expect("a gradient"))));
    found
}

fn training_equals_burn(device: &Device) {
    let mut compared = 0;
    for shape in SHAPES {
        for switches in SWITCHES {
            let fused = run(shape, switches, true, device);
            let burn = run(shape, switches, false, &Device::cpu());
            assert_eq!(fused.len(), burn.len());
            for (part, (fused, burn)) in fused.iter().zip(&burn).enumerate() {
                let found = difference(fused, burn);
                assert!(
                    found <= 2e-5,
                    "{shape:?}, residual and ReLU {switches:?}, part {part}: differs by {found:e}"
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, SHAPES.len() * (2 * 6 + 2 * 7));
}

fn inference_equals_burn(device: &Device) {
    let mut compared = 0;
    for shape in SHAPES {
        for [with_residual, relu] in SWITCHES {
            let channels = [shape[3]];
            let work = |fused: bool, device: &Device, differentiable: bool| {
                let place = |tensor: Tensor<1>| match differentiable {
                    true => tensor,
                    false => tensor.inner(),
                };
                let place4 = |tensor: Tensor<4>| match differentiable {
                    true => tensor,
                    false => tensor.inner(),
                };
                let each = |seed| place(leaf(seed, channels, device));
                let variance = each(5).abs();
                let residual = with_residual.then(|| place4(leaf(6, shape, device)));
                let x = place4(leaf(1, shape, device));
                let of = match fused {
                    true => normalise_relu,
                    false => normalise_by_burn,
                };
                let (scale, shift, mean) = (each(2), each(3), each(4));
                let found = of(x, scale, shift, mean, variance, residual, EPSILON, relu);
                numbers(found.detach())
            };
            let burn = work(false, &Device::cpu(), false);
            for differentiable in [false, true] {
                let found = difference(&work(true, device, differentiable), &burn);
                assert!(
                    found <= 2e-5,
                    "{shape:?}, residual {with_residual}, ReLU {relu}: differs by {found:e}"
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, SHAPES.len() * 8);
}

#[test]
fn batch_norm_equals_burn_on_the_cpu() {
    training_equals_burn(&Device::cpu());
    inference_equals_burn(&Device::cpu());
}

#[test]
fn batch_norm_equals_burn_on_the_adapter() {
    if let Some(device) = adapter_or_skip("batch_norm_equals_burn_on_the_adapter") {
        // Loops differ in pooled convolutions alone.
        for profile in [
            TileProfile::Software,
            TileProfile::Hardware,
            TileProfile::Integrated,
        ] {
            with_profile(profile, || training_equals_burn(&device));
        }
        inference_equals_burn(&device);
    }
}

/// The batch's statistics are those that inference is given: both ways then agree.
#[test]
fn inference_with_the_statistics_of_a_batch_is_its_output() {
    let device = Device::cpu();
    let (input, scale) = (
        leaf(1, [4, 5, 6, 10], &device).inner(),
        leaf(2, [10], &device).inner(),
    );
    let shift = leaf(3, [10], &device).inner();
    let (output, mean, variance) = batch_norm_relu(
        input.clone(),
        scale.clone(),
        shift.clone(),
        None,
        EPSILON,
        true,
    );
    let again = normalise_relu(input, scale, shift, mean, variance, None, EPSILON, true);
    assert_eq!(numbers(output), numbers(again));
}
