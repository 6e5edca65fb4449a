//! Steps that are recorded and replayed.

use super::{Kind, Recorded, Replay, Stage, Together};
use crate::data::augment::Augment;
use crate::device::DeviceError;
use crate::kernels;
use crate::kernels::gpu::Place;
use crate::kernels::replay::{Prepared, Recording};
use crate::kernels::step_state::launches::SLOTS;
use crate::kernels::step_state::{Row, Start};
use crate::training::optimizers::Rate;
use crate::training::outcome::{Scores, StepOutcome};
use crate::training::trainer::Trainer;

/// Steps before the one that is launched as it is to be recorded.
const WARM_UP: usize = 1;
/// Steps that are recorded together as well, and replayed at once. As many are launched before, so twice as many must come
/// between two read-backs, as they do unless settings ask for more of those.
const STEPS_TOGETHER: usize = 5;

impl Trainer {
    /// Queues steps whose launches are those of every other, at most `most` and at least one: recorded once, then
    /// replayed.
    pub(in crate::training) fn queue_alike(
        &mut self,
        replay: &mut Replay,
        most: usize,
    ) -> Result<Vec<StepOutcome>, DeviceError> {
        let kind = self.next_kind(replay);
        let most = most.min((self.images.len() - self.position.images) / kind.images);
        let mut queued = Vec::new();
        let stage = std::mem::replace(&mut replay.stage, Stage::Off);
        replay.stage = match stage {
            Stage::Recorded(recorded) if recorded.kind == kind => {
                self.replay(replay, recorded, most, &mut queued)?
            }
            Stage::Prepared(prepared, of) if of == kind => {
                let places = self.places();
                let step = self.record(replay, prepared, kind, 1, &mut queued)?;
                Stage::Recorded(Recorded {
                    kind,
                    step,
                    together: Together::Not(0),
                    places,
                })
            }
            // The last batch of an epoch is smaller.
            Stage::Recorded(recorded) if kind.images < recorded.kind.images => {
                queued.push(self.launch(replay, kind, || Ok(()))?);
                self.still(recorded)
            }
            Stage::Off => {
                queued.push(self.launch(replay, kind, || Ok(()))?);
                Stage::Off
            }
            stage => {
                let before = match stage {
                    Stage::Cold(steps) => steps,
                    _ => WARM_UP,
                };
                drop(stage);
                let is_whole = kind.images == self.config.training.batch_size;
                let prepared = (is_whole && before >= WARM_UP).then(|| {
                    self.device.injection().before_recording()?;
                    kernels::replay::prepare(&replay.state)
                });
                queued.push(self.launch(replay, kind, || Ok(()))?);
                match prepared {
                    None => Stage::Cold(before + usize::from(is_whole)),
                    Some(Ok(prepared)) => Stage::Prepared(prepared, kind),
                    Some(Err(reason)) => refused(&reason),
                }
            }
        };
        Ok(queued)
    }

    /// Launches the next step, with something to be done after each of its phases.
    pub(in crate::training) fn launch_alike(
        &mut self,
        replay: &mut Replay,
        after_phase: impl FnMut() -> Result<(), DeviceError>,
    ) -> Result<StepOutcome, DeviceError> {
        let kind = self.next_kind(replay);
        let stage = std::mem::replace(&mut replay.stage, Stage::Off);
        let queued = self.launch(replay, kind, after_phase)?;
        replay.stage = match stage {
            Stage::Recorded(recorded) => self.still(recorded),
            Stage::Off => Stage::Off,
            Stage::Cold(steps) => Stage::Cold(steps),
            Stage::Prepared(..) => Stage::Cold(WARM_UP),
        };
        Ok(queued)
    }

    /// The kind of the next step; the state says where it begins.
    fn next_kind(&mut self, replay: &mut Replay) -> Kind {
        if self.epoch_is_over() {
            self.position.images = 0;
            replay.is_laid_out = false;
        }
        if !replay.is_laid_out {
            self.lay_out(replay);
        }
        let left = self.images.len() - self.position.images;
        Kind {
            images: self.config.training.batch_size.min(left),
            augment: self.epoch.augment.map(Augment::of_any_epoch),
        }
    }

    /// A recording after launches, which may have moved what it changes.
    fn still(&self, recorded: Recorded) -> Stage {
        match self.places() == recorded.places {
            true => Stage::Recorded(recorded),
            false => Stage::Cold(0),
        }
    }

    /// Has the state say again where the training stands, before the next step.
    pub(in crate::training) fn forget_layout(&mut self) {
        if let Some(replay) = &mut self.replay {
            replay.is_laid_out = false;
        }
    }

    /// Writes the order of the epoch's images and the numbers of its steps from here on.
    fn lay_out(&self, replay: &mut Replay) {
        let left = self.images.len() - self.position.images;
        let updates = self.optimizer.updates_side_by_side();
        let row = |ahead: usize| {
            let learning_rate = self.schedule.learning_rate(self.epoch.scheduled + ahead);
            let number = updates + 1 + ahead;
            let average = self.average.as_ref();
            Row {
                learning_rate,
                adam: self.optimizer.adam_numbers(learning_rate, number),
                average_decay: average
                    .map_or(0.0, |average| average.decay_at(average.updates + 1 + ahead)),
            }
        };
        let steps = left.div_ceil(self.config.training.batch_size);
        let rows: Vec<Row> = (0..steps).map(row).collect();
        let start = Start {
            image: self.position.images,
            slot: replay.slot,
            epoch: self.position.epoch,
        };
        replay.state.begin(&self.epoch.order, &rows, start);
        replay.is_laid_out = true;
    }

    /// Launches a step.
    fn launch(
        &mut self,
        replay: &mut Replay,
        kind: Kind,
        after_phase: impl FnMut() -> Result<(), DeviceError>,
    ) -> Result<StepOutcome, DeviceError> {
        let state = &replay.state;
        let learning_rate = self.schedule.learning_rate(self.epoch.scheduled);
        let batch = (self.images).take(state, kind.images, kind.augment.as_ref());
        let found = self.update(batch, Rate::new(learning_rate, Some(state)), after_phase)?;
        state.advance(&found.loss, &found.correct, kind.images);
        Ok(self.count(replay, kind))
    }

    /// Counts a step that is queued.
    fn count(&mut self, replay: &mut Replay, kind: Kind) -> StepOutcome {
        let learning_rate = self.schedule.learning_rate(self.epoch.scheduled);
        let slot = replay.slot;
        replay.slot = (slot + 1) % SLOTS;
        self.position.images += kind.images;
        self.count_step(kind.images, learning_rate, Scores::Kept(slot))
    }

    /// Replays a step, or several at once where there is room for them.
    fn replay(
        &mut self,
        replay: &mut Replay,
        mut recorded: Recorded,
        most: usize,
        queued: &mut Vec<StepOutcome>,
    ) -> Result<Stage, DeviceError> {
        let kind = recorded.kind;
        let is_due =
            matches!(recorded.together, Together::Not(done) if done >= replay.before_together);
        if is_due && most >= 2 * STEPS_TOGETHER {
            let prepared = kernels::replay::prepare(&replay.state);
            for _ in 0..STEPS_TOGETHER {
                queued.push(self.launch(replay, kind, || Ok(()))?);
            }
            if self.places() != recorded.places {
                return Ok(Stage::Cold(0));
            }
            let prepared = match prepared {
                Ok(prepared) => prepared,
                Err(reason) => {
                    tracing::debug!("steps are replayed one by one: {reason}");
                    recorded.together = Together::Not(0);
                    return Ok(Stage::Recorded(recorded));
                }
            };
            let steps = self.record(replay, prepared, kind, STEPS_TOGETHER, queued)?;
            recorded.together = Together::Recorded(steps);
            return Ok(Stage::Recorded(recorded));
        }
        let (recording, steps) = match &mut recorded.together {
            Together::Recorded(together) if most >= STEPS_TOGETHER => (&*together, STEPS_TOGETHER),
            Together::Recorded(_) => (&recorded.step, 1),
            Together::Not(done) => {
                *done += 1;
                (&recorded.step, 1)
            }
        };
        let done = recording.replay();
        done.map_err(|reason| self.device.failed("training", reason))?;
        for _ in 0..steps {
            // What launching it would have counted.
            self.optimizer.count_update();
            if let Some(average) = &mut self.average {
                average.updates += 1;
            }
            self.model = (self.model.take()).map(|model| model.with_statistics(Vec::new()));
            queued.push(self.count(replay, kind));
        }
        Ok(Stage::Recorded(recorded))
    }

    /// Records so many steps, and replays them at once. A recording that fails spoils all buffers it was given, the
    /// images among them: there is no way back.
    fn record(
        &mut self,
        replay: &mut Replay,
        prepared: Prepared,
        kind: Kind,
        steps: usize,
        queued: &mut Vec<StepOutcome>,
    ) -> Result<Recording, DeviceError> {
        let places = self.places();
        let recorded = prepared.record(|| {
            (0..steps).try_for_each(|_| {
                queued.push(self.launch(replay, kind, || Ok(()))?);
                Ok(())
            })
        });
        let (launched, recording) = recorded.map_err(|reason| self.failed_to_record(reason))?;
        launched?;
        if self.places() != places {
            return Err(self.failed_to_record("a step moves what it changes".into()));
        }
        let done = recording.replay();
        done.map_err(|reason| self.failed_to_record(reason))?;
        Ok(recording)
    }

    fn failed_to_record(&self, reason: String) -> DeviceError {
        self.device
            .failed("recording a step", reason + " (--no-replay records none)")
    }

    /// Where all that steps change lies.
    fn places(&self) -> Vec<Option<Place>> {
        let mut places = self.model().places();
        places.extend(self.optimizer.places());
        places.extend(
            self.average
                .iter()
                .flat_map(|average| average.model.places()),
        );
        places
    }
}

fn refused(reason: &str) -> Stage {
    tracing::info!("steps are not replayed but launched one by one: {reason}");
    Stage::Off
}
