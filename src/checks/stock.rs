//! Burn's own operations where the model uses them under `--kernels stock`.

use burn::optim::AdamConfig;
use burn::tensor::activation::relu;
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};

use super::case::{Case, Layers, Linear, Numbers, Outputs, f64s, leaf, send_back};
use super::fused::{adam_steps, odd_convolutions, odd_linears};
use super::reference::{self, Convolution};
use super::{Group, Scope, average_pool, batch_norm};

pub fn cases(layers: &Layers, scope: Scope) -> Vec<Case> {
    let mut cases = Vec::new();
    for layer in &layers.convolutions {
        cases.push(convolution(layer.shape));
        if layer.pool {
            cases.push(pool(layer.shape));
        }
        cases.extend(batch_norm::of_layer(Group::Stock, layer));
    }
    cases.extend(average_pool::of_layers(Group::Stock, layers));
    for &shape in &layers.linears {
        cases.extend([multiply(shape), rectify(shape)]);
    }
    cases.push(adam(layers.largest));
    if scope.odd_shapes {
        for shape in odd_convolutions() {
            cases.extend([convolution(shape), pool(shape)]);
        }
        cases.extend(odd_linears().map(multiply));
        cases.extend(
            batch_norm::ODD_SHAPES
                .into_iter()
                .flat_map(batch_norm::stock),
        );
        cases.extend(average_pool::ODD_SHAPES.map(|shape| average_pool::case(Group::Stock, shape)));
        cases.push(adam(131));
    }
    cases
}

fn convolution(shape: Convolution) -> Case {
    Case {
        group: Group::Stock,
        op: "conv2d",
        shape: shape.describe(),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(11);
            let input = numbers.floats(shape.input_size(), 1.0);
            let weight = numbers.floats(shape.weight_size(), 0.5);
            let bias = numbers.floats(shape.outputs, 0.5);
            let upstream = numbers.floats(shape.output_size(), 1.0);
            let (x, w, b) = (f64s(&input), f64s(&weight), f64s(&bias));
            let expected = shape.forward(&x, &w, &b);
            let [grad_input, grad_weight, grad_bias] = shape.backward(&x, &w, &f64s(&upstream));

            let dims = [shape.batch, shape.height, shape.width, shape.inputs];
            let input = leaf(&input, dims, device);
            let kernel = [shape.outputs, shape.inputs, shape.kernel, shape.kernel];
            let weight = leaf(&weight, kernel, device);
            let bias = leaf(&bias, [shape.outputs], device);
            let options = ConvOptions::new([shape.stride; 2], [shape.padding; 2], [1, 1], 1);
            let output = conv2d(
                input.clone().permute([0, 3, 1, 2]),
                weight.clone(),
                Some(bias.clone()),
                options,
            )
            .permute([0, 2, 3, 1]);
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), expected)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
                .with_gradient("gradient of weight", &weight, &gradients, grad_weight)
                .with_gradient("gradient of bias", &bias, &gradients, grad_bias)
        }),
    }
}

/// Pools what the convolution of `shape` gives.
fn pool(shape: Convolution) -> Case {
    let [height, width] = shape.sides();
    Case {
        group: Group::Stock,
        op: "max_pool2d",
        shape: format!("{}x{height}x{width}x{}", shape.batch, shape.outputs),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(12);
            let input = numbers.floats(shape.output_size(), 1.0);
            let pooled = shape.pool(&f64s(&input), 0.0);
            let upstream = numbers.floats(pooled.values.len(), 1.0);
            let grad_input = pooled.backward(&f64s(&upstream), input.len());

            let dims = [shape.batch, height, width, shape.outputs];
            let input = leaf(&input, dims, device);
            let options = MaxPoolOptions::new([2, 2]).with_stride([2, 2]);
            let output =
                max_pool2d(input.clone().permute([0, 3, 1, 2]), options).permute([0, 2, 3, 1]);
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), pooled.values)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
        }),
    }
}

fn multiply(shape: Linear) -> Case {
    let Linear {
        batch,
        inputs,
        outputs,
        relu: _,
    } = shape;
    Case {
        group: Group::Stock,
        op: "matmul",
        shape: shape.describe(),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(13);
            let input = numbers.floats(batch * inputs, 1.0);
            let weight = numbers.floats(inputs * outputs, 0.5);
            let bias = numbers.floats(outputs, 0.5);
            let (x, w) = (f64s(&input), f64s(&weight));
            let mut sums = reference::multiply(&x, &w, inputs, outputs);
            for (index, sum) in sums.iter_mut().enumerate() {
                *sum += f64::from(bias[index % outputs]);
            }
            let upstream = numbers.floats(sums.len(), 1.0);
            let grad = f64s(&upstream);
            let [grad_input, grad_weight] =
                reference::multiply_backward(&x, &w, &grad, inputs, outputs);
            let grad_bias = reference::column_sums(&grad, outputs);

            let input = leaf(&input, [batch, inputs], device);
            let weight = leaf(&weight, [inputs, outputs], device);
            let bias = leaf(&bias, [outputs], device);
            let output = input.clone().matmul(weight.clone()) + bias.clone().unsqueeze::<2>();
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), sums)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
                .with_gradient("gradient of weight", &weight, &gradients, grad_weight)
                .with_gradient("gradient of bias", &bias, &gradients, grad_bias)
        }),
    }
}

fn rectify(shape: Linear) -> Case {
    let (batch, width) = (shape.batch, shape.outputs);
    Case {
        group: Group::Stock,
        op: "relu",
        shape: format!("{batch}x{width}"),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(14);
            let input = numbers.floats(batch * width, 1.0);
            let upstream = numbers.floats(batch * width, 1.0);
            let expected = input.iter().map(|x| f64::from(x.max(0.0))).collect();
            let grad = input
                .iter()
                .zip(&upstream)
                .map(|(x, grad)| if *x > 0.0 { f64::from(*grad) } else { 0.0 })
                .collect();
            let input = leaf(&input, [batch, width], device);
            let output = relu(input.clone());
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), expected)
                .with_gradient("gradient of input", &input, &gradients, grad)
        }),
    }
}

fn adam(count: usize) -> Case {
    Case {
        group: Group::Stock,
        op: "adam of Burn",
        shape: count.to_string(),
        work: Box::new(move |device| {
            let optimizer = AdamConfig::new()
                .with_beta_1(0.7)
                .with_beta_2(0.9)
                .with_epsilon(1e-8)
                .build();
            adam_steps(&optimizer, 0.0, count, device)
        }),
    }
}
