//! What is recorded of an epoch.

use serde::{Deserialize, Serialize};

/// One pass over the training images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Steps done when it ended, all epochs together.
    pub step: usize,
    /// Mean cross-entropy over the epoch's batches, as they were trained on.
    pub train_loss: f64,
    /// Share of the images classified right when their batch came.
    pub train_accuracy: f64,
    /// `None` without a validation split.
    pub valid_loss: Option<f64>,
    /// Share of the validation images read right.
    pub valid_accuracy: Option<f64>,
    /// Seconds of training, without the validation.
    pub seconds: f64,
}
