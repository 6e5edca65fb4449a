//! The pictures of a training: those it learns from, those that judge each epoch, and those that
//! judge its end.

use super::batches::Normalisation;
use super::{Dataset, Split};
use crate::checkpoint::Description;
use crate::config::{Config, ConfigError, Layers};
use crate::evaluation::test_split::TestSplit;

/// A data set, its training pictures divided.
#[derive(Debug)]
pub struct Pictures {
    /// The name of the data set.
    pub dataset: String,
    pub class_names: Vec<String>,
    pub train: Split,
    pub valid: Split,
    pub test: TestSplit,
}

impl Pictures {
    /// Holds the last training pictures out for validation, as the settings say.
    ///
    /// # Errors
    /// Settings that the data set has too few pictures for.
    pub fn split(dataset: &Dataset, config: &Config, layers: &Layers) -> Result<Self, ConfigError> {
        let all = dataset.train.len();
        let held_out = config.data.validation_size;
        if held_out >= all {
            return Err(ConfigError::Invalid {
                key: "data.validation_size".into(),
                origin: layers.origin("data.validation_size"),
                value: held_out.to_string(),
                reason: format!(
                    "{} has only {all} training pictures: hold out fewer, --set data.validation_size={}",
                    dataset.name,
                    all / 10
                ),
            });
        }
        if held_out == 0 && config.training.target_accuracy > 0.0 {
            return Err(ConfigError::Invalid {
                key: "training.target_accuracy".into(),
                origin: layers.origin("training.target_accuracy"),
                value: config.training.target_accuracy.to_string(),
                reason: "needs a validation split: data.validation_size is 0".into(),
            });
        }
        let limit = match config.data.train_limit {
            0 => all - held_out,
            limit => limit.min(all - held_out),
        };
        Ok(Self {
            train: dataset.train.first(limit),
            valid: dataset.train.take(all - held_out..all),
            test: dataset.test.clone(),
            dataset: dataset.name.clone(),
            class_names: dataset.class_names.clone(),
        })
    }

    /// What is needed to use weights trained on these pictures.
    pub fn describe(&self, config: &Config) -> Description {
        Description {
            model: config.model.clone(),
            normalisation: Normalisation::measure(&self.train),
            class_names: self.class_names.clone(),
            dataset: self.dataset.clone(),
        }
    }
}
