//! `run.json`: what a run was, what came of it. `train --json` prints the same.

use serde::{Deserialize, Serialize};

use super::from::StartedFrom;
use crate::data::image_set::SetDescription;
use crate::device::DeviceInfo;
use crate::evaluation::{Evaluation, fitting};
use crate::kernels::Kernels;
use crate::training::history::History;
use crate::training::stopping::Ending;

/// A run. It is written when training starts, so that a run that was killed is known too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The folder, as the command line named it.
    pub run: String,
    /// When it was started first, in UTC.
    pub started: String,
    /// The command lines that made it, as a shell takes them: the first, and each `--resume`.
    #[serde(default)]
    pub commands: Vec<String>,
    /// What the set is called.
    pub dataset: String,
    /// The set it is trained on; `None` in records of older versions.
    #[serde(default)]
    pub set: Option<SetDescription>,
    /// Its images; `None` in records of older versions.
    #[serde(default)]
    pub images: Option<ImageCounts>,
    /// Where the set was found, for people.
    #[serde(default)]
    pub found_in: Option<String>,
    /// Where it was trained.
    pub device: DeviceInfo,
    /// Whose operations computed.
    pub kernels: Kernels,
    /// What all random choices follow from.
    pub seed: u64,
    /// Of the program.
    pub version: String,
    /// Of the settings file as the program wrote it: it tells edits by hand from settings that
    /// were asked for on the command line.
    #[serde(default)]
    pub settings_sha256: String,
    /// Numbers in the network.
    pub parameters: usize,
    /// The weights that it started from, where those are not all from the seed.
    #[serde(default)]
    pub started_from: Option<StartedFrom>,
    /// Its epochs and step times.
    #[serde(flatten)]
    pub history: History,
    /// `None`: it is being trained, or was killed.
    pub ending: Option<Ending>,
    /// What the evaluation used: the best on the validation split where there is one, else the
    /// last.
    pub weights: Option<Weights>,
    /// After the last step.
    pub last_weights: Option<Weights>,
    /// On the test images; `None` where they were left alone.
    #[serde(default, deserialize_with = "fitting")]
    pub evaluation: Option<Evaluation>,
}

impl RunRecord {
    /// Whether its training came to its end.
    pub fn has_ended(&self) -> bool {
        !matches!(self.ending, None | Some(Ending::Interrupted))
    }
}

/// How many images a run has for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageCounts {
    /// To train on.
    pub train: usize,
    /// Held out of the training, to choose by.
    pub validation: usize,
    /// To evaluate on.
    pub test: usize,
}

/// A file of weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// Its name in the run's folder.
    pub file: String,
    /// The epoch they are from.
    pub epoch: usize,
    /// As [`crate::runs::weights::weight_hash`] has it.
    pub sha256: String,
}
