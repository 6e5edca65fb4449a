//! `train --from`: the weights of another run that a training starts from, and what its record keeps
//! of them.

pub(super) mod fit;
#[cfg(not(target_family = "wasm"))]
mod reading;

use serde::{Deserialize, Serialize};

use super::weights::{self, Description};
use crate::config::Architecture;
use crate::exit::{Code, Exit};
use crate::training::state::Parameters;
pub use fit::{Fit, LayerFit, fits};
#[cfg(not(target_family = "wasm"))]
pub use reading::{again, read};

/// Weights as a file has them.
#[derive(Debug)]
pub struct Source {
    /// The file, from any folder.
    pub file: String,
    /// The numbers of every tensor.
    pub values: Parameters,
    /// Of their network.
    pub description: Description,
}

/// What a run started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedFrom {
    /// Where the weights were.
    pub file: String,
    /// Of the weights, as [`weights::weight_hash`] has it.
    pub sha256: String,
    /// What the set is called that they were trained on.
    pub dataset: String,
    /// The layers that took theirs; the others were made anew from the seed.
    pub taken: Vec<String>,
    /// The layers that did not.
    pub anew: Vec<String>,
}

/// Weights that no training can start from.
#[derive(thiserror::Error, Debug)]
pub enum FromError {
    /// No layer takes its weights.
    #[error(
        "--from {file}: no layer of the network can take its weights, so this would be a start from scratch:\n{layers}\nleave out --config and model.layers to train its own network, or leave out --from"
    )]
    NothingFits {
        /// The file of weights.
        file: String,
        /// A line a layer: why it does not.
        layers: String,
    },
    /// A layer would be frozen that has no weights yet.
    #[error(
        "--freeze {frozen}: layer {number} ({name}) is made anew from the seed, and frozen it would never learn: --freeze {} at most, with these weights:\n{layers}",
        number - 1
    )]
    FrozenAnew {
        /// How many layers were to be frozen.
        frozen: usize,
        /// Which one it is, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// A line a layer: what it would take.
        layers: String,
    },
    /// The file holds other weights than when the run began.
    #[error(
        "--resume {run}: it has no checkpoint yet and starts from {file}, which now holds other weights (SHA-256 {found}, not {expected}); name the right ones with --set training.from=FILE, or start a new run from these with --from"
    )]
    Changed {
        /// The run to be resumed.
        run: String,
        /// The file of weights.
        file: String,
        /// Their SHA-256 then.
        expected: String,
        /// Their SHA-256 now.
        found: String,
    },
    /// The file cannot be read any more.
    #[error(
        "--resume {run}: it has no checkpoint yet and starts from {file}, which cannot be used: {reason}; name its new place with --set training.from=FILE, or start a new run"
    )]
    Gone {
        /// The run to be resumed.
        run: String,
        /// The file of weights.
        file: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// Nothing says which weights the run began with.
    #[error(
        "--resume {run}: it has no checkpoint yet and starts from {file}, and no record says which weights those were; start a new run with --from {file}"
    )]
    Unknown {
        /// The run to be resumed.
        run: String,
        /// The file of weights.
        file: String,
    },
}

impl Source {
    /// The SHA-256 of the weights.
    pub fn sha256(&self) -> String {
        weights::weight_hash(&self.network(), &self.values)
    }

    fn network(&self) -> Architecture {
        self.description.network()
    }

    /// Puts the numbers of every layer that takes them in the place of initial ones.
    pub fn give(&self, description: &Description, parameters: &mut Parameters) {
        let names = self.network().parameters();
        let shapes = description.network().parameters();
        let mut shapes = shapes.iter().zip(parameters);
        for layer in fits(description, &self.description) {
            for (shape, values) in shapes.by_ref().take(layer.dims.len()) {
                let place = names.iter().position(|theirs| theirs.name == shape.name);
                if let (Fit::Taken, Some(place)) = (&layer.fit, place) {
                    values.clone_from(&self.values[place]);
                }
            }
        }
    }

    /// What the record of a run of that network keeps.
    pub fn record(&self, description: &Description) -> StartedFrom {
        let layers = fits(description, &self.description);
        let named = |wanted: &dyn Fn(&Fit) -> bool| {
            let layers = layers.iter().filter(|layer| wanted(&layer.fit));
            layers.map(|layer| layer.name.clone()).collect()
        };
        StartedFrom {
            file: self.file.clone(),
            sha256: self.sha256(),
            dataset: self.description.set.name.clone(),
            taken: named(&|fit| matches!(fit, Fit::Taken)),
            anew: named(&|fit| matches!(fit, Fit::Anew(_))),
        }
    }
}

impl Exit for FromError {
    fn code(&self) -> Code {
        match self {
            Self::FrozenAnew { .. } => Code::Usage,
            _ => Code::Data,
        }
    }
}
