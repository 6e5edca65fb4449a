//! What is kept of steps on an adapter that are the same launches every time: their changing numbers, and the recording
//! of a step.

mod steps;

use crate::data::augment::Augment;
use crate::kernels::gpu::Place;
use crate::kernels::replay::{Prepared, Recording};
use crate::kernels::step_state::StepState;

/// Steps that are replayed one by one before several are recorded, which costs what launching them does.
const BEFORE_TOGETHER: usize = 16;

/// What a training keeps for steps that are the same launches every time.
pub(super) struct Replay {
    pub state: StepState,
    /// Where the scores of the step to come go.
    slot: usize,
    /// Whether the state says where the training stands.
    is_laid_out: bool,
    stage: Stage,
    /// See [`BEFORE_TOGETHER`].
    pub before_together: usize,
}

/// How far the recording of a step is.
enum Stage {
    /// None yet, after so many steps of whole batches: the first makes what later ones find.
    Cold(usize),
    /// A step was launched as it is to be recorded.
    Prepared(Prepared, Kind),
    Recorded(Recorded),
    /// Not here, or not wanted.
    Off,
}

/// A step that can be replayed.
struct Recorded {
    kind: Kind,
    step: Recording,
    together: Together,
    /// Where all that it changes lies.
    places: Vec<Option<Place>>,
}

/// How far the recording of several steps is.
enum Together {
    /// None yet, after so many replays of one.
    Not(usize),
    Recorded(Recording),
}

/// What makes the launches of two steps alike.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind {
    images: usize,
    /// Of any epoch.
    augment: Option<Augment>,
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
            before_together: BEFORE_TOGETHER,
        }
    }

    /// Whether a step was recorded.
    pub fn has_recorded(&self) -> bool {
        matches!(self.stage, Stage::Recorded(..))
    }
}
