//! Tensors that do not fit each other are refused before anything is launched, on the CPU as on an adapter.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Device as BurnDevice, Int, Tensor};
use gpu_mnist::device::Device;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::kernels::adam::FusedAdam;
use gpu_mnist::kernels::batch_norm_relu::{batch_norm_relu, normalise_relu};
use gpu_mnist::kernels::convolve::convolve;
use gpu_mnist::kernels::convolve_pool_relu::convolve_pool_relu;
use gpu_mnist::kernels::count_confusion::count_confusion;
use gpu_mnist::kernels::linear_relu::linear_relu;
use gpu_mnist::kernels::softmax_cross_entropy::{
    softmax_cross_entropy, softmax_cross_entropy_weighted,
};

use crate::support::adapter_or_skip;

fn ones<const D: usize>(dims: [usize; D], device: &BurnDevice) -> Tensor<D> {
    Tensor::ones(dims, device)
}

fn labels(count: usize, device: &BurnDevice) -> Tensor<1, Int> {
    Tensor::zeros([count], device)
}

/// What an operation says when it panics.
fn refusal(operation: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(operation)).expect_err("shapes that do not fit");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"").to_string(),
    }
}

/// How a refusal begins, and what is refused.
type Case<'a> = (&'static str, Box<dyn FnOnce() + 'a>);

/// Calls each operation with one tensor that does not fit; the message names all shapes.
fn refuses_what_does_not_fit(device: &Device) {
    let to = device.burn();
    let adam = Kernels::Fused.adam(FusedAdam {
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weight_decay: 0.0,
    });
    let cases: [Case<'_>; 17] = [
        (
            "linear_relu: input [2, 3], weight [4, 5], bias [5] do not fit",
            Box::new(|| {
                drop(linear_relu(
                    ones([2, 3], to),
                    ones([4, 5], to),
                    ones([5], to),
                    true,
                ))
            }),
        ),
        (
            "linear_relu: input [2, 4], weight [4, 5], bias [6] do not fit",
            Box::new(|| {
                drop(linear_relu(
                    ones([2, 4], to),
                    ones([4, 5], to),
                    ones([6], to),
                    true,
                ))
            }),
        ),
        (
            "blend: target [2, 3], source [3, 2] do not fit",
            Box::new(|| drop(Kernels::Fused.blend(ones([2, 3], to), ones([3, 2], to), [1.0; 2]))),
        ),
        (
            "scale: numbers [2, 3], factor [3] do not fit",
            Box::new(|| drop(Kernels::Fused.scale(ones([2, 3], to), ones([3], to)))),
        ),
        (
            "convolve_pool_relu: input [1, 8, 8, 3], weight [4, 2, 3, 3], bias [4], padding [0]",
            Box::new(|| {
                let (input, weight) = (ones([1, 8, 8, 3], to), ones([4, 2, 3, 3], to));
                drop(convolve_pool_relu(input, weight, ones([4], to), 0, true));
            }),
        ),
        (
            "convolve_pool_relu: input [1, 8, 8, 2], weight [4, 2, 3, 3], bias [5], padding [0]",
            Box::new(|| {
                let (input, weight) = (ones([1, 8, 8, 2], to), ones([4, 2, 3, 3], to));
                drop(convolve_pool_relu(input, weight, ones([5], to), 0, true));
            }),
        ),
        (
            "convolve_pool_relu: input [1, 3, 8, 2], weight [4, 2, 3, 3], bias [4], padding [0]",
            Box::new(|| {
                let (input, weight) = (ones([1, 3, 8, 2], to), ones([4, 2, 3, 3], to));
                drop(convolve_pool_relu(input, weight, None, 0, true));
            }),
        ),
        (
            "convolve: input [1, 8, 8, 3], weight [4, 2, 3, 3], bias [4], padding [1]",
            Box::new(|| {
                let (input, weight) = (ones([1, 8, 8, 3], to), ones([4, 2, 3, 3], to));
                drop(convolve(input, weight, None, 1, 1, true));
            }),
        ),
        (
            "convolve: input [1, 8, 8, 2], weight [4, 2, 3, 3], bias [3], padding [1]",
            Box::new(|| {
                let (input, weight) = (ones([1, 8, 8, 2], to), ones([4, 2, 3, 3], to));
                drop(convolve(input, weight, Some(ones([3], to)), 1, 1, true));
            }),
        ),
        (
            "convolve: input [1, 2, 8, 2], weight [4, 2, 3, 3], bias [4], padding [0]",
            Box::new(|| {
                let (input, weight) = (ones([1, 2, 8, 2], to), ones([4, 2, 3, 3], to));
                drop(convolve(input, weight, None, 1, 0, true));
            }),
        ),
        (
            "batch_norm_relu: input [2, 2, 2, 4], scale [4], shift [8], residual [2, 2, 2, 4]",
            Box::new(|| {
                let (input, scale) = (ones([2, 2, 2, 4], to), ones([4], to));
                drop(batch_norm_relu(
                    input,
                    scale,
                    ones([8], to),
                    None,
                    1e-5,
                    true,
                ));
            }),
        ),
        (
            "batch_norm_relu: input [2, 2, 2, 4], scale [4], shift [4], residual [1, 2, 2, 4]",
            Box::new(|| {
                let residual = Some(ones([1, 2, 2, 4], to));
                let (input, scale) = (ones([2, 2, 2, 4], to), ones([4], to));
                drop(batch_norm_relu(
                    input,
                    scale,
                    ones([4], to),
                    residual,
                    1e-5,
                    true,
                ));
            }),
        ),
        (
            "normalise_relu: input [2, 2, 2, 4], scale [4], shift [4], mean [4], variance [3]",
            Box::new(|| {
                let c = || ones([4], to);
                let input = ones([2, 2, 2, 4], to);
                drop(normalise_relu(
                    input,
                    c(),
                    c(),
                    c(),
                    ones([3], to),
                    None,
                    1e-5,
                    true,
                ));
            }),
        ),
        (
            "softmax_cross_entropy: logits [4, 10], labels [3]",
            Box::new(|| drop(softmax_cross_entropy(ones([4, 10], to), labels(3, to)))),
        ),
        (
            "softmax_cross_entropy_weighted: logits [4, 10], labels [4], weights [9]",
            Box::new(|| {
                let logits = ones([4, 10], to);
                drop(softmax_cross_entropy_weighted(
                    logits,
                    labels(4, to),
                    ones([9], to),
                    0.0,
                ));
            }),
        ),
        (
            "count_confusion: logits [4, 10], labels [4], table [10, 9]",
            Box::new(|| {
                let table = Tensor::<2, Int>::zeros([10, 9], to);
                drop(count_confusion(ones([4, 10], to), labels(4, to), table));
            }),
        ),
        (
            "adam: parameter [4, 10], gradient [10, 4]",
            Box::new(|| drop(adam.step(0.1, ones([4, 10], to), ones([10, 4], to), None))),
        ),
    ];
    for (expected, operation) in cases {
        let said = refusal(operation);
        assert!(said.starts_with(expected), "{said}\n{expected}");
        assert!(said.contains("needed: "), "{said}");
    }
}

#[test]
fn the_cpu_refuses_tensors_that_do_not_fit() {
    refuses_what_does_not_fit(&Device::cpu());
}

#[test]
fn an_adapter_refuses_tensors_that_do_not_fit() {
    if let Some(device) = adapter_or_skip("an_adapter_refuses_tensors_that_do_not_fit") {
        refuses_what_does_not_fit(&device);
    }
}
