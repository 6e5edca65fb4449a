//! Adam's update of one parameter in one pass, as a Burn optimiser.

pub mod cpu;
mod gpu;
mod launches;
pub(crate) mod together;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, ExtensionType, Flex, backend_extension};
use burn::optim::{
    Adam, AdamConfig, AdamState, AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState,
    LearningRate, Optimizer,
};
use burn::tensor::{Device, Tensor};

use super::flex::{floats, whole};
use super::step_state::AdamNumbers;
use super::{Kernels, shapes, simd};

/// Adam (Kingma & Ba, arXiv:1412.6980) as Burn's own computes it, in one pass over a parameter.
/// Its state is Burn's, so that either can go on where the other stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedAdam {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay (AdamW, arXiv:1711.05101); 0 for plain Adam.
    pub weight_decay: f32,
}

/// Adam, ours or Burn's own.
#[derive(Clone)]
pub enum AdamUpdates {
    /// Ours.
    Fused(FusedAdam),
    /// Burn's, without decay.
    Adam(Adam),
    /// Burn's, with decay.
    AdamW(AdamW),
}

impl Kernels {
    /// Adam with these settings.
    pub fn adam(self, settings: FusedAdam) -> AdamUpdates {
        let FusedAdam {
            beta1,
            beta2,
            epsilon,
            weight_decay,
        } = settings;
        match self {
            Self::Fused => AdamUpdates::Fused(settings),
            Self::Burn if weight_decay == 0.0 => AdamUpdates::Adam(
                AdamConfig::new()
                    .with_beta_1(beta1)
                    .with_beta_2(beta2)
                    .with_epsilon(epsilon)
                    .build(),
            ),
            Self::Burn => AdamUpdates::AdamW(
                AdamWConfig::new()
                    .with_beta_1(beta1)
                    .with_beta_2(beta2)
                    .with_epsilon(epsilon)
                    .with_weight_decay(weight_decay)
                    .build(),
            ),
        }
    }
}

impl FusedAdam {
    /// What update number `time`, from 1, takes beside moments and gradient.
    pub fn numbers(&self, learning_rate: LearningRate, time: usize) -> AdamNumbers {
        launches::Step {
            number: time as u32,
            learning_rate: f64::from(learning_rate as f32),
            beta1: self.beta1.into(),
            beta2: self.beta2.into(),
            epsilon: self.epsilon.into(),
            weight_decay: self.weight_decay.into(),
        }
        .numbers()
    }
}

impl AdamUpdates {
    /// The parameter after one update, and the moments for the next; there are none before the first.
    pub fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        moments: Option<AdaptiveMomentumState<D>>,
    ) -> (Tensor<D>, AdaptiveMomentumState<D>) {
        let (parameter, moments) = match self {
            Self::Fused(rule) => {
                let state = moments.map(AdamState::new);
                let (parameter, state) = rule.step(learning_rate, parameter, gradient, state);
                (parameter, state.map(|state| state.momentum))
            }
            Self::Adam(rule) => {
                let state = moments.map(AdamState::new);
                let (parameter, state) = rule.step(learning_rate, parameter, gradient, state);
                (parameter, state.map(|state| state.momentum))
            }
            Self::AdamW(rule) => {
                let state = moments.map(AdamWState::new);
                let (parameter, state) = rule.step(learning_rate, parameter, gradient, state);
                (parameter, state.map(|state| state.momentum))
            }
        };
        (parameter, moments.expect("Adam always has a state"))
    }
}

/// A parameter and its moments after the update.
#[derive(ExtensionType)]
pub struct Updated<B: Backend> {
    /// The parameter.
    pub parameter: FloatTensor<B>,
    /// Its first moment.
    pub moment1: FloatTensor<B>,
    /// Its second moment.
    pub moment2: FloatTensor<B>,
}

/// The update as Burn dispatches it; it records no gradients.
#[backend_extension(Cube, Flex)]
pub trait AdamUpdate: Backend {
    /// A step of Adam: all four tensors are of one shape; `step` counts from 1.
    #[allow(clippy::too_many_arguments)]
    fn adam_update(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment1: FloatTensor<Self>,
        moment2: FloatTensor<Self>,
        learning_rate: f32,
        beta1: f32,
        beta2: f32,
        epsilon: f32,
        weight_decay: f32,
        step: u32,
    ) -> Updated<Self>;
}

impl AdamUpdate for Flex {
    fn adam_update(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment1: FloatTensor<Self>,
        moment2: FloatTensor<Self>,
        learning_rate: f32,
        beta1: f32,
        beta2: f32,
        epsilon: f32,
        weight_decay: f32,
        step: u32,
    ) -> Updated<Self> {
        let gradient = gradient.to_contiguous();
        let [mut parameter, mut moment1, mut moment2] =
            [parameter, moment1, moment2].map(whole::<f32>);
        cpu::update(
            simd::detect(),
            &cpu::Settings {
                learning_rate,
                beta1,
                beta2,
                epsilon,
                weight_decay,
                step,
            },
            parameter.storage_mut(),
            floats(&gradient),
            [moment1.storage_mut(), moment2.storage_mut()],
        );
        Updated {
            parameter,
            moment1,
            moment2,
        }
    }
}

impl Optimizer for FusedAdam {
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let (time, moment1, moment2) = match state.map(|state| state.momentum) {
            Some(state) => (state.time + 1, state.moment_1, state.moment_2),
            None => (1, gradient.zeros_like(), gradient.zeros_like()),
        };
        let (of_parameter, of_gradient) = (parameter.dims(), gradient.dims());
        let of_moments = [moment1.dims(), moment2.dims()];
        shapes::check(
            of_gradient == of_parameter && of_moments == [of_parameter; 2],
            "adam",
            &[
                ("parameter", &of_parameter),
                ("gradient", &of_gradient),
                ("moments", &of_moments[0]),
                ("and", &of_moments[1]),
            ],
            "one shape",
        );
        let updated = Dispatch::adam_update(
            parameter.into_dispatch(),
            gradient.into_dispatch(),
            moment1.into_dispatch(),
            moment2.into_dispatch(),
            learning_rate as f32,
            self.beta1,
            self.beta2,
            self.epsilon,
            self.weight_decay,
            time as u32,
        );
        let momentum = AdaptiveMomentumState::new(
            time,
            Tensor::from_dispatch(updated.moment1),
            Tensor::from_dispatch(updated.moment2),
        );
        (
            Tensor::from_dispatch(updated.parameter),
            Some(AdamState::new(momentum)),
        )
    }

    fn to_device<const D: usize>(mut state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}
