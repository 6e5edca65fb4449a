//! Products of matrices against float64.

use burn::tensor::activation::relu;
use gpu_mnist::device::Device;
use gpu_mnist::kernels::matmul::matmul;
use gpu_mnist::kernels::tiles::TileProfile;
use gpu_mnist::kernels::tiles::with_profile;

use super::convolve_pool_relu::leaf;
use super::{difference, numbers};
use crate::support::adapter_or_skip;

fn matmul_equals_float64(device: &Device) {
    let sizes = [
        [64, 72, 80],
        [16, 16, 144],
        [1, 1, 1],
        [33, 7, 5],
        [33, 20, 12],
    ];
    for (at, [rows, depth, columns]) in sizes.into_iter().enumerate() {
        let is_sparse = at == 0;
        let mut left = leaf(1, [rows, depth], device).inner();
        if is_sparse {
            left = relu(left.sub_scalar(0.4));
        }
        let right = leaf(2, [depth, columns], device).inner();
        let found = matmul(left.clone(), right.clone());
        assert_eq!(found.dims(), [rows, columns]);
        // A transposed matrix is one that does not lie in order.
        let turned = matmul(right.clone().transpose(), left.clone().transpose());
        let (left, right) = (numbers(left), numbers(right));
        let mut expected = vec![0.0; rows * columns];
        for (at, sum) in expected.iter_mut().enumerate() {
            let (row, column) = (at / columns, at % columns);
            let terms = (0..depth).map(|step| {
                f64::from(left[row * depth + step]) * f64::from(right[step * columns + column])
            });
            *sum = terms.sum::<f64>() as f32;
        }
        for found in [found, turned.transpose()] {
            let found = difference(&numbers(found), &expected);
            assert!(
                found <= 2e-6,
                "{rows} x {depth} x {columns}: differs by {found:e}"
            );
        }
    }
}

#[test]
fn matmul_equals_float64_on_the_cpu() {
    matmul_equals_float64(&Device::cpu());
}

#[test]
fn matmul_equals_float64_on_the_adapter() {
    if let Some(device) = adapter_or_skip("matmul_equals_float64_on_the_adapter") {
        // Loops differ in pooled convolutions alone.
        let plain = [
            TileProfile::Software,
            TileProfile::Hardware,
            TileProfile::Integrated,
        ];
        let size = device.adapter().and_then(|adapter| adapter.subgroup);
        for profile in plain.into_iter().chain(TileProfile::with_subgroups(size)) {
            with_profile(profile, || matmul_equals_float64(&device));
        }
    }
}
