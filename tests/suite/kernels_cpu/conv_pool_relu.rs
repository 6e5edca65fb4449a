//! The fused convolution against a plain float64 reference.

use super::{TOLERANCE, bits, check, difference, random};
use gpu_mnist::kernels::convolve_pool_relu::cpu as conv;
use gpu_mnist::kernels::simd::{self, Level};

pub(super) fn shape(
    batch: usize,
    size: (usize, usize),
    in_channels: usize,
    out_channels: usize,
    kernel: usize,
) -> conv::Shape {
    conv::Shape {
        batch,
        height: size.0,
        width: size.1,
        in_channels,
        out_channels,
        kernel,
        padding: 0,
    }
}

fn conv_shapes() -> Vec<conv::Shape> {
    let mut shapes = vec![
        shape(6, (28, 28), 1, 24, 5),
        shape(6, (12, 12), 24, 32, 3),
        shape(77, (28, 28), 1, 24, 5),
        shape(77, (12, 12), 24, 32, 3),
        shape(1, (28, 28), 1, 24, 5),
        shape(1, (12, 12), 24, 32, 3),
        shape(3, (9, 14), 7, 10, 7),
        shape(2, (28, 28), 1, 8, 3),
        shape(2, (13, 13), 64, 64, 3),
    ];
    for (padding, square) in [
        (1, shape(5, (14, 14), 24, 32, 3)),
        (1, shape(35, (7, 7), 48, 40, 3)),
        (2, shape(3, (9, 6), 16, 12, 3)),
        (1, shape(3, (9, 9), 3, 24, 3)),
        (2, shape(3, (11, 8), 4, 8, 5)),
        (1, shape(20, (2, 2), 16, 16, 3)),
    ] {
        shapes.push(conv::Shape { padding, ..square });
    }
    for kernel in [1, 2, 3, 5] {
        for in_channels in [1, 3, 8, 24, 33] {
            for out_channels in [1, 3, 8, 10, 16, 24, 32, 33, 40] {
                shapes.push(shape(3, (8, 11), in_channels, out_channels, kernel));
            }
        }
    }
    shapes
}

struct ConvReference {
    output: Vec<f64>,
    argmax: Vec<u8>,
    /// Windows whose argmax float32 may see otherwise: two positions, or the cut, closer than rounding.
    close: Vec<bool>,
}

fn conv_forward(case: &ConvCase) -> ConvReference {
    let ConvCase {
        shape,
        relu,
        input,
        weight,
        bias,
        ..
    } = case;
    let mut result = ConvReference {
        output: vec![],
        argmax: vec![],
        close: vec![],
    };
    for image in 0..shape.batch {
        for row in 0..shape.pooled_height() {
            for column in 0..shape.pooled_width() {
                for (channel, &bias) in bias.iter().enumerate() {
                    let at = |dy, dx| {
                        conv_at(
                            shape,
                            input,
                            weight,
                            image,
                            2 * row + dy,
                            2 * column + dx,
                            channel,
                        )
                    };
                    let four =
                        [at(0, 0), at(0, 1), at(1, 0), at(1, 1)].map(|sum| sum + f64::from(bias));
                    let argmax = (1..4).fold(
                        0,
                        |best, each| if four[each] > four[best] { each } else { best },
                    );
                    let near = |value: f64| (four[argmax] - value).abs() < 1e-5;
                    let close =
                        *relu && near(0.0) || (0..4).any(|each| each != argmax && near(four[each]));
                    result.output.push(if *relu {
                        four[argmax].max(0.0)
                    } else {
                        four[argmax]
                    });
                    result.argmax.push(if *relu && four[argmax] <= 0.0 {
                        conv::DEAD
                    } else {
                        argmax as u8
                    });
                    result.close.push(close);
                }
            }
        }
    }
    result
}

fn conv_at(
    shape: &conv::Shape,
    input: &[f32],
    weight: &[f32],
    image: usize,
    y: usize,
    x: usize,
    out: usize,
) -> f64 {
    let mut sum = 0.0;
    for (ky, kx) in taps(shape.kernel) {
        for channel in 0..shape.in_channels {
            if let Some((at, tap)) = places(shape, image, y + ky, x + kx, out, channel, ky, kx) {
                sum += f64::from(input[at]) * f64::from(weight[tap]);
            }
        }
    }
    sum
}

fn taps(kernel: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..kernel * kernel).map(move |tap| (tap / kernel, tap % kernel))
}

/// Where an input element and a weight element lie; nowhere in the padding.
#[allow(clippy::too_many_arguments)]
fn places(
    shape: &conv::Shape,
    image: usize,
    y: usize,
    x: usize,
    out: usize,
    channel: usize,
    ky: usize,
    kx: usize,
) -> Option<(usize, usize)> {
    let (y, x) = (y.checked_sub(shape.padding)?, x.checked_sub(shape.padding)?);
    if y >= shape.height || x >= shape.width {
        return None;
    }
    let input = ((image * shape.height + y) * shape.width + x) * shape.in_channels + channel;
    let tap = ((out * shape.in_channels + channel) * shape.kernel + ky) * shape.kernel + kx;
    Some((input, tap))
}

/// Gradients of input, weight and bias.
fn conv_backward(
    shape: &conv::Shape,
    input: &[f32],
    weight: &[f32],
    argmax: &[u8],
    grads: &[f32],
) -> [Vec<f64>; 3] {
    let mut result = [
        vec![0.0; input.len()],
        vec![0.0; weight.len()],
        vec![0.0; shape.out_channels],
    ];
    let (rows, columns) = (shape.pooled_height(), shape.pooled_width());
    for (index, (&argmax, &grad)) in argmax.iter().zip(grads).enumerate() {
        if argmax == conv::DEAD {
            continue;
        }
        let (window, out) = (index / shape.out_channels, index % shape.out_channels);
        let y = 2 * (window / columns % rows) + usize::from(argmax / 2);
        let x = 2 * (window % columns) + usize::from(argmax % 2);
        result[2][out] += f64::from(grad);
        for (ky, kx) in taps(shape.kernel) {
            for channel in 0..shape.in_channels {
                let found = places(
                    shape,
                    window / columns / rows,
                    y + ky,
                    x + kx,
                    out,
                    channel,
                    ky,
                    kx,
                );
                let Some((at, tap)) = found else { continue };
                result[0][at] += f64::from(grad) * f64::from(weight[tap]);
                result[1][tap] += f64::from(grad) * f64::from(input[at]);
            }
        }
    }
    result
}

pub(super) struct ConvResult {
    pub(super) output: Vec<f32>,
    pub(super) argmax: Vec<u8>,
    pub(super) grad_input: Vec<f32>,
    pub(super) grad_weight: Vec<f32>,
    pub(super) grad_bias: Vec<f32>,
}

pub(super) struct ConvCase {
    shape: conv::Shape,
    relu: bool,
    input: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    grads: Vec<f32>,
}

impl ConvCase {
    pub(super) fn new(shape: conv::Shape) -> Self {
        Self::with_relu(shape, true)
    }

    pub(super) fn with_relu(shape: conv::Shape, relu: bool) -> Self {
        let scale = 1.0 / (shape.weight_size() as f32 / shape.out_channels as f32).sqrt();
        let mut input = random(1, shape.batch * shape.input_size());
        // A blank margin, as around a digit, and holes in the rows above; activations cut by ReLU.
        for (at, value) in input.iter_mut().enumerate() {
            let column = at / shape.in_channels % shape.width;
            let is_above = at / shape.width % shape.height < shape.height / 2;
            let is_hole = is_above && at % 3 == 0;
            if shape.in_channels == 1 && (column < shape.width / 2 || is_hole) {
                *value = -0.42;
            } else if shape.in_channels > 1 {
                *value = value.max(0.0);
            }
        }
        Self {
            input,
            weight: random(2, shape.weight_size())
                .iter()
                .map(|value| value * scale)
                .collect(),
            bias: random(3, shape.out_channels)
                .iter()
                .map(|value| value * 0.1)
                .collect(),
            grads: random(4, shape.batch * shape.output_size()),
            shape,
            relu,
        }
    }

    pub(super) fn run(&self, level: Level) -> ConvResult {
        let Self {
            shape,
            relu,
            input,
            weight,
            bias,
            grads,
        } = self;
        // Filled with NaN so that an element left out is seen.
        let mut result = ConvResult {
            output: vec![f32::NAN; grads.len()],
            argmax: vec![9; grads.len()],
            grad_input: vec![f32::NAN; input.len()],
            grad_weight: vec![f32::NAN; weight.len()],
            grad_bias: vec![f32::NAN; bias.len()],
        };
        conv::forward(
            level,
            shape,
            conv::Inputs {
                input,
                weight,
                bias,
                relu: *relu,
            },
            conv::Outputs {
                output: &mut result.output,
                argmax: &mut result.argmax,
            },
        );
        let ConvResult {
            argmax,
            grad_input,
            grad_weight,
            grad_bias,
            ..
        } = &mut result;
        let saved = conv::Saved {
            input,
            weight,
            argmax,
            relu: *relu,
            grad_output: grads,
        };
        conv::backward(
            level,
            shape,
            saved,
            conv::Grads {
                input: Some(grad_input),
                weight: grad_weight,
                bias: Some(grad_bias),
            },
        );
        let (mut alone, mut bias_alone) =
            (vec![f32::NAN; weight.len()], vec![f32::NAN; bias.len()]);
        conv::backward(
            level,
            shape,
            saved,
            conv::Grads {
                input: None,
                weight: &mut alone,
                bias: Some(&mut bias_alone),
            },
        );
        let same = bits(&alone) == bits(grad_weight) && bits(&bias_alone) == bits(grad_bias);
        assert!(same, "{level} {shape:?}: without the input's gradient");
        result
    }
}

#[test]
fn conv_pool_relu_agrees_with_float64() {
    let mut cases = 0;
    for shape in conv_shapes() {
        for relu in [true, false] {
            let case = ConvCase::with_relu(shape, relu);
            let want = conv_forward(&case);
            for level in simd::available() {
                case.agrees(level, &want);
                cases += 1;
            }
        }
    }
    assert!(cases >= 360, "{cases} cases");
}

impl ConvCase {
    fn agrees(&self, level: Level, want: &ConvReference) {
        let Self { shape, relu, .. } = self;
        let name = format!("{level} {shape:?}, ReLU: {relu}");
        let got = self.run(level);
        check(&format!("{name} output"), &got.output, &want.output);
        for (at, (got, want_argmax)) in got.argmax.iter().zip(&want.argmax).enumerate() {
            assert!(
                got == want_argmax || want.close[at],
                "{name}: argmax {at} is {got}, not {want_argmax}"
            );
        }
        let grads = conv_backward(shape, &self.input, &self.weight, &got.argmax, &self.grads);
        let pairs = [
            ("input", &got.grad_input, &grads[0]),
            ("weight", &got.grad_weight, &grads[1]),
            ("bias", &got.grad_bias, &grads[2]),
        ];
        for (what, got, want) in pairs {
            check(&format!("{name} {what} gradient"), got, want);
        }
    }
}

/// What lies around a subject may be dark, light, broken by a corner pixel or framed by zeros, or not there at all.
#[test]
fn any_background_agrees_with_float64() {
    type Pixel = fn(f32, [usize; 2], bool) -> f32;
    let backgrounds: [(&str, Pixel); 6] = [
        (
            "dark",
            |noise, _, inside| if inside { noise } else { -0.42 },
        ),
        ("light", |noise, _, inside| if inside { noise } else { 0.9 }),
        ("corner", |noise, [row, column], inside| {
            match row + column == 0 {
                true => 0.3,
                false => {
                    if inside {
                        noise
                    } else {
                        0.9
                    }
                }
            }
        }),
        ("framed", |noise, [row, column], inside| {
            match row == 0 || column == 0 {
                true => 0.0,
                false => {
                    if inside {
                        noise
                    } else {
                        -0.42
                    }
                }
            }
        }),
        ("two levels", |noise, [row, column], inside| match inside {
            true => noise,
            false => {
                if (row * 7 + column * 3) % 5 < 2 {
                    0.9
                } else {
                    0.89
                }
            }
        }),
        ("photograph", |noise, _, _| noise),
    ];
    let mut cases = 0;
    for shape in [
        shape(3, (28, 28), 1, 24, 5),
        shape(3, (32, 20), 1, 8, 3),
        shape(3, (15, 9), 1, 12, 3),
        shape(2, (9, 64), 1, 8, 5),
        shape(2, (9, 71), 1, 8, 5),
        shape(2, (128, 96), 1, 4, 3),
        shape(2, (9, 13), 4, 8, 5),
        shape(2, (32, 32), 4, 16, 3),
    ] {
        for (name, pixel) in backgrounds {
            let mut case = ConvCase::new(shape);
            let noise = random(5, case.input.len());
            for (at, (value, noise)) in case.input.iter_mut().zip(noise).enumerate() {
                let place = at / shape.in_channels;
                let (row, column) = (place / shape.width % shape.height, place % shape.width);
                let third = |at: usize, side: usize| (side / 3..side.div_ceil(2)).contains(&at);
                let inside = third(row, shape.height) && third(column, shape.width);
                *value = match shape.in_channels > 1 && at % 4 == 3 {
                    true => 0.0,
                    false => pixel(noise, [row, column], inside),
                };
            }
            let want = conv_forward(&case);
            for level in simd::available() {
                println!("{name}");
                case.agrees(level, &want);
                cases += 1;
            }
        }
    }
    assert!(cases >= 48, "{cases} cases");
}

#[test]
fn relu_cuts_the_pooled_sums_and_changes_no_other_bit() {
    let mut cut = 0;
    for level in simd::available() {
        for shape in conv_shapes() {
            let [with, without] =
                [true, false].map(|relu| ConvCase::with_relu(shape, relu).run(level));
            for at in 0..with.output.len() {
                let sum = without.output[at];
                let (value, argmax) = match sum <= 0.0 {
                    true => (0.0, conv::DEAD),
                    false => (sum, without.argmax[at]),
                };
                assert!(without.argmax[at] < conv::DEAD, "{level} {shape:?}");
                assert_eq!(with.output[at].to_bits(), f32::to_bits(value));
                assert_eq!(with.argmax[at], argmax, "{level} {shape:?}");
                cut += usize::from(argmax == conv::DEAD);
            }
        }
    }
    assert!(cut > 0);
}

#[test]
fn conv_ties_and_images_too_small() {
    for level in simd::available() {
        for (in_channels, kernel) in [(1, 5), (8, 3), (24, 3)] {
            // Whole tiles: what hangs over an odd side is zero, and such a tile is not plain.
            let shape = shape(2, (14, 14), in_channels, 24, kernel);
            let mut case = ConvCase::new(shape);
            case.input.fill(0.5);
            let got = case.run(level);
            let wrong = got
                .argmax
                .iter()
                .filter(|&&argmax| argmax != 0 && argmax != conv::DEAD)
                .count();
            assert_eq!(wrong, 0, "{level} {shape:?}: the first maximum wins a tie");
        }
        let got = ConvCase::new(shape(2, (5, 4), 3, 4, 5)).run(level);
        assert!(got.output.is_empty() && got.grad_weight.iter().all(|&grad| grad == 0.0));
    }
}

#[test]
fn conv_nan_reaches_the_outputs() {
    for level in simd::available() {
        for shape in [
            shape(2, (28, 28), 1, 24, 5),
            shape(2, (12, 12), 24, 32, 3),
            shape(1, (9, 9), 3, 5, 2),
        ] {
            for at in [0, 1, shape.width * shape.in_channels, 2 * shape.in_channels] {
                let mut case = ConvCase::new(shape);
                case.input[at] = f32::NAN;
                let got = case.run(level);
                let first = &got.output[..shape.out_channels];
                assert!(
                    first.iter().all(|value| value.is_nan()),
                    "{level} {shape:?} at {at}"
                );
                assert!(
                    got.argmax[..shape.out_channels]
                        .iter()
                        .all(|&argmax| argmax != conv::DEAD)
                );
                assert!(got.grad_weight.iter().any(|grad| grad.is_nan()));
            }
        }
    }
}

#[test]
fn a_perturbed_side_is_found() {
    let case = ConvCase::new(shape(2, (12, 12), 24, 32, 3));
    let want = conv_forward(&case);
    let mut got = case.run(Level::Scalar).output;
    assert!(difference(&got, &want.output) <= TOLERANCE);
    for bad in [got[7] + 1e-4, f32::NAN] {
        got[7] = bad;
        let difference = difference(&got, &want.output);
        assert!(
            difference.is_nan() || difference > TOLERANCE,
            "{bad} was not seen"
        );
    }
}
