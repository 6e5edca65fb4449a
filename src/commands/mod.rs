//! The subcommands: each file holds a command's flags and its `run`, which joins the stages.

pub mod config;
pub mod data;
pub mod dataset;
pub mod devices;
pub mod evaluate;
pub mod keeper;
pub mod progress;
pub mod resume;
pub mod train;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::DeviceConfig;
use crate::device::{self, Device};

/// The user asked to stop, and what was done is saved.
#[derive(thiserror::Error, Debug)]
#[error("interrupted; {saved}")]
pub struct Interrupted {
    pub saved: String,
}

/// A flag that Ctrl-C and SIGTERM raise; the second time the program ends at once.
pub fn interrupt_flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let installed = ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
    if let Err(error) = installed {
        tracing::debug!("Ctrl-C will end the program without saving: {error}");
    }
    flag
}

/// Chooses and opens the device of the settings, and says which and why.
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
    let device = choice.open()?;
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
