//! The exponential moving average of the weights: what is validated and kept, while the weights
//! themselves go on training (Polyak & Juditsky, 1992). Running statistics are averaged likewise.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::DynState;
use burn::tensor::Tensor;

use super::state::Averaged;
use crate::config::{Architecture, TrainingConfig};
use crate::device::Device;
use crate::kernels::Kernels;
use crate::kernels::blend::Factor;
use crate::kernels::step_state::{Column, StepState};
use crate::model::Model;

/// A moving average of a model's parameters, without gradients.
pub(super) struct Average {
    pub model: Model,
    /// Updates so far.
    pub updates: usize,
    decay: f64,
    /// So many of the first tensors are frozen, and their average stays what it is.
    frozen: usize,
    kernels: Kernels,
}

impl Average {
    /// Goes on from `earlier`, or starts with the parameters of `model`.
    pub fn new(
        settings: &TrainingConfig,
        model: &Model,
        earlier: Option<Averaged>,
        network: &Architecture,
        device: &Device,
    ) -> Self {
        let decay = settings.ema_decay;
        let frozen = network.tensors_of_first(settings.freeze);
        let (model, updates) = match earlier {
            Some(earlier) => {
                let model = Model::from_values(network, earlier.parameters, device);
                (model, earlier.updates)
            }
            None => (model.valid(), 0),
        };
        Self {
            model,
            updates,
            decay,
            frozen,
            kernels: device.kernels(),
        }
    }

    /// Moves the average towards `model`. Early on it moves faster than the decay says, so that
    /// the initial weights are soon forgotten: the decay is at most `(1 + n) / (10 + n)` at the
    /// n-th update.
    pub fn update(mut self, model: &Model, steps: Option<&StepState>) -> Self {
        self.updates += 1;
        let mut values = Values(Vec::new());
        model.visit(&mut values);
        let decay = self.decay_at(self.updates);
        // Moved, not cloned: it is written in place only where it holds the one handle.
        self.model = self.model.map(&mut Blend {
            values: values.0.into_iter(),
            kernels: self.kernels,
            decay,
            frozen: self.frozen,
            steps,
        });
        self
    }

    /// The decay of update number `updates`, from 1.
    pub fn decay_at(&self, updates: usize) -> f64 {
        let updates = updates as f64;
        self.decay.min((1.0 + updates) / (10.0 + updates))
    }
}

/// The tensors of a model in order, without gradients.
struct Values(Vec<DynState>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let value = parameter.val().without_autodiff();
        self.0.push(DynState::create(value, D));
    }
}

struct Blend<'a> {
    kernels: Kernels,
    values: std::vec::IntoIter<DynState>,
    decay: f64,
    /// Tensors to pass over.
    frozen: usize,
    /// Where kernels read the decay of a step that may be replayed.
    steps: Option<&'a StepState>,
}

impl ModuleMapper for Blend<'_> {
    fn map_float<const D: usize>(&mut self, average: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let value = self.values.next().expect("models of one kind");
        if self.frozen > 0 {
            self.frozen -= 1;
            return average;
        }
        let value = value.downcast::<Tensor<D>>();
        let number = |value, column| Factor::of_step(value, [0.0, 1.0], column);
        let factors = [
            number(self.decay, Column::AverageDecay),
            number(1.0 - self.decay, Column::AverageRest),
        ];
        average.map(|old| self.kernels.blend_in_step(old, value, factors, self.steps))
    }
}
