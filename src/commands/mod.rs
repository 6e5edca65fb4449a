//! The subcommands: each file holds a command's flags and its `run`, which joins the stages.

pub mod bars;
pub mod bench;
mod built_in;
pub mod check;
pub mod completions;
pub mod config;
pub mod data;
pub mod dataset;
pub mod devices;
pub mod doctor;
pub mod evaluate;
pub mod export;
pub mod keeper;
pub mod man;
pub mod predict;
pub mod progress;
pub mod report;
pub mod resume;
pub mod runs;
pub mod runtime_folder;
pub mod seeds;
pub mod train;
pub mod training_run;
pub mod which_run;

pub use which_run::weights_of;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::config::DeviceConfig;
use crate::device::{self, Choice, Device, Injection, inject};
use crate::store::Store;

/// The user asked to stop, and what was done is saved.
#[derive(thiserror::Error, Debug)]
#[error("interrupted; {saved}")]
pub struct Interrupted {
    pub saved: String,
}

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// A flag that Ctrl-C and SIGTERM raise; the second time the program ends at once.
pub fn interrupt_flag() -> Arc<AtomicBool> {
    INTERRUPTED.get_or_init(heed_interrupts).clone()
}

/// The flag of [`interrupt_flag`], in commands that asked for it: others end at once.
pub fn interrupted() -> Option<Arc<AtomicBool>> {
    INTERRUPTED.get().cloned()
}

/// Has Ctrl-C clear the terminal and end the program, in commands that have nothing to save.
pub fn end_on_interrupt() {
    let installed = ctrlc::set_handler(|| {
        bars::clear();
        std::process::exit(130);
    });
    if let Err(error) = installed {
        tracing::debug!("Ctrl-C may leave a bar on the terminal: {error}");
    }
}

fn heed_interrupts() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let installed = ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::SeqCst) {
            bars::clear();
            std::process::exit(130);
        }
    });
    if let Err(error) = installed {
        tracing::debug!("Ctrl-C will end the program without saving: {error}");
    }
    flag
}

/// Chooses and opens the device of the settings, with their kernels, and says which and why.
///
/// # Errors
/// Those of [`device::choose`] and [`device::Choice::open`].
pub fn open_device(config: &DeviceConfig) -> Result<Device, device::DeviceError> {
    let choice = device::choose(config)?;
    let reason = choice.reason.clone();
    let software = choice
        .adapter
        .as_ref()
        .is_some_and(|adapter| adapter.info.is_software());
    let device = open(choice)?.with_kernels(config.kernels);
    let info = &device.info;
    match device.is_gpu() {
        true => tracing::info!(
            "device: {} ({}, {}): {reason}",
            info.name,
            info.api,
            info.adapter_type
        ),
        false => tracing::info!("device: cpu, {}: {reason}", info.name),
    }
    if software {
        tracing::warn!("{} computes on the CPU: --device cpu is faster", info.name);
    }
    Ok(device)
}

/// Opens a chosen device, with what CubeCL keeps between runs in the store of its adapter.
///
/// # Errors
/// Those of [`Choice::open`].
pub fn open(choice: Choice) -> Result<Device, device::DeviceError> {
    let adapter = choice.adapter.as_ref().map(|adapter| &adapter.info);
    if let Some(store) = adapter.and_then(Store::of) {
        store.take_tuning();
    }
    Ok(choice.open()?.injecting(injection()))
}

/// What tests inject into this process.
fn injection() -> Injection {
    static INJECTION: OnceLock<Injection> = OnceLock::new();
    let read = || {
        let text = std::env::var(inject::VARIABLE).unwrap_or_default();
        text.parse().unwrap_or_else(|error| {
            tracing::warn!("{}: {error}", inject::VARIABLE);
            Injection::default()
        })
    };
    INJECTION.get_or_init(read).clone()
}
