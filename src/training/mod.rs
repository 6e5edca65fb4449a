//! The training loop: (state, batches, settings) in, trained weights and history out.

mod averaging;
mod clipping;
pub mod history;
mod muon;
pub mod optimizer;
pub mod schedule;
pub mod state;
pub mod step;
pub mod stopping;
mod update;

use std::sync::Arc;
use std::time::Duration;

use burn::module::Module;
use burn::tensor::Transaction;
use tracing::Instrument;

use crate::config::{Architecture, Config};
use crate::data::augment::Augment;
use crate::data::batches::{DeviceSplit, order, upload_indices};
use crate::device::{Device, DeviceError};
use crate::evaluation::{Evaluation, evaluate};
use crate::model::layers::Draw;
use crate::model::loss::Objective;
use crate::model::{self, Model};
use averaging::Average;
use history::{EpochRecord, History, Recorder};
use optimizer::Optimizer;
use schedule::Schedule;
use state::{Averaged, Best, Parameters, Position, Snapshot, Sums};
use step::{StepOutcome, read, train_step};
use stopping::Ending;

/// On an adapter the host waits for the device once in so many steps, or where a record of fewer
/// is asked for.
const STEPS_PER_READ_ON_ADAPTER: usize = 10;

/// How far training has come, after each read-back.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub epoch: usize,
    pub step: usize,
    pub steps: usize,
    pub images: usize,
    /// Of the last step.
    pub learning_rate: f64,
    /// Mean over the steps since the last read-back.
    pub loss: f64,
    pub accuracy: f64,
}

/// What the loop needs from outside: the time, and someone to tell.
pub trait Observer {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
    /// Whether to stop before the next step.
    fn interrupted(&self) -> bool;
    fn on_progress(&mut self, progress: &Progress);
    /// `validation` is what the record sums up, where there is a validation split.
    fn on_epoch(&mut self, record: &EpochRecord, validation: Option<&Evaluation>);
    /// Waited for after each progress: where one thread does all, others come to their turn here.
    fn rest(&mut self) -> impl Future<Output = ()> {
        std::future::ready(())
    }
    /// A state worth keeping: [`train`] goes on from it as if it had never stopped.
    fn on_checkpoint(&mut self, _snapshot: &Snapshot) {}
}

/// Trained weights.
pub struct Trained {
    /// After the last step.
    pub last: Parameters,
    /// `None` without a validation split, or before the first epoch's end.
    pub best: Option<Best>,
    pub history: History,
    pub ending: Ending,
}

impl Trained {
    /// The weights to use: the best on the validation split, else the last.
    pub fn weights(&self) -> &Parameters {
        self.best
            .as_ref()
            .map_or(&self.last, |best| &best.parameters)
    }
}

/// Training that could not go on.
#[derive(thiserror::Error, Debug)]
pub enum TrainingError {
    #[error(
        "the loss became {loss} at step {step} (learning rate {learning_rate:.2e}); lower it: --learning-rate {suggestion}"
    )]
    Diverged {
        loss: f64,
        step: usize,
        learning_rate: f64,
        suggestion: f64,
    },
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Trains from `start` to the end of the settings' epochs, or to what stops it earlier.
///
/// # Errors
/// [`TrainingError::Diverged`] when the loss is no longer a finite number,
/// [`TrainingError::Device`] when the device fails.
pub async fn train(
    start: Snapshot,
    train: &DeviceSplit,
    valid: &DeviceSplit,
    config: &Config,
    device: &Device,
    observer: &mut impl Observer,
) -> Result<Trained, TrainingError> {
    let settings = &config.training;
    let batch_size = settings.batch_size;
    let steps_per_epoch = train.len().div_ceil(batch_size);
    let steps = steps_per_epoch * settings.epochs;
    let schedule = Schedule::new(settings, steps);

    let Position {
        mut epoch,
        pictures: mut done,
        mut step,
    } = start.position;
    let mut recorder = Recorder {
        sums: start.sums,
        best: start.best,
        seconds: start.step_seconds.iter().sum(),
        step_seconds: start.step_seconds,
        images: start.images,
        epochs: start.epochs,
    };
    let network = config.model.network(train.shape(), train.classes());
    let (mut model, mut optimizer, mut average, objective) =
        device.guard("preparing the training", || {
            let draw = Draw {
                seed: config.seed,
                step: step as u64,
            };
            let model = Model::trainable(&network, start.parameters, device).before(draw);
            let shapes = network.parameters();
            let optimizer = Optimizer::new(settings, shapes, start.optimizer, device);
            let average = (settings.ema_decay > 0.0).then(|| {
                let earlier = start.averaged;
                Average::new(settings.ema_decay, &model, earlier, &network, device)
            });
            let objective = Objective::new(settings, train, device);
            (model, optimizer, average, objective)
        })?;
    let mut ending = stopping::after_epoch(settings, &recorder.epochs);

    while ending.is_none() && epoch <= settings.epochs {
        let span = tracing::debug_span!("epoch", number = epoch);
        let order = order(config.seed, epoch, train.len());
        let pictures = upload_indices(&order, device);
        let augment = Augment::in_epoch(config, epoch);
        let mut unread = Vec::new();
        let mut stretch_start = observer.now();

        while done < train.len() && ending.is_none() {
            let end = (done + batch_size).min(train.len());
            let scheduled = (epoch - 1) * steps_per_epoch + done.div_ceil(batch_size);
            let learning_rate = schedule.learning_rate(scheduled);
            let (loss, correct);
            let stepping = tracing::trace_span!(parent: &span, "step", number = step + 1);
            (model, loss, correct) = device.guard("training", || {
                let _span = stepping.entered();
                let indices = pictures.clone().slice(done..end);
                let batch = match &augment {
                    Some(how) => train.gather_augmented(indices, &order[done..end], how),
                    None => train.gather(indices),
                };
                let trained = train_step(model, &mut optimizer, batch, learning_rate, &objective);
                if let Some(average) = &mut average {
                    average.update(&trained.0);
                }
                trained
            })?;
            step += 1;
            unread.push(StepOutcome {
                loss,
                correct,
                images: end - done,
                step,
                learning_rate,
            });
            done = end;

            let keep = settings.checkpoint_every > 0 && step % settings.checkpoint_every == 0;
            let read_now = !device.is_gpu()
                || step == 1
                || unread.len() >= settings.record_every.min(STEPS_PER_READ_ON_ADAPTER)
                || keep
                || done == train.len();
            if !read_now {
                continue;
            }
            let reading = tracing::trace_span!(parent: &span, "read", steps = unread.len());
            let stretch = read(&unread, device).instrument(reading).await?;
            let now = observer.now();
            let seconds = (now - stretch_start).as_secs_f64();
            stretch_start = now;
            recorder.steps(unread.len(), &stretch, seconds);
            unread.clear();
            observer.on_progress(&Progress {
                epoch,
                step,
                steps,
                images: stretch.images,
                learning_rate,
                loss: stretch.loss / stretch.images as f64,
                accuracy: stretch.correct / stretch.images as f64,
            });
            observer.rest().await;
            ending = stopping::after_step(settings, recorder.seconds, observer.interrupted());
            if ending.is_some() || keep && done < train.len() {
                let position = Position {
                    epoch,
                    pictures: done,
                    step,
                };
                let kept = (&model, &optimizer, &average, &recorder);
                let snapshot = snapshot(position, kept, &network, device);
                observer.on_checkpoint(&snapshot.await?);
                stretch_start = observer.now();
            }
        }
        if ending == Some(Ending::Interrupted) {
            break;
        }

        let whole = done == train.len();
        let judged = judged(&model, &average);
        let validating = tracing::debug_span!(parent: &span, "validation");
        let validation = match valid.is_empty() {
            true => None,
            false => Some(
                evaluate(&judged, valid, config, device)
                    .instrument(validating)
                    .await?,
            ),
        };
        let (train_loss, train_accuracy) = recorder.sums.means().unwrap_or((f64::NAN, f64::NAN));
        let record = EpochRecord {
            epoch,
            step,
            train_loss,
            train_accuracy,
            valid_loss: validation.as_ref().map(|found| found.loss),
            valid_accuracy: validation.as_ref().map(|found| found.accuracy),
            seconds: recorder.sums.seconds,
        };
        if let Some(found) = &validation
            && Best::improves(recorder.best.as_ref(), found.accuracy, found.loss)
        {
            recorder.best = Some(Best {
                epoch,
                loss: found.loss,
                accuracy: found.accuracy,
                parameters: Arc::new(model::values(&judged, device).await?),
            });
        }
        observer.on_epoch(&record, validation.as_ref());
        recorder.epochs.push(record);
        ending = ending.or_else(|| stopping::after_epoch(settings, &recorder.epochs));
        epoch += 1;
        done = 0;
        recorder.sums = Sums::default();
        // An epoch cut short goes on from the state that was kept when time was up.
        if whole {
            let position = Position {
                epoch,
                pictures: 0,
                step,
            };
            let kept = (&model, &optimizer, &average, &recorder);
            let snapshot = snapshot(position, kept, &network, device);
            observer.on_checkpoint(&snapshot.await?);
        }
    }
    Ok(Trained {
        last: model::values(&judged(&model, &average), device).await?,
        best: recorder.best.clone(),
        history: recorder.finish(),
        ending: ending.unwrap_or(Ending::Finished),
    })
}

/// The weights to validate and to keep.
fn judged(model: &Model, average: &Option<Average>) -> Model {
    match average {
        Some(average) => average.model.clone(),
        None => model.valid(),
    }
}

/// Reads the whole state back, in one go.
async fn snapshot(
    position: Position,
    (model, optimizer, average, recorder): (&Model, &Optimizer, &Option<Average>, &Recorder),
    network: &Architecture,
    device: &Device,
) -> Result<Snapshot, DeviceError> {
    // Without gradients, as the rest of what is read.
    let tensors = model::register(&model.valid(), Transaction::default());
    let tensors = match average {
        Some(average) => model::register(&average.model, tensors),
        None => tensors,
    };
    let tensors = optimizer.register(tensors);
    let data = device.read("keeping a checkpoint", tensors).await?;
    let mut data = data.into_iter();
    Ok(Snapshot {
        position,
        parameters: model::take(network, &mut data),
        averaged: average.as_ref().map(|average| Averaged {
            parameters: model::take(network, &mut data),
            updates: average.updates,
        }),
        optimizer: optimizer.states(data),
        sums: recorder.sums.clone(),
        epochs: recorder.epochs.clone(),
        step_seconds: recorder.step_seconds.clone(),
        images: recorder.images,
        best: recorder.best.clone(),
    })
}
