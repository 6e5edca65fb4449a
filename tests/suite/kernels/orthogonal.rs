//! Newton-Schulz iteration against Burn's own Muon.

use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdjustLrFn, MuonConfig, Optimizer};
use burn::tensor::Tensor;
use gpu_mnist::device::Device;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::kernels::tiles::{TileProfile, with_profile};

use super::convolve_pool_relu::leaf;
use super::{difference, numbers};
use crate::support::adapter_or_skip;

/// A matrix as Burn's Muon changes a parameter by it.
fn by_burns_muon(matrix: Tensor<2>) -> Tensor<2> {
    let muon = MuonConfig::new()
        .with_momentum(MomentumConfig {
            momentum: 0.0,
            dampening: 0.0,
            nesterov: false,
        })
        .with_ns_coefficients((3.4445, -4.775, 2.0315))
        .with_ns_steps(5)
        .with_epsilon(1e-7)
        .with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW)
        .build();
    let longer = matrix.dims().into_iter().max().unwrap_or_default();
    let (changed, _) = muon.step(1.0, matrix.zeros_like(), matrix, None);
    changed / (-0.2 * (longer as f64).sqrt())
}

fn equals_burns(device: &Device) {
    for sides in [[64, 72], [144, 16], [1, 1], [33, 7], [20, 12], [3, 300]] {
        let matrix = leaf(1, sides, device).inner();
        let expected = numbers(by_burns_muon(matrix.clone()));
        // A transposed matrix is one that does not lie in order.
        let turned = matrix.clone().transpose();
        for kernels in Kernels::ALL {
            // The gradient of a dead layer.
            let still = numbers(kernels.orthogonal(matrix.zeros_like()));
            assert!(still.iter().all(|&number| number == 0.0), "{kernels}");
            let found = kernels.orthogonal(matrix.clone());
            assert_eq!(found.dims(), sides);
            let also = kernels.orthogonal(turned.clone()).transpose();
            for found in [found, also] {
                let found = difference(&numbers(found), &expected);
                assert!(found <= 1e-4, "{kernels} {sides:?}: differs by {found:e}");
            }
        }
    }
}

#[test]
fn matrices_are_made_orthogonal_as_burns_muon_does_on_the_cpu() {
    equals_burns(&Device::cpu());
}

#[test]
fn matrices_are_made_orthogonal_as_burns_muon_does_on_the_adapter() {
    let name = "matrices_are_made_orthogonal_as_burns_muon_does_on_the_adapter";
    if let Some(device) = adapter_or_skip(name) {
        // Loops differ in pooled convolutions alone.
        let plain = [
            TileProfile::Software,
            TileProfile::Hardware,
            TileProfile::Integrated,
        ];
        let size = device.adapter().and_then(|adapter| adapter.subgroup);
        for profile in plain.into_iter().chain(TileProfile::with_subgroups(size)) {
            with_profile(profile, || equals_burns(&device));
        }
    }
}
