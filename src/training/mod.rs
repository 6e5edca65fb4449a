//! The training loop: (model, batches, settings) in, trained model and history out.

pub mod history;
pub mod schedule;

use std::time::Duration;

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Int, Tensor, Transaction};

use crate::config::{Config, Kernels, TrainingConfig};
use crate::data::batches::{Batch, DeviceSplit, order, upload_indices};
use crate::device::{Device, DeviceError};
use crate::evaluation::evaluate;
use crate::kernels::adam::FusedAdam;
use crate::model::Model;
use history::{EpochRecord, History, Recorder};
use schedule::Schedule;

/// On an adapter the host waits for the device once in so many steps.
const STEPS_PER_READ_ON_ADAPTER: usize = 10;

/// How far training has come, after each read-back.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub epoch: usize,
    pub step: usize,
    pub steps: usize,
    pub images: usize,
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
    fn on_epoch(&mut self, record: &EpochRecord);
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Finished,
    TargetReached,
    Interrupted,
}

/// A trained model, without gradients.
pub struct Trained {
    pub model: Model,
    pub history: History,
    pub ending: Ending,
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

/// Trains `model`, whose parameters record gradients, for the epochs of the settings.
///
/// # Errors
/// [`TrainingError::Diverged`] when the loss is no longer a finite number,
/// [`TrainingError::Device`] when the device fails.
pub async fn train(
    mut model: Model,
    train: &DeviceSplit,
    valid: &DeviceSplit,
    config: &Config,
    device: &Device,
    observer: &mut impl Observer,
) -> Result<Trained, TrainingError> {
    let settings = &config.training;
    let steps_per_epoch = train.len().div_ceil(settings.batch_size);
    let steps = steps_per_epoch * settings.epochs;
    let schedule = Schedule::new(settings, steps);
    let mut optimizer = adam(settings);
    let mut recorder = Recorder::default();
    let mut ending = Ending::Finished;
    let mut step = 0;

    'epochs: for epoch in 1..=settings.epochs {
        let pictures = upload_indices(&order(config.seed, epoch, train.len()), device);
        let mut sums = Sums::default();
        let mut unread = Vec::new();
        let mut stretch_start = observer.now();

        for start in (0..train.len()).step_by(settings.batch_size) {
            if observer.interrupted() {
                ending = Ending::Interrupted;
                break 'epochs;
            }
            let end = (start + settings.batch_size).min(train.len());
            let learning_rate = schedule.learning_rate(step);
            let result;
            (model, result) = device.guard("training", || {
                let batch = train.gather(pictures.clone().slice(start..end), settings.kernels);
                train_step(
                    model,
                    &mut optimizer,
                    batch,
                    learning_rate,
                    settings.kernels,
                )
            })?;
            unread.push(StepOutcome {
                result,
                images: end - start,
                step,
            });
            step += 1;

            let read_now = !device.is_gpu()
                || step == 1
                || unread.len() == STEPS_PER_READ_ON_ADAPTER
                || end == train.len();
            if read_now {
                let stretch = read(&unread, device, &schedule).await?;
                let now = observer.now();
                let seconds = (now - stretch_start).as_secs_f64();
                recorder.steps(unread.len(), stretch.images, seconds);
                stretch_start = now;
                unread.clear();
                sums.add(&stretch, seconds);
                observer.on_progress(&Progress {
                    epoch,
                    step,
                    steps,
                    images: stretch.images,
                    loss: stretch.loss / stretch.images as f64,
                    accuracy: stretch.correct / stretch.images as f64,
                });
            }
        }

        let validation = match valid.is_empty() {
            true => None,
            false => Some(evaluate(&model.valid(), valid, config, device).await?),
        };
        let record = EpochRecord {
            epoch,
            train_loss: sums.loss / sums.images as f64,
            train_accuracy: sums.correct / sums.images as f64,
            valid_loss: validation.as_ref().map(|found| found.loss),
            valid_accuracy: validation.as_ref().map(|found| found.accuracy),
            seconds: sums.seconds,
        };
        observer.on_epoch(&record);
        let reached = settings.target_accuracy > 0.0
            && record
                .valid_accuracy
                .is_some_and(|accuracy| accuracy >= settings.target_accuracy);
        recorder.epoch(record);
        if reached {
            ending = Ending::TargetReached;
            break;
        }
    }
    Ok(Trained {
        model: model.valid(),
        history: recorder.finish(),
        ending,
    })
}

fn adam(settings: &TrainingConfig) -> ModuleOptimizer {
    let (beta1, beta2) = (settings.beta1 as f32, settings.beta2 as f32);
    let epsilon = settings.epsilon as f32;
    match settings.kernels {
        Kernels::Fused => ModuleOptimizer::from(FusedAdam {
            beta1,
            beta2,
            epsilon,
        }),
        Kernels::Stock => AdamConfig::new()
            .with_beta_1(beta1)
            .with_beta_2(beta2)
            .with_epsilon(epsilon)
            .init(),
    }
}

/// Loss `[1]` and number correct `[1]` of one batch, still on the device.
struct StepResult {
    loss: Tensor<1>,
    correct: Tensor<1, Int>,
}

fn train_step(
    model: Model,
    optimizer: &mut ModuleOptimizer,
    batch: Batch,
    learning_rate: f64,
    kernels: Kernels,
) -> (Model, StepResult) {
    let logits = model.forward(batch.pictures.autodiff(), kernels);
    let found = crate::evaluation::loss::cross_entropy(logits, batch.labels, kernels);
    let gradients = GradientsParams::from_grads(found.differentiable.backward(), &model);
    let model = optimizer.step(learning_rate, model, gradients);
    let result = StepResult {
        loss: found.loss,
        correct: found.correct,
    };
    (model, result)
}

struct StepOutcome {
    result: StepResult,
    images: usize,
    step: usize,
}

/// Sums over some steps; `loss` is weighted by pictures.
#[derive(Default)]
struct Sums {
    loss: f64,
    correct: f64,
    images: usize,
    seconds: f64,
}

impl Sums {
    fn add(&mut self, other: &Self, seconds: f64) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.images += other.images;
        self.seconds += seconds;
    }
}

/// Waits for the device and reads what the steps left there.
async fn read(
    steps: &[StepOutcome],
    device: &Device,
    schedule: &Schedule,
) -> Result<Sums, TrainingError> {
    let joined = device.guard("training", || {
        let losses = steps.iter().map(|step| step.result.loss.clone()).collect();
        let correct = steps
            .iter()
            .map(|step| step.result.correct.clone())
            .collect();
        Transaction::default()
            .register(Tensor::cat(losses, 0))
            .register(Tensor::cat(correct, 0))
    })?;
    let data = device.read("training", joined).await?;
    let losses: Vec<f64> = data[0].iter::<f64>().collect();
    let correct: f64 = data[1].iter::<f64>().sum();
    let mut sums = Sums {
        correct,
        ..Sums::default()
    };
    for (outcome, loss) in steps.iter().zip(losses) {
        if !loss.is_finite() {
            let learning_rate = schedule.learning_rate(outcome.step);
            return Err(TrainingError::Diverged {
                loss,
                step: outcome.step + 1,
                learning_rate,
                suggestion: learning_rate / 10.0,
            });
        }
        sums.loss += loss * outcome.images as f64;
        sums.images += outcome.images;
    }
    Ok(sums)
}
