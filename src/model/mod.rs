//! The network as a Burn module: convolutions, then linear layers, as the settings list them.
//! With the default settings it is the reference network of the benchmarks.

mod convolution;
pub mod loss;
mod parameters;
mod tensors;

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device as BurnDevice, Tensor, TensorData};

use crate::config::{Architecture, ConvolutionSize};
use crate::device::Device;
use crate::kernels::Kernels;
pub use convolution::Statistics;
use convolution::{BatchNorm, Convolution};
pub use parameters::{Initial, ParameterShape, Role, initial_values};
pub use tensors::{register, take, values};

/// Convolutions, where asked for the mean of each channel, then linear layers with a ReLU
/// between them. Tensors are visited in the order of [`Architecture::parameters`].
#[derive(Module, Debug)]
pub struct Model {
    convolutions: Vec<Convolution>,
    average: bool,
    /// The first has the weight `[height * width * channels, outputs]`: rows in (height, width,
    /// channel) order, as the kernels lay activations out. Files hold PyTorch's (channel, height,
    /// width) order.
    linears: Vec<Linear>,
    #[module(skip)]
    kernels: Kernels,
}

/// What the batch norms of a network saw of a batch, a place for each convolution.
pub type BatchStatistics = Vec<Option<Statistics>>;

impl Model {
    /// Builds the network on `device`, by whose kernels it computes, from one list of numbers a tensor,
    /// in the order and layout of [`Architecture::parameters`]. It records no gradients.
    ///
    /// # Panics
    /// When a list has the wrong length; readers of files check that first.
    pub fn from_values(network: &Architecture, values: Vec<Vec<f32>>, device: &Device) -> Self {
        Self::build(network, values, device.kernels(), device.burn())
    }

    /// The same, recording gradients.
    ///
    /// # Panics
    /// As [`Self::from_values`].
    pub fn trainable(network: &Architecture, values: Vec<Vec<f32>>, device: &Device) -> Self {
        Self::build(network, values, device.kernels(), &device.autodiff())
    }

    fn build(
        network: &Architecture,
        values: Vec<Vec<f32>>,
        kernels: Kernels,
        device: &BurnDevice,
    ) -> Self {
        let mut tensors = network
            .parameters()
            .into_iter()
            .zip(values)
            .map(|(shape, numbers)| TensorData::new(numbers, shape.dims));
        let mut next = || tensors.next().expect("a list for every tensor");
        let (sizes, config) = (network.checked_sizes(), &network.model);
        let convolution = |size: &ConvolutionSize| {
            let layer = size.layer;
            let weight = trained(next(), device);
            let bias = (!layer.norm).then(|| trained(next(), device));
            let norm = layer.norm.then(|| BatchNorm {
                scale: trained(next(), device),
                shift: trained(next(), device),
                mean: measured(next(), device),
                variance: measured(next(), device),
                epsilon: config.norm_epsilon,
                momentum: config.norm_momentum,
                kernels,
            });
            Convolution {
                weight,
                bias,
                norm,
                layer,
                kernels,
            }
        };
        let convolutions = sizes.convolutions.iter().map(convolution).collect();
        let linear = |&[inputs, outputs]: &[usize; 2]| {
            let mut layer = LinearConfig::new(inputs, outputs).init(device);
            layer.weight = trained(next(), device);
            layer.bias = Some(trained(next(), device));
            layer
        };
        Self {
            convolutions,
            average: sizes.average,
            linears: sizes.linears.iter().map(linear).collect(),
            kernels,
        }
    }

    /// Logits `[n, classes]` of normalised images `[n, height, width, 1 or 4]`; batch norms use
    /// their running mean and variance.
    pub fn forward_eval(&self, images: Tensor<4>) -> Tensor<2> {
        let features = self
            .convolutions
            .iter()
            .fold(images, |x, layer| layer.forward(x, false).0);
        self.classify(features).1
    }

    /// What the last layer gets, `[n, features]`, and the logits it makes of it, `[n, classes]`, as
    /// [`Self::forward_eval`] computes them.
    pub fn forward_with_features(&self, images: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let features = self
            .convolutions
            .iter()
            .fold(images, |x, layer| layer.forward(x, false).0);
        self.classify(features)
    }

    /// Logits in training: batch norms use the mean and variance of the batch, which
    /// [`Self::with_statistics`] takes into the running ones.
    pub fn forward_train(&self, images: Tensor<4>) -> (Tensor<2>, BatchStatistics) {
        let mut statistics = Vec::with_capacity(self.convolutions.len());
        let mut features = images;
        for layer in &self.convolutions {
            let found;
            (features, found) = layer.forward(features, true);
            statistics.push(found);
        }
        (self.classify(features).1, statistics)
    }

    /// The network with the running mean and variance moved towards those of a batch.
    #[must_use]
    pub fn with_statistics(mut self, statistics: BatchStatistics) -> Self {
        for (layer, found) in self.convolutions.iter_mut().zip(statistics) {
            if let (Some(norm), Some(found)) = (&mut layer.norm, found) {
                norm.follow(found);
            }
        }
        self
    }

    fn classify(&self, features: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let flat = match self.average {
            true => self.kernels.average_pool(features),
            false => features.flatten(1, 3),
        };
        let last = self.linears.len() - 1;
        let linear = |x: Tensor<2>, index: usize| {
            let layer = &self.linears[index];
            let (weight, bias) = (layer.weight.val(), bias(&layer.bias));
            self.kernels.linear_relu(x, weight, bias, index < last)
        };
        let features = (0..last).fold(flat, &linear);
        let logits = linear(features.clone(), last);
        (features, logits)
    }
}

/// The bias of a layer that has one.
fn bias(bias: &Option<Param<Tensor<1>>>) -> Tensor<1> {
    bias.as_ref().expect("the layer has a bias").val()
}

/// A tensor that gets gradients.
fn trained<const D: usize>(data: TensorData, device: &BurnDevice) -> Param<Tensor<D>> {
    Param::from_data(data, device)
}

/// A tensor that gets none.
fn measured(data: TensorData, device: &BurnDevice) -> Param<Tensor<1>> {
    convolution::untrained(Tensor::from_data(data, device))
}
