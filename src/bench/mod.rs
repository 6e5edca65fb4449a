//! The same training work timed on every device, in turn. This is the command side: it has a
//! clock.

pub mod compare;
mod host;
mod memory;
mod probes;
pub mod row;
mod session;
pub mod statistics;
pub mod work;

use std::time::Instant;

use crate::checks::band;
use crate::checks::steps::{Work, losses};
use crate::checks::tiles::choose_or_warn;
use crate::config::{Architecture, Config};
use crate::device::store::Store;
use crate::device::{Device, DeviceError, with_api};
use crate::kernels::Kernels;
use crate::kernels::tiles;
pub use host::HostTime;
use host::Watch;
use row::{Launching, Phases, Row, Spread};
use session::Session;

/// What to measure on every device.
#[derive(Clone, Debug)]
pub struct Plan {
    /// With the images it takes and the classes it tells apart.
    pub network: Architecture,
    /// Images in a step, each measured apart.
    pub batch_sizes: Vec<usize>,
    /// Whose operations compute, each measured apart.
    pub kernels: Vec<Kernels>,
}

/// How far a measurement has come, in pieces of about the same length, and with what.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Pieces that are over.
    pub done: usize,
    /// All pieces.
    pub of: usize,
    /// What comes next, in words.
    pub doing: String,
}

/// Measures `plan` on each of `devices`: a row for each device, batch size and kernels, ranked by
/// images a second. Rows take turns, so that what else the machine does meets all of them. `tell`
/// hears of each piece before it begins.
///
/// # Errors
/// [`DeviceError`] when the reference on the CPU fails; a device that fails is a row.
pub fn run(
    devices: Vec<Device>,
    plan: &Plan,
    config: &Config,
    tell: &mut dyn FnMut(Progress),
) -> Result<Vec<Row>, DeviceError> {
    let rows = devices.len() * plan.batch_sizes.len() * plan.kernels.len();
    let of = rows * (config.bench.rounds + 3) + devices.len();
    let mut done = 0;
    let mut begin = |doing: String| {
        tell(Progress { done, of, doing });
        done += 1;
    };
    let mut measured: Vec<Measured> = Vec::new();
    for device in &devices {
        for &batch_size in &plan.batch_sizes {
            for &kernels in &plan.kernels {
                let mut settings = config.clone();
                settings.training.batch_size = batch_size;
                settings.training.learning_rate = config.doctor.learning_rate;
                begin(format!(
                    "{}, {kernels}, batch {batch_size}: first steps",
                    device.info
                ));
                let device = device.clone().with_kernels(kernels);
                measured.push(Measured::start(&device, &plan.network, settings));
            }
        }
    }
    for round in 0..config.bench.rounds {
        for one in &mut measured {
            let of = config.bench.rounds;
            begin(format!("{}: round {} of {of}", one.name(), round + 1));
            one.attempt(|one| one.round(round));
        }
    }
    for one in &mut measured {
        begin(format!("{}: phases, evaluation", one.name()));
        one.attempt(Measured::finish);
    }
    for device in &devices {
        begin(format!("{}: large products, copies, launches", device.info));
        enter(device);
        let found = probes::measure(device);
        for one in measured.iter_mut().filter(|one| one.row.is_of(device)) {
            match &found {
                Ok(found) => one.row.probes = Some(found.clone()),
                Err(error) => one.row.fail(error),
            }
        }
    }
    let mut rows = Vec::new();
    for mut one in measured {
        begin(format!("{}: its losses beside the CPU's", one.name()));
        one.compare_losses()?;
        rows.push(one.row);
    }
    row::rank(&mut rows);
    rows.sort_by_key(|row| row.rank.unwrap_or(usize::MAX));
    Ok(rows)
}

/// CubeCL keeps its files in one place at a time: that of the device whose turn it is.
fn enter(device: &Device) {
    if let Some(store) = device.adapter().and_then(Store::of) {
        store.take_tuning();
    }
}

/// A row in the making.
struct Measured {
    session: Option<Session>,
    row: Row,
    network: Architecture,
    config: Config,
    losses: Vec<f64>,
    /// That were waited for once.
    stretches: Vec<Stretch>,
    /// The same of steps that were launched one by one, on an adapter.
    launched: Vec<Stretch>,
}

/// Steps one after another.
#[derive(Clone, Copy)]
struct Stretch {
    images: usize,
    seconds: f64,
    host_ms: Option<HostTime>,
}

impl Measured {
    fn name(&self) -> String {
        let Row {
            name,
            api,
            kernels,
            batch_size,
            ..
        } = &self.row;
        format!("{}, {kernels}, batch {batch_size}", with_api(name, api))
    }

    fn start(device: &Device, network: &Architecture, config: Config) -> Self {
        let mut measured = Self {
            session: None,
            row: Row::new(device, network, &config),
            network: network.clone(),
            config,
            losses: Vec::new(),
            stretches: Vec::new(),
            launched: Vec::new(),
        };
        enter(device);
        pollster::block_on(choose_or_warn(device, &measured.config, network));
        let memory = memory::Watch::start();
        let reserved = device.memory_reserved();
        let first = |config: &Config| -> Result<(Session, f64), DeviceError> {
            let mut session = Session::new(device, network, config)?;
            let start = Instant::now();
            session.step()?;
            session.wait()?;
            Ok((session, start.elapsed().as_secs_f64()))
        };
        match first(&measured.config) {
            Ok((session, seconds)) => {
                measured.row.first_step_ms = Some(seconds * 1e3);
                measured.session = Some(session);
            }
            Err(error) => measured.row.fail(&error),
        }
        measured.attempt(|one| {
            let warmup = one.config.bench.warmup;
            if let Some(session) = &mut one.session {
                session.steps(warmup)?;
                session.wait()?;
            }
            Ok(())
        });
        measured.row.memory_bytes = match (device.memory_reserved(), reserved) {
            (Some(after), Some(before)) if device.is_gpu() => Some(after.saturating_sub(before)),
            _ => memory.grown().filter(|_| !device.is_gpu()),
        };
        measured
    }

    /// Runs a piece of the measurement; once one fails the row is done.
    fn attempt(&mut self, work: impl FnOnce(&mut Self) -> Result<(), DeviceError>) {
        let Some(session) = &self.session else { return };
        enter(session.device());
        if let Err(error) = work(self) {
            self.row.fail(&error);
            self.session = None;
        }
    }

    /// Steps that are each waited for, then as many that are waited for together.
    fn round(&mut self, round: usize) -> Result<(), DeviceError> {
        let bench = &self.config.bench;
        let steps = share(bench.steps, bench.rounds, round);
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        for _ in 0..session::STEPS_TO_RETURN {
            session.step()?;
        }
        session.wait()?;
        let mut samples = Vec::new();
        for _ in 0..steps {
            let start = Instant::now();
            session.step()?;
            session.wait()?;
            samples.push(start.elapsed().as_secs_f64() * 1e3);
        }
        self.row.samples_ms.push(samples);
        let batch_size = self.config.training.batch_size;
        self.stretches
            .push(stretch(session, steps, batch_size, Session::steps)?);
        if session.device().is_gpu() {
            self.launched
                .push(stretch(session, steps, batch_size, Session::launches)?);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), DeviceError> {
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        let count = (self.config.bench.steps / 5).max(3);
        let mut phases: [Vec<f64>; 3] = Default::default();
        for _ in 0..count {
            for (all, seconds) in phases.iter_mut().zip(session.step_in_phases()?) {
                all.push(seconds * 1e3);
            }
        }
        let [forward, backward, optimizer] = phases.map(|phase| statistics::median(&phase));
        self.row.phases_ms = Some(Phases {
            forward,
            backward,
            optimizer,
            n: count,
        });
        self.row.evaluation_images_per_second = Some(session.evaluate()?);
        self.losses = session.losses()?;

        let samples: Vec<f64> = self.row.samples_ms.concat();
        self.row.step_ms = Some(Spread::of(&samples));
        let rate = images_per_second(&self.stretches);
        self.row.images_per_second = Some(rate);
        if session.device().is_gpu() {
            let mut dispatches = usize::MAX;
            // The first step of an epoch takes in its order besides.
            for _ in 0..2 {
                let (launched, count) = host::count_launches(|| session.launches(1));
                launched?;
                dispatches = dispatches.min(count);
            }
            let device_ms = session.device_ms(count)?;
            self.row.launching = Some(Launching {
                dispatches,
                submits: session.submits()?,
                replayed: session.replays(),
                host_ms: host_ms(&self.stretches),
                launched_host_ms: host_ms(&self.launched),
                launched_images_per_second: images_per_second(&self.launched),
                device_ms,
                tiles: tiles::tiles(session.device().burn()),
            });
        }
        self.row.gflops =
            Some(self.row.gflop_per_step * rate / self.config.training.batch_size as f64);
        Ok(())
    }

    /// Compares the losses with those of the fused kernels on the CPU.
    fn compare_losses(&mut self) -> Result<(), DeviceError> {
        if self.row.error.is_some() {
            return Ok(());
        }
        let work = Work {
            images: session::images(&self.network, &self.config),
            steps: self.losses.len(),
            schedule_steps: session::steps_in_all(&self.config),
        };
        let expected =
            pollster::block_on(losses(&Device::cpu(), &self.config, &self.network, work))?;
        self.row.parity = Some(band::compare(
            &self.losses,
            &expected,
            self.config.doctor.band,
        ));
        Ok(())
    }
}

/// Steps that are waited for together.
fn stretch(
    session: &mut Session,
    steps: usize,
    batch_size: usize,
    queue: impl Fn(&mut Session, usize) -> Result<(), DeviceError>,
) -> Result<Stretch, DeviceError> {
    let (start, watch) = (Instant::now(), Watch::start());
    queue(session, steps)?;
    session.wait()?;
    Ok(Stretch {
        images: steps * batch_size,
        seconds: start.elapsed().as_secs_f64(),
        host_ms: watch.a_step(steps),
    })
}

fn images_per_second(stretches: &[Stretch]) -> f64 {
    let images: usize = stretches.iter().map(|stretch| stretch.images).sum();
    let seconds: f64 = stretches.iter().map(|stretch| stretch.seconds).sum();
    images as f64 / seconds
}

/// The median of each time.
fn host_ms(stretches: &[Stretch]) -> Option<HostTime> {
    let times: Vec<HostTime> = (stretches.iter())
        .map(|stretch| stretch.host_ms)
        .collect::<Option<_>>()?;
    let of = |time: fn(&HostTime) -> f64| {
        statistics::median(&times.iter().map(time).collect::<Vec<_>>())
    };
    Some(HostTime {
        calling: of(|time| time.calling),
        runtime: of(|time| time.runtime),
    })
}

/// How many of `steps` fall into `round` of `rounds`: as even as can be, at least one.
fn share(steps: usize, rounds: usize, round: usize) -> usize {
    let part = steps * (round + 1) / rounds - steps * round / rounds;
    part.max(1)
}
