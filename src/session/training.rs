//! A training of a session, from the settings to the evaluation, and what it tells while it runs.

use std::collections::HashMap;

use serde::Serialize;

use super::network::Network;
use super::{Data, Drawn, Session, SessionError, divide_digits};
use crate::config::{Config, ConfigError, Layers, Origin, preset_names};
use crate::data::split::Division;
use crate::evaluation::Evaluation;
use crate::evaluation::divergence::lost;
use crate::runs::fit::{fit, follow};
use crate::runs::record::RunRecord;
use crate::runs::train::{Keep, TrainingRun, follow_kernels, train};
use crate::runs::training_images::TrainingImages;
use crate::training::history::EpochRecord;
use crate::training::stopping::Ending;
use crate::training::{Observer, Progress};
use crate::wording::{lower_rate, sentence};

/// What came of a training.
#[derive(Debug, Serialize)]
pub struct Trained {
    /// As `gpu-mnist train --json` prints it.
    pub result: RunRecord,
    /// Whether a person stopped it.
    pub interrupted: bool,
    /// What a person must know of the device, and of a network that has learnt nothing.
    pub note: Option<String>,
}

/// How far a training has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressMessage {
    /// From 1.
    pub epoch: usize,
    /// Steps so far.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Trained on so far.
    pub images: usize,
    /// Of the last step.
    pub learning_rate: f64,
    /// Mean since the message before.
    pub loss: f64,
    /// Share right over the same steps.
    pub accuracy: f64,
    /// Since the message before.
    pub images_per_second: f64,
}

/// The end of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochMessage {
    /// From 1.
    pub epoch: usize,
    /// Mean over its batches.
    pub train_loss: f64,
    /// Share right over its batches.
    pub train_accuracy: f64,
    /// On the validation images.
    pub valid_loss: Option<f64>,
    /// On the validation images.
    pub valid_accuracy: Option<f64>,
    /// Of the validation images; rows are the labels.
    pub valid_confusion: Option<Vec<Vec<u64>>>,
    /// Of training.
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
    /// [`SessionError`]; the network is then the one of before.
    pub async fn train(
        &mut self,
        preset: &str,
        settings: &[(String, String)],
        started: String,
        observer: &mut impl Observer,
    ) -> Result<Trained, SessionError> {
        let (mut layers, config) = self.resolve(preset, settings)?;
        let images = self.data()?.divide(&config, &layers)?;
        // Buffers of other sizes stay behind otherwise.
        self.device()?.give_back_memory();
        let (device, note) = self.right_device(&config, &images.network(&config)).await?;
        let config = follow_kernels(&mut layers, config, &device)?;
        let run = TrainingRun::new(layers, config, device, images).from_the_seed()?;
        let record = run.record("page".into(), started);
        let mut finished = train(&run, run.initial(), record, observer, &mut Nowhere).await?;
        let interrupted = finished.record.ending == Some(Ending::Interrupted);
        let evaluation = finished.record.evaluation.as_ref();
        let rate = lower_rate(run.config.training.learning_rate);
        let next = format!("try another learning rate, such as {rate}");
        let remark = evaluation.filter(|_| !interrupted);
        let remark = remark.and_then(|evaluation| lost(evaluation, &next));
        let remark = remark.map(|remark| sentence(&remark));
        let notes: Vec<String> = note.into_iter().chain(remark).collect();
        // A page offers one file of weights.
        finished.record.last_weights = None;
        self.network = Some(Network {
            model: finished.model,
            parameters: finished.parameters,
            description: finished.description,
            config: run.config,
            answers: finished.answers,
        });
        Ok(Trained {
            interrupted,
            result: finished.record,
            note: (!notes.is_empty()).then(|| notes.join(". ")),
        })
    }

    fn resolve(
        &self,
        preset: &str,
        settings: &[(String, String)],
    ) -> Result<(Layers, Config), SessionError> {
        let mut layers = Layers::default();
        if !layers.preset(preset)? {
            return Err(SessionError(format!(
                "no preset is called '{preset}'; there are {}",
                preset_names().join(", ")
            )));
        }
        if let Some(device) = &self.device {
            layers.set("device.kernels", device.kernels().to_string(), Origin::Set)?;
        }
        for (key, value) in settings {
            layers.assign(&format!("{key}={value}"))?;
        }
        let mut config = layers.resolve()?;
        let limit = config.data.train_limit;
        let data = self.data()?;
        match &data.drawn {
            Some(drawn) => {
                if limit == 0 || limit > drawn.images {
                    layers.set("data.train_limit", drawn.images as i64, Origin::Set)?;
                }
                follow(&data.dataset, &mut layers)?;
            }
            None => {
                fit(&data.dataset, true, &mut layers)?;
            }
        }
        config = layers.resolve()?;
        Ok((layers, config))
    }
}

/// The session itself holds what comes of its training, also of one that was stopped.
struct Nowhere;

impl Keep for Nowhere {
    type Error = SessionError;
}
