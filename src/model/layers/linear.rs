//! A linear layer, and the ReLU that follows it everywhere but at a network's end.

use burn::module::{Module, Param};
use burn::tensor::Tensor as BurnTensor;
use serde::{Deserialize, Serialize};

use super::entry::read;
use super::{Activations, Compute, Describe, Kind, Place, Shape, Tensors, within};
use crate::kernels::Kernels;
use crate::kernels::case::{
    Case, Numbers, Outputs, doubt, f64s, leaf, masked, rectified, send_back,
};
use crate::kernels::reference;
#[cfg(not(target_family = "wasm"))]
use crate::model::onnx::{Chain, OUTPUT, Tensor, Value, attribute, int, proto::NodeProto};
use crate::model::parameters::ParameterList;

const MOST_WIDTH: usize = 16_384;

pub const KIND: Kind = Kind {
    name: "a linear layer",
    key: "linear",
    word: None,
    options: &[],
    example: "linear = N",
    read: read::<Config>,
    takes_images: false,
    takes_padded_colour: false,
    flattens: true,
    odd_cases,
    #[cfg(not(target_family = "wasm"))]
    operations: &[("Gemm", multiply)],
};

/// `{ linear = N }`: a linear layer of N outputs, and a ReLU.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(rename = "linear")]
    outputs: usize,
    #[serde(skip, default = "yes")]
    relu: bool,
}

fn yes() -> bool {
    true
}

impl Config {
    /// One without a ReLU.
    pub fn last(outputs: usize) -> Self {
        Self {
            outputs,
            relu: false,
        }
    }
}

impl Describe for Config {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self) -> Result<(), String> {
        within("linear", self.outputs, MOST_WIDTH)
    }

    fn output(&self, _input: Shape) -> Result<Shape, String> {
        Ok(Shape::Features(self.outputs))
    }

    fn parameters(&self, place: &Place, list: &mut ParameterList) {
        let (name, inputs) = (format!("fc{}", place.number), place.input.count());
        let channels = match place.input {
            Shape::Image([_, _, channels]) => Some(channels),
            Shape::Features(_) => None,
        };
        list.linear_weight(format!("{name}.weight"), [inputs, self.outputs], channels);
        list.bias(format!("{name}.bias"), self.outputs, inputs);
    }

    fn build(&self, _place: &Place, tensors: &mut Tensors) -> super::Layer {
        super::Layer::Linear(Layer {
            weight: tensors.parameter(),
            bias: tensors.parameter(),
            relu: self.relu,
            kernels: tensors.kernels,
        })
    }

    fn products(&self, place: &Place) -> f64 {
        3.0 * (place.input.count() * self.outputs) as f64
    }

    #[cfg(not(target_family = "wasm"))]
    fn nodes(&self, place: &Place, chain: &mut Chain) {
        if let Shape::Image(_) = place.input {
            chain.then("flat", "Flatten", &[], vec![int("axis", 1)]);
        }
        let layer = format!("fc{}", place.number);
        let name = if self.relu { &layer } else { OUTPUT };
        let (weight, bias) = (format!("{layer}.weight"), format!("{layer}.bias"));
        chain.then(name, "Gemm", &[&weight, &bias], vec![int("transB", 1)]);
        if self.relu {
            chain.then(&format!("{layer}_relu"), "Relu", &[], Vec::new());
        }
    }

    fn cases(&self, place: &Place, batch: usize) -> Vec<Case> {
        let sizes = [batch, place.input.count(), self.outputs];
        vec![case(sizes, self.relu)]
    }
}

/// The layer with its numbers.
#[derive(Module, Debug)]
pub struct Layer {
    /// `[inputs, outputs]`. Behind an image its rows are in (height, width, channel) order, as the kernels
    /// lay activations out; files hold PyTorch's (channel, height, width) order.
    weight: Param<BurnTensor<2>>,
    bias: Param<BurnTensor<1>>,
    relu: bool,
    #[module(skip)]
    kernels: Kernels,
}

impl Compute for Layer {
    fn forward_eval(&self, input: Activations) -> Activations {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let kernels = self.kernels;
        Activations::Features(kernels.linear_relu(input.features(), weight, bias, self.relu))
    }
}

/// x `[n, i]`, weight `[o, i]` (transB), bias `[o]`.
#[cfg(not(target_family = "wasm"))]
fn multiply(inputs: &[&Tensor], node: &NodeProto) -> Result<Value, String> {
    let &[x, weight, bias] = inputs else {
        return Err(format!("a matrix product of {} inputs", inputs.len()));
    };
    let turned = attribute(node, "transB").and_then(|found| found.i) == Some(1);
    let (&[count, inputs], &[outputs, same]) = (&x.dims[..], &weight.dims[..]) else {
        return Err("a matrix product of other than two dimensions".into());
    };
    if !turned || inputs != same || bias.values.len() != outputs {
        return Err(format!("'{}' does not fit its input", weight.name));
    }
    let mut values = Vec::with_capacity(count * outputs);
    for row in x.values.chunks(inputs) {
        for (weights, &bias) in weight.values.chunks(inputs).zip(&bias.values) {
            let products = row.iter().zip(weights);
            let sum: f64 = products.map(|(&x, &w)| f64::from(x) * f64::from(w)).sum();
            values.push((sum + f64::from(bias)) as f32);
        }
    }
    Ok((vec![count, outputs], values))
}

/// Sizes that leave something over in every tile.
fn odd_cases() -> Vec<Case> {
    let sizes = [[77, 13, 7], [1, 100, 36], [77, 100, 36], [5, 1, 3]];
    sizes.map(|sizes| case(sizes, true)).into()
}

/// Output and gradients of a batch of so many, inputs and outputs.
fn case([batch, inputs, outputs]: [usize; 3], relu: bool) -> Case {
    Case {
        op: match relu {
            true => "linear_relu",
            false => "linear",
        },
        shape: format!("{batch}x{inputs} -> {outputs}"),
        work: Box::new(move |subject| {
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

            let input = leaf(&input, [batch, inputs], subject);
            let weight = leaf(&weight, [inputs, outputs], subject);
            let bias = leaf(&bias, [outputs], subject);
            let (x, w, b) = (input.clone(), weight.clone(), bias.clone());
            let output = subject.kernels.linear_relu(x, w, b, relu);
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), sums)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
                .with_gradient("gradient of weight", &weight, &gradients, grad_weight)
                .with_gradient("gradient of bias", &bias, &gradients, grad_bias)
        }),
    }
}
