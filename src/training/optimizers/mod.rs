//! The optimiser of the settings: one update rule a parameter, and what each rule remembers.

mod adam;
mod clipping;
mod muon;
mod rules;
mod sgd;
mod side_by_side;
mod update_rule;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{DynState, GradientsParams};
use burn::tensor::{Device as BurnDevice, Tensor, TensorData, Transaction};
use burn_wgpu::CubeTensor;

use super::state::ParameterState;
use crate::config::TrainingConfig;
use crate::device::Device;
use crate::kernels::Kernels;
use crate::model::{Model, ParameterShape};
pub use rules::Rate;
use rules::{Slots, Update};
use side_by_side::SideBySide;
use update_rule::UpdateRule;

/// Updates a model's parameters, in forward order.
pub struct Optimizer {
    parameters: Vec<Parameter>,
    /// The largest norm of all gradients together; 0: any.
    clip_norm: f64,
    kernels: Kernels,
    /// Those that Adam updates in one launch.
    side_by_side: Option<SideBySide>,
}

struct Parameter {
    shape: ParameterShape,
    rule: UpdateRule,
    /// A [`Slots`] of the parameter's rank; `None` before the first update.
    slots: Option<DynState>,
    /// Updates so far.
    updates: usize,
    /// Whether it is one of those side by side.
    lies_beside: bool,
}

impl Optimizer {
    /// The optimiser of the settings for parameters of these shapes; `states`, one a parameter,
    /// is what an earlier one of them remembered; what another kind remembered is left out.
    pub fn new(
        settings: &TrainingConfig,
        shapes: Vec<ParameterShape>,
        states: Vec<Option<ParameterState>>,
        device: &Device,
    ) -> Self {
        let parameters = shapes
            .into_iter()
            .zip(states)
            .map(|(shape, state)| {
                let rule = UpdateRule::of(settings, &shape, device);
                let state = state.filter(|state| understands(&rule, state, &shape));
                let updates = state.as_ref().map_or(0, |state| state.time);
                let slots = state.map(|state| upload(state, &shape.dims, device.burn()));
                Parameter {
                    shape,
                    rule,
                    slots,
                    updates,
                    lies_beside: false,
                }
            })
            .collect();
        Self {
            parameters,
            clip_norm: settings.clip_norm,
            kernels: device.kernels(),
            side_by_side: None,
        }
    }

    /// The model after one step. It must be the one of the shapes, with parameters in that order.
    pub fn step(&mut self, rate: Rate<'_>, model: Model, gradients: GradientsParams) -> Model {
        let factor = match self.clip_norm > 0.0 {
            true => clipping::factor(self.kernels, &model, &gradients, self.clip_norm),
            false => None,
        };
        let mut step = Step {
            kernels: self.kernels,
            factor,
            parameters: self.parameters.iter_mut(),
            gradients,
            rate,
            beside: Vec::new(),
        };
        let model = model.map(&mut step);
        if let (Some(all), Some(steps)) = (&self.side_by_side, rate.steps) {
            all.update(&step.beside, steps);
        }
        model
    }

    /// Adds every tensor that is remembered to a read-back.
    pub fn register(&self, transaction: Transaction) -> Transaction {
        self.parameters
            .iter()
            .filter_map(|parameter| parameter.slots.as_ref())
            .fold(transaction, |transaction, slots| match slots.rank() {
                1 => register::<1>(slots, transaction),
                2 => register::<2>(slots, transaction),
                4 => register::<4>(slots, transaction),
                rank => unreachable!("no parameter of rank {rank}"),
            })
    }

    /// What is remembered, from the data that [`Self::register`] had read.
    pub fn states(
        &self,
        mut data: impl Iterator<Item = TensorData>,
    ) -> Vec<Option<ParameterState>> {
        let state = |parameter: &Parameter| {
            parameter.slots.as_ref()?;
            let tensors = parameter.rule.slot_names().iter().map(|name| {
                let numbers = data.next().expect("a tensor for every slot");
                (name.to_string(), numbers.iter::<f32>().collect())
            });
            Some(ParameterState {
                rule: parameter.rule.name().into(),
                time: parameter.updates,
                tensors: tensors.collect(),
            })
        };
        self.parameters.iter().map(state).collect()
    }
}

impl Parameter {
    /// What its rule keeps, taken from here.
    fn take_slots<const D: usize>(&mut self) -> Slots<D> {
        (self.slots.take()).map_or_else(Vec::new, DynState::downcast::<Slots<D>>)
    }
}

/// One step over the parameters in the order the model visits them.
struct Step<'a> {
    kernels: Kernels,
    parameters: std::slice::IterMut<'a, Parameter>,
    gradients: GradientsParams,
    /// What every gradient is multiplied by.
    factor: Option<Tensor<1>>,
    rate: Rate<'a>,
    /// Gradients of those that are updated together.
    beside: Vec<CubeTensor>,
}

impl ModuleMapper for Step<'_> {
    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let entry = self
            .parameters
            .next()
            .expect("as many parameters as shapes");
        let (id, tensor, mapper) = parameter.consume();
        debug_assert_eq!(
            tensor.dims()[..],
            entry.shape.dims[..],
            "{}",
            entry.shape.name
        );
        let Some(gradient) = self.gradients.remove::<D>(id) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let gradient = match &self.factor {
            Some(factor) => self.kernels.scale(gradient, factor.clone()),
            None => gradient,
        };
        entry.updates += 1;
        if entry.lies_beside {
            let inner = tensor.inner();
            self.beside.push(entry.queue(&inner, gradient));
            return Param::from_mapped_value(id, Tensor::from_inner(inner).require_grad(), mapper);
        }
        // Taken, not cloned: an update is in place only where it holds the one handle.
        let slots = entry.take_slots();
        let update = Update {
            rate: self.rate,
            number: entry.updates,
        };
        let (updated, slots) = (entry.rule).step(update, tensor.inner(), gradient, slots);
        entry.slots = Some(DynState::create(slots, D));
        Param::from_mapped_value(id, Tensor::from_inner(updated).require_grad(), mapper)
    }
}

/// Whether `rule` made this state of a parameter of that shape.
fn understands(rule: &UpdateRule, state: &ParameterState, shape: &ParameterShape) -> bool {
    let length = shape.count();
    let names = rule.slot_names();
    state.rule == rule.name()
        && state.tensors.len() == names.len()
        && state
            .tensors
            .iter()
            .zip(names)
            .all(|((name, numbers), expected)| name == expected && numbers.len() == length)
}

fn register<const D: usize>(slots: &DynState, transaction: Transaction) -> Transaction {
    (slots.downcast_ref::<Slots<D>>().iter()).fold(transaction, |transaction, tensor| {
        transaction.register(tensor.clone())
    })
}

fn upload(state: ParameterState, dims: &[usize], device: &BurnDevice) -> DynState {
    match dims.len() {
        1 => DynState::create(slots_of::<1>(state, dims, device), 1),
        2 => DynState::create(slots_of::<2>(state, dims, device), 2),
        4 => DynState::create(slots_of::<4>(state, dims, device), 4),
        rank => unreachable!("no parameter of rank {rank}"),
    }
}

fn slots_of<const D: usize>(
    state: ParameterState,
    dims: &[usize],
    device: &BurnDevice,
) -> Slots<D> {
    (state.tensors.into_iter())
        .map(|(_, numbers)| Tensor::from_data(TensorData::new(numbers, dims.to_vec()), device))
        .collect()
}
