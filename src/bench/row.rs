//! What was measured of one device with one kernel set and batch size.

use serde::{Deserialize, Serialize};

use super::host::HostTime;
use super::statistics::{median, quantile};
use super::work::gflop_per_step;
use crate::checks::band::Parity;
use crate::config::{Architecture, Config};
use crate::device::{Device, DeviceError};
use crate::kernels::Kernels;
use crate::kernels::tiles::Tiles;

/// What was measured of one device, with one kind of kernels and one batch size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The device.
    pub name: String,
    /// `gpu` or `cpu`.
    pub kind: String,
    /// Its API.
    pub api: String,
    /// Its driver.
    pub driver: String,
    /// wgpu's word for the kind of adapter.
    pub adapter_type: String,
    /// Its number in `gpu-mnist devices`; `None` for the CPU.
    pub index: Option<usize>,
    /// PCI vendor:device, and place on the bus.
    pub id: Option<String>,
    /// Its place on the bus.
    pub bus: Option<String>,
    /// Whose operations computed.
    pub kernels: Kernels,
    /// Images in a step.
    pub batch_size: usize,
    /// By images a second, from 1; `None` for a row whose losses cannot be trusted.
    pub rank: Option<usize>,
    /// The losses beside those of the CPU; `None` when the device failed.
    pub parity: Option<Parity>,
    /// Steps that were each waited for.
    pub step_ms: Option<Spread>,
    /// What launching asks of the host; `None` for the CPU, and in older files.
    #[serde(default)]
    pub launching: Option<Launching>,
    /// Steps waited for after each phase, so their sum is more than a step.
    pub phases_ms: Option<Phases>,
    /// Over steps that were waited for a round at a time, as training does.
    pub images_per_second: Option<f64>,
    /// With the compilation of its shaders, where the driver had not kept them.
    pub first_step_ms: Option<f64>,
    /// Of the evaluation of a split.
    pub evaluation_images_per_second: Option<f64>,
    /// Floating-point operations of a step, in thousands of millions.
    pub gflop_per_step: f64,
    /// Those a second.
    pub gflops: Option<f64>,
    /// What the device can do at best.
    pub probes: Option<Probes>,
    /// By how much the first steps grew what Burn's allocator holds of an adapter, or on the CPU
    /// the process at most.
    pub memory_bytes: Option<u64>,
    /// Why the device failed.
    pub error: Option<String>,
    /// Milliseconds of every timed step, a list a round.
    pub samples_ms: Vec<Vec<f64>>,
}

/// Median and tenths of samples, in their unit; `n` is how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of them are below it.
    pub median: f64,
    /// A tenth of them is below it.
    pub p10: f64,
    /// A tenth of them is above it.
    pub p90: f64,
    /// How many there are.
    pub n: usize,
}

/// Of steps on an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launching {
    /// Of a step that is launched.
    pub dispatches: usize,
    /// A step's share of what is handed to the driver together, replayed where steps are; `None` in older files.
    #[serde(default)]
    pub submits: Option<f64>,
    /// Whether steps were recorded and replayed.
    pub replayed: bool,
    /// Over the steps that `images_per_second` is of; `None` where the system does not tell.
    pub host_ms: Option<HostTime>,
    /// The same of steps that are launched one by one.
    pub launched_host_ms: Option<HostTime>,
    /// Of steps that are launched one by one.
    pub launched_images_per_second: f64,
    /// Milliseconds of the adapter a step, by its own clock and replayed where steps are; `None` where it has no clock,
    /// and in older files.
    #[serde(default)]
    pub device_ms: Option<f64>,
    /// The tiles of the fused kernels; `None` in older files.
    #[serde(default)]
    pub tiles: Option<Tiles>,
}

/// Medians over `n` steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// With the gathering of the batch and the loss.
    pub forward: f64,
    /// The gradients.
    pub backward: f64,
    /// The update.
    pub optimizer: f64,
    /// How many steps.
    pub n: usize,
}

/// What the device can do at best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probes {
    /// The fastest of large products, by Burn's matmul and by our linear kernel.
    pub peak_gflops: f64,
    /// Side of the matrices of that product.
    pub peak_size: usize,
    /// Bytes read and written by adding 1 to every number of 64 MiB.
    pub copy_gb_per_second: f64,
    /// From the host to the device; `None` for the CPU, which shares its memory.
    pub upload_gb_per_second: Option<f64>,
    /// One of many tiny launches in a row.
    pub launch_us: f64,
    /// One tiny launch that is waited for.
    pub round_trip_us: f64,
}

impl Spread {
    /// Of samples in any order; there must be one.
    pub fn of(samples: &[f64]) -> Self {
        Self {
            median: median(samples),
            p10: quantile(samples, 0.1),
            p90: quantile(samples, 0.9),
            n: samples.len(),
        }
    }
}

impl Row {
    /// A row of which nothing is measured yet.
    pub fn new(device: &Device, network: &Architecture, config: &Config) -> Self {
        let adapter = device.adapter();
        Self {
            name: device.info.name.clone(),
            kind: device.info.kind.clone(),
            api: device.info.api.clone(),
            driver: device.info.driver.clone(),
            adapter_type: device.info.adapter_type.clone(),
            index: adapter.map(|adapter| adapter.index),
            id: adapter.map(|adapter| adapter.id.clone()),
            bus: adapter.map(|adapter| adapter.bus.clone()),
            kernels: device.kernels(),
            batch_size: config.training.batch_size,
            rank: None,
            parity: None,
            step_ms: None,
            launching: None,
            phases_ms: None,
            images_per_second: None,
            first_step_ms: None,
            evaluation_images_per_second: None,
            gflop_per_step: gflop_per_step(network, config.training.batch_size),
            gflops: None,
            probes: None,
            memory_bytes: None,
            error: None,
            samples_ms: Vec::new(),
        }
    }

    /// Whether it was measured on this device.
    pub fn is_of(&self, device: &Device) -> bool {
        self.index == device.adapter().map(|adapter| adapter.index)
    }

    /// Keeps why the device failed; the first reason stays.
    pub fn fail(&mut self, error: &DeviceError) {
        self.error.get_or_insert_with(|| error.to_string());
    }

    /// Whether its adapter is software.
    pub fn is_software(&self) -> bool {
        self.adapter_type == "software"
    }

    /// Whether its losses stayed within the band.
    pub fn trusted(&self) -> bool {
        self.error.is_none() && self.parity.is_some_and(|parity| parity.ok)
    }

    /// The share of the measured peak that training reaches.
    pub fn share_of_peak(&self) -> Option<f64> {
        Some(self.gflops? / self.probes.as_ref()?.peak_gflops)
    }
}

/// Numbers the trusted rows by images a second.
pub fn rank(rows: &mut [Row]) {
    let mut order: Vec<usize> = (0..rows.len()).filter(|&row| rows[row].trusted()).collect();
    let rate = |row: &Row| row.images_per_second.unwrap_or(0.0);
    order.sort_by(|&a, &b| rate(&rows[b]).total_cmp(&rate(&rows[a])));
    for row in rows.iter_mut() {
        row.rank = None;
    }
    for (place, row) in order.into_iter().enumerate() {
        rows[row].rank = Some(place + 1);
    }
}
