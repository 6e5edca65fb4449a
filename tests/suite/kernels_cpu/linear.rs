//! The linear layer against a plain float64 reference.

use super::{bits, check, random};
use gpu_mnist::kernels::linear_relu::cpu as linear;
use gpu_mnist::kernels::simd::{self, Level};

pub(super) struct LinearCase {
    shape: linear::Shape,
    relu: bool,
    input: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    grads: Vec<f32>,
}

impl LinearCase {
    pub(super) fn new(shape: linear::Shape, relu: bool) -> Self {
        let linear::Shape {
            batch,
            inputs,
            outputs,
        } = shape;
        let mut input = random(5, batch * inputs);
        let mut grads = random(8, batch * outputs);
        if relu {
            // As behind ReLU and max-pool: mostly zeros, so that the path that skips them is taken.
            let drop = |value: &mut f32| *value = if *value < 0.4 { 0.0 } else { *value };
            input.iter_mut().chain(&mut grads).for_each(drop);
        }
        let (weight, bias) = (random(6, inputs * outputs), random(7, outputs));
        Self {
            shape,
            relu,
            input,
            weight,
            bias,
            grads,
        }
    }

    /// Output and the gradients of input, weight and bias.
    pub(super) fn run(&self, level: Level) -> [Vec<f32>; 4] {
        let Self {
            shape,
            relu,
            input,
            weight,
            bias,
            grads,
        } = self;
        let mut output = vec![f32::NAN; grads.len()];
        let inputs = linear::Inputs {
            input,
            weight,
            bias,
            relu: *relu,
        };
        linear::forward(level, shape, inputs, &mut output);
        let saved = linear::Saved {
            input,
            weight,
            output: relu.then_some(&output),
            grad_output: grads,
        };
        let (mut gx, mut gw, mut gb) = (
            vec![f32::NAN; input.len()],
            vec![f32::NAN; weight.len()],
            vec![f32::NAN; bias.len()],
        );
        linear::backward(
            level,
            shape,
            saved,
            linear::Grads {
                input: Some(&mut gx),
                weight: &mut gw,
                bias: Some(&mut gb),
            },
        );
        let (mut alone, mut bias_alone) = (gw.clone(), gb.clone());
        linear::backward(
            level,
            shape,
            saved,
            linear::Grads {
                input: None,
                weight: &mut alone,
                bias: Some(&mut bias_alone),
            },
        );
        assert!(
            bits(&alone) == bits(&gw) && bits(&bias_alone) == bits(&gb),
            "without the input's gradient"
        );
        [output, gx, gw, gb]
    }

    fn reference(&self, output: &[f32]) -> [Vec<f64>; 4] {
        let linear::Shape {
            batch,
            inputs,
            outputs,
        } = self.shape;
        let (mut y, mut gx) = (vec![0.0; batch * outputs], vec![0.0; batch * inputs]);
        let (mut gw, mut gb) = (vec![0.0; inputs * outputs], vec![0.0; outputs]);
        for n in 0..batch {
            for o in 0..outputs {
                let mut sum = f64::from(self.bias[o]);
                let alive = !self.relu || output[n * outputs + o] > 0.0;
                let grad = if alive {
                    f64::from(self.grads[n * outputs + o])
                } else {
                    0.0
                };
                gb[o] += grad;
                for i in 0..inputs {
                    let (x, w) = (
                        f64::from(self.input[n * inputs + i]),
                        f64::from(self.weight[i * outputs + o]),
                    );
                    sum += x * w;
                    gx[n * inputs + i] += grad * w;
                    gw[i * outputs + o] += grad * x;
                }
                y[n * outputs + o] = if self.relu { sum.max(0.0) } else { sum };
            }
        }
        [y, gx, gw, gb]
    }
}

#[test]
fn linear_agrees_with_float64() {
    let sizes = [
        (256, 800, 256),
        (256, 256, 10),
        (77, 800, 256),
        (1, 800, 256),
        (77, 33, 47),
        (5, 1, 1),
        (9, 17, 16),
    ];
    let mut cases = 0;
    for (batch, inputs, outputs) in sizes {
        for relu in [false, true] {
            let case = LinearCase::new(
                linear::Shape {
                    batch,
                    inputs,
                    outputs,
                },
                relu,
            );
            for level in simd::available() {
                let got = case.run(level);
                let want = case.reference(&got[0]);
                for ((got, want), what) in got
                    .iter()
                    .zip(&want)
                    .zip(["output", "input", "weight", "bias"])
                {
                    check(
                        &format!("{level} {:?} relu {relu}: {what}", case.shape),
                        got,
                        want,
                    );
                }
                cases += 1;
            }
        }
    }
    assert!(cases >= 14, "{cases} cases");
}

#[test]
fn linear_nan_reaches_the_outputs() {
    for level in simd::available() {
        let shape = linear::Shape {
            batch: 9,
            inputs: 40,
            outputs: 35,
        };
        let mut case = LinearCase::new(shape, true);
        case.input[3] = f32::NAN;
        let got = case.run(level);
        assert!(
            got[0][..35].iter().all(|value| value.is_nan())
                && got[0][35..].iter().all(|value| !value.is_nan())
        );
        assert!(got[2].iter().any(|grad| grad.is_nan()));
        let mut case = LinearCase::new(shape, true);
        case.grads.fill(f32::NAN);
        assert!(
            case.run(level)[1].iter().all(|grad| grad.is_nan()),
            "{level}: input gradient"
        );
        let mut case = LinearCase::new(shape, false);
        case.weight[1] = f32::INFINITY;
        case.input[0] = 0.0;
        assert!(
            case.run(level)[0][1].is_nan(),
            "{level}: zero times infinity is NaN"
        );
    }
}
