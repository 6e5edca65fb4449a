//! A convolution with what follows it: max-pooling, batch norm, the residual sum, ReLU.

pub(crate) mod cases;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod onnx;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

#[cfg(not(target_family = "wasm"))]
use super::batch_norm;
use super::batch_norm::{BatchNorm, Statistics};
use super::entry::read;
use super::{
    Activations, Compute, Describe, Draw, Kind, Place, Shape, Tensors, own_channels, within,
};
use crate::kernels::Kernels;
use crate::kernels::case::Case;
use crate::kernels::images::MOST_SIDE;
use crate::kernels::max_pool::max_pool;
use crate::model::beside;
#[cfg(not(target_family = "wasm"))]
use crate::model::onnx::Chain;
use crate::model::parameters::ParameterList;

const MOST_CHANNELS: usize = 1024;

pub const KIND: Kind = Kind {
    name: "a convolution",
    key: "convolution",
    word: None,
    options: &["kernel", "stride", "padding", "pool", "norm", "residual"],
    example: "convolution = N",
    read: read::<Config>,
    takes_images: true,
    takes_padded_colour: true,
    flattens: false,
    odd_cases: cases::odd,
    #[cfg(not(target_family = "wasm"))]
    operations: &[
        ("Conv", onnx::convolve),
        ("MaxPool", onnx::pool),
        ("BatchNormalization", batch_norm::evaluate),
    ],
};

/// A convolution, then what is asked for, in this order: a 2x2 max-pool, batch norm, the layer's
/// own input added; a ReLU at the end.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Config {
    channels: usize,
    /// Side of the square kernel.
    kernel: usize,
    stride: usize,
    /// Pixels of zeros around the input.
    padding: usize,
    pool: bool,
    /// The convolution then has no bias.
    norm: bool,
    residual: bool,
}

/// An entry as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    convolution: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stride: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    padding: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    norm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    residual: Option<bool>,
}

const BATCH: &str = "batch";

impl TryFrom<Written> for Config {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        Ok(Self {
            channels: written.convolution,
            kernel: written
                .kernel
                .ok_or("a convolution needs its kernel, such as kernel = 3")?,
            stride: written.stride.unwrap_or(1),
            padding: written.padding.unwrap_or(0),
            pool: match written.pool {
                None => false,
                Some(window) if window == 2 => true,
                Some(_) => return Err("a convolution's pool can only be 2"),
            },
            norm: match written.norm.as_deref() {
                None => false,
                Some(BATCH) => true,
                Some(_) => return Err("norm can only be \"batch\""),
            },
            residual: written.residual.unwrap_or(false),
        })
    }
}

impl From<Config> for Written {
    fn from(config: Config) -> Self {
        Self {
            convolution: config.channels,
            kernel: Some(config.kernel),
            stride: (config.stride != 1).then_some(config.stride),
            padding: (config.padding != 0).then_some(config.padding),
            norm: config.norm.then(|| BATCH.into()),
            pool: config.pool.then(|| 2.into()),
            residual: config.residual.then_some(true),
        }
    }
}

impl Config {
    /// Rows and columns before pooling, of so many.
    fn convolved(&self, sides: [usize; 2]) -> [usize; 2] {
        sides.map(|side| (side + 2 * self.padding - self.kernel) / self.stride + 1)
    }
}

impl Describe for Config {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self) -> Result<(), String> {
        within("convolution", self.channels, MOST_CHANNELS)?;
        within("kernel", self.kernel, MOST_SIDE)?;
        within("stride", self.stride, MOST_SIDE)?;
        match self.padding < self.kernel {
            true => Ok(()),
            false => Err(format!(
                "padding = {} must be less than kernel = {}",
                self.padding, self.kernel
            )),
        }
    }

    /// Pooling drops an odd last row and column.
    fn output(&self, input: Shape) -> Result<Shape, String> {
        let [height, width, inputs] = input.image();
        let shortest = height.min(width);
        let sides = match shortest + 2 * self.padding < self.kernel {
            true => [0; 2],
            false if self.pool => self.convolved([height, width]).map(|side| side / 2),
            false => self.convolved([height, width]),
        };
        if sides.contains(&0) {
            return Err(format!(
                "nothing is left of its {height}x{width} input: take a smaller kernel or stride, no pool, or more padding"
            ));
        }
        let ([rows, columns], channels) = (sides, self.channels);
        if self.residual && (rows, columns, channels) != (height, width, inputs) {
            return Err(format!(
                "residual adds its input, {height}x{width}x{inputs}, to its output, {rows}x{columns}x{channels}: they must be alike"
            ));
        }
        Ok(Shape::Image([rows, columns, channels]))
    }

    fn parameters(&self, place: &Place, list: &mut ParameterList) {
        let ([_, _, inputs], number) = (place.input.image(), place.number);
        let fan_in = inputs * self.kernel * self.kernel;
        let dims = [self.channels, inputs, self.kernel, self.kernel];
        list.weight(format!("conv{number}.weight"), &dims, fan_in);
        match self.norm {
            true => list.norm(&format!("bn{number}"), self.channels),
            false => list.bias(format!("conv{number}.bias"), self.channels, fan_in),
        }
    }

    fn build(&self, place: &Place, tensors: &mut Tensors) -> super::Layer {
        super::Layer::Convolution(Layer {
            weight: tensors.parameter(),
            bias: (!self.norm).then(|| tensors.parameter()),
            norm: self.norm.then(|| place.norm.build(tensors)),
            inputs: place.input.image()[2],
            config: *self,
            kernels: tensors.kernels,
        })
    }

    /// Forward in full; backward of a pooled convolution a quarter, because pooling passes one gradient
    /// of four; no gradient of the images.
    fn products(&self, place: &Place) -> f64 {
        let [height, width, inputs] = place.input.image();
        let places: usize = self.convolved([height, width]).iter().product();
        let forward = (places * inputs * self.channels * self.kernel * self.kernel) as f64;
        let gradients = if place.is_first { 1.0 } else { 2.0 };
        let passed = if self.pool { 0.25 } else { 1.0 };
        forward * (1.0 + gradients * passed)
    }

    #[cfg(not(target_family = "wasm"))]
    fn nodes(&self, place: &Place, chain: &mut Chain) {
        onnx::nodes(self, place, chain);
    }

    fn cases(&self, place: &Place, batch: usize) -> Vec<Case> {
        cases::of_layer(self, place, batch)
    }
}

/// The layer with its numbers.
#[derive(Module, Debug)]
pub struct Layer {
    /// `[outputs, inputs, k, k]`
    weight: Param<Tensor<4>>,
    /// Without batch norm only.
    bias: Option<Param<Tensor<1>>>,
    norm: Option<BatchNorm>,
    /// Channels of the input, without a fourth one of zeros.
    inputs: usize,
    #[module(skip)]
    config: Config,
    #[module(skip)]
    kernels: Kernels,
}

impl Compute for Layer {
    fn forward_eval(&self, input: Activations) -> Activations {
        let norm = |norm: &BatchNorm, sums, residual| (norm.of_the_past(sums, residual), None);
        self.forward(input, norm).0
    }

    fn forward_train(&self, input: Activations, _draw: Draw) -> (Activations, Option<Statistics>) {
        self.forward(input, |norm, sums, residual| {
            let (output, statistics) = norm.of_the_batch(sums, residual);
            (output, Some(statistics))
        })
    }

    fn follow(&mut self, found: Statistics) {
        if let Some(norm) = &mut self.norm {
            norm.follow(found);
        }
    }
}

impl Layer {
    /// Activations `[n, h', w', outputs]` of `[n, h, w, inputs]`; `normalise` is what its batch norm, if it
    /// has one, does.
    fn forward(
        &self,
        input: Activations,
        normalise: impl Fn(&BatchNorm, Tensor<4>, Option<Tensor<4>>) -> (Tensor<4>, Option<Statistics>),
    ) -> (Activations, Option<Statistics>) {
        let input = input.image();
        let residual = (self.config.residual).then(|| own_channels(input.clone(), self.inputs));
        let rectify = self.norm.is_none() && residual.is_none();
        let sums = self.convolve(input, rectify);
        let (output, statistics) = match (&self.norm, residual) {
            (Some(norm), residual) => normalise(norm, sums, residual),
            (None, Some(residual)) => (relu(sums + residual), None),
            (None, None) => (sums, None),
        };
        (Activations::Image(output), statistics)
    }

    /// The convolution and its pooling, rectified where nothing comes between.
    fn convolve(&self, input: Tensor<4>, rectify: bool) -> Tensor<4> {
        let Config {
            stride,
            padding,
            pool,
            ..
        } = self.config;
        let weight = for_channels(self.weight.val(), input.dims()[3]);
        let bias = self.bias.as_ref().map(Param::val);
        let kernels = self.kernels;
        if !pool {
            return kernels.convolve(input, weight, bias, stride, padding, rectify);
        }
        if stride == 1 {
            return kernels.convolve_pool_relu(input, weight, bias, padding, rectify);
        }
        let pooled = max_pool(kernels.convolve(input, weight, bias, stride, padding, false));
        match rectify {
            true => relu(pooled),
            false => pooled,
        }
    }
}

/// A weight `[outputs, inputs, k, k]` for an input of so many channels: coloured images have a
/// fourth channel of zeros, whose weights are zeros too.
fn for_channels(weight: Tensor<4>, channels: usize) -> Tensor<4> {
    let [outputs, inputs, kernel, _] = weight.dims();
    if inputs >= channels {
        return weight;
    }
    let dims = [outputs, channels - inputs, kernel, kernel];
    let zeros = Tensor::<4>::zeros(dims, (&weight.device(), weight.dtype()));
    let zeros = beside(zeros, &weight);
    Tensor::cat(vec![weight, zeros], 1)
}
