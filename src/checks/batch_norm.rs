//! Batch norm in training and in inference.

use super::case::{Case, Layer, Numbers, Outputs, doubt, f64s, leaf, plain, send_back};
use super::reference::BatchNorm;

/// `[n, h, w, c]`; of the last one's channels shaders leave the work to Burn's own operations.
const ODD_SHAPES: [[usize; 4]; 4] = [[7, 13, 11, 8], [5, 7, 7, 96], [1, 3, 2, 4], [3, 9, 7, 5]];

/// Whether there is a residual, and a ReLU.
const SWITCHES: [[bool; 2]; 3] = [[false, true], [true, true], [true, false]];
const EPSILON: f32 = 1e-5;

/// With and without a residual, in front of a ReLU and not.
pub fn odd_cases() -> impl Iterator<Item = Case> {
    ODD_SHAPES.into_iter().flat_map(|shape| {
        let training = SWITCHES.map(|switches| training(shape, switches));
        training.into_iter().chain([inference(shape)])
    })
}

/// The batch norm of a layer of the model, if it has one.
pub fn of_layer(layer: &Layer) -> Option<Case> {
    let sides = layer.shape.sides();
    let [height, width] = sides.map(|side| if layer.pool { side / 2 } else { side });
    let shape = [layer.shape.batch, height, width, layer.shape.outputs];
    let case = || training(shape, [layer.residual, true]);
    layer.norm.then(case)
}

fn describe([batch, height, width, channels]: [usize; 4], [residual, relu]: [bool; 2]) -> String {
    let residual = if residual { " + residual" } else { "" };
    let relu = if relu { ", ReLU" } else { "" };
    format!("{batch}x{height}x{width}x{channels}{residual}{relu}")
}

fn training(shape: [usize; 4], switches: [bool; 2]) -> Case {
    let [with_residual, relu] = switches;
    Case {
        op: "batch_norm_relu",
        shape: describe(shape, switches),
        work: Box::new(move |device| {
            let [size, channels] = [shape.iter().product(), shape[3]];
            let mut numbers = Numbers::new(7);
            let input = numbers.floats(size, 1.0);
            let scale = numbers.floats(channels, 1.0);
            let shift = numbers.floats(channels, 0.5);
            let residual = numbers.floats(size, if with_residual { 1.0 } else { 1e-30 });
            let residual = with_residual.then_some(residual);
            let mut upstream = numbers.floats(size, 1.0);
            let norm = BatchNorm {
                input: f64s(&input),
                scale: f64s(&scale),
                shift: f64s(&shift),
                residual: residual.as_deref().map(f64s),
                epsilon: EPSILON.into(),
            };
            let [mean, variance] = norm.statistics();
            let mut sums = norm.normalise(&mean, &variance);
            let mut grad = f64s(&upstream);
            if relu {
                let doubt = doubt(&sums);
                for ((upstream, grad), sum) in upstream.iter_mut().zip(&mut grad).zip(&mut sums) {
                    if sum.abs() < doubt {
                        *upstream = 0.0;
                    }
                    *grad = if *sum > 0.0 { (*upstream).into() } else { 0.0 };
                    *sum = sum.max(0.0);
                }
            }
            let [grad_input, grad_scale, grad_shift] = norm.backward(&mean, &variance, &grad);

            let input = leaf(&input, shape, device);
            let scale = leaf(&scale, [channels], device);
            let shift = leaf(&shift, [channels], device);
            let residual = residual.map(|residual| leaf(&residual, shape, device));
            let (x, w, b) = (input.clone(), scale.clone(), shift.clone());
            let (output, found_mean, found_variance) =
                device
                    .kernels()
                    .batch_norm_relu(x, w, b, residual.clone(), EPSILON, relu);
            let gradients = send_back(&output, &upstream);
            let outputs = Outputs::default()
                .with("output", output.inner(), sums)
                .with("mean", found_mean.inner(), mean)
                .with("variance", found_variance.inner(), variance)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
                .with_gradient("gradient of scale", &scale, &gradients, grad_scale)
                .with_gradient("gradient of shift", &shift, &gradients, grad_shift);
            match residual {
                Some(residual) => {
                    outputs.with_gradient("gradient of residual", &residual, &gradients, grad)
                }
                None => outputs,
            }
        }),
    }
}

fn inference(shape: [usize; 4]) -> Case {
    Case {
        op: "normalise_relu",
        shape: describe(shape, [true, true]),
        work: Box::new(move |device| {
            let [size, channels] = [shape.iter().product(), shape[3]];
            let mut numbers = Numbers::new(8);
            let input = numbers.floats(size, 1.0);
            let residual = numbers.floats(size, 1.0);
            let [scale, shift, mean] = [1.0, 0.5, 0.5].map(|most| numbers.floats(channels, most));
            let variance: Vec<f32> = numbers
                .floats(channels, 1.0)
                .iter()
                .map(|value| value.abs() + 0.1)
                .collect();
            let norm = BatchNorm {
                input: f64s(&input),
                scale: f64s(&scale),
                shift: f64s(&shift),
                residual: Some(f64s(&residual)),
                epsilon: EPSILON.into(),
            };
            let mut expected = norm.normalise(&f64s(&mean), &f64s(&variance));
            expected.iter_mut().for_each(|sum| *sum = sum.max(0.0));
            let [scale, shift, mean, variance] =
                [scale, shift, mean, variance].map(|values| plain(&values, [channels], device));
            let found = device.kernels().normalise_relu(
                plain(&input, shape, device),
                scale,
                shift,
                mean,
                variance,
                Some(plain(&residual, shape, device)),
                EPSILON,
                true,
            );
            Outputs::default().with("output", found, expected)
        }),
    }
}
