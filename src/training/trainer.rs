//! A training on a device, a step at a time: what the steps change, and all that a step needs.

use std::cell::OnceCell;
use std::sync::Arc;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor, Transaction};

use super::TrainingError;
use super::averaging::Average;
use super::history::{EpochRecord, Recorder};
use super::optimizers::{Optimizer, Rate};
use super::outcome::Scores;
pub use super::outcome::StepOutcome;
use super::replay::Replay;
use super::schedule::Schedule;
use super::state::{Averaged, Position, Snapshot};
use super::stopping::{self, Span};
use crate::config::{Architecture, Config};
use crate::data::augment::Augment;
use crate::data::batches::{Batch, DeviceSplit, upload_indices};
use crate::device::{Device, DeviceError};
use crate::kernels::Kernels;
use crate::model::layers::Draw;
use crate::model::loss::{CrossEntropy, Objective};
use crate::model::{self, Model};
use crate::wording::lower_rate;

/// Steps a model through the batches of a split.
pub struct Trainer {
    pub(super) device: Arc<Device>,
    pub(super) config: Config,
    pub(super) images: DeviceSplit,
    network: Architecture,
    /// `None` within a step alone.
    pub(super) model: Option<Model>,
    pub(super) optimizer: Optimizer,
    pub(super) average: Option<Average>,
    /// Where kernels read what changes from step to step; `None` where the host tells them.
    pub(super) replay: Option<Replay>,
    objective: Objective,
    pub(super) schedule: Schedule,
    pub(super) position: Position,
    span: Span,
    pub(super) epoch: Epoch,
}

/// How the images of an epoch come.
pub(super) struct Epoch {
    number: usize,
    /// Its next step in the schedule, from 0.
    pub scheduled: usize,
    pub order: Vec<i32>,
    /// The same on the device, `[n]`, from the first batch on that is gathered by it.
    indices: OnceCell<Tensor<1, Int>>,
    pub augment: Option<Augment>,
}

impl Trainer {
    /// A training that stands at `start`, of the settings' network on `images`. Its learning rates
    /// are laid out for `steps` steps in all.
    ///
    /// # Errors
    /// [`DeviceError::Failed`].
    pub fn new(
        start: Snapshot,
        images: &DeviceSplit,
        steps: usize,
        config: &Config,
        device: &Device,
    ) -> Result<Self, DeviceError> {
        let settings = &config.training;
        let network = config.model.network(images.shape(), images.classes());
        let span = stopping::span(settings, &start.epochs);
        // Settings that do not suit the set were refused when it was divided.
        let weights = settings.class_weights.of_classes(images.class_counts());
        let weights = weights.ok().flatten();
        device.guard("preparing the training", || {
            let draw = Draw {
                seed: config.seed,
                step: start.position.step as u64,
            };
            let frozen = settings.freeze;
            let model = Model::partly_trainable(&network, start.parameters, frozen, device);
            let model = model.before(draw);
            let shapes = network.parameters();
            let mut optimizer = Optimizer::new(settings, shapes, start.optimizer, device);
            let steps_an_epoch = images.len().div_ceil(settings.batch_size);
            let is_fused = device.kernels() == Kernels::Fused;
            let state = (is_fused && !network.draws_in_training())
                .then(|| images.step_state(steps_an_epoch))
                .flatten()
                .filter(|_| optimizer.choose_side_by_side(&model));
            let model = match &state {
                Some(state) => optimizer.put_side_by_side(model, state),
                None => model,
            };
            Self {
                optimizer,
                replay: state.map(|state| Replay::new(state, device.replays())),
                average: (settings.ema_decay > 0.0)
                    .then(|| Average::new(settings, &model, start.averaged, &network, device)),
                objective: Objective::new(
                    settings.label_smoothing,
                    weights.as_deref(),
                    images.classes(),
                    device,
                ),
                schedule: Schedule::new(settings, steps).within(span),
                position: start.position,
                epoch: Epoch::new(start.position, span, images, config),
                span,
                model: Some(model),
                network,
                images: images.clone(),
                config: config.clone(),
                device: Arc::new(device.clone()),
            }
        })
    }

    /// The same with rates that rise from the first step to the last, as a range test has them.
    #[must_use]
    pub fn with_rising_rates(mut self, lowest: f64, highest: f64) -> Self {
        self.schedule = self.schedule.rising(lowest, highest);
        self.forget_layout();
        self
    }

    /// The same with several steps recorded together as soon as one is, however short the training.
    #[must_use]
    pub fn recording_together(mut self) -> Self {
        if let Some(replay) = &mut self.replay {
            replay.before_together = 0;
        }
        self
    }

    /// Lays out the images and the rates of the epoch after `epochs`, where that is not done yet.
    pub fn begin_epoch(&mut self, epochs: &[EpochRecord]) {
        let span = stopping::span(&self.config.training, epochs);
        if self.span != span || self.epoch.number != self.position.epoch {
            self.span = span;
            self.schedule = self.schedule.clone().within(span);
            self.epoch = Epoch::new(self.position, span, &self.images, &self.config);
            self.forget_layout();
        }
    }

    /// Steps in all, as far as the epochs tell.
    pub fn steps(&self) -> usize {
        self.span.last * self.images.len().div_ceil(self.config.training.batch_size)
    }

    /// Goes on to the first image of the next epoch, which [`Self::begin_epoch`] lays out.
    pub fn end_epoch(&mut self) {
        self.position.epoch += 1;
        self.position.images = 0;
    }

    /// Whether a step was recorded, which those like it replay.
    pub fn replays(&self) -> bool {
        let replay = self.replay.as_ref();
        replay.is_some_and(Replay::has_recorded)
    }

    /// Where the training stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether every image of the epoch was trained on.
    pub fn epoch_is_over(&self) -> bool {
        self.position.images >= self.images.len()
    }

    /// Queues the next step. Behind the last image of an epoch it begins the same one anew, as
    /// measurements do.
    ///
    /// # Errors
    /// [`DeviceError::Failed`].
    pub fn step(&mut self) -> Result<StepOutcome, DeviceError> {
        let mut steps = self.next_steps(1)?;
        Ok(steps.pop().expect("one step"))
    }

    /// Queues the next step, or several that were recorded together: at most `most`, and none behind the last image of
    /// the epoch. What is read of the weights is what all of them make.
    ///
    /// # Errors
    /// [`DeviceError::Failed`].
    pub fn next_steps(&mut self, most: usize) -> Result<Vec<StepOutcome>, DeviceError> {
        self.guarded(|trainer| match trainer.replay.take() {
            None => Ok(vec![trainer.queue(|| Ok(()))?]),
            Some(mut replay) => {
                let queued = trainer.queue_alike(&mut replay, most);
                trainer.replay = Some(replay);
                queued
            }
        })
    }

    /// As [`Self::step`], always launched; `after_phase` is called when the forward pass with the loss is queued, and
    /// again when the backward pass is.
    ///
    /// # Errors
    /// [`DeviceError::Failed`], and what `after_phase` returns; the training then ends there.
    pub fn step_in_phases(
        &mut self,
        after_phase: impl FnMut() -> Result<(), DeviceError>,
    ) -> Result<StepOutcome, DeviceError> {
        self.guarded(|trainer| match trainer.replay.take() {
            None => trainer.queue(after_phase),
            Some(mut replay) => {
                let queued = trainer.launch_alike(&mut replay, after_phase);
                trainer.replay = Some(replay);
                queued
            }
        })
    }

    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        let device = Arc::clone(&self.device);
        device.guard("training", || work(self)).flatten()
    }

    fn queue(
        &mut self,
        after_phase: impl FnMut() -> Result<(), DeviceError>,
    ) -> Result<StepOutcome, DeviceError> {
        let learning_rate = self.schedule.learning_rate(self.epoch.scheduled);
        let (batch, images) = self.next_batch();
        let found = self.update(batch, Rate::new(learning_rate, None), after_phase)?;
        let scores = Scores::Own(Box::new((found.loss, found.correct)));
        Ok(self.count_step(images, learning_rate, scores))
    }

    /// Queues one update by a batch; a recorded step ends here.
    pub(super) fn update(
        &mut self,
        batch: Batch,
        rate: Rate<'_>,
        mut after_phase: impl FnMut() -> Result<(), DeviceError>,
    ) -> Result<CrossEntropy, DeviceError> {
        let model = self.model.take().expect("put back after every step");
        let (logits, statistics) = model.forward_train(batch.images.autodiff());
        let found = self.objective.of(logits, batch.labels);
        after_phase()?;
        let gradients = found.differentiable.clone().backward();
        let gradients = GradientsParams::from_grads(gradients, &model);
        after_phase()?;
        let model = self.optimizer.step(rate, model, gradients);
        let model = model.with_statistics(statistics);
        let average = self.average.take();
        self.average = average.map(|average| average.update(&model, rate.steps));
        self.model = Some(model);
        Ok(found)
    }

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

    pub(super) fn count_step(
        &mut self,
        images: usize,
        learning_rate: f64,
        scores: Scores,
    ) -> StepOutcome {
        self.epoch.scheduled += 1;
        self.position.step += 1;
        StepOutcome {
            scores,
            images,
            step: self.position.step,
            learning_rate,
        }
    }

    /// The next images of the epoch, and how many they are.
    fn next_batch(&mut self) -> (Batch, usize) {
        let start = match self.epoch_is_over() {
            true => 0,
            false => self.position.images,
        };
        let end = (start + self.config.training.batch_size).min(self.images.len());
        self.position.images = end;
        let Epoch {
            order,
            indices,
            augment,
            ..
        } = &self.epoch;
        let indices = indices.get_or_init(|| upload_indices(order, &self.device));
        let indices = indices.clone().slice(start..end);
        let batch = match augment {
            Some(how) => (self.images).gather_augmented(indices, &order[start..end], how),
            None => self.images.gather(indices),
        };
        (batch, end - start)
    }

    /// The model to validate and to keep: the moving average of the weights where the settings ask
    /// for one, without gradients.
    pub fn eval_model(&self) -> Model {
        match &self.average {
            Some(average) => average.model.clone(),
            None => self.model().valid(),
        }
    }

    /// The error of a training whose numbers were lost at a step; a rate below the highest one so far may do.
    pub(super) fn diverged(&self, what: String, step: usize) -> TrainingError {
        let rates = (0..self.epoch.scheduled).map(|step| self.schedule.learning_rate(step));
        let highest = rates.fold(0.0, f64::max);
        TrainingError::Diverged {
            what,
            step,
            learning_rate: highest,
            suggestion: lower_rate(highest),
        }
    }

    /// Reads the whole state back, in one go.
    ///
    /// # Errors
    /// [`DeviceError::Failed`].
    pub async fn snapshot(&self, recorder: &Recorder) -> Result<Snapshot, DeviceError> {
        // Without gradients, as the rest of what is read.
        let tensors = model::register(&self.model().valid(), Transaction::default());
        let tensors = match &self.average {
            Some(average) => model::register(&average.model, tensors),
            None => tensors,
        };
        let tensors = self.optimizer.register(tensors);
        let data = self.device.read("keeping a checkpoint", tensors).await?;
        let mut data = data.into_iter();
        Ok(Snapshot {
            position: self.position,
            parameters: model::take(&self.network, &mut data),
            averaged: self.average.as_ref().map(|average| Averaged {
                parameters: model::take(&self.network, &mut data),
                updates: average.updates,
            }),
            optimizer: self.optimizer.states(data),
            sums: recorder.sums.clone(),
            epochs: recorder.epochs.clone(),
            step_seconds: recorder.step_seconds.clone(),
            images: recorder.images,
            best: recorder.best.clone(),
        })
    }

    pub(super) fn model(&self) -> &Model {
        self.model.as_ref().expect("put back after every step")
    }
}

impl Epoch {
    /// The epoch of a position, in a training of this span.
    fn new(position: Position, span: Span, images: &DeviceSplit, config: &Config) -> Self {
        let Position {
            epoch,
            images: done,
            ..
        } = position;
        let batch_size = config.training.batch_size;
        let order = images.order(config.training.sampling, config.seed, epoch);
        Self {
            number: epoch,
            scheduled: (epoch - 1) * images.len().div_ceil(batch_size) + done.div_ceil(batch_size),
            indices: OnceCell::new(),
            augment: Augment::in_epoch(config, epoch, span.last),
            order,
        }
    }
}
