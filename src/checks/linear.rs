//! The linear layer, with its ReLU where it has one.

use super::case::{
    Case, Linear, Numbers, Outputs, doubt, f64s, leaf, masked, rectified, send_back,
};
use super::reference;

/// Sizes that leave something over in every tile.
pub fn odd_cases() -> [Case; 3] {
    let shape = |batch, inputs, outputs| Linear {
        batch,
        inputs,
        outputs,
        relu: true,
    };
    [shape(77, 13, 7), shape(1, 100, 36), shape(5, 1, 3)].map(case)
}

pub fn case(shape: Linear) -> Case {
    let Linear {
        batch,
        inputs,
        outputs,
        relu,
    } = shape;
    Case {
        op: match relu {
            true => "linear_relu",
            false => "linear",
        },
        shape: shape.describe(),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(2);
            let input = numbers.floats(batch * inputs, 1.0);
            let weight = numbers.floats(inputs * outputs, 0.5);
            let bias = numbers.floats(outputs, 0.5);
            let (x, w) = (f64s(&input), f64s(&weight));
            let mut sums = reference::multiply(&x, &w, inputs, outputs);
            for (index, sum) in sums.iter_mut().enumerate() {
                *sum += f64::from(bias[index % outputs]);
            }
            let mut upstream = numbers.floats(sums.len(), 1.0);
            let mut grad_sums = f64s(&upstream);
            if relu {
                let doubt = doubt(&sums);
                for (upstream, sum) in upstream.iter_mut().zip(&sums) {
                    if sum.abs() < doubt {
                        *upstream = 0.0;
                    }
                }
                grad_sums = masked(&upstream, &sums);
                sums = rectified(sums);
            }
            let [grad_input, grad_weight] =
                reference::multiply_backward(&x, &w, &grad_sums, inputs, outputs);
            let grad_bias = reference::column_sums(&grad_sums, outputs);

            let input = leaf(&input, [batch, inputs], device);
            let weight = leaf(&weight, [inputs, outputs], device);
            let bias = leaf(&bias, [outputs], device);
            let (x, w, b) = (input.clone(), weight.clone(), bias.clone());
            let output = device.kernels().linear_relu(x, w, b, relu);
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), sums)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
                .with_gradient("gradient of weight", &weight, &gradients, grad_weight)
                .with_gradient("gradient of bias", &bias, &gradients, grad_bias)
        }),
    }
}
