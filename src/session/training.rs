//! A training of a session, from the settings to the evaluation, and what it tells while it runs.

use std::collections::HashMap;

use serde::Serialize;

use super::network::{Network, build};
use super::{Data, Drawn, Refused, Session, divide_digits};
use crate::checkpoint::{self, WEIGHTS};
use crate::config::{Config, ConfigError, Layers, Origin, preset_names};
use crate::data::batches::DeviceSplit;
use crate::data::split::Division;
use crate::data::training_images::TrainingImages;
use crate::evaluation::Evaluation;
use crate::evaluation::unsure::familiarity;
use crate::run_record::{RunRecord, Weights};
use crate::training::history::EpochRecord;
use crate::training::state::Snapshot;
use crate::training::stopping::Ending;
use crate::training::{self, Observer, Progress};

/// What came of a training.
#[derive(Debug, Serialize)]
pub struct Trained {
    /// As `gpu-mnist train --json` prints it.
    pub result: RunRecord,
    pub interrupted: bool,
    /// What a person must know of the device.
    pub note: Option<String>,
}

/// How far a training has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressMessage {
    pub epoch: usize,
    pub step: usize,
    pub steps: usize,
    /// Trained on so far.
    pub images: usize,
    pub learning_rate: f64,
    pub loss: f64,
    pub accuracy: f64,
    /// Since the message before.
    pub images_per_second: f64,
}

/// The end of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochMessage {
    pub epoch: usize,
    pub train_loss: f64,
    pub train_accuracy: f64,
    pub valid_loss: Option<f64>,
    pub valid_accuracy: Option<f64>,
    /// Of the validation pictures; rows are the truth.
    pub valid_confusion: Option<Vec<Vec<u64>>>,
    pub seconds: f64,
}

impl ProgressMessage {
    /// `images` so far, the newest of them in `seconds`.
    pub fn new(progress: &Progress, images: usize, seconds: f64) -> Self {
        Self {
            epoch: progress.epoch,
            step: progress.step,
            steps: progress.steps,
            images,
            learning_rate: progress.learning_rate,
            loss: progress.loss,
            accuracy: progress.accuracy,
            images_per_second: match seconds > 0.0 {
                true => progress.images as f64 / seconds,
                false => 0.0,
            },
        }
    }
}

impl EpochMessage {
    /// `validation` is what the record sums up.
    pub fn new(record: &EpochRecord, validation: Option<&Evaluation>) -> Self {
        Self {
            epoch: record.epoch,
            train_loss: record.train_loss,
            train_accuracy: record.train_accuracy,
            valid_loss: record.valid_loss,
            valid_accuracy: record.valid_accuracy,
            valid_confusion: validation.map(|found| found.confusion.counts().to_vec()),
            seconds: record.seconds,
        }
    }
}

impl Data {
    /// The images of a training; built-in digits are divided as the command line divides all of
    /// them, where what it takes was drawn.
    fn divide(&self, config: &Config, layers: &Layers) -> Result<TrainingImages, ConfigError> {
        let division = self
            .drawn
            .as_ref()
            .and_then(|drawn| drawn.division(config.data.train_limit, config));
        match division {
            Some(division) => {
                TrainingImages::check(&self.dataset, config, layers)?;
                Ok(TrainingImages::by_division(&self.dataset, &division))
            }
            None => TrainingImages::divide(&self.dataset, config, layers),
        }
    }
}

impl Drawn {
    /// The places in what was drawn of the digits that the command line takes; `None` where not all
    /// of them were drawn.
    fn division(&self, limit: usize, config: &Config) -> Option<Division> {
        let of_all = divide_digits(config, limit, config.data.validation_size);
        let places: HashMap<usize, usize> = (self.digits.iter().copied().zip(0..)).collect();
        let found = |digits: &[usize]| -> Option<Vec<usize>> {
            digits
                .iter()
                .map(|digit| places.get(digit).copied())
                .collect()
        };
        Some(Division {
            train: found(&of_all.train)?,
            valid: found(&of_all.valid)?,
        })
    }
}

impl Session {
    /// Trains on the data set at hand with a preset and `settings` over it, then evaluates what
    /// there is, also when `observer` stopped it. `started` is the time in UTC, as text.
    ///
    /// # Errors
    /// [`Refused`]; the network is then the one of before.
    pub async fn train(
        &mut self,
        preset: &str,
        settings: &[(String, String)],
        started: String,
        observer: &mut impl Observer,
    ) -> Result<Trained, Refused> {
        let (mut layers, mut config) = self.resolve(preset, settings)?;
        let set = &self.data()?.dataset.description;
        let network = config.model.network(set.shape, set.class_names.len());
        let (device, note) = self.right_device(&config, &network).await?;
        if device.kernels() != config.device.kernels {
            let kernels = device.kernels().to_string();
            layers
                .set("device.kernels", kernels, Origin::Check)
                .map_err(Refused::settings)?;
            config = layers.resolve().map_err(Refused::settings)?;
        }
        let pictures = self
            .data()?
            .divide(&config, &layers)
            .map_err(Refused::settings)?;
        let mut description = pictures.describe(&config);
        let (train, valid) = device
            .guard("preparing the training", || {
                let upload = |split| DeviceSplit::upload(split, description.normalisation, &device);
                (
                    upload(&pictures.train).with_background(description.set.background),
                    upload(&pictures.valid),
                )
            })
            .map_err(Refused::device)?;
        let start = Snapshot::initial(&description.network(), config.seed);
        let trained = training::train(start, &train, &valid, &config, &device, observer)
            .await
            .map_err(Refused::training)?;
        let parameters = trained.weights().clone();
        let model = build(&parameters, &description.network(), &device)?;
        drop((train, valid));
        let (train, valid) = (&pictures.train, &pictures.valid);
        let normalisation = description.normalisation;
        description.familiarity =
            familiarity(&model, train, valid, normalisation, &config, &device)
                .await
                .map_err(Refused::device)?;
        let last_epoch = trained.history.epochs.last().map_or(0, |last| last.epoch);
        let mut network = Network {
            model,
            parameters,
            description,
            config,
            answers: None,
        };
        let evaluation = self.evaluate(&mut network).await?;
        let config = &network.config;
        let result = RunRecord {
            run: "page".into(),
            started,
            commands: Vec::new(),
            dataset: network.description.set.name.clone(),
            set: Some(network.description.set.clone()),
            found_in: None,
            device: device.info.clone(),
            kernels: device.kernels(),
            seed: config.seed,
            version: env!("CARGO_PKG_VERSION").into(),
            settings_sha256: checkpoint::sha256(layers.to_toml().as_bytes()),
            parameters: network.description.network().parameter_count(),
            history: trained.history,
            ending: Some(trained.ending),
            weights: Some(Weights {
                file: WEIGHTS.into(),
                epoch: trained.best.as_ref().map_or(last_epoch, |best| best.epoch),
                sha256: checkpoint::weight_hash(
                    &network.description.network(),
                    &network.parameters,
                ),
            }),
            last_weights: None,
            evaluation: Some(evaluation),
        };
        self.network = Some(network);
        Ok(Trained {
            result,
            interrupted: trained.ending == Ending::Interrupted,
            note,
        })
    }

    fn resolve(
        &self,
        preset: &str,
        settings: &[(String, String)],
    ) -> Result<(Layers, Config), Refused> {
        let mut layers = Layers::default();
        if !layers.preset(preset).map_err(Refused::settings)? {
            return Err(Refused(format!(
                "no preset is called '{preset}'; there are {}",
                preset_names().join(", ")
            )));
        }
        if let Some(device) = &self.device {
            let kernels = device.kernels().to_string();
            layers
                .set("device.kernels", kernels, Origin::Set)
                .map_err(Refused::settings)?;
        }
        for (key, value) in settings {
            layers
                .assign(&format!("{key}={value}"))
                .map_err(Refused::settings)?;
        }
        let mut config = layers.resolve().map_err(Refused::settings)?;
        let limit = config.data.train_limit;
        let data = self.data()?;
        match &data.drawn {
            Some(drawn) if limit == 0 || limit > drawn.pictures => layers
                .set("data.train_limit", drawn.pictures as i64, Origin::Set)
                .map_err(Refused::settings)?,
            Some(_) => {}
            None => {
                TrainingImages::fit_defaults(&data.dataset, &config, &mut layers)
                    .map_err(Refused::settings)?;
            }
        }
        config = layers.resolve().map_err(Refused::settings)?;
        Ok((layers, config))
    }
}
