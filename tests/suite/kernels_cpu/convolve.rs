//! The convolution without pooling against a plain float64 reference.

use super::{TOLERANCE, bits, check, difference, random};
use gpu_mnist::kernels::convolve::cpu as conv;
use gpu_mnist::kernels::simd::{self, Level};

/// `stride` and `padding` follow the kernel.
pub(super) fn shape(
    batch: usize,
    (height, width): (usize, usize),
    in_channels: usize,
    out_channels: usize,
    [kernel, stride, padding]: [usize; 3],
) -> conv::Shape {
    conv::Shape {
        batch,
        height,
        width,
        in_channels,
        out_channels,
        kernel,
        stride,
        padding,
    }
}

fn shapes() -> Vec<conv::Shape> {
    let mut shapes = vec![
        shape(20, (28, 28), 1, 16, [3, 1, 1]),
        shape(20, (28, 28), 8, 8, [3, 1, 1]),
        shape(20, (14, 14), 16, 16, [3, 1, 1]),
        shape(18, (7, 7), 48, 48, [3, 1, 1]),
        shape(1, (7, 7), 96, 64, [3, 1, 1]),
        shape(2, (28, 28), 1, 48, [3, 1, 1]),
        shape(2, (9, 14), 7, 10, [7, 1, 3]),
        shape(2, (28, 27), 1, 12, [5, 2, 2]),
        shape(2, (1, 1), 5, 9, [3, 1, 1]),
        shape(2, (2, 3), 8, 16, [3, 1, 2]),
    ];
    for [kernel, stride, padding] in [
        [1, 1, 0],
        [1, 2, 0],
        [2, 1, 0],
        [2, 2, 1],
        [3, 1, 0],
        [3, 1, 1],
        [3, 1, 2],
        [3, 2, 1],
        [3, 3, 0],
        [5, 1, 2],
        [5, 2, 4],
    ] {
        for in_channels in [1, 3, 8, 24, 33] {
            for out_channels in [1, 3, 8, 10, 16, 24, 32, 33, 40] {
                let square = [kernel, stride, padding];
                shapes.push(shape(2, (8, 11), in_channels, out_channels, square));
            }
        }
    }
    shapes
}

/// Calls `visit(output, input, weight)` with the indices of every product.
fn for_each_product(shape: &conv::Shape, mut visit: impl FnMut(usize, usize, usize)) {
    let (rows, columns) = (shape.output_height(), shape.output_width());
    for output in 0..shape.batch * shape.output_size() {
        let (pixel, out) = (output / shape.out_channels, output % shape.out_channels);
        let (x, y) = (pixel % columns, pixel / columns % rows);
        for tap in 0..shape.kernel * shape.kernel {
            let at = |output: usize, tap: usize, side: usize| {
                let at = output * shape.stride + tap;
                (shape.padding..shape.padding + side)
                    .contains(&at)
                    .then(|| at - shape.padding)
            };
            let row = at(y, tap / shape.kernel, shape.height);
            let column = at(x, tap % shape.kernel, shape.width);
            let (Some(row), Some(column)) = (row, column) else {
                continue;
            };
            let image = pixel / columns / rows;
            let pixel = (image * shape.height + row) * shape.width + column;
            for channel in 0..shape.in_channels {
                let weight = out * shape.in_channels + channel;
                visit(
                    output,
                    pixel * shape.in_channels + channel,
                    weight * shape.kernel * shape.kernel + tap,
                );
            }
        }
    }
}

pub(super) struct Case {
    shape: conv::Shape,
    input: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    grads: Vec<f32>,
    relu: bool,
}

impl Case {
    pub(super) fn new(shape: conv::Shape, relu: bool) -> Self {
        let patch = shape.in_channels * shape.kernel * shape.kernel;
        let scale = 1.0 / (patch as f32).sqrt();
        let scaled = |numbers: Vec<f32>, by: f32| numbers.iter().map(|value| value * by).collect();
        Self {
            input: random(1, shape.batch * shape.input_size()),
            weight: scaled(random(2, shape.weight_size()), scale),
            bias: scaled(random(3, shape.out_channels), 0.1),
            grads: random(4, shape.batch * shape.output_size()),
            shape,
            relu,
        }
    }

    /// Output and gradients of input, weight and bias.
    pub(super) fn run(&self, level: Level) -> [Vec<f32>; 4] {
        let shape = &self.shape;
        // Filled with NaN so that an element left out is seen.
        let blank = |like: &[f32]| vec![f32::NAN; like.len()];
        let mut output = blank(&self.grads);
        conv::forward(
            level,
            shape,
            conv::Inputs {
                input: &self.input,
                weight: &self.weight,
                bias: &self.bias,
                relu: self.relu,
            },
            &mut output,
        );
        let saved = conv::Saved {
            input: &self.input,
            weight: &self.weight,
            output: self.relu.then_some(&output),
            grad_output: &self.grads,
        };
        let mut input = blank(&self.input);
        let (mut weight, mut bias) = (blank(&self.weight), blank(&self.bias));
        let grads = conv::Grads {
            input: Some(&mut input),
            weight: &mut weight,
            bias: Some(&mut bias),
        };
        conv::backward(level, shape, saved, grads);
        let mut alone = blank(&self.weight);
        let grads = conv::Grads {
            input: None,
            weight: &mut alone,
            bias: None,
        };
        conv::backward(level, shape, saved, grads);
        let what = format!("{level} {shape:?}: without the other gradients");
        assert_eq!(bits(&alone), bits(&weight), "{what}");
        [output, input, weight, bias]
    }

    /// The same in float64; which outputs pass ReLU is taken from `output`, where rounding may decide.
    fn reference(&self, output: &[f32]) -> [Vec<f64>; 4] {
        let shape = &self.shape;
        let f64s =
            |numbers: &[f32]| -> Vec<f64> { numbers.iter().map(|&value| value.into()).collect() };
        let (input, weight) = (f64s(&self.input), f64s(&self.weight));
        let mut sums: Vec<f64> = (0..self.grads.len())
            .map(|at| self.bias[at % shape.out_channels].into())
            .collect();
        let mut grads = f64s(&self.grads);
        if self.relu {
            for (grad, output) in grads.iter_mut().zip(output) {
                *grad *= f64::from(u8::from(*output > 0.0));
            }
        }
        let mut found = [
            vec![],
            vec![0.0; input.len()],
            vec![0.0; weight.len()],
            vec![0.0; self.bias.len()],
        ];
        let [_, grad_input, grad_weight, grad_bias] = &mut found;
        for_each_product(shape, |to, from, tap| {
            sums[to] += input[from] * weight[tap];
            grad_input[from] += grads[to] * weight[tap];
            grad_weight[tap] += grads[to] * input[from];
        });
        for (at, grad) in grads.iter().enumerate() {
            grad_bias[at % shape.out_channels] += grad;
        }
        if self.relu {
            sums.iter_mut().for_each(|sum| *sum = sum.max(0.0));
        }
        found[0] = sums;
        found
    }
}

#[test]
fn convolve_agrees_with_float64() {
    let mut cases = 0;
    for (index, shape) in shapes().into_iter().enumerate() {
        let case = Case::new(shape, index % 3 != 0);
        let parts = [
            "output",
            "gradient of input",
            "gradient of weight",
            "gradient of bias",
        ];
        let mut want: Option<[Vec<f64>; 4]> = None;
        for level in simd::available() {
            let got = case.run(level);
            // Levels may differ where rounding decides about ReLU.
            let stale = want.is_none() || case.relu;
            let want = match stale {
                true => want.insert(case.reference(&got[0])),
                false => want.as_mut().expect("just looked"),
            };
            for ((part, got), want) in parts.iter().zip(&got).zip(want.iter()) {
                check(&format!("{level} {shape:?} {part}"), got, want);
            }
            cases += 1;
        }
    }
    assert!(cases >= 500, "{cases} cases");
}

#[test]
fn convolve_of_images_too_small_is_empty() {
    for level in simd::available() {
        let [output, input, weight, bias] =
            Case::new(shape(2, (5, 4), 3, 4, [5, 1, 0]), true).run(level);
        assert!(output.is_empty());
        for gradient in [input, weight, bias] {
            assert!(!gradient.is_empty() && gradient.iter().all(|&grad| grad == 0.0));
        }
    }
}

#[test]
fn convolve_lets_nan_through() {
    for level in simd::available() {
        for shape in [
            shape(2, (7, 7), 1, 24, [3, 1, 1]),
            shape(2, (7, 7), 16, 16, [3, 1, 1]),
            shape(1, (9, 9), 3, 5, [2, 2, 1]),
        ] {
            for at in [0, shape.width * shape.in_channels] {
                let mut case = Case::new(shape, true);
                case.input[at] = f32::NAN;
                let [output, _, weight, _] = case.run(level);
                let sees = output.chunks(shape.out_channels).take(20);
                let lost = sees.filter(|pixel| pixel.iter().all(|value| value.is_nan()));
                assert!(lost.count() > 0, "{level} {shape:?} at {at}");
                assert!(weight.iter().any(|grad| grad.is_nan()));
            }
        }
    }
}

#[test]
fn a_perturbed_convolution_is_found() {
    let case = Case::new(shape(2, (14, 14), 16, 16, [3, 1, 1]), false);
    let mut got = case.run(Level::Scalar);
    let want = case.reference(&got[0]);
    for (got, want) in got.iter_mut().zip(&want) {
        assert!(difference(got, want) <= TOLERANCE);
        let scale = want
            .iter()
            .fold(0.0f64, |most, value| most.max(value.abs())) as f32;
        for bad in [got[7] + 1e-4 * scale, f32::NAN] {
            got[7] = bad;
            let difference = difference(got, want);
            let seen = difference.is_nan() || difference > TOLERANCE;
            assert!(seen, "{bad} was not seen");
        }
    }
}
