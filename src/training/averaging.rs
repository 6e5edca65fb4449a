//! The exponential moving average of the weights: what is validated and kept, while the weights
//! themselves go on training (Polyak & Juditsky, 1992).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::state::Averaged;
use crate::config::ModelConfig;
use crate::model::Model;

/// A moving average of a model's parameters, without gradients.
pub(super) struct Average {
    pub model: Model,
    /// Updates so far.
    pub updates: usize,
    decay: f64,
}

impl Average {
    /// Goes on from `earlier`, or starts with the parameters of `model`.
    pub fn new(
        decay: f64,
        model: &Model,
        earlier: Option<Averaged>,
        config: &ModelConfig,
        device: &Device,
    ) -> Self {
        match earlier {
            Some(earlier) => Self {
                model: Model::from_values(config, earlier.parameters, device),
                updates: earlier.updates,
                decay,
            },
            None => Self {
                model: model.valid(),
                updates: 0,
                decay,
            },
        }
    }

    /// Moves the average towards `model`. Early on it moves faster than the decay says, so that
    /// the initial weights are soon forgotten: the decay is at most `(1 + n) / (10 + n)` at the
    /// n-th update.
    pub fn update(&mut self, model: &Model) {
        self.updates += 1;
        let updates = self.updates as f64;
        let decay = self.decay.min((1.0 + updates) / (10.0 + updates));
        let average = &mut self.model;
        blend(&mut average.conv1.weight, &model.conv1.weight, decay);
        blend_bias(&mut average.conv1.bias, &model.conv1.bias, decay);
        blend(&mut average.conv2.weight, &model.conv2.weight, decay);
        blend_bias(&mut average.conv2.bias, &model.conv2.bias, decay);
        blend(&mut average.fc1.weight, &model.fc1.weight, decay);
        blend_bias(&mut average.fc1.bias, &model.fc1.bias, decay);
        blend(&mut average.fc2.weight, &model.fc2.weight, decay);
        blend_bias(&mut average.fc2.bias, &model.fc2.bias, decay);
    }
}

fn blend<const D: usize>(average: &mut Param<Tensor<D>>, value: &Param<Tensor<D>>, decay: f64) {
    let value = value.val().inner();
    let old = average.val();
    *average = Param::from_tensor(old * decay + value * (1.0 - decay));
}

fn blend_bias(
    average: &mut Option<Param<Tensor<1>>>,
    value: &Option<Param<Tensor<1>>>,
    decay: f64,
) {
    if let (Some(average), Some(value)) = (average, value) {
        blend(average, value, decay);
    }
}
