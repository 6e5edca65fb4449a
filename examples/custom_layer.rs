//! A layer of your own between ours: squeeze-and-excitation (Hu, Shen and Sun, 2018), which weighs the channels of an
//! image by what is in them. It is written in Burn's tensors, so that Burn finds its gradient, and reads built-in digits.
//!
//! `cargo run --release --example custom_layer`, or with `-- gpu` on the first adapter.

use anyhow::Context;
use burn::tensor::{Distribution, Gradients, Int, Tensor, TensorData, activation};
use gpu_mnist::config::Api;
use gpu_mnist::data::synthetic;
use gpu_mnist::device::Device;
use gpu_mnist::device::adapters::adapters;
use gpu_mnist::kernels::convolve_pool_relu::convolve_pool_relu;
use gpu_mnist::kernels::linear_relu::linear_relu;
use gpu_mnist::model::loss::Objective;

const IMAGES: usize = 4000;
const BATCH: usize = 100;
const EPOCHS: usize = 3;
const RATE: f32 = 0.1;

/// The layer: each channel's mean goes through two linear layers, and the channel is multiplied by what comes out.
struct Excitation {
    squeeze: Tensor<2>,
    squeeze_bias: Tensor<1>,
    excite: Tensor<2>,
    excite_bias: Tensor<1>,
}

impl Excitation {
    /// `[n, h, w, c]` of `[n, h, w, c]`: all our images lie so.
    fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let [n, height, width, channels] = image.dims();
        let pixels = image.clone().reshape([n, height * width, channels]);
        let means = pixels.mean_dim(1).squeeze_dim::<2>(1);
        let few = linear_relu(means, self.squeeze.clone(), self.squeeze_bias.clone(), true);
        let weights = linear_relu(few, self.excite.clone(), self.excite_bias.clone(), false);
        image * activation::sigmoid(weights).reshape([n, 1, 1, channels])
    }

    fn descend(self, gradients: &Gradients) -> Self {
        Self {
            squeeze: descend(self.squeeze, gradients),
            squeeze_bias: descend(self.squeeze_bias, gradients),
            excite: descend(self.excite, gradients),
            excite_bias: descend(self.excite_bias, gradients),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let on_adapter = std::env::args().nth(1).is_some_and(|word| word == "gpu");
    let device = match on_adapter {
        true => {
            let adapter = adapters(Api::Any).into_iter().next();
            Device::from_adapter(adapter.context("no adapter here")?)?
        }
        false => Device::cpu(),
    };
    let digits = synthetic::draw(0, 0, IMAGES);
    let pixels: Vec<f32> = digits
        .images
        .iter()
        .map(|&byte| f32::from(byte) / 255.0)
        .collect();
    let labels: Vec<i32> = digits
        .labels
        .iter()
        .map(|&label| i32::from(label))
        .collect();
    let images = TensorData::new(pixels, [IMAGES, 28, 28, 1]);
    let images = Tensor::<4>::from_data(images, device.burn());
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [IMAGES]), device.burn());

    // Kernels are `[out, in, k, k]`, linear layers `[inputs, outputs]`.
    let (mut kernel1, mut bias1) = (drawn([8, 1, 5, 5], 25, &device), zeros(8, &device));
    let mut excitation = Excitation {
        squeeze: drawn([8, 4], 8, &device),
        squeeze_bias: zeros(4, &device),
        excite: drawn([4, 8], 4, &device),
        excite_bias: zeros(8, &device),
    };
    let (mut kernel2, mut bias2) = (drawn([16, 8, 3, 3], 72, &device), zeros(16, &device));
    let (mut weight, mut bias) = (drawn([400, 10], 400, &device), zeros(10, &device));
    let objective = Objective::plain(&device);

    for epoch in 1..=EPOCHS {
        let (mut loss, mut right) = (0.0, 0);
        for at in (0..IMAGES).step_by(BATCH) {
            let input = images.clone().narrow(0, at, BATCH).autodiff();
            let seen = convolve_pool_relu(input, kernel1.clone(), bias1.clone(), 0, true);
            let seen = excitation.forward(seen);
            let seen = convolve_pool_relu(seen, kernel2.clone(), bias2.clone(), 0, true);
            let logits = linear_relu(seen.flatten(1, 3), weight.clone(), bias.clone(), false);
            let found = objective.of(logits, labels.clone().narrow(0, at, BATCH));
            let gradients = found.differentiable.backward();
            excitation = excitation.descend(&gradients);
            kernel1 = descend(kernel1, &gradients);
            kernel2 = descend(kernel2, &gradients);
            weight = descend(weight, &gradients);
            (bias1, bias2) = (descend(bias1, &gradients), descend(bias2, &gradients));
            bias = descend(bias, &gradients);
            loss += found.loss.into_scalar::<f32>() * (BATCH as f32 / IMAGES as f32);
            right += found.correct.into_scalar::<i32>();
        }
        println!("epoch {epoch}: loss {loss:.4}, {right} of {IMAGES} right");
    }
    Ok(())
}

/// He's uniform initial values, for so many inputs.
fn drawn<const D: usize>(shape: [usize; D], inputs: usize, device: &Device) -> Tensor<D> {
    let spread = (6.0 / inputs as f64).sqrt();
    let spread = Distribution::Uniform(-spread, spread);
    Tensor::random(shape, spread, &device.autodiff()).require_grad()
}

fn zeros(outputs: usize, device: &Device) -> Tensor<1> {
    Tensor::zeros([outputs], &device.autodiff()).require_grad()
}

/// A step against the gradient.
fn descend<const D: usize>(parameter: Tensor<D>, gradients: &Gradients) -> Tensor<D> {
    let gradient = parameter.grad(gradients).expect("it was used");
    let moved = parameter.inner() - gradient * RATE;
    moved.autodiff().require_grad()
}
