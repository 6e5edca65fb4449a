//! The tensors of a network by name and shape, and what they are before the first step.

/// One tensor of the network as the model holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterShape {
    /// PyTorch's name, such as `conv1.weight`.
    pub name: String,
    /// Its dimensions, in the layout of the kernels.
    pub dims: Vec<usize>,
    /// What it holds before the training.
    pub initial: Initial,
    /// What it does.
    pub role: Role,
    /// Of a linear weight behind an image: the channels of that image. Its rows are in (height, width,
    /// channel) order, PyTorch's in (channel, height, width) order.
    pub channels: Option<usize>,
}

/// The values before the first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    /// Uniform in ±1/sqrt(fan in), PyTorch's default for convolutions and linear layers.
    Uniform {
        /// How many inputs feed one output.
        fan_in: usize,
    },
    /// All 0.
    Zeros,
    /// All 1.
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

impl ParameterShape {
    /// How many numbers it holds.
    pub fn count(&self) -> usize {
        self.dims.iter().copied().fold(1, usize::saturating_mul)
    }

    /// Whether it is trained, not measured.
    pub fn is_trained(&self) -> bool {
        self.role != Role::Statistic
    }
}

/// The tensors of a network as its layers list them.
#[derive(Default)]
pub struct ParameterList(Vec<ParameterShape>);

impl ParameterList {
    /// The weight of a convolution.
    pub fn weight(&mut self, name: String, dims: &[usize], fan_in: usize) {
        let role = match self.0.is_empty() {
            true => Role::Parameter,
            false => Role::HiddenWeight,
        };
        self.push(name, dims, Initial::Uniform { fan_in }, role);
    }

    /// The weight `[inputs, outputs]` of a linear layer; `channels` of the image that it is behind.
    pub fn linear_weight(&mut self, name: String, dims: [usize; 2], channels: Option<usize>) {
        self.weight(name, &dims, dims[0]);
        let weight = self.0.last_mut().expect("just added");
        weight.channels = channels;
    }

    /// A bias `[count]` of a layer with `fan_in` inputs to each output.
    pub fn bias(&mut self, name: String, count: usize, fan_in: usize) {
        self.push(name, &[count], Initial::Uniform { fan_in }, Role::Parameter);
    }

    /// Scale, shift and running statistics of the batch norm called `layer`.
    pub fn norm(&mut self, layer: &str, channels: usize) {
        for (name, initial, role) in [
            ("weight", Initial::Ones, Role::Parameter),
            ("bias", Initial::Zeros, Role::Parameter),
            ("running_mean", Initial::Zeros, Role::Statistic),
            ("running_var", Initial::Ones, Role::Statistic),
        ] {
            self.push(format!("{layer}.{name}"), &[channels], initial, role);
        }
    }

    /// How many tensors there are so far.
    pub fn tensors(&self) -> usize {
        self.0.len()
    }

    /// How many numbers there are so far.
    pub fn count(&self) -> usize {
        let counts = self.0.iter().map(ParameterShape::count);
        counts.fold(0, usize::saturating_add)
    }

    /// All of them; the last weight is none of a hidden layer.
    pub fn end_at_the_last_weight(mut self) -> Vec<ParameterShape> {
        let mut weights = self.0.iter_mut().rev();
        if let Some(last) = weights.find(|shape| shape.dims.len() > 1) {
            last.role = Role::Parameter;
        }
        self.0
    }

    fn push(&mut self, name: String, dims: &[usize], initial: Initial, role: Role) {
        self.0.push(ParameterShape {
            name,
            dims: dims.to_vec(),
            initial,
            role,
            channels: None,
        });
    }
}
