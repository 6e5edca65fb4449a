//! The tensors of a network by name and shape, and what they are before the first step.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::config::Architecture;

/// One tensor of the network as the model holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterShape {
    /// PyTorch's name, such as `conv1.weight`.
    pub name: String,
    pub dims: Vec<usize>,
    pub initial: Initial,
    pub role: Role,
}

/// The values before the first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    /// Uniform in ±1/sqrt(fan in), PyTorch's default for convolutions and linear layers.
    Uniform {
        /// How many inputs feed one output.
        fan_in: usize,
    },
    Zeros,
    Ones,
}

/// What a tensor is to the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The weight of a layer between the first and the last.
    HiddenWeight,
    /// A weight, bias, scale or shift.
    Parameter,
    /// A running mean or variance of batch norm: measured, not trained.
    Statistic,
}

impl Architecture {
    /// Every tensor of the network in forward order, the running statistics among them.
    ///
    /// # Panics
    /// When a layer cannot be, which settings and files never pass on.
    pub fn parameters(&self) -> Vec<ParameterShape> {
        let sizes = self.checked_sizes();
        let mut list = List::default();
        for (number, size) in (1..).zip(&sizes.convolutions) {
            let (layer, inputs) = (size.layer, size.inputs);
            let fan_in = inputs * layer.kernel * layer.kernel;
            let dims = [layer.channels, inputs, layer.kernel, layer.kernel];
            list.weight(format!("conv{number}.weight"), &dims, fan_in);
            if layer.norm {
                list.norm(&format!("bn{number}"), layer.channels);
            } else {
                let name = format!("conv{number}.bias");
                list.parameter(name, layer.channels, Initial::Uniform { fan_in });
            }
        }
        for (number, &[inputs, outputs]) in (1..).zip(&sizes.linears) {
            list.weight(format!("fc{number}.weight"), &[inputs, outputs], inputs);
            let initial = Initial::Uniform { fan_in: inputs };
            list.parameter(format!("fc{number}.bias"), outputs, initial);
        }
        list.end_at_the_last_weight()
    }

    /// How many numbers are trained.
    pub fn parameter_count(&self) -> usize {
        self.parameters()
            .iter()
            .filter(|shape| shape.role != Role::Statistic)
            .map(ParameterShape::count)
            .sum()
    }
}

impl ParameterShape {
    /// How many numbers it holds.
    pub fn count(&self) -> usize {
        self.dims.iter().product()
    }
}

#[derive(Default)]
struct List(Vec<ParameterShape>);

impl List {
    fn push(&mut self, name: String, dims: &[usize], initial: Initial, role: Role) {
        self.0.push(ParameterShape {
            name,
            dims: dims.to_vec(),
            initial,
            role,
        });
    }

    fn weight(&mut self, name: String, dims: &[usize], fan_in: usize) {
        let role = match self.0.is_empty() {
            true => Role::Parameter,
            false => Role::HiddenWeight,
        };
        self.push(name, dims, Initial::Uniform { fan_in }, role);
    }

    fn parameter(&mut self, name: String, count: usize, initial: Initial) {
        self.push(name, &[count], initial, Role::Parameter);
    }

    fn norm(&mut self, layer: &str, channels: usize) {
        self.parameter(format!("{layer}.weight"), channels, Initial::Ones);
        self.parameter(format!("{layer}.bias"), channels, Initial::Zeros);
        for (name, initial) in [
            ("running_mean", Initial::Zeros),
            ("running_var", Initial::Ones),
        ] {
            let name = format!("{layer}.{name}");
            self.push(name, &[channels], initial, Role::Statistic);
        }
    }

    fn end_at_the_last_weight(mut self) -> Vec<ParameterShape> {
        let weights = self.0.iter_mut().rev();
        if let Some(last) = weights.into_iter().find(|shape| shape.dims.len() > 1) {
            last.role = Role::Parameter;
        }
        self.0
    }
}

/// Initial values of every tensor, the same on every device.
pub fn initial_values(network: &Architecture, seed: u64) -> Vec<Vec<f32>> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    network
        .parameters()
        .iter()
        .map(|shape| match shape.initial {
            Initial::Zeros => vec![0.0; shape.count()],
            Initial::Ones => vec![1.0; shape.count()],
            Initial::Uniform { fan_in } => {
                let bound = 1.0 / (fan_in as f32).sqrt();
                (0..shape.count())
                    .map(|_| random.random_range(-bound..bound))
                    .collect()
            }
        })
        .collect()
}
