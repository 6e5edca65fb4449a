//! What a step came to, while it is still on the device.

use burn::tensor::{Int, Tensor};

use super::trainer::Trainer;

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

impl Trainer {
    /// Mean losses and numbers correct of steps one after another, `[steps]` each. Of steps long ago they may be
    /// overwritten: those of 100 steps are not.
    pub fn scores(&self, steps: &[StepOutcome]) -> (Tensor<1>, Tensor<1, Int>) {
        if let (Some(replay), Some(Scores::Kept(slot))) =
            (&self.replay, steps.first().map(|step| &step.scores))
        {
            return replay.state.scores(*slot, steps.len());
        }
        let own = steps.iter().filter_map(|step| match &step.scores {
            Scores::Own(own) => Some((**own).clone()),
            Scores::Kept(_) => None,
        });
        let (losses, correct): (Vec<_>, Vec<_>) = own.unzip();
        (Tensor::cat(losses, 0), Tensor::cat(correct, 0))
    }

    /// The mean loss of one step, `[1]`.
    pub fn loss(&self, step: &StepOutcome) -> Tensor<1> {
        self.scores(std::slice::from_ref(step)).0
    }
}
