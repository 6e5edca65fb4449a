//! The convolution with stride and zero padding.

use super::Group;
use super::case::{Case, Numbers, Outputs, doubt, f64s, leaf, send_back};
use super::reference::Convolution;
use crate::kernels::convolve::convolve;

/// Shapes that leave pixels, channels or pictures over in every tile; the last of them is one
/// that shaders leave to Burn's own operations.
pub fn odd_cases() -> impl Iterator<Item = Case> {
    let shape = |[batch, height, width]: [usize; 3],
                 [inputs, outputs]: [usize; 2],
                 [kernel, stride, padding]: [usize; 3]| Convolution {
        batch,
        height,
        width,
        inputs,
        outputs,
        kernel,
        stride,
        padding,
    };
    [
        (shape([9, 14, 14], [8, 16], [3, 1, 1]), true),
        (shape([7, 13, 11], [4, 12], [3, 2, 1]), false),
        (shape([9, 32, 20], [1, 8], [3, 1, 1]), true),
        (shape([3, 15, 9], [1, 8], [5, 2, 2]), true),
        (shape([3, 32, 32], [4, 8], [3, 1, 1]), true),
        (shape([1, 9, 10], [1, 4], [2, 1, 1]), true),
        (shape([5, 9, 7], [3, 5], [4, 1, 2]), true),
    ]
    .into_iter()
    .map(|(shape, relu)| case(shape, relu))
}

/// Output and gradients of one shape.
pub fn case(shape: Convolution, relu: bool) -> Case {
    Case {
        group: Group::Fused,
        op: "convolve",
        shape: shape.describe(),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(7);
            let input = numbers.floats(shape.input_size(), 1.0);
            let weight = numbers.floats(shape.weight_size(), 0.5);
            let bias = numbers.floats(shape.outputs, 0.5);
            let (x, w, b) = (f64s(&input), f64s(&weight), f64s(&bias));
            let mut sums = shape.forward(&x, &w, &b);
            let mut upstream = numbers.floats(sums.len(), 1.0);
            if relu {
                let doubt = doubt(&sums);
                for (upstream, sum) in upstream.iter_mut().zip(&sums) {
                    if sum.abs() < doubt {
                        *upstream = 0.0;
                    }
                }
            }
            let passes = |sum: f64| !relu || sum > 0.0;
            let grads: Vec<f64> = upstream
                .iter()
                .zip(&sums)
                .map(|(&grad, &sum)| if passes(sum) { grad.into() } else { 0.0 })
                .collect();
            let [grad_input, grad_weight, grad_bias] = shape.backward(&x, &w, &grads);
            if relu {
                sums.iter_mut().for_each(|sum| *sum = sum.max(0.0));
            }

            let dims = [shape.batch, shape.height, shape.width, shape.inputs];
            let input = leaf(&input, dims, device);
            let kernel = [shape.outputs, shape.inputs, shape.kernel, shape.kernel];
            let weight = leaf(&weight, kernel, device);
            let bias = leaf(&bias, [shape.outputs], device);
            let (x, w, b) = (input.clone(), weight.clone(), Some(bias.clone()));
            let output = convolve(x, w, b, shape.stride, shape.padding, relu);
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), sums)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
                .with_gradient("gradient of weight", &weight, &gradients, grad_weight)
                .with_gradient("gradient of bias", &bias, &gradients, grad_bias)
        }),
    }
}
