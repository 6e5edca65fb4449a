//! One step on a batch, and the read-back of what some steps left on the device.

use std::convert::Infallible;

use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor, Transaction};

use super::TrainingError;
use super::optimizer::Optimizer;
use super::state::Sums;
use crate::data::batches::Batch;
use crate::device::Device;
use crate::model::Model;
use crate::model::loss::Objective;

/// A step whose result is still on the device.
pub(super) struct StepOutcome {
    /// Mean loss, `[1]`.
    pub loss: Tensor<1>,
    /// Images classified right, `[1]`.
    pub correct: Tensor<1, Int>,
    pub images: usize,
    /// The number of the step, from 1.
    pub step: usize,
    pub learning_rate: f64,
}

/// Queues one step; the outcome is [`StepOutcome`]'s loss and number correct.
pub fn train_step(
    model: Model,
    optimizer: &mut Optimizer,
    batch: Batch,
    learning_rate: f64,
    objective: &Objective,
) -> (Model, Tensor<1>, Tensor<1, Int>) {
    let Ok(stepped) =
        train_step_in_phases(model, optimizer, batch, learning_rate, objective, || {
            Ok::<(), Infallible>(())
        });
    stepped
}

/// The same; `after_phase` is called when the forward pass with the loss is queued, and again when
/// the backward pass is.
///
/// # Errors
/// What `after_phase` returns; the step then ends there.
pub fn train_step_in_phases<E>(
    model: Model,
    optimizer: &mut Optimizer,
    batch: Batch,
    learning_rate: f64,
    objective: &Objective,
    mut after_phase: impl FnMut() -> Result<(), E>,
) -> Result<(Model, Tensor<1>, Tensor<1, Int>), E> {
    let images = batch.images.autodiff();
    let (logits, statistics) = model.forward_train(images);
    let found = objective.of(logits, batch.labels);
    after_phase()?;
    let gradients = GradientsParams::from_grads(found.differentiable.backward(), &model);
    after_phase()?;
    let model = optimizer.step(learning_rate, model, gradients);
    let model = model.with_statistics(statistics);
    Ok((model, found.loss, found.correct))
}

/// Waits for the device and sums what the steps left there.
///
/// # Errors
/// [`TrainingError::Diverged`] at the first loss that is not finite, [`TrainingError::Device`].
pub(super) async fn read(steps: &[StepOutcome], device: &Device) -> Result<Sums, TrainingError> {
    let joined = device.guard("training", || {
        let losses = steps.iter().map(|step| step.loss.clone()).collect();
        let correct = steps.iter().map(|step| step.correct.clone()).collect();
        Transaction::default()
            .register(Tensor::cat(losses, 0))
            .register(Tensor::cat(correct, 0))
    })?;
    let data = device.read("training", joined).await?;
    let losses: Vec<f64> = data[0].iter::<f64>().collect();
    let mut sums = Sums {
        correct: data[1].iter::<f64>().sum(),
        ..Sums::default()
    };
    for (outcome, loss) in steps.iter().zip(losses) {
        if !loss.is_finite() {
            return Err(TrainingError::Diverged {
                loss,
                step: outcome.step,
                learning_rate: outcome.learning_rate,
                suggestion: outcome.learning_rate / 10.0,
            });
        }
        sums.loss += loss * outcome.images as f64;
        sums.images += outcome.images;
    }
    Ok(sums)
}
