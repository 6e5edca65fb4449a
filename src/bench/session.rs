//! Training on one device, a step at a time.

use std::time::Instant;

use burn::tensor::Tensor;

use crate::checks::steps::{read_losses, trainer};
use crate::checks::waves::waves;
use crate::config::{Architecture, Config};
use crate::data::Split;
use crate::data::batches::{DeviceSplit, Normalisation};
use crate::device::{Device, DeviceError};
use crate::evaluation::evaluate;
use crate::kernels::timing::on_the_device;
use crate::training::STEPS_PER_READ_ON_ADAPTER;
use crate::training::trainer::{StepOutcome, Trainer};

/// Images that an evaluation is timed on.
const EVALUATED: usize = 2048;
const EVALUATIONS: usize = 3;
/// About how many images are trained on; steps go round.
const IMAGES: usize = 8192;
/// The most words those take on the device: half of what every adapter binds.
const MOST_WORDS: usize = (64 << 20) / 4;

/// How many images a session holds: whole batches of them.
pub fn images(network: &Architecture, config: &Config) -> usize {
    let batch = config.training.batch_size;
    let most = IMAGES.min(MOST_WORDS / network.input.words());
    batch * most.div_ceil(batch).min(steps_in_all(config))
}

/// Untimed steps at the start of a round: the row before left caches full of its own, and the
/// threads of this one asleep.
pub const STEPS_TO_RETURN: usize = 3;

/// Steps of a whole measurement: first, warm-up, timed alone, together and launched, counted, in phases, submitted, by the adapter.
pub fn steps_in_all(config: &Config) -> usize {
    let bench = &config.bench;
    let timed = 3 * bench.steps.max(bench.rounds) + STEPS_TO_RETURN * bench.rounds;
    2 + bench.warmup + timed + 2 * (bench.steps / 5).max(3) + 2 * STEPS_PER_READ_ON_ADAPTER
}

pub struct Session {
    device: Device,
    config: Config,
    trainer: Trainer,
    evaluated: DeviceSplit,
    losses: Vec<Tensor<1>>,
}

impl Session {
    pub fn new(
        device: &Device,
        network: &Architecture,
        config: &Config,
    ) -> Result<Self, DeviceError> {
        let trained = waves(network, config.seed, 0, images(network, config));
        let normalisation = Normalisation::measure(&trained);
        let evaluated = EVALUATED.min(MOST_WORDS / network.input.words());
        let evaluated = waves(network, config.seed, 1, evaluated);
        let (split, evaluated) = device.guard("preparing the benchmark", || {
            let upload = |split: &Split| DeviceSplit::upload(split, normalisation, device);
            (upload(&trained), upload(&evaluated))
        })?;
        Ok(Self {
            trainer: trainer(&split, network, steps_in_all(config), config, device)?
                .recording_together(),
            evaluated,
            device: device.clone(),
            config: config.clone(),
            losses: Vec::new(),
        })
    }

    /// Queues one training step.
    pub fn step(&mut self) -> Result<(), DeviceError> {
        self.steps(1)
    }

    /// Queues training steps as a training does, several at once where they were recorded together.
    pub fn steps(&mut self, count: usize) -> Result<(), DeviceError> {
        let mut left = count;
        while left > 0 {
            let queued = self.trainer.next_steps(left)?;
            queued.iter().for_each(|step| self.keep(step));
            left -= queued.len();
        }
        Ok(())
    }

    /// Queues training steps that are launched and never replayed.
    pub fn launches(&mut self, count: usize) -> Result<(), DeviceError> {
        for _ in 0..count {
            let step = self.trainer.step_in_phases(|| Ok(()))?;
            self.keep(&step);
        }
        Ok(())
    }

    /// Whether steps are recorded and replayed.
    pub fn replays(&self) -> bool {
        self.trainer.replays()
    }

    /// One training step with a wait after each phase: seconds of forward (with gathering and
    /// loss), backward and optimiser.
    pub fn step_in_phases(&mut self) -> Result<[f64; 3], DeviceError> {
        let device = self.device.clone();
        let start = Instant::now();
        let mut ends = Vec::new();
        let mut end_phase = || {
            device.wait("training")?;
            ends.push(start.elapsed().as_secs_f64());
            Ok(())
        };
        let step = self.trainer.step_in_phases(&mut end_phase)?;
        end_phase()?;
        self.keep(&step);
        Ok([ends[0], ends[1] - ends[0], ends[2] - ends[1]])
    }

    /// How often a step hands work to the driver, over steps that are waited for together as often as a training reads.
    pub fn submits(&mut self) -> Result<Option<f64>, DeviceError> {
        let steps = STEPS_PER_READ_ON_ADAPTER;
        // Where an epoch begins its order is written, which is a submit too.
        let found = [self.submits_of(steps)?, self.submits_of(steps)?];
        let least = found.into_iter().flatten().min();
        Ok(least.map(|taken| taken as f64 / steps as f64))
    }

    fn submits_of(&mut self, steps: usize) -> Result<Option<u64>, DeviceError> {
        self.wait()?;
        let before = self.device.submits();
        self.steps(steps)?;
        self.wait()?;
        let after = self.device.submits();
        // The second question is one itself.
        let taken = before.zip(after);
        Ok(taken.and_then(|(before, after)| after.checked_sub(before + 1)))
    }

    /// Milliseconds of the adapter a step, by its own clock, over so many steps; `None` where it has none.
    pub fn device_ms(&mut self, steps: usize) -> Result<Option<f64>, DeviceError> {
        let device = self.device.clone();
        self.wait()?;
        let mut queued = Ok(());
        let taken = on_the_device(device.burn(), || {
            queued = self.steps(steps);
        });
        let taken = pollster::block_on(taken);
        queued?;
        let taken = taken.map_err(|reason| device.failed("timing steps", reason))?;
        Ok(taken.map(|taken| taken.as_secs_f64() * 1e3 / steps as f64))
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn wait(&self) -> Result<(), DeviceError> {
        self.device.wait("training")
    }

    /// Images a second of an evaluation, the median of a few after one to warm up.
    pub fn evaluate(&self) -> Result<f64, DeviceError> {
        let model = self.trainer.eval_model();
        let mut seconds = Vec::new();
        for round in 0..=EVALUATIONS {
            let start = Instant::now();
            let evaluation = evaluate(&model, &self.evaluated, &self.config, &self.device);
            pollster::block_on(evaluation)?;
            if round > 0 {
                seconds.push(start.elapsed().as_secs_f64());
            }
        }
        Ok(self.evaluated.len() as f64 / super::statistics::median(&seconds))
    }

    /// The losses of the first steps, as many as are compared.
    pub fn losses(&self) -> Result<Vec<f64>, DeviceError> {
        let losses = self.losses.clone();
        pollster::block_on(read_losses(losses, &self.device, "training"))
    }

    fn keep(&mut self, step: &StepOutcome) {
        if self.losses.len() < self.config.doctor.steps {
            self.losses.push(self.trainer.loss(step));
        }
    }
}
