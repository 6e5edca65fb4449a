//! The network as a Burn module: two convolutions, each pooled and rectified, then two linear
//! layers. With the default settings it is the reference network of the benchmarks.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData, Transaction};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::config::{Kernels, ModelConfig};
use crate::data::CLASSES;
use crate::device::DeviceError;
use crate::kernels::convolve_pool_relu::{convolve_pool_relu, general};
use crate::kernels::linear_relu::linear_relu;

/// conv k x k -> max-pool 2 -> ReLU, twice; linear -> ReLU; linear.
#[derive(Module, Debug)]
pub struct Model {
    pub conv1: Conv2d,
    pub conv2: Conv2d,
    /// Weight `[height * width * channels, hidden]`: rows in (height, width, channel) order, as
    /// the kernels lay activations out. Files hold PyTorch's (channel, height, width) order.
    pub fc1: Linear,
    pub fc2: Linear,
}

/// The shape of one parameter as the model holds it, and how many inputs feed one output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterShape {
    /// PyTorch's name, such as `conv1.weight`.
    pub name: &'static str,
    pub dims: Vec<usize>,
    pub fan_in: usize,
}

impl ModelConfig {
    /// Inputs of the first linear layer.
    ///
    /// # Panics
    /// When nothing is left of a picture after the poolings, which settings never pass on.
    pub fn flattened(&self) -> usize {
        let [_, side] = self.pooled_sides().expect("checked with the settings");
        side * side * self.conv2_channels
    }

    /// Every parameter in forward order.
    pub fn parameters(&self) -> Vec<ParameterShape> {
        let shape = |name, dims: &[usize], fan_in| ParameterShape {
            name,
            dims: dims.to_vec(),
            fan_in,
        };
        let (c1, k1, c2, k2) = (
            self.conv1_channels,
            self.conv1_kernel,
            self.conv2_channels,
            self.conv2_kernel,
        );
        let (flat, hidden) = (self.flattened(), self.hidden);
        vec![
            shape("conv1.weight", &[c1, 1, k1, k1], k1 * k1),
            shape("conv1.bias", &[c1], k1 * k1),
            shape("conv2.weight", &[c2, c1, k2, k2], c1 * k2 * k2),
            shape("conv2.bias", &[c2], c1 * k2 * k2),
            shape("fc1.weight", &[flat, hidden], flat),
            shape("fc1.bias", &[hidden], flat),
            shape("fc2.weight", &[hidden, CLASSES], hidden),
            shape("fc2.bias", &[CLASSES], hidden),
        ]
    }

    /// How many numbers are trained.
    pub fn parameter_count(&self) -> usize {
        self.parameters()
            .iter()
            .map(|parameter| parameter.dims.iter().product::<usize>())
            .sum()
    }
}

/// Initial values of every parameter, the same on every device: uniform in
/// ±1/sqrt(fan in), PyTorch's default for these layers.
pub fn initial_values(config: &ModelConfig, seed: u64) -> Vec<Vec<f32>> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    config
        .parameters()
        .iter()
        .map(|parameter| {
            let bound = 1.0 / (parameter.fan_in as f32).sqrt();
            let count = parameter.dims.iter().product();
            (0..count)
                .map(|_| random.random_range(-bound..bound))
                .collect()
        })
        .collect()
}

impl Model {
    /// Builds the network on `device` from one list of numbers a parameter, in the order and
    /// layout of [`ModelConfig::parameters`].
    ///
    /// # Panics
    /// When a list has the wrong length; readers of files check that first.
    pub fn from_values(config: &ModelConfig, values: Vec<Vec<f32>>, device: &Device) -> Self {
        let shapes = config.parameters();
        let mut values = values.into_iter();
        let mut next = |index: usize| {
            let data = values.next().expect("a list for every parameter");
            TensorData::new(data, shapes[index].dims.clone())
        };
        let conv = |channels: [usize; 2], kernel: usize, weight: TensorData, bias: TensorData| {
            let mut layer = Conv2dConfig::new(channels, [kernel, kernel]).init(device);
            layer.weight = parameter(weight, device);
            layer.bias = Some(parameter(bias, device));
            layer
        };
        let conv1 = conv(
            [1, config.conv1_channels],
            config.conv1_kernel,
            next(0),
            next(1),
        );
        let conv2 = conv(
            [config.conv1_channels, config.conv2_channels],
            config.conv2_kernel,
            next(2),
            next(3),
        );
        let linear = |[inputs, outputs]: [usize; 2], weight: TensorData, bias: TensorData| {
            let mut layer = LinearConfig::new(inputs, outputs).init(device);
            layer.weight = parameter(weight, device);
            layer.bias = Some(parameter(bias, device));
            layer
        };
        let fc1 = linear([config.flattened(), config.hidden], next(4), next(5));
        let fc2 = linear([config.hidden, CLASSES], next(6), next(7));
        Self {
            conv1,
            conv2,
            fc1,
            fc2,
        }
    }

    /// Logits `[n, 10]` of normalised pictures `[n, 28, 28, 1]`.
    pub fn forward(&self, pictures: Tensor<4>, kernels: Kernels) -> Tensor<2> {
        match kernels {
            Kernels::Fused => self.forward_fused(pictures),
            Kernels::Stock => self.forward_stock(pictures),
        }
    }

    fn forward_fused(&self, pictures: Tensor<4>) -> Tensor<2> {
        let convolve =
            |layer: &Conv2d, x| convolve_pool_relu(x, layer.weight.val(), bias(&layer.bias), true);
        let multiply =
            |layer: &Linear, x, relu| linear_relu(x, layer.weight.val(), bias(&layer.bias), relu);
        let x = convolve(&self.conv1, pictures);
        let x = convolve(&self.conv2, x);
        let x = multiply(&self.fc1, x.flatten(1, 3), true);
        multiply(&self.fc2, x, false)
    }

    fn forward_stock(&self, pictures: Tensor<4>) -> Tensor<2> {
        let convolve = |layer: &Conv2d, x| general(x, layer.weight.val(), bias(&layer.bias), true);
        let x = convolve(&self.conv1, pictures);
        let x = convolve(&self.conv2, x);
        let x = relu(self.fc1.forward(x.flatten(1, 3)));
        self.fc2.forward(x)
    }
}

/// Every parameter's numbers in the order and layout of [`ModelConfig::parameters`].
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn values(
    model: &Model,
    device: &crate::device::Device,
) -> Result<Vec<Vec<f32>>, DeviceError> {
    let tensors = register(model, Transaction::default());
    let data = device.read("reading the weights", tensors).await?;
    Ok(take(&mut data.into_iter()))
}

/// Adds every parameter to a read-back.
pub fn register(model: &Model, transaction: Transaction) -> Transaction {
    transaction
        .register(model.conv1.weight.val())
        .register(bias(&model.conv1.bias))
        .register(model.conv2.weight.val())
        .register(bias(&model.conv2.bias))
        .register(model.fc1.weight.val())
        .register(bias(&model.fc1.bias))
        .register(model.fc2.weight.val())
        .register(bias(&model.fc2.bias))
}

/// The numbers of the parameters that [`register`] had read.
pub fn take(data: &mut impl Iterator<Item = TensorData>) -> Vec<Vec<f32>> {
    data.take(8)
        .map(|tensor| tensor.iter::<f32>().collect())
        .collect()
}

/// The bias of a layer; every layer of this network has one.
pub(crate) fn bias(bias: &Option<burn::module::Param<Tensor<1>>>) -> Tensor<1> {
    bias.as_ref().expect("every layer has a bias").val()
}

fn parameter<const D: usize>(data: TensorData, device: &Device) -> burn::module::Param<Tensor<D>> {
    burn::module::Param::from_data(data, device)
}
