//! A training that starts from weights, where its settings ask for some.

#[cfg(not(target_family = "wasm"))]
use super::from::{Fit, FromError, LayerFit, Source, fit, fits};
use super::train::TrainingRun;
use crate::config::ConfigError;
#[cfg(not(target_family = "wasm"))]
use crate::wording::count;

impl TrainingRun {
    /// Has it start from these weights, where there are some, and says layer by layer what it takes.
    ///
    /// # Errors
    /// [`FromError::NothingFits`], [`FromError::FrozenAnew`]; [`ConfigError`] where layers are
    /// frozen that nothing has trained.
    #[cfg(not(target_family = "wasm"))]
    pub fn start_from(mut self, source: Option<Source>) -> anyhow::Result<Self> {
        let frozen = self.config.training.freeze;
        let Some(source) = source else {
            return Ok(self.from_the_seed()?);
        };
        let layers = fits(&self.description, &source.description);
        let file = source.file.clone();
        let listed = fit::listed(&layers, frozen);
        if !layers.iter().any(|layer| layer.fit == Fit::Taken) {
            let layers = listed;
            return Err(FromError::NothingFits { file, layers }.into());
        }
        let anew = |layer: &&LayerFit| matches!(layer.fit, Fit::Anew(_));
        if let Some(layer) = layers.iter().take(frozen).find(anew) {
            return Err(FromError::FrozenAnew {
                frozen,
                number: layer.number,
                name: layer.name.clone(),
                layers: listed,
            }
            .into());
        }
        let set = &source.description.set;
        tracing::info!(
            "starting from weights of {} ({}, {}), {file}:\n{listed}",
            set.name,
            set.shape,
            count(set.class_names.len(), "class")
        );
        self.from = Some(source.into());
        Ok(self)
    }

    /// The run as it is, where its settings ask for no weights.
    ///
    /// # Errors
    /// The setting that asks for them.
    pub fn from_the_seed(self) -> Result<Self, ConfigError> {
        let training = &self.config.training;
        let (key, reason) = match (training.from.is_empty(), training.freeze) {
            (true, 0) => return Ok(self),
            (false, _) => ("training.from", "no file can be read here"),
            _ => (
                "training.freeze",
                "keeps layers as another run trained them, but no such run is named: name its weights in training.from, or leave this at 0",
            ),
        };
        Err(self.layers.invalid(key, reason))
    }
}
