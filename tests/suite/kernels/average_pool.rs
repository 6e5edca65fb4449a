//! Global average pooling against Burn's own operations.

use gpu_mnist::device::Device;
use gpu_mnist::kernels::average_pool::{average_pool, by_burn};

use super::convolve_pool_relu::leaf;
use super::{difference, numbers};
use crate::support::adapter_or_skip;

fn average_pool_equals_burn(device: &Device) {
    let shapes = [[77, 3, 3, 96], [5, 5, 7, 10], [1, 1, 1, 1], [2, 28, 28, 3]];
    for shape in shapes {
        let run = |fused: bool, device: &Device| {
            let input = leaf(1, shape, device);
            let output = match fused {
                true => average_pool(input.clone()),
                false => by_burn(input.clone()),
            };
            assert_eq!(output.dims(), [shape[0], shape[3]]);
            let upstream = leaf(2, output.dims(), device).detach();
            let gradients = (output.clone() * upstream).sum().backward();
            let gradient = input.grad(&gradients).expect("a gradient");
            [numbers(output.inner()), numbers(gradient)]
        };
        let (fused, burn) = (run(true, device), run(false, &Device::cpu()));
        for (fused, burn) in fused.iter().zip(&burn) {
            let found = difference(fused, burn);
            assert!(found <= 2e-6, "{shape:?}: differs by {found:e}");
        }
    }
}

#[test]
fn average_pool_equals_burn_on_the_cpu() {
    average_pool_equals_burn(&Device::cpu());
}

#[test]
fn average_pool_equals_burn_on_the_adapter() {
    if let Some(device) = adapter_or_skip("average_pool_equals_burn_on_the_adapter") {
        average_pool_equals_burn(&device);
    }
}
