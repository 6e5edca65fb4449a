//! A convolution with stride and zero padding, alone and with its pooling, against float64.

use super::Config;
use crate::kernels::case::{
    Case, Numbers, Outputs, doubt, f64s, leaf, masked, rectified, send_back,
};
use crate::kernels::max_pool::max_pool;
use crate::kernels::reference::{self, Convolution, Pooled};
use crate::model::layers::{Place, batch_norm};

/// What of a convolution is computed in one go.
#[derive(Clone, Copy)]
struct Parts {
    /// With 2x2 max-pooling, which takes a stride of 1.
    pool: bool,
    bias: bool,
    relu: bool,
}

/// The operations of a layer.
pub fn of_layer(config: &Config, place: &Place, batch: usize) -> Vec<Case> {
    let [height, width, inputs] = place.input.image();
    // On a device coloured images have a fourth channel.
    let inputs = match (place.is_first, inputs) {
        (true, 3) => 4,
        (_, inputs) => inputs,
    };
    let shape = Convolution {
        batch,
        height,
        width,
        inputs,
        outputs: config.channels,
        kernel: config.kernel,
        stride: config.stride,
        padding: config.padding,
    };
    let rectified = !config.norm && !config.residual;
    let together = config.pool && config.stride == 1;
    let parts = Parts {
        pool: together,
        bias: !config.norm,
        relu: rectified && (together || !config.pool),
    };
    let mut cases = vec![case(shape, parts)];
    if config.pool && !together {
        let [height, width] = shape.sides();
        cases.push(pool([batch, height, width, config.channels]));
    }
    if config.norm {
        let [height, width, channels] = place.output.image();
        let shape = [batch, height, width, channels];
        cases.push(batch_norm::training(shape, [config.residual, true]));
    }
    cases
}

/// Shapes that leave pixels, channels or images over in every tile; the last of each kind is one that
/// shaders leave to Burn's own operations.
pub fn odd() -> Vec<Case> {
    let pooled = [
        shape([7, 13, 11], [4, 12], [3, 1, 0]),
        shape([1, 9, 10], [1, 4], [2, 1, 0]),
        shape([6, 9, 8], [4, 8], [3, 1, 1]),
        shape([3, 32, 20], [1, 8], [3, 1, 0]),
        shape([3, 15, 9], [1, 8], [3, 1, 1]),
        shape([3, 32, 32], [4, 8], [5, 1, 0]),
        shape([5, 9, 7], [3, 5], [4, 1, 2]),
    ];
    let plain = [
        (shape([9, 14, 14], [8, 16], [3, 1, 1]), true),
        (shape([7, 13, 11], [4, 12], [3, 2, 1]), false),
        (shape([9, 32, 20], [1, 8], [3, 1, 1]), true),
        (shape([3, 15, 9], [1, 8], [5, 2, 2]), true),
        (shape([3, 32, 32], [4, 8], [3, 1, 1]), true),
        (shape([1, 9, 10], [1, 4], [2, 1, 1]), true),
        (shape([5, 9, 7], [3, 5], [4, 1, 2]), true),
    ];
    let pooled = [true, false].into_iter().flat_map(|relu| {
        let parts = Parts {
            pool: true,
            // As before a batch norm.
            bias: relu,
            relu,
        };
        pooled.map(|shape| case(shape, parts))
    });
    let plain = plain.map(|(shape, relu)| {
        let parts = Parts {
            pool: false,
            bias: true,
            relu,
        };
        case(shape, parts)
    });
    pooled.chain(plain).collect()
}

fn shape(
    [batch, height, width]: [usize; 3],
    [inputs, outputs]: [usize; 2],
    [kernel, stride, padding]: [usize; 3],
) -> Convolution {
    Convolution {
        batch,
        height,
        width,
        inputs,
        outputs,
        kernel,
        stride,
        padding,
    }
}

/// Output and gradients of one shape.
fn case(shape: Convolution, parts: Parts) -> Case {
    let Parts { pool, bias, relu } = parts;
    Case {
        op: match (pool, relu) {
            (true, true) => "convolve_pool_relu",
            (true, false) => "convolve_pool",
            (false, _) => "convolve",
        },
        shape: describe(&shape),
        work: Box::new(move |subject| {
            let mut numbers = Numbers::new(1);
            let input = numbers.floats(shape.input_size(), 1.0);
            let weight = numbers.floats(shape.weight_size(), 0.5);
            let biases = match bias {
                true => numbers.floats(shape.outputs, 0.5),
                false => vec![0.0; shape.outputs],
            };
            let (x, w, b) = (f64s(&input), f64s(&weight), f64s(&biases));
            let sums = shape.forward(&x, &w, &b);
            let doubt = doubt(&sums);
            let pooled = match pool {
                true => shape.pool(&sums, doubt),
                false => Pooled::of_one(&sums),
            };
            let mut upstream = numbers.floats(pooled.values.len(), 1.0);
            for (index, upstream) in upstream.iter_mut().enumerate() {
                if !pooled.sure[index] || relu && pooled.values[index].abs() < doubt {
                    *upstream = 0.0;
                }
            }
            let (passed, expected) = match relu {
                true => (
                    masked(&upstream, &pooled.values),
                    rectified(pooled.values.clone()),
                ),
                false => (f64s(&upstream), pooled.values.clone()),
            };
            let grad_sums = pooled.backward(&passed, sums.len());
            let [grad_input, grad_weight, grad_bias] = shape.backward(&x, &w, &grad_sums);

            let dims = [shape.batch, shape.height, shape.width, shape.inputs];
            let input = leaf(&input, dims, subject);
            let kernel = [shape.outputs, shape.inputs, shape.kernel, shape.kernel];
            let weight = leaf(&weight, kernel, subject);
            let biases = bias.then(|| leaf(&biases, [shape.outputs], subject));
            let (x, w, b) = (input.clone(), weight.clone(), biases.clone());
            let kernels = subject.kernels;
            let output = match pool {
                true => kernels.convolve_pool_relu(x, w, b, shape.padding, relu),
                false => kernels.convolve(x, w, b, shape.stride, shape.padding, relu),
            };
            let gradients = send_back(&output, &upstream);
            let outputs = Outputs::default()
                .with("output", output.inner(), expected)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
                .with_gradient("gradient of weight", &weight, &gradients, grad_weight);
            match biases {
                Some(bias) => {
                    outputs.with_gradient("gradient of bias", &bias, &gradients, grad_bias)
                }
                None => outputs,
            }
        }),
    }
}

/// 2x2 max-pooling by itself, of `[n, h, w, c]`.
pub fn pool(shape: [usize; 4]) -> Case {
    let [batch, height, width, channels] = shape;
    Case {
        op: "max_pool",
        shape: format!("{batch}x{height}x{width}x{channels}"),
        work: Box::new(move |subject| {
            let mut numbers = Numbers::new(12);
            let input = numbers.floats(shape.iter().product(), 1.0);
            let pooled = reference::max_pool(&f64s(&input), shape, 0.0);
            let upstream = numbers.floats(pooled.values.len(), 1.0);
            let grad_input = pooled.backward(&f64s(&upstream), input.len());
            let input = leaf(&input, shape, subject);
            let output = max_pool(input.clone());
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), pooled.values)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
        }),
    }
}

/// As the table of `doctor` shows it.
fn describe(shape: &Convolution) -> String {
    let mut text = format!(
        "{}x{}x{}x{} -> {}, {k}x{k}",
        shape.batch,
        shape.height,
        shape.width,
        shape.inputs,
        shape.outputs,
        k = shape.kernel
    );
    if shape.stride != 1 {
        text += &format!(", stride {}", shape.stride);
    }
    if shape.padding != 0 {
        text += &format!(", padding {}", shape.padding);
    }
    text
}
