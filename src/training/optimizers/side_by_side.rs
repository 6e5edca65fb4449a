//! Parameters that Adam updates in one launch, and what a replayed step leaves to the host.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::DynState;
use burn::tensor::Tensor;
use burn_wgpu::{CubeTensor, into_contiguous};

use super::rules::Slots;
use super::update_rule::UpdateRule;
use super::{Optimizer, Parameter};
use crate::kernels::adam::together::{Parts, Together};
use crate::kernels::gpu::{Place, into_floats};
use crate::kernels::step_state::{AdamNumbers, StepState};
use crate::model::Model;

pub(super) type SideBySide = Together;

impl Optimizer {
    /// Chooses the parameters that Adam updates together: those of `model` that are trained. Whether there can be one
    /// launch for them: they were updated alike so far. For our own kernels.
    pub fn choose_side_by_side(&mut self, model: &Model) -> bool {
        let mut trained = Trained(Vec::new());
        model.visit(&mut trained);
        for (parameter, trained) in self.parameters.iter_mut().zip(trained.0) {
            parameter.lies_beside = trained && parameter.adam().is_some();
        }
        let mut chosen = self.chosen();
        let updates = chosen.next().map(|first| first.updates);
        let alike = chosen.all(|parameter| Some(parameter.updates) == updates);
        drop(chosen);
        if !alike {
            (self.parameters.iter_mut()).for_each(|parameter| parameter.lies_beside = false);
        }
        alike
    }

    /// Updates so far of those that Adam updates together.
    pub fn updates_side_by_side(&self) -> usize {
        self.chosen().next().map_or(0, |first| first.updates)
    }

    fn chosen(&self) -> impl Iterator<Item = &Parameter> {
        (self.parameters.iter()).filter(|parameter| parameter.lies_beside)
    }

    /// What Adam's update number `time` takes, if it updates any parameter.
    pub fn adam_numbers(&self, learning_rate: f64, time: usize) -> AdamNumbers {
        let adam = self.parameters.iter().find_map(Parameter::adam);
        let numbers = adam.and_then(|adam| adam.numbers(learning_rate, time));
        numbers.unwrap_or_default()
    }

    /// The model with the chosen parameters side by side, for steps by `steps`.
    pub fn put_side_by_side(&mut self, model: Model, steps: &StepState) -> Model {
        let sizes: Vec<&[usize]> = (self.chosen())
            .map(|parameter| &parameter.shape.dims[..])
            .collect();
        let all = Together::new(&sizes, steps);
        let model = model.map(&mut Putting {
            all: &all,
            parameters: self.parameters.iter_mut(),
            next: 0,
        });
        self.side_by_side = Some(all);
        model
    }

    /// Counts an update that was replayed.
    pub fn count_update(&mut self) {
        for parameter in &mut self.parameters {
            parameter.updates += usize::from(parameter.slots.is_some());
        }
    }

    /// Where all that is remembered lies.
    pub fn places(&self) -> Vec<Option<Place>> {
        let mut places = Vec::new();
        for parameter in &self.parameters {
            let Some(slots) = &parameter.slots else {
                continue;
            };
            match slots.rank() {
                1 => places_of::<1>(slots, &mut places),
                2 => places_of::<2>(slots, &mut places),
                _ => places_of::<4>(slots, &mut places),
            }
        }
        places
    }
}

impl Parameter {
    fn adam(&self) -> Option<&super::adam::Adam> {
        match &self.rule {
            UpdateRule::Adam(adam) => Some(adam),
            _ => None,
        }
    }

    /// The gradient that an update together with others takes.
    pub(super) fn queue<const D: usize>(
        &self,
        parameter: &Tensor<D>,
        gradient: Tensor<D>,
    ) -> CubeTensor {
        let gradient = match self.adam() {
            Some(adam) => adam.penalised(gradient, parameter),
            None => gradient,
        };
        into_contiguous(into_floats(gradient).expect("a gradient on the adapter"))
    }
}

fn places_of<const D: usize>(slots: &DynState, places: &mut Vec<Option<Place>>) {
    let slots = slots.downcast_ref::<Slots<D>>();
    places.extend(slots.iter().map(Place::of));
}

/// Whether each parameter records gradients, in order.
struct Trained(Vec<bool>);

impl ModuleVisitor for Trained {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        self.0.push(parameter.val().is_require_grad());
    }
}

/// Puts parameters and moments at their places.
struct Putting<'a> {
    all: &'a Together,
    parameters: std::slice::IterMut<'a, Parameter>,
    next: usize,
}

impl ModuleMapper for Putting<'_> {
    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let entry = (self.parameters.next()).expect("as many parameters as shapes");
        if !entry.lies_beside {
            return parameter;
        }
        let (id, tensor, mapper) = parameter.consume();
        let moments = <[Tensor<D>; 2]>::try_from(entry.take_slots()).ok();
        let Parts { parameter, moments } = self.all.put(self.next, tensor.inner(), moments);
        self.next += 1;
        entry.slots = Some(DynState::create(Slots::from(moments), D));
        Param::from_mapped_value(id, Tensor::from_inner(parameter).require_grad(), mapper)
    }
}
