//! What a training lowers.

use burn::tensor::{Int, Tensor};

use crate::config::{Kernels, TrainingConfig};
use crate::data::batches::DeviceSplit;
use crate::device::Device;
use crate::evaluation::loss::{CrossEntropy, cross_entropy_smoothed, cross_entropy_weighted};

/// What a training lowers: the loss, and by whose operations it is computed.
#[derive(Clone, Debug)]
pub struct Objective {
    kernels: Kernels,
    smoothing: f64,
    /// `[classes]`; `None`: all classes count alike.
    weights: Option<Tensor<1>>,
}

impl Objective {
    /// That of the settings for these training images.
    pub fn new(settings: &TrainingConfig, train: &DeviceSplit, device: &Device) -> Self {
        // Settings that do not suit the set were refused when it was divided.
        let weights = settings.class_weights.of_classes(train.class_counts());
        Self {
            kernels: settings.kernels,
            smoothing: settings.label_smoothing,
            weights: weights
                .ok()
                .flatten()
                .map(|weights| Tensor::from_floats(&weights[..], device.burn())),
        }
    }

    /// The loss of `logits` `[n, classes]` for `labels` `[n]`.
    pub fn of(&self, logits: Tensor<2>, labels: Tensor<1, Int>) -> CrossEntropy {
        match &self.weights {
            Some(weights) => {
                cross_entropy_weighted(logits, labels, weights, self.smoothing, self.kernels)
            }
            None => cross_entropy_smoothed(logits, labels, self.smoothing, self.kernels),
        }
    }
}
