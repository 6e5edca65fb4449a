//! A training, from the settings to the evaluation: what the command, each of several seeds and the
//! page call. Where its results are kept is its caller's.

use std::ops::ControlFlow;
use std::sync::Arc;

use tracing::Instrument;

use super::from::Source;
use super::record::{ImageCounts, RunRecord, Weights};
use super::training_images::TrainingImages;
use super::weights::{self, Description, LAST_WEIGHTS, WEIGHTS};
use crate::config::{Config, ConfigError, Layers, Origin};
use crate::data::batches::DeviceSplit;
use crate::device::{Device, DeviceError};
use crate::evaluation::test_split::{Answers, answer_heard};
use crate::evaluation::unsure::{Images, familiarity};
use crate::model::Model;
use crate::training::history::History;
use crate::training::range_test::{Range, RangeTest, range_test};
use crate::training::state::{Parameters, Snapshot};
use crate::training::stopping::Ending;
use crate::training::{self, Observer, Trained, TrainingError};

/// What a training is made of.
pub struct TrainingRun {
    /// The settings with their origins.
    pub layers: Layers,
    /// The settings.
    pub config: Config,
    /// Where to compute.
    pub device: Device,
    /// What to train on.
    pub images: Arc<TrainingImages>,
    /// Of the network.
    pub description: Description,
    /// Weights of another run to start from.
    pub from: Option<Arc<Source>>,
}

/// What came of a run.
pub struct Finished {
    /// What `run.json` holds.
    pub record: RunRecord,
    /// The network, with the weights to use.
    pub model: Model,
    /// Its numbers.
    pub parameters: Parameters,
    /// Of the network.
    pub description: Description,
    /// Of its network to the test split, where that is evaluated.
    pub answers: Option<Answers>,
}

/// Keeps what comes of a training; by default nothing.
#[expect(unused_variables, reason = "what keeps nothing needs none of it")]
pub trait Keep {
    /// Why something could not be kept, or the training itself failed.
    type Error: From<TrainingError> + From<DeviceError>;

    /// The weights to use and those after the last step, before they are evaluated.
    ///
    /// # Errors
    /// What could not be kept; so below.
    fn weights(
        &mut self,
        used: &Parameters,
        last: &Parameters,
        description: &Description,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    /// A run that someone stopped, in its training or in its evaluation. An error ends it, else what there is of it
    /// is evaluated, where that was not stopped.
    fn stopped(&mut self, record: &RunRecord) -> Result<(), Self::Error> {
        Ok(())
    }

    /// How many images of how many were put through the network for its evaluation, which may end there.
    fn evaluating(&mut self, done: usize, of: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// A run with its evaluation, and the answers it is made of, where there is one.
    fn ended(
        &mut self,
        record: &RunRecord,
        answers: Option<&Answers>,
        images: &TrainingImages,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// The settings with the kernels that the check left the device with.
///
/// # Errors
/// None that a known setting can have.
pub fn follow_kernels(
    layers: &mut Layers,
    config: Config,
    device: &Device,
) -> Result<Config, ConfigError> {
    if device.kernels() == config.device.kernels {
        return Ok(config);
    }
    let kernels = device.kernels().to_string();
    layers.set("device.kernels", kernels, Origin::Check)?;
    layers.resolve()
}

impl TrainingRun {
    /// One that starts with these images.
    pub fn new(layers: Layers, config: Config, device: Device, images: TrainingImages) -> Self {
        Self {
            description: images.describe(&config),
            images: Arc::new(images),
            layers,
            config,
            device,
            from: None,
        }
    }

    /// The state before its first step.
    pub fn initial(&self) -> Snapshot {
        let mut start = Snapshot::initial(&self.description.network(), self.config.seed);
        if let Some(source) = &self.from {
            source.give(&self.description, &mut start.parameters);
        }
        start
    }

    /// The record of a run that has not ended; `run` names it, `started` is in UTC.
    pub fn record(&self, run: String, started: String) -> RunRecord {
        let set = &self.images.set;
        RunRecord {
            run,
            started,
            commands: Vec::new(),
            dataset: set.name.clone(),
            set: Some(set.clone()),
            images: Some(ImageCounts {
                train: self.images.train.len(),
                validation: self.images.valid.len(),
                test: self.images.test.len(),
            }),
            found_in: Some(self.images.found_in.clone()).filter(|place| !place.is_empty()),
            device: self.device.info.clone(),
            kernels: self.device.kernels(),
            seed: self.config.seed,
            version: env!("CARGO_PKG_VERSION").into(),
            settings_sha256: weights::sha256(self.layers.to_toml().as_bytes()),
            parameters: self.description.network().parameter_count(),
            started_from: (self.from.as_ref()).map(|source| source.record(&self.description)),
            history: History::default(),
            ending: None,
            weights: None,
            last_weights: None,
            evaluation: None,
        }
    }

    /// What a network answers to the test split.
    ///
    /// # Errors
    /// Those of the device, and [`DeviceError::Stopped`] where `heard` ends it.
    pub async fn answers(
        &self,
        model: &Model,
        description: &Description,
        heard: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Answers, DeviceError> {
        let test = &self.images.test;
        answer_heard(model, description, test, &self.config, &self.device, heard).await
    }

    async fn steps(
        &self,
        start: Snapshot,
        observer: &mut impl Observer,
    ) -> Result<Trained, TrainingError> {
        let train = self.training_split()?;
        let valid = self.device.guard("preparing the training", || {
            let normalisation = self.description.normalisation;
            DeviceSplit::upload(&self.images.valid, normalisation, &self.device)
        })?;
        training::train(start, &train, &valid, &self.config, &self.device, observer).await
    }

    fn training_split(&self) -> Result<DeviceSplit, DeviceError> {
        let Description {
            normalisation, set, ..
        } = &self.description;
        self.device.guard("preparing the training", || {
            DeviceSplit::upload(&self.images.train, *normalisation, &self.device)
                .with_background(set.background)
        })
    }

    /// Tries rising learning rates on the training images, from the initial weights; `done` is told how
    /// many steps are over.
    ///
    /// # Errors
    /// Those of the device.
    pub async fn find_rate(
        &self,
        range: Range,
        done: impl FnMut(usize),
    ) -> Result<RangeTest, TrainingError> {
        let (start, images) = (self.initial(), self.training_split()?);
        range_test(start, &images, range, &self.config, &self.device, done).await
    }

    /// The model of these weights, and its description with what it answers to its own images.
    async fn describe(&self, parameters: &Parameters) -> Result<(Model, Description), DeviceError> {
        let (device, network) = (&self.device, self.description.network());
        let model = device.guard("evaluating", || {
            Model::from_values(&network, parameters.clone(), device)
        })?;
        let images = Images {
            train: &self.images.train,
            valid: &self.images.valid,
            target: self.description.set.target(),
            normalisation: self.description.normalisation,
        };
        let familiarity = familiarity(&model, &images, &self.config, device);
        let description = Description {
            familiarity: familiarity.await?,
            ..self.description.clone()
        };
        Ok((model, description))
    }
}

/// Trains from `start`, evaluates, and has `keep` keep what comes of it; `record` is that of
/// [`TrainingRun::record`].
///
/// # Errors
/// Those of the training, of the device and of what keeps.
pub async fn train<K: Keep>(
    run: &TrainingRun,
    start: Snapshot,
    mut record: RunRecord,
    observer: &mut impl Observer,
    keep: &mut K,
) -> Result<Finished, K::Error> {
    let span = tracing::debug_span!("train", run = %record.run);
    let trained = run.steps(start, observer).instrument(span).await;
    observer.on_trained();
    let trained = trained?;
    let parameters = trained.weights();
    let (model, description) = run.describe(parameters).await?;
    keep.weights(parameters, &trained.last, &description)?;
    let network = description.network();
    let file = |file: &str, epoch, parameters: &Parameters| {
        Some(Weights {
            file: file.into(),
            epoch,
            sha256: weights::weight_hash(&network, parameters),
        })
    };
    let last_epoch = trained.history.epochs.last().map_or(0, |last| last.epoch);
    let epoch = trained.best.as_ref().map_or(last_epoch, |best| best.epoch);
    record.weights = file(WEIGHTS, epoch, parameters);
    record.last_weights = file(LAST_WEIGHTS, last_epoch, &trained.last);
    record.history = trained.history.clone();
    record.ending = Some(trained.ending);
    if trained.ending == Ending::Interrupted {
        keep.stopped(&record)?;
    }
    let answers = match run.config.evaluation.test {
        true => {
            let mut heard = |done, of| keep.evaluating(done, of);
            match run.answers(&model, &description, &mut heard).await {
                Err(DeviceError::Stopped { .. }) => {
                    keep.stopped(&record)?;
                    None
                }
                answers => Some(answers?),
            }
        }
        false => None,
    };
    if let Some(answers) = &answers {
        let evaluation = answers.evaluation(&run.images.test, &description.set.class_names);
        observer.on_evaluation(record.history.steps, &evaluation);
        record.evaluation = Some(evaluation);
    }
    keep.ended(&record, answers.as_ref(), &run.images)?;
    Ok(Finished {
        record,
        model,
        parameters: parameters.clone(),
        description,
        answers,
    })
}
