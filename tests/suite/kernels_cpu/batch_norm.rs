//! The fused batch norm against a plain float64 reference.

use super::{bits, check, random};
use gpu_mnist::kernels::batch_norm_relu::cpu::{
    Grads, Norm, Saved, backward, normalise, statistics,
};
use gpu_mnist::kernels::simd::{self, Level};

const EPSILON: f32 = 1e-5;

pub(super) struct NormCase {
    rows: usize,
    channels: usize,
    with_residual: bool,
    relu: bool,
    input: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    residual: Vec<f32>,
    grads: Vec<f32>,
}

struct Wanted {
    mean: Vec<f64>,
    variance: Vec<f64>,
    output: Vec<f64>,
    /// Of input, scale, shift and residual.
    gradients: [Vec<f64>; 4],
}

impl NormCase {
    pub(super) fn new(
        rows: usize,
        channels: usize,
        [with_residual, relu]: [bool; 2],
        mean: f32,
    ) -> Self {
        let size = rows * channels;
        Self {
            rows,
            channels,
            with_residual,
            relu,
            input: random(31, size).iter().map(|x| x + mean).collect(),
            scale: random(32, channels).iter().map(|x| x + 1.5).collect(),
            shift: random(33, channels),
            residual: random(34, size),
            grads: random(35, size),
        }
    }

    /// The reference; it takes the gradient away from outputs so near zero that float32 may see
    /// them on the other side.
    fn wanted(&mut self) -> Wanted {
        let (rows, channels) = (self.rows as f64, self.channels);
        let of_channel = |channel: usize, of: &dyn Fn(usize) -> f64| {
            let places = (channel..self.input.len()).step_by(channels);
            places.map(of).sum::<f64>()
        };
        let all = |of: &dyn Fn(usize, usize) -> f64| {
            let each = |channel| of_channel(channel, &|at| of(at, channel));
            (0..channels).map(each).collect::<Vec<_>>()
        };
        let x = |at: usize| f64::from(self.input[at]);
        let mean: Vec<f64> = all(&|at, _| x(at) / rows);
        let variance = all(&|at, channel| (x(at) - mean[channel]).powi(2) / rows);
        let inverse = |channel: usize| 1.0 / (variance[channel] + f64::from(EPSILON)).sqrt();
        let normal = |at: usize| (x(at) - mean[at % channels]) * inverse(at % channels);
        let sum = |at: usize| {
            let channel = at % channels;
            let residual = if self.with_residual {
                self.residual[at].into()
            } else {
                0.0
            };
            normal(at) * f64::from(self.scale[channel]) + f64::from(self.shift[channel]) + residual
        };
        let sums: Vec<f64> = (0..self.input.len()).map(sum).collect();
        let is_cut = |sum: f64| self.relu && sum <= 0.0;
        let is_close = |sum: f64| self.relu && sum.abs() < 1e-4;
        let grads: Vec<f32> = (self.grads.iter().zip(&sums))
            .map(|(&grad, &sum)| if is_close(sum) { 0.0 } else { grad })
            .collect();
        let grad = |at: usize| match is_cut(sums[at]) {
            true => 0.0,
            false => f64::from(grads[at]),
        };
        let grad_shift = all(&|at, _| grad(at));
        let grad_scale = all(&|at, _| grad(at) * normal(at));
        let grad_input = (0..self.input.len()).map(|at| {
            let channel = at % channels;
            let common = (grad_shift[channel] + normal(at) * grad_scale[channel]) / rows;
            f64::from(self.scale[channel]) * inverse(channel) * (grad(at) - common)
        });
        let wanted = Wanted {
            output: sums
                .iter()
                .map(|&sum| if is_cut(sum) { 0.0 } else { sum })
                .collect(),
            gradients: [
                grad_input.collect(),
                grad_scale,
                grad_shift,
                (0..self.input.len()).map(grad).collect(),
            ],
            mean,
            variance,
        };
        self.grads = grads;
        wanted
    }

    /// Mean, variance, output; gradients of input, scale, shift and residual.
    pub(super) fn run(&self, level: Level) -> [Vec<f32>; 7] {
        let (size, channels) = (self.input.len(), self.channels);
        // Filled with NaN so that an element left out is seen.
        let nothing = |length: usize| vec![f32::NAN; length];
        let (mut mean, mut variance) = (nothing(channels), nothing(channels));
        statistics(level, &self.input, &mut mean, &mut variance);
        let norm = Norm {
            scale: &self.scale,
            shift: &self.shift,
            mean: &mean,
            variance: &variance,
            epsilon: EPSILON,
            relu: self.relu,
        };
        let mut output = nothing(size);
        let residual = self.with_residual.then_some(&self.residual[..]);
        normalise(level, &norm, &self.input, residual, &mut output);
        let (mut scale, mut shift) = (nothing(channels), nothing(channels));
        let (mut input, mut grad_residual) = (nothing(size), nothing(size));
        let is_cut = self.with_residual && self.relu;
        backward(
            level,
            &norm,
            Saved {
                input: &self.input,
                output: is_cut.then_some(&output[..]),
                grad_output: &self.grads,
            },
            Grads {
                input: &mut input,
                scale: &mut scale,
                shift: &mut shift,
                residual: is_cut.then_some(&mut grad_residual[..]),
            },
        );
        if !is_cut {
            grad_residual.clear();
        }
        [mean, variance, output, input, scale, shift, grad_residual]
    }
}

#[test]
fn batch_norm_relu_agrees_with_float64() {
    // Rows that leave some over in every unit, chunk and register; many chunks of the first.
    let shapes = [
        (6 * 784, 8),
        (6, 1),
        (1, 3),
        (5, 3),
        (999, 1),
        (257, 10),
        (1000, 33),
        (300, 24),
        (77 * 25, 64),
        (147, 96),
        (9, 997),
    ];
    let mut cases = 0;
    for (rows, channels) in shapes {
        for switches in [[false, true], [true, true], [false, false], [true, false]] {
            let mut case = NormCase::new(rows, channels, switches, 0.3);
            let want = case.wanted();
            for level in simd::available() {
                let name = format!("{level} {rows}x{channels}, residual and ReLU {switches:?}");
                let [mean, variance, output, input, scale, shift, residual] = case.run(level);
                check(&format!("{name} mean"), &mean, &want.mean);
                check(&format!("{name} output"), &output, &want.output);
                let grads = &want.gradients;
                check(&format!("{name} shift gradient"), &shift, &grads[2]);
                if rows > 1 {
                    check(&format!("{name} variance"), &variance, &want.variance);
                    check(&format!("{name} input gradient"), &input, &grads[0]);
                    check(&format!("{name} scale gradient"), &scale, &grads[1]);
                } else {
                    // One row is its own mean: no gradient reaches it, whatever the rounding.
                    assert!(variance.iter().all(|&value| value == 0.0), "{name}");
                    assert!(input.iter().all(|grad| grad.abs() < 1e-3), "{name}");
                }
                if switches == [true, true] {
                    check(&format!("{name} residual gradient"), &residual, &grads[3]);
                }
                cases += 1;
            }
        }
    }
    assert!(cases >= 44, "{cases} cases");
}

#[test]
fn a_mean_that_is_large_beside_the_deviation_does_no_harm() {
    for level in simd::available() {
        for (rows, channels) in [(20_000, 8), (2000, 33)] {
            let mut case = NormCase::new(rows, channels, [false, false], 4000.0);
            let want = case.wanted();
            let [mean, variance, ..] = case.run(level);
            for channel in 0..channels {
                let off = (f64::from(mean[channel]) - want.mean[channel]).abs();
                assert!(off <= 2.5e-4, "{level}: the mean is off by {off:e}");
                let ratio = f64::from(variance[channel]) / want.variance[channel];
                assert!((ratio - 1.0).abs() <= 1e-5, "{level}: variance x {ratio}");
            }
        }
    }
}

#[test]
fn batch_norm_relu_lets_nan_pass() {
    for level in simd::available() {
        for switches in [[false, true], [true, true]] {
            let mut case = NormCase::new(300, 10, switches, 0.0);
            case.input[37] = f32::NAN;
            let [mean, variance, output, input, ..] = case.run(level);
            let is_hit = |at: usize| at % 10 == 7;
            for values in [&mean, &variance, &output, &input] {
                let found = values.iter().enumerate();
                let wrong = found.filter(|(at, value)| value.is_nan() != is_hit(*at));
                assert_eq!(wrong.count(), 0, "{level} {switches:?}");
            }
        }
    }
}

#[test]
fn an_input_that_says_what_relu_cut_gives_the_gradient_of_an_output_that_does() {
    for level in simd::available() {
        let mut with = NormCase::new(700, 10, [true, true], 0.3);
        with.residual.fill(0.0);
        let mut without = NormCase::new(700, 10, [false, true], 0.3);
        without.residual.fill(0.0);
        let (with, without) = (with.run(level), without.run(level));
        for part in 0..6 {
            assert_eq!(bits(&with[part]), bits(&without[part]), "{level}, {part}");
        }
    }
}

#[test]
#[should_panic(expected = "input: 7 numbers are no rows of 3 channels")]
fn rows_that_do_not_fit_are_refused() {
    statistics(Level::Scalar, &[0.0; 7], &mut [0.0; 3], &mut [0.0; 3]);
}
