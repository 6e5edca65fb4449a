//! What an epoch came to on the validation split, and the best weights so far.

use std::sync::Arc;

use super::history::Recorder;
use super::state::Best;
use super::trainer::Trainer;
use super::{TrainingError, check};
use crate::config::Config;
use crate::data::batches::DeviceSplit;
use crate::device::Device;
use crate::evaluation::{Evaluation, evaluate};
use crate::model;

/// Evaluates the model as it stands, and keeps its weights where they are the best so far; `None`
/// without a validation split.
///
/// # Errors
/// [`TrainingError::Diverged`] where the loss or the weights are no numbers, [`TrainingError::Device`].
pub(super) async fn validate(
    trainer: &Trainer,
    recorder: &mut Recorder,
    valid: &DeviceSplit,
    config: &Config,
    device: &Device,
) -> Result<Option<Evaluation>, TrainingError> {
    if valid.is_empty() {
        return Ok(None);
    }
    let model = trainer.eval_model();
    let found = evaluate(&model, valid, config, device).await?;
    if !found.loss.is_finite() {
        let what = format!("the loss of the validation images became {}", found.loss);
        return Err(trainer.diverged(what, trainer.position().step));
    }
    let best = recorder.best.as_ref();
    let best = best.map(|best| (best.accuracy, best.loss));
    if Best::improves(best, found.accuracy, found.loss) {
        let parameters = model::values(&model, device).await?;
        check(trainer, &parameters)?;
        recorder.best = Some(Best {
            epoch: trainer.position().epoch,
            loss: found.loss,
            accuracy: found.accuracy,
            parameters: Arc::new(parameters),
        });
    }
    Ok(Some(found))
}
