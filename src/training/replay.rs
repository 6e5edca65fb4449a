//! Steps on an adapter whose changing numbers live there, and the recording of a step, which is replayed.

use super::optimizers::Rate;
use super::outcome::{Scores, StepOutcome};
use super::trainer::Trainer;
use crate::data::augment::Augment;
use crate::device::DeviceError;
use crate::kernels;
use crate::kernels::gpu::Place;
use crate::kernels::replay::{Prepared, Recording};
use crate::kernels::step_state::launches::SLOTS;
use crate::kernels::step_state::{Row, StepState};

/// Steps before the one that is launched as it is to be recorded.
const WARM_UP: usize = 1;

/// What a training keeps for steps that are the same launches every time.
pub(super) struct Replay {
    pub state: StepState,
    /// Where the scores of the step to come go.
    pub slot: usize,
    /// Whether the state says where the training stands.
    pub is_laid_out: bool,
    pub stage: Stage,
}

/// How far the recording of a step is.
pub(super) enum Stage {
    /// None yet, after so many steps of whole batches: the first makes what later ones find.
    Cold(usize),
    /// A step was launched as it is to be recorded.
    Prepared(Prepared, Kind),
    Recorded(Recording, Kind, Vec<Option<Place>>),
    /// Not here, or not wanted.
    Off,
}

/// What makes the launches of two steps alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kind {
    pub images: usize,
    pub augment: Option<Augment>,
}

impl Replay {
    /// Of a training at its start.
    pub fn new(state: StepState, is_wanted: bool) -> Self {
        Self {
            state,
            slot: 0,
            is_laid_out: false,
            stage: match is_wanted {
                true => Stage::Cold(0),
                false => Stage::Off,
            },
        }
    }
}

impl Trainer {
    /// Queues a step whose launches are those of every other: recorded once, then replayed, unless something is to
    /// happen after its phases.
    pub(super) fn queue_alike(
        &mut self,
        replay: &mut Replay,
        may_replay: bool,
        after_phase: impl FnMut() -> Result<(), DeviceError>,
    ) -> Result<StepOutcome, DeviceError> {
        if self.epoch_is_over() {
            self.position.images = 0;
            replay.is_laid_out = false;
        }
        if !replay.is_laid_out {
            self.lay_out(replay);
        }
        let batch_size = self.config.training.batch_size;
        let kind = Kind {
            images: batch_size.min(self.images.len() - self.position.images),
            augment: self.epoch.augment,
        };
        let learning_rate = self.schedule.learning_rate(self.epoch.scheduled);
        let stage = std::mem::replace(&mut replay.stage, Stage::Off);
        replay.stage = match stage {
            Stage::Recorded(recording, of, places) if may_replay && of == kind => {
                self.replay(&recording)?;
                Stage::Recorded(recording, of, places)
            }
            Stage::Prepared(prepared, of) if may_replay && of == kind => {
                self.record(replay, prepared, kind)?
            }
            // The last batch of an epoch is smaller.
            Stage::Recorded(recording, of, places) if !may_replay || kind.images < of.images => {
                self.launch(&replay.state, kind, after_phase)?;
                match self.places() == places {
                    true => Stage::Recorded(recording, of, places),
                    false => Stage::Cold(0),
                }
            }
            Stage::Off => {
                self.launch(&replay.state, kind, after_phase)?;
                Stage::Off
            }
            stage => {
                let before = match stage {
                    Stage::Cold(steps) => steps,
                    _ => WARM_UP,
                };
                drop(stage);
                let is_whole = kind.images == batch_size;
                let prepared = (may_replay && is_whole && before >= WARM_UP).then(|| {
                    self.device.injection().before_recording()?;
                    kernels::replay::prepare(&replay.state)
                });
                self.launch(&replay.state, kind, after_phase)?;
                match prepared {
                    None => Stage::Cold(before + usize::from(is_whole)),
                    Some(Ok(prepared)) => Stage::Prepared(prepared, kind),
                    Some(Err(reason)) => refused(&reason),
                }
            }
        };
        let slot = replay.slot;
        replay.slot = (slot + 1) % SLOTS;
        self.position.images += kind.images;
        Ok(self.count_step(kind.images, learning_rate, Scores::Kept(slot)))
    }

    /// Has the state say again where the training stands, before the next step.
    pub(super) fn forget_layout(&mut self) {
        if let Some(replay) = &mut self.replay {
            replay.is_laid_out = false;
        }
    }

    /// Writes the order of the epoch's images and the numbers of its steps from here on.
    fn lay_out(&self, replay: &mut Replay) {
        let left = self.images.len() - self.position.images;
        let updates = self.optimizer.time_side_by_side();
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
        let first = self.position.images;
        (replay.state).begin(&self.epoch.order, &rows, first, replay.slot);
        replay.is_laid_out = true;
    }

    /// Launches a step.
    fn launch(
        &mut self,
        state: &StepState,
        kind: Kind,
        after_phase: impl FnMut() -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let learning_rate = self.schedule.learning_rate(self.epoch.scheduled);
        let batch = (self.images).take(state, kind.images, kind.augment.as_ref());
        let found = self.update(batch, Rate::new(learning_rate, Some(state)), after_phase)?;
        state.advance(&found.loss, &found.correct, kind.images);
        Ok(())
    }

    /// Launches a recorded step, and counts what launching it would have counted.
    fn replay(&mut self, recording: &Recording) -> Result<(), DeviceError> {
        let done = recording.replay();
        done.map_err(|reason| self.device.failed("training", reason))?;
        self.optimizer.count_update();
        if let Some(average) = &mut self.average {
            average.updates += 1;
        }
        self.model = (self.model.take()).map(|model| model.with_statistics(Vec::new()));
        Ok(())
    }

    /// Records a step, and replays it at once. A recording that fails spoils all buffers it was given, the images among
    /// them: there is no way back.
    fn record(
        &mut self,
        replay: &mut Replay,
        prepared: Prepared,
        kind: Kind,
    ) -> Result<Stage, DeviceError> {
        let places = self.places();
        let recorded = prepared.record(|| self.launch(&replay.state, kind, || Ok(())));
        let failed = |reason: String| {
            self.device
                .failed("recording a step", reason + " (--no-replay records none)")
        };
        let (launched, recording) = recorded.map_err(failed)?;
        launched?;
        if self.places() != places {
            return Err(failed("a step moves what it changes".into()));
        }
        recording.replay().map_err(failed)?;
        Ok(Stage::Recorded(recording, kind, places))
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
