//! What changes from step to step of a training, in buffers on its adapter that kernels read and advance: every step
//! is then the same launches, and can be replayed.

pub(crate) mod launches;

use burn::tensor::{DType, Int, Tensor};
use burn_wgpu::{CubeTensor, into_contiguous};

use super::gpu::{
    dims, empty, float_tensor, int_tensor, launch, launch_into, of_floats, of_ints, write,
};
use launches::{CURSOR, SLOTS};

/// The numbers of one step that follow from its place in the training.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Row {
    pub learning_rate: f64,
    /// See [`AdamNumbers`].
    pub adam: AdamNumbers,
    /// How much of a moving average stays.
    pub average_decay: f64,
}

/// What Adam's update takes, see [`super::adam::launches::Step`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AdamNumbers {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Learning rate / (1 - beta1^t).
    pub step_size: f64,
    /// sqrt(1 - beta2^t).
    pub root_correction: f64,
    /// Learning rate * weight decay.
    pub decay: f64,
}

impl AdamNumbers {
    /// As the shaders' `Adam` has them.
    pub fn in_order(&self) -> [f64; 6] {
        [
            self.beta1,
            self.beta2,
            self.epsilon,
            self.step_size,
            self.root_correction,
            self.decay,
        ]
    }
}

/// A number of a row that kernels blend by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    LearningRate = 0,
    AverageDecay = 7,
    /// 1 - the decay.
    AverageRest = 8,
}

impl Row {
    /// Numbers of a row, in the order of the shaders.
    pub const COLUMNS: usize = 12;

    fn numbers(&self) -> [f32; Self::COLUMNS] {
        let [beta1, beta2, epsilon, step_size, root_correction, decay] = self.adam.in_order();
        [
            self.learning_rate,
            beta1,
            beta2,
            epsilon,
            step_size,
            root_correction,
            decay,
            self.average_decay,
            1.0 - self.average_decay,
            0.0,
            0.0,
            0.0,
        ]
        .map(|number| number as f32)
    }
}

/// Where steps begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The first image of the step, by its place in the epoch's order.
    pub image: usize,
    /// Where its scores go.
    pub slot: usize,
    /// From 1: distortions are drawn by it.
    pub epoch: usize,
}

/// The buffers of one training.
#[derive(Clone, Debug)]
pub struct StepState {
    /// i32 `[images]`
    order: CubeTensor,
    /// f32 `[steps + 1, columns]`, from the step that [`Self::begin`] began with.
    rows: CubeTensor,
    /// The row of the step to come, `[columns]`.
    current: CubeTensor,
    /// u32: its row, its first image, its slot, its epoch.
    cursor: CubeTensor,
    /// `[slots, 2]`, going round.
    scores: CubeTensor,
}

impl StepState {
    /// For an epoch of `images` images in at most `steps` steps, on the adapter of `like`; `None` where that is none.
    pub fn new(images: usize, steps: usize, like: &Tensor<1, Int>) -> Option<Self> {
        let like = of_ints(like)?;
        let floats = |dims: &[usize]| empty(&like, dims, DType::F32);
        let ints = |count: usize| empty(&like, &[count], DType::I32);
        Some(Self {
            order: ints(images),
            rows: floats(&[steps + 1, Row::COLUMNS]),
            current: floats(&[Row::COLUMNS]),
            cursor: ints(CURSOR),
            scores: floats(&[SLOTS, 2]),
        })
    }

    /// Stands before the step at `start`, by the first of `rows`. The host writes here, between replays.
    ///
    /// # Panics
    /// There are more images or steps than it was made for.
    pub fn begin(&self, order: &[i32], rows: &[Row], start: Start) {
        assert_eq!(order.len(), self.order.meta.shape()[0], "images");
        let room = self.rows.meta.shape()[0];
        assert!(
            !rows.is_empty() && rows.len() < room,
            "{} steps",
            rows.len()
        );
        let last = std::iter::repeat(&rows[rows.len() - 1]);
        let numbers: Vec<f32> = (rows.iter().chain(last).take(room))
            .flat_map(Row::numbers)
            .collect();
        write(&self.order, order.to_vec());
        write(&self.current, numbers[..Row::COLUMNS].to_vec());
        write(&self.rows, numbers);
        let Start { image, slot, epoch } = start;
        let cursor = [0, image as u32, (slot % SLOTS) as u32, epoch as u32];
        write(&self.cursor, cursor.to_vec());
    }

    /// Copies `batch` `[n, width]` to the rows of `all` `[images, width]` that are the images of the step.
    pub fn keep(&self, batch: &Tensor<2>, all: &Tensor<2>) {
        let batch = into_contiguous(of_floats(batch).expect("numbers on the adapter"));
        let all = of_floats(all).expect("room on the adapter");
        let ([count, width], [images, _]) = (dims(&batch), dims(&all));
        launch(
            launches::keep(images, count, width),
            &[&self.cursor, &batch, &all],
        );
    }

    /// Ends a step of `images` images with this mean loss and number correct, `[1]` each.
    pub fn advance(&self, loss: &Tensor<1>, correct: &Tensor<1, Int>, images: usize) {
        let loss = of_floats(loss).expect("a loss on the adapter");
        let correct = of_ints(correct).expect("a count on the adapter");
        let rows = self.rows.meta.shape()[0];
        let Self {
            rows: table,
            current,
            cursor,
            scores,
            ..
        } = self;
        launch(
            launches::advance(rows, images),
            &[cursor, table, current, scores, &loss, &correct],
        );
    }

    /// Mean loss and number correct of `steps` steps from `slot` on, `[steps]` each.
    pub fn scores(&self, slot: usize, steps: usize) -> (Tensor<1>, Tensor<1, Int>) {
        assert!(steps <= SLOTS, "the scores of {steps} steps");
        let [losses, correct] = launch_into(
            launches::read_scores(slot % SLOTS, steps),
            &[&self.scores],
            [(DType::F32, &[steps]), (DType::I32, &[steps])],
        );
        (float_tensor(losses), int_tensor(correct))
    }

    /// Where the step to come begins, and the epoch's order.
    pub(super) fn cursor_and_order(&self) -> [&CubeTensor; 2] {
        [&self.cursor, &self.order]
    }

    /// The row of the step to come, `[columns]`.
    pub(super) fn current(&self) -> &CubeTensor {
        &self.current
    }
}
