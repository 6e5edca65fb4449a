//! The fused kernels: shaders on an adapter, SIMD on the CPU.

use burn::optim::{AdamState, AdaptiveMomentumState, Optimizer};

use super::case::{Case, Layers, Linear, Numbers, Outputs, doubt, f64s, leaf, plain, send_back};
use super::reference::{self, Convolution};
use super::{Group, Scope, average_pool, batch_norm, convolve};
use crate::device::Device;
use crate::kernels::adam::FusedAdam;
use crate::kernels::convolve_pool_relu::convolve_pool_relu;
use crate::kernels::linear_relu::linear_relu;

pub fn cases(layers: &Layers, scope: Scope) -> Vec<Case> {
    let mut cases = Vec::new();
    for layer in &layers.convolutions {
        let rectified = !layer.norm && !layer.residual;
        cases.push(match layer.pool && layer.shape.stride == 1 {
            true => convolution(layer.shape, rectified),
            false => convolve::case(layer.shape, rectified && !layer.pool),
        });
        cases.extend(batch_norm::of_layer(Group::Fused, layer));
    }
    cases.extend(average_pool::of_layers(Group::Fused, layers));
    cases.extend(layers.linears.iter().map(|&shape| linear(shape)));
    cases.push(adam(layers.largest));
    if scope.odd_shapes {
        for relu in [true, false] {
            cases.extend(odd_convolutions().map(|shape| convolution(shape, relu)));
        }
        cases.extend(convolve::odd_cases());
        cases.extend(odd_linears().map(linear));
        cases.extend(
            batch_norm::ODD_SHAPES
                .into_iter()
                .flat_map(batch_norm::fused),
        );
        cases.extend(average_pool::ODD_SHAPES.map(|shape| average_pool::case(Group::Fused, shape)));
        cases.extend([adam(1), adam(131)]);
    }
    cases
}

/// Shapes that leave pixels, channels or pictures over in every tile; the last of them is one
/// that shaders leave to Burn's own operations.
pub fn odd_convolutions() -> [Convolution; 7] {
    let shape = |batch, height, width, inputs, outputs, kernel, padding| Convolution {
        batch,
        height,
        width,
        inputs,
        outputs,
        kernel,
        stride: 1,
        padding,
    };
    [
        shape(7, 13, 11, 4, 12, 3, 0),
        shape(1, 9, 10, 1, 4, 2, 0),
        shape(6, 9, 8, 4, 8, 3, 1),
        shape(3, 32, 20, 1, 8, 3, 0),
        shape(3, 15, 9, 1, 8, 3, 1),
        shape(3, 32, 32, 4, 8, 5, 0),
        shape(5, 9, 7, 3, 5, 4, 2),
    ]
}

pub fn odd_linears() -> [Linear; 3] {
    let shape = |batch, inputs, outputs| Linear {
        batch,
        inputs,
        outputs,
        relu: true,
    };
    [shape(77, 13, 7), shape(1, 100, 36), shape(5, 1, 3)]
}

/// Without `relu` it has no bias either, as before a batch norm.
fn convolution(shape: Convolution, relu: bool) -> Case {
    Case {
        group: Group::Fused,
        op: match relu {
            true => "convolve_pool_relu",
            false => "convolve_pool",
        },
        shape: shape.describe(),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(1);
            let input = numbers.floats(shape.input_size(), 1.0);
            let weight = numbers.floats(shape.weight_size(), 0.5);
            let bias = match relu {
                true => numbers.floats(shape.outputs, 0.5),
                false => vec![0.0; shape.outputs],
            };
            let (x, w, b) = (f64s(&input), f64s(&weight), f64s(&bias));
            let sums = shape.forward(&x, &w, &b);
            let doubt = doubt(&sums);
            let pooled = shape.pool(&sums, doubt);
            let mut upstream = numbers.floats(pooled.values.len(), 1.0);
            for (index, upstream) in upstream.iter_mut().enumerate() {
                if !pooled.sure[index] || relu && pooled.values[index].abs() < doubt {
                    *upstream = 0.0;
                }
            }
            let (masked, expected) = match relu {
                true => (
                    masked(&upstream, &pooled.values),
                    rectified(pooled.values.clone()),
                ),
                false => (f64s(&upstream), pooled.values.clone()),
            };
            let grad_sums = pooled.backward(&masked, sums.len());
            let [grad_input, grad_weight, grad_bias] = shape.backward(&x, &w, &grad_sums);

            let dims = [shape.batch, shape.height, shape.width, shape.inputs];
            let input = leaf(&input, dims, device);
            let kernel = [shape.outputs, shape.inputs, shape.kernel, shape.kernel];
            let weight = leaf(&weight, kernel, device);
            let bias = relu.then(|| leaf(&bias, [shape.outputs], device));
            let (x, w, b) = (input.clone(), weight.clone(), bias.clone());
            let output = convolve_pool_relu(x, w, b, shape.padding, relu);
            let gradients = send_back(&output, &upstream);
            let outputs = Outputs::default()
                .with("output", output.inner(), expected)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
                .with_gradient("gradient of weight", &weight, &gradients, grad_weight);
            match bias {
                Some(bias) => {
                    outputs.with_gradient("gradient of bias", &bias, &gradients, grad_bias)
                }
                None => outputs,
            }
        }),
    }
}

fn linear(shape: Linear) -> Case {
    let Linear {
        batch,
        inputs,
        outputs,
        relu,
    } = shape;
    Case {
        group: Group::Fused,
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
            let output = linear_relu(input.clone(), weight.clone(), bias.clone(), relu);
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), sums)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
                .with_gradient("gradient of weight", &weight, &gradients, grad_weight)
                .with_gradient("gradient of bias", &bias, &gradients, grad_bias)
        }),
    }
}

/// Two steps, so that the moments count.
fn adam(count: usize) -> Case {
    Case {
        group: Group::Fused,
        op: "adam",
        shape: count.to_string(),
        work: Box::new(move |device| {
            adam_steps(
                &FusedAdam {
                    beta1: 0.7,
                    beta2: 0.9,
                    epsilon: 1e-8,
                    weight_decay: 0.1,
                },
                0.1,
                count,
                device,
            )
        }),
    }
}

/// Two steps of an optimiser that is Adam with decays 0.7 and 0.9, epsilon 1e-8 and a weight decay.
pub fn adam_steps<O>(optimizer: &O, weight_decay: f64, count: usize, device: &Device) -> Outputs
where
    O: Optimizer<State<1> = AdamState<1>>,
{
    const RATE: f64 = 0.003;
    let mut numbers = Numbers::new(4);
    let parameter = numbers.floats(count, 1.0);
    let gradients = [numbers.floats(count, 1.0), numbers.floats(count, 1.0)];
    let mut expected = [f64s(&parameter), vec![0.0; count], vec![0.0; count]];
    let mut found = plain(&parameter, [count], device);
    let mut state = None;
    for (step, gradient) in (1..).zip(&gradients) {
        let settings = reference::Adam {
            learning_rate: RATE,
            beta1: f64::from(0.7f32),
            beta2: f64::from(0.9f32),
            epsilon: f64::from(1e-8f32),
            weight_decay,
            step,
        };
        let [p, m, v] = &mut expected;
        reference::adam(&settings, &f64s(gradient), [p, m, v]);
        let gradient = plain(gradient, [count], device);
        (found, state) = optimizer.step(RATE, found, gradient, state);
    }
    let momentum: AdaptiveMomentumState<1> = state.expect("a state after a step").momentum;
    let [p, m, v] = expected;
    Outputs::default()
        .with("parameter", found, p)
        .with("first moment", momentum.moment_1, m)
        .with("second moment", momentum.moment_2, v)
}

/// `upstream` where the sum passes ReLU.
fn masked(upstream: &[f32], sums: &[f64]) -> Vec<f64> {
    upstream
        .iter()
        .zip(sums)
        .map(|(&grad, &sum)| if sum > 0.0 { grad.into() } else { 0.0 })
        .collect()
}

fn rectified(mut sums: Vec<f64>) -> Vec<f64> {
    for sum in &mut sums {
        *sum = sum.max(0.0);
    }
    sums
}
