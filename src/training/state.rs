//! Everything training needs to go on exactly where it stood, as plain data on the host.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::epoch_record::EpochRecord;
use crate::config::Architecture;
use crate::model::initial_values;

/// The numbers of every tensor of the network, in the order and layout of
/// [`crate::config::Architecture::parameters`].
pub type Parameters = Vec<Vec<f32>>;

/// The state of a run between two steps. The order of the images follows from the seed and the
/// epoch, and the learning rate from the position, so neither is part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Where it stands.
    pub position: Position,
    /// As they are trained.
    pub parameters: Parameters,
    /// The moving average of the parameters, where the settings ask for one.
    pub averaged: Option<Averaged>,
    /// One entry a tensor; `None` before its first update, and for what is not trained.
    pub optimizer: Vec<Option<ParameterState>>,
    /// The current epoch so far.
    pub sums: Sums,
    /// Those that have ended.
    pub epochs: Vec<EpochRecord>,
    /// How long each step took.
    pub step_seconds: Vec<f64>,
    /// Images trained on, all epochs together.
    pub images: usize,
    /// The best validation so far.
    pub best: Option<Best>,
}

/// Where a run stands. It counts images, so that it means the same under another batch size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The epoch that goes on, from 1.
    pub epoch: usize,
    /// Images of that epoch already trained on.
    #[serde(rename = "pictures")]
    pub images: usize,
    /// Steps done in all.
    pub step: usize,
}

/// What an optimiser remembers of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterState {
    /// The rule whose tensors these are, such as `adam`.
    pub rule: String,
    /// Updates so far.
    pub time: usize,
    /// Name and numbers of each, shaped like the parameter.
    pub tensors: Vec<(String, Vec<f32>)>,
}

/// A moving average of the parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Averaged {
    /// The averages.
    pub parameters: Parameters,
    /// Updates so far.
    pub updates: usize,
}

/// Sums over some steps; `loss` is weighted by images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums {
    /// Cross-entropy of all images.
    pub loss: f64,
    /// Images read right.
    pub correct: f64,
    /// How many.
    pub images: usize,
    /// What the steps took.
    pub seconds: f64,
}

/// The weights that did best on the validation split: the highest accuracy, then the lowest loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// After which it was, from 1.
    pub epoch: usize,
    /// On the validation images.
    pub loss: f64,
    /// On the validation images.
    pub accuracy: f64,
    /// As they were evaluated.
    pub parameters: Arc<Parameters>,
}

impl Snapshot {
    /// The state before the first step: initial weights from the seed.
    pub fn initial(network: &Architecture, seed: u64) -> Self {
        let parameters = initial_values(network, seed);
        Self {
            position: Position {
                epoch: 1,
                images: 0,
                step: 0,
            },
            averaged: None,
            optimizer: vec![None; parameters.len()],
            parameters,
            sums: Sums::default(),
            epochs: Vec::new(),
            step_seconds: Vec::new(),
            images: 0,
            best: None,
        }
    }
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self, seconds: f64) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.images += other.images;
        self.seconds += seconds;
    }

    /// Mean loss and share right; `None` before the first image.
    pub(super) fn means(&self) -> Option<(f64, f64)> {
        let images = self.images as f64;
        (self.images > 0).then(|| (self.loss / images, self.correct / images))
    }
}

impl Best {
    /// Whether a validation of this accuracy and loss is better than the best accuracy so far, with
    /// its loss.
    pub fn improves(best: Option<(f64, f64)>, accuracy: f64, loss: f64) -> bool {
        best.is_none_or(|(most, least)| accuracy > most || accuracy == most && loss < least)
    }
}
