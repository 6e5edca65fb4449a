//! The batches of a split, one after the other: where an adapter can, one is recorded and the rest replay it.

use std::cell::Cell;
use std::ops::ControlFlow;

use burn::tensor::{DType, Int, Tensor};

use crate::data::batches::{Batch, DeviceSplit, upload_indices};
use crate::device::{Device, DeviceError};
use crate::kernels::replay::{Prepared, Recording, prepare};
use crate::kernels::step_state::launches::SLOTS;
use crate::kernels::step_state::{Row, Start, StepState};
use crate::model::loss::CrossEntropy;

/// Fewer whole batches are launched as the host tells: two come before the one that is recorded, and recording it costs more
/// than launching.
const LEAST_BATCHES: usize = 5;

/// The images of a split in order, so many at a time.
pub struct Batches<'a> {
    split: &'a DeviceSplit,
    size: usize,
    device: &'a Device,
    /// What errors say was being done.
    doing: &'static str,
    /// Where kernels read which batch it is; `None` where the host tells them.
    state: Option<StepState>,
}

/// Where the numbers of each image go.
pub struct Kept {
    state: Option<StepState>,
    images: usize,
    /// One of all images, or one a batch.
    pub tensors: Vec<Tensor<2>>,
}

/// How far the recording of a batch is.
enum Stage {
    Cold,
    Warm,
    Prepared(Prepared),
    Recorded(Recording),
    /// It was refused: they are launched one by one.
    Refused,
}

impl<'a> Batches<'a> {
    /// At most `size` images at a time.
    pub fn of(
        split: &'a DeviceSplit,
        size: usize,
        device: &'a Device,
        doing: &'static str,
    ) -> Self {
        let replays = device.replays() && split.len() / size >= LEAST_BATCHES;
        let count = split.len().div_ceil(size);
        let state = replays.then(|| split.step_state(count)).flatten();
        if let Some(state) = &state {
            let order: Vec<i32> = (0..split.len() as i32).collect();
            state.begin(&order, &vec![Row::default(); count], Start::default());
        }
        Self {
            split,
            size,
            device,
            doing,
            state,
        }
    }

    /// Room for the numbers of each image.
    pub fn kept(&self) -> Kept {
        Kept {
            state: self.state.clone(),
            images: self.split.len(),
            tensors: Vec::new(),
        }
    }

    /// Queues `work` for every batch, in order, and tells `heard` how many images are queued, which may end it there. A batch that is replayed is
    /// not worked on again: what comes of it must lie where the recorded one left it. The mean loss of each batch comes
    /// back, as tensors `[n]` that follow each other, where `work` gives one.
    ///
    /// # Errors
    /// [`DeviceError::Failed`] where a recording fails, [`DeviceError::Stopped`] where `heard` ends it.
    pub fn each(
        &self,
        heard: &mut dyn FnMut(usize) -> ControlFlow<()>,
        mut work: impl FnMut(Batch) -> Option<CrossEntropy>,
    ) -> Result<Vec<Tensor<1>>, DeviceError> {
        match &self.state {
            Some(state) => self.alike(state, heard, work),
            None => {
                let all: Vec<i32> = (0..self.split.len() as i32).collect();
                let mut losses = Vec::new();
                for indices in all.chunks(self.size) {
                    let found = work(self.split.gather(upload_indices(indices, self.device)));
                    losses.extend(found.map(|found| found.loss));
                    self.go_on(heard(indices[indices.len() - 1] as usize + 1))?;
                }
                Ok(losses)
            }
        }
    }

    /// Batches whose launches are the same, of as many images.
    fn alike(
        &self,
        state: &StepState,
        heard: &mut dyn FnMut(usize) -> ControlFlow<()>,
        mut work: impl FnMut(Batch) -> Option<CrossEntropy>,
    ) -> Result<Vec<Tensor<1>>, DeviceError> {
        let images = self.split.len();
        let nothing = (
            Tensor::<1>::zeros([1], self.device.burn()),
            Tensor::<1, Int>::zeros([1], (self.device.burn(), DType::I32)),
        );
        let has_losses = Cell::new(false);
        let mut launch = |count: usize| {
            let found = work(self.split.take(state, count, None));
            has_losses.set(found.is_some());
            let (loss, correct) = match &found {
                Some(found) => (&found.loss, &found.correct),
                None => (&nothing.0, &nothing.1),
            };
            state.advance(loss, correct, count);
        };
        let mut stage = Stage::Cold;
        let failed = |reason: String| {
            self.device
                .failed(self.doing, reason + " (--no-replay records nothing)")
        };
        let mut losses = Vec::new();
        for (number, first) in (0..images).step_by(self.size).enumerate() {
            let count = self.size.min(images - first);
            stage = match stage {
                stage if count < self.size => {
                    launch(count);
                    stage
                }
                Stage::Refused => {
                    launch(count);
                    Stage::Refused
                }
                Stage::Cold => {
                    launch(count);
                    Stage::Warm
                }
                Stage::Warm => {
                    let prepared =
                        (self.device.injection().before_recording()).and_then(|()| prepare(state));
                    launch(count);
                    match prepared {
                        Ok(prepared) => Stage::Prepared(prepared),
                        Err(reason) => {
                            tracing::debug!("batches are launched one by one: {reason}");
                            Stage::Refused
                        }
                    }
                }
                Stage::Prepared(prepared) => {
                    let ((), recording) = prepared.record(|| launch(count)).map_err(&failed)?;
                    recording.replay().map_err(&failed)?;
                    Stage::Recorded(recording)
                }
                Stage::Recorded(recording) => {
                    recording.replay().map_err(&failed)?;
                    Stage::Recorded(recording)
                }
            };
            let slot = number % SLOTS;
            if has_losses.get() && (slot + 1 == SLOTS || first + count == images) {
                losses.push(state.scores(0, slot + 1).0);
            }
            self.go_on(heard(first + count))?;
        }
        Ok(losses)
    }

    fn go_on(&self, said: ControlFlow<()>) -> Result<(), DeviceError> {
        match said {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(DeviceError::Stopped { doing: self.doing }),
        }
    }
}

impl Kept {
    /// Takes the numbers of a batch, `[n, width]`.
    pub fn take(&mut self, batch: Tensor<2>) {
        let Some(state) = &self.state else {
            self.tensors.push(batch);
            return;
        };
        if self.tensors.is_empty() {
            let dims = [self.images, batch.dims()[1]];
            self.tensors.push(Tensor::empty(dims, &batch.device()));
        }
        state.keep(&batch, &self.tensors[0]);
    }
}
