//! What a step came to, while it is still on the device.

use burn::tensor::{Int, Tensor};

/// A step whose result is still on the device.
pub struct StepOutcome {
    pub(super) scores: Scores,
    /// Images in its batch.
    pub images: usize,
    /// The number of the step, from 1.
    pub step: usize,
    /// Its rate.
    pub learning_rate: f64,
}

/// Where mean loss and number correct of a step are.
pub(super) enum Scores {
    Own(Box<(Tensor<1>, Tensor<1, Int>)>),
    /// In a slot of the trainer's state, until steps have gone round.
    Kept(usize),
}
