//! The convolution without pooling against Burn's own operations: outputs and gradients.

use burn::tensor::{DType, Tensor, TensorData};
use gpu_mnist::device::Device;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::kernels::convolve::{by_burn, convolve};
use gpu_mnist::kernels::tiles::TileProfile;
use gpu_mnist::kernels::tiles::with_profile;

use super::{difference, numbers};
use crate::support::adapter_or_skip;

/// Shapes of `convolve`: pictures `[n, h, w, in]`, outputs, `[kernel, stride, padding]`, bias, ReLU. The last two take
/// the general path on an adapter.
type Convolution = ([usize; 4], usize, [usize; 3], bool, bool);
const CONVOLUTIONS: &[Convolution] = &[
    ([33, 28, 28, 1], 16, [3, 1, 1], true, true),
    ([17, 14, 14, 16], 16, [3, 1, 1], false, false),
    ([5, 7, 7, 24], 40, [3, 1, 1], true, true),
    ([9, 14, 13, 8], 12, [3, 2, 1], true, true),
    ([3, 11, 9, 4], 8, [5, 2, 3], false, true),
    ([2, 9, 9, 12], 4, [1, 1, 0], true, false),
    ([2, 9, 10, 1], 4, [2, 3, 1], true, true),
    ([3, 14, 14, 1], 8, [5, 1, 0], true, true),
    ([3, 32, 20, 1], 8, [3, 1, 1], true, true),
    ([3, 15, 9, 1], 8, [5, 2, 2], true, true),
    ([3, 32, 32, 4], 8, [3, 1, 1], true, true),
    ([2, 9, 13, 4], 8, [5, 1, 2], true, true),
    ([1, 128, 128, 4], 4, [3, 1, 1], true, true),
    ([2, 9, 10, 3], 8, [3, 1, 1], true, true),
    ([4, 7, 7, 8], 10, [3, 1, 2], false, true),
];

/// Output and gradients of input, weight and bias (where there is one).
fn convolution_and_gradients(
    &(dims, outputs, [kernel, stride, padding], with_bias, relu): &Convolution,
    device: &Device,
    kernels: Kernels,
) -> Vec<Vec<f32>> {
    let mut state = 1u32;
    let mut leaf = |count: usize| -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    };
    let inner = device.autodiff();
    let options = || (&inner, DType::F32);
    let from = |numbers: Vec<f32>, dims: &[usize]| TensorData::new(numbers, dims.to_vec());
    let numbers_of = |dims: &[usize]| dims.iter().product();
    let input = Tensor::<4>::from_data(from(leaf(numbers_of(&dims)), &dims), options());
    let weight_dims = [outputs, dims[3], kernel, kernel];
    let weight = leaf(numbers_of(&weight_dims));
    let weight = Tensor::<4>::from_data(from(weight, &weight_dims), options());
    let bias = Tensor::<1>::from_data(from(leaf(outputs), &[outputs]), options());
    let (input, weight) = (input.require_grad(), weight.require_grad());
    let bias = with_bias.then(|| bias.require_grad());
    let (x, w, b) = (input.clone(), weight.clone(), bias.clone());
    let output = match kernels {
        Kernels::Fused => convolve(x, w, b, stride, padding, relu),
        Kernels::Burn => by_burn(x, w, b, stride, padding, relu),
    };
    let dims = output.dims();
    let upstream = Tensor::<4>::from_data(from(leaf(numbers_of(&dims)), &dims), options());
    let gradients = (output.clone() * upstream).sum().backward();
    let mut found = vec![
        numbers(output.inner()),
        numbers(input.grad(&gradients).expect("a gradient")),
        numbers(weight.grad(&gradients).expect("a gradient")),
    ];
    found.extend(bias.map(|bias| numbers(bias.grad(&gradients).expect("a gradient"))));
    found
}

fn convolve_equals_burn(device: &Device) {
    let mut compared = 0;
    for shape in CONVOLUTIONS {
        let fused = convolution_and_gradients(shape, device, Kernels::Fused);
        let burn = convolution_and_gradients(shape, &Device::cpu(), Kernels::Burn);
        assert_eq!(fused.len(), burn.len());
        for (part, (fused, burn)) in fused.iter().zip(&burn).enumerate() {
            let difference = difference(fused, burn);
            assert!(
                difference <= 2e-5,
                "{shape:?}, part {part}: differs by {difference:e}"
            );
            compared += 1;
        }
    }
    assert!(compared >= 3 * CONVOLUTIONS.len());
}

#[test]
fn convolve_equals_burn_on_the_cpu() {
    convolve_equals_burn(&Device::cpu());
}

#[test]
fn convolve_equals_burn_on_the_adapter() {
    if let Some(device) = adapter_or_skip("convolve_equals_burn_on_the_adapter") {
        // Loops differ in pooled convolutions alone.
        for profile in [
            TileProfile::Software,
            TileProfile::Hardware,
            TileProfile::Integrated,
        ] {
            with_profile(profile, || convolve_equals_burn(&device));
        }
    }
}
