//! Every update rule, a line each in [`rules!`]; [`UpdateRule::of`] says which parameter is updated by which.

use burn::tensor::Tensor;

use super::adam::Adam;
use super::muon::Muon;
use super::rules::{Rule, Slots, Update};
use super::sgd::Sgd;
use crate::config::{OptimizerKind, TrainingConfig};
use crate::device::Device;
use crate::model::{ParameterShape, Role};

/// One rule or another.
macro_rules! rules {
    ($($rule:ident),*) => {
        #[derive(Clone)]
        pub(super) enum UpdateRule {
            $($rule($rule)),*
        }

        impl UpdateRule {
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$rule(_) => $rule::NAME),*
                }
            }

            pub fn slot_names(&self) -> &'static [&'static str] {
                match self {
                    $(Self::$rule(rule) => rule.slot_names()),*
                }
            }

            pub fn step<const D: usize>(
                &self,
                update: Update<'_>,
                parameter: Tensor<D>,
                gradient: Tensor<D>,
                slots: Slots<D>,
            ) -> (Tensor<D>, Slots<D>) {
                match self {
                    $(Self::$rule(rule) => rule.step(update, parameter, gradient, slots)),*
                }
            }
        }
    };
}

rules!(Adam, Sgd, Muon);

impl UpdateRule {
    /// The rule of the settings for a parameter.
    pub fn of(settings: &TrainingConfig, shape: &ParameterShape, device: &Device) -> Self {
        match settings.optimizer {
            OptimizerKind::Adam => Self::Adam(Adam::new(settings, device)),
            OptimizerKind::Adamw => Self::Adam(Adam::decoupled(settings, device)),
            OptimizerKind::Sgd => Self::Sgd(Sgd::new(settings, device.kernels())),
            // Muon is not for the first and the last layer, nor for biases.
            OptimizerKind::Muon if shape.role == Role::HiddenWeight => {
                Self::Muon(Muon::new(settings, device.kernels()))
            }
            OptimizerKind::Muon => Self::Adam(Adam::decoupled(settings, device)),
        }
    }
}
