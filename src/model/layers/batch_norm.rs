//! Batch norm (Ioffe & Szegedy, arXiv:1502.03167) over all but the channels, with the residual sum and the ReLU
//! behind it: a part of a convolution's layer.

use burn::module::{Module, Param, ParamId};
use burn::tensor::Tensor as BurnTensor;

use super::Tensors;
use crate::kernels::Kernels;
use crate::kernels::case::{Case, Numbers, Outputs, doubt, f64s, leaf, plain, send_back};
use crate::kernels::reference;
#[cfg(not(target_family = "wasm"))]
use crate::model::onnx::{Chain, Tensor, Value, attribute, float, proto::NodeProto};

/// What all batch norms of a network have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Added to the variance.
    pub epsilon: f64,
    /// The share of each batch in the running mean and variance.
    pub momentum: f64,
}

/// Mean and variance of each channel of a batch, `[c]`, without gradients.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// `[channels]`.
    pub mean: BurnTensor<1>,
    /// Of the batch itself: divided by `count`.
    pub variance: BurnTensor<1>,
    /// Numbers a channel.
    pub count: usize,
}

/// A batch norm with its numbers.
#[derive(Module, Debug)]
pub struct BatchNorm {
    scale: Param<BurnTensor<1>>,
    shift: Param<BurnTensor<1>>,
    /// Running, as the variance.
    mean: Param<BurnTensor<1>>,
    variance: Param<BurnTensor<1>>,
    #[module(skip)]
    norm: Norm,
    #[module(skip)]
    kernels: Kernels,
}

impl Norm {
    /// The norm with its numbers.
    pub fn build(self, tensors: &mut Tensors) -> BatchNorm {
        BatchNorm {
            scale: tensors.parameter(),
            shift: tensors.parameter(),
            mean: tensors.statistic(),
            variance: tensors.statistic(),
            norm: self,
            kernels: tensors.kernels,
        }
    }

    /// Adds the node of the norm called `name`.
    #[cfg(not(target_family = "wasm"))]
    pub fn nodes(self, name: &str, chain: &mut Chain) {
        let tensors = ["weight", "bias", "running_mean", "running_var"];
        let tensors = tensors.map(|tensor| format!("{name}.{tensor}"));
        let tensors = tensors.each_ref().map(String::as_str);
        let attributes = vec![float("epsilon", self.epsilon as f32)];
        chain.then(name, "BatchNormalization", &tensors, attributes);
    }
}

impl BatchNorm {
    /// With the mean and variance of the batch itself.
    pub fn of_the_batch(
        &self,
        sums: BurnTensor<4>,
        residual: Option<BurnTensor<4>>,
    ) -> (BurnTensor<4>, Statistics) {
        let [batch, height, width, _] = sums.dims();
        let (output, mean, variance) = self.kernels.batch_norm_relu(
            sums,
            self.scale.val(),
            self.shift.val(),
            residual,
            self.norm.epsilon as f32,
            true,
        );
        let statistics = Statistics {
            mean: mean.without_autodiff(),
            variance: variance.without_autodiff(),
            count: batch * height * width,
        };
        (output, statistics)
    }

    /// With the running mean and variance.
    pub fn of_the_past(
        &self,
        sums: BurnTensor<4>,
        residual: Option<BurnTensor<4>>,
    ) -> BurnTensor<4> {
        self.kernels.normalise_relu(
            sums,
            self.scale.val(),
            self.shift.val(),
            self.mean.val(),
            self.variance.val(),
            residual,
            self.norm.epsilon as f32,
            true,
        )
    }

    /// Moves the running mean and variance as PyTorch does: the variance is that of the
    /// distribution the batch was drawn from, divided by `count - 1`.
    pub fn follow(&mut self, found: Statistics) {
        let count = found.count as f64;
        let unbiased = count / (count - 1.0).max(1.0);
        let variance = found.variance * unbiased;
        let factors = [1.0 - self.norm.momentum, self.norm.momentum];
        move_towards(self.kernels, &mut self.mean, found.mean, factors);
        move_towards(self.kernels, &mut self.variance, variance, factors);
    }
}

fn move_towards(
    kernels: Kernels,
    running: &mut Param<BurnTensor<1>>,
    found: BurnTensor<1>,
    factors: [f64; 2],
) {
    // Taken, not cloned: it is written in place only where one handle is held.
    let old = std::mem::replace(running, Param::initialized(ParamId::new(), found.clone()));
    let (_, old, _) = old.consume();
    let differentiable = old.is_autodiff();
    let moved = kernels.blend(old.without_autodiff(), found, factors);
    let moved = match differentiable {
        true => BurnTensor::from_inner(moved),
        false => moved,
    };
    *running = Param::initialized(ParamId::new(), moved);
}

/// x `[n, c, h, w]`; scale, shift, mean and variance `[c]`.
#[cfg(not(target_family = "wasm"))]
pub fn evaluate(inputs: &[&Tensor], node: &NodeProto) -> Result<Value, String> {
    let &[x, scale, shift, mean, variance] = inputs else {
        return Err(format!("a batch norm of {} inputs", inputs.len()));
    };
    let &[_, channels, height, width] = &x.dims[..] else {
        return Err("a batch norm of other than four dimensions".into());
    };
    let tensors = [scale, shift, mean, variance];
    if tensors.iter().any(|tensor| tensor.values.len() != channels) {
        return Err(format!("'{}' does not fit its input", scale.name));
    }
    let epsilon = attribute(node, "epsilon").and_then(|found| found.f);
    let epsilon = f64::from(epsilon.ok_or("a batch norm without epsilon")?);
    let planes = x.values.chunks(height * width).enumerate();
    let values = planes.flat_map(|(plane, values)| {
        let number = |tensor: &Tensor| f64::from(tensor.values[plane % channels]);
        let factor = number(scale) / (number(variance) + epsilon).sqrt();
        let (mean, shift) = (number(mean), number(shift));
        let normalised = move |&value: &f32| ((f64::from(value) - mean) * factor + shift) as f32;
        values.iter().map(normalised)
    });
    Ok((x.dims.clone(), values.collect()))
}

/// `[n, h, w, c]`, with and without a residual, in front of a ReLU and not; of the last one's channels
/// shaders leave the work to Burn's own operations. One has more pixels than some sums reach.
pub fn odd_cases() -> impl Iterator<Item = Case> {
    let shapes = [[7, 13, 11, 8], [5, 7, 7, 96], [1, 3, 2, 4], [3, 9, 7, 5]];
    let cases = shapes.into_iter().flat_map(|shape| {
        let training = SWITCHES.map(|switches| training(shape, switches));
        training.into_iter().chain([inference(shape)])
    });
    cases.chain([training([25, 90, 90, 4], [false, true])])
}

/// Whether there is a residual, and a ReLU.
const SWITCHES: [[bool; 2]; 3] = [[false, true], [true, true], [true, false]];
const EPSILON: f32 = 1e-5;

fn describe([batch, height, width, channels]: [usize; 4], [residual, relu]: [bool; 2]) -> String {
    let residual = if residual { " + residual" } else { "" };
    let relu = if relu { ", ReLU" } else { "" };
    format!("{batch}x{height}x{width}x{channels}{residual}{relu}")
}

/// Output, statistics and gradients of `[n, h, w, c]`.
pub fn training(shape: [usize; 4], switches: [bool; 2]) -> Case {
    let [with_residual, relu] = switches;
    Case {
        op: "batch_norm_relu",
        shape: describe(shape, switches),
        work: Box::new(move |subject| {
            let [size, channels] = [shape.iter().product(), shape[3]];
            let mut numbers = Numbers::new(7);
            let input = numbers.floats(size, 1.0);
            let scale = numbers.floats(channels, 1.0);
            let shift = numbers.floats(channels, 0.5);
            let residual = numbers.floats(size, if with_residual { 1.0 } else { 1e-30 });
            let residual = with_residual.then_some(residual);
            let mut upstream = numbers.floats(size, 1.0);
            let norm = reference::BatchNorm {
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

            let input = leaf(&input, shape, subject);
            let scale = leaf(&scale, [channels], subject);
            let shift = leaf(&shift, [channels], subject);
            let residual = residual.map(|residual| leaf(&residual, shape, subject));
            let (x, w, b) = (input.clone(), scale.clone(), shift.clone());
            let kernels = subject.kernels;
            let (output, found_mean, found_variance) =
                kernels.batch_norm_relu(x, w, b, residual.clone(), EPSILON, relu);
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
        work: Box::new(move |subject| {
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
            let norm = reference::BatchNorm {
                input: f64s(&input),
                scale: f64s(&scale),
                shift: f64s(&shift),
                residual: Some(f64s(&residual)),
                epsilon: EPSILON.into(),
            };
            let mut expected = norm.normalise(&f64s(&mean), &f64s(&variance));
            expected.iter_mut().for_each(|sum| *sum = sum.max(0.0));
            let [scale, shift, mean, variance] =
                [scale, shift, mean, variance].map(|values| plain(&values, [channels], subject));
            let found = subject.kernels.normalise_relu(
                plain(&input, shape, subject),
                scale,
                shift,
                mean,
                variance,
                Some(plain(&residual, shape, subject)),
                EPSILON,
                true,
            );
            Outputs::default().with("output", found, expected)
        }),
    }
}
