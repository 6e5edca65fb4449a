//! The kernels in a Burn program of your own: two linear layers learn which points lie in a circle.
//!
//! `cargo run --release --example burn_model`, or with `-- gpu` on the first adapter.

use std::f32::consts::FRAC_2_PI;

use anyhow::Context;
use burn::tensor::{Distribution, Tensor};
use gpu_mnist::config::Api;
use gpu_mnist::device::Device;
use gpu_mnist::device::adapters::adapters;
use gpu_mnist::kernels::linear_relu::linear_relu;
use gpu_mnist::model::loss::Objective;

const POINTS: usize = 1024;
const HIDDEN: usize = 32;
const STEPS: usize = 300;
const RATE: f32 = 1.0;

fn main() -> anyhow::Result<()> {
    let on_adapter = std::env::args().nth(1).is_some_and(|word| word == "gpu");
    let device = match on_adapter {
        true => {
            let adapter = adapters(Api::Any).into_iter().next();
            Device::from_adapter(adapter.context("no adapter here")?)?
        }
        false => Device::cpu(),
    };

    // `[POINTS, 2]` between -1 and 1; the label is 1 within the circle of half the square's area.
    let even = Distribution::Uniform(-1.0, 1.0);
    let points = Tensor::<2>::random([POINTS, 2], even, device.burn());
    let distance = points.clone().powi_scalar(2).sum_dim(1).squeeze::<1>();
    let labels = distance.lower_elem(FRAC_2_PI).int();

    // Weights are `[inputs, outputs]`; tensors of this device record gradients.
    let parameter = |inputs, outputs| {
        let spread = (6.0 / inputs as f64).sqrt();
        let spread = Distribution::Uniform(-spread, spread);
        Tensor::<2>::random([inputs, outputs], spread, &device.autodiff()).require_grad()
    };
    let zeros = |outputs| Tensor::<1>::zeros([outputs], &device.autodiff()).require_grad();
    let (mut weight1, mut bias1) = (parameter(2, HIDDEN), zeros(HIDDEN));
    let (mut weight2, mut bias2) = (parameter(HIDDEN, 2), zeros(2));
    let objective = Objective::plain(&device);

    for step in 1..=STEPS {
        let input = points.clone().autodiff();
        let hidden = linear_relu(input, weight1.clone(), bias1.clone(), true);
        let logits = linear_relu(hidden, weight2.clone(), bias2.clone(), false);
        let found = objective.of(logits, labels.clone());
        let gradients = found.differentiable.backward();
        weight1 = descend(weight1, &gradients);
        bias1 = descend(bias1, &gradients);
        weight2 = descend(weight2, &gradients);
        bias2 = descend(bias2, &gradients);
        if step % 100 == 0 {
            let loss: f32 = found.loss.into_scalar();
            let right: i32 = found.correct.into_scalar();
            println!("step {step}: loss {loss:.4}, {right} of {POINTS} right");
        }
    }
    Ok(())
}

/// A step against the gradient.
fn descend<const D: usize>(parameter: Tensor<D>, gradients: &burn::tensor::Gradients) -> Tensor<D> {
    let gradient = parameter.grad(gradients).expect("it was used");
    let moved = parameter.inner() - gradient * RATE;
    moved.autodiff().require_grad()
}
