//! What is needed to use a network besides its weights, as files of weights and checkpoints keep it.

use serde::{Deserialize, Serialize};

use super::unsure::Familiarity;
use crate::config::{Architecture, ModelConfig};
use crate::data::batches::Normalisation;
use crate::data::image_set::{
    Background, Framing, ImageShape, MOST_CLASSES, SetDescription, check_shape,
};

/// What a network needs besides its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Description {
    /// The layers.
    pub model: ModelConfig,
    /// Of the training images.
    pub normalisation: Normalisation,
    /// The set it was trained on.
    pub set: SetDescription,
    /// What it answers to images of its set; `None` where that was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub familiarity: Option<Familiarity>,
}

/// A description as files have it, those of format 2 among them.
#[derive(Deserialize)]
struct Written {
    model: ModelConfig,
    normalisation: Normalisation,
    set: Option<SetDescription>,
    #[serde(default)]
    class_names: Vec<String>,
    #[serde(default)]
    dataset: String,
    familiarity: Option<Familiarity>,
}

impl From<Written> for Description {
    fn from(written: Written) -> Self {
        let Written {
            model,
            normalisation,
            set,
            class_names,
            dataset,
            familiarity,
        } = written;
        Self {
            model,
            normalisation,
            set: set.unwrap_or_else(|| of_format_2(dataset, class_names)),
            familiarity,
        }
    }
}

/// Format 2 had grey images of 28x28 alone, and told their framing by the name of their set.
fn of_format_2(name: String, class_names: Vec<String>) -> SetDescription {
    SetDescription {
        framing: match name.as_str() {
            "fashion-mnist" => Framing::Whole,
            _ => Framing::CentreOfMass,
        },
        shape: ImageShape::grey(28, 28),
        background: Background::Dark,
        mirrorable: None,
        fingerprint: String::new(),
        class_names,
        name,
    }
}

impl Description {
    /// The network: its layers, the images it takes and the classes it tells apart.
    pub fn network(&self) -> Architecture {
        self.model
            .network(self.set.shape, self.set.class_names.len())
    }

    /// Checks a description that comes from a file.
    ///
    /// # Errors
    /// What cannot be.
    pub(crate) fn check(&self) -> Result<(), String> {
        let ModelConfig {
            norm_epsilon,
            norm_momentum,
            ..
        } = self.model;
        check_shape(self.set.shape).map_err(|reason| format!("it describes {reason}"))?;
        let count = self.set.class_names.len();
        if !(2..=MOST_CLASSES).contains(&count) {
            return Err(format!("it names {count} classes, not 2 to {MOST_CLASSES}"));
        }
        self.network()
            .places()
            .map_err(|reason| format!("it describes an impossible network ({reason})"))?;
        if !(norm_epsilon > 0.0 && norm_epsilon.is_finite() && (0.0..=1.0).contains(&norm_momentum))
        {
            return Err("its batch norm is impossible".into());
        }
        if self
            .familiarity
            .as_ref()
            .is_some_and(|found| !found.is_sound())
        {
            return Err("its scale of what is familiar is impossible".into());
        }
        if !self.normalisation.is_sound() {
            return Err("its normalisation is impossible".into());
        }
        // They are printed: a name that moves the cursor could hide what else is said.
        let printed = self.set.class_names.iter().chain([&self.set.name]);
        match printed.flat_map(|name| name.chars()).any(char::is_control) {
            true => Err("a name in it holds control characters".into()),
            false => Ok(()),
        }
    }
}
