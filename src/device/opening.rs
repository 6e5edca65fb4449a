//! Opens the device of the settings, with what CubeCL keeps in the store of its adapter.

use std::sync::OnceLock;

use super::store::Store;
use super::{Choice, Device, DeviceError, Injection, choose};
use crate::config::DeviceConfig;

/// Chooses and opens the device of the settings, with their kernels, and says which and why.
///
/// # Errors
/// Those of [`choose`] and [`Choice::open`].
pub fn open_device(config: &DeviceConfig) -> Result<Device, DeviceError> {
    let choice = choose(config)?;
    let reason = choice.reason.clone();
    let software = choice
        .adapter
        .as_ref()
        .is_some_and(|adapter| adapter.info.is_software());
    let device = open(choice)?
        .with_kernels(config.kernels)
        .with_replays(config.replay);
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

/// Opens a chosen device, with what CubeCL keeps between runs in the store of its adapter, and the tiles that were found
/// fastest on it.
///
/// # Errors
/// Those of [`Choice::open`].
pub fn open(choice: Choice) -> Result<Device, DeviceError> {
    let adapter = choice.adapter.as_ref().map(|adapter| &adapter.info);
    let store = adapter.and_then(Store::of);
    if let Some(store) = &store {
        store.take_tuning();
    }
    let device = choice.open()?.injecting(injection());
    if let Some(store) = store {
        device.use_fastest(&store.timed());
    }
    Ok(device)
}

/// What tests inject into this process; undocumented.
fn injection() -> Injection {
    const VARIABLE: &str = "GPU_MNIST_INJECT";
    static INJECTION: OnceLock<Injection> = OnceLock::new();
    let read = || {
        let text = std::env::var(VARIABLE).unwrap_or_default();
        text.parse().unwrap_or_else(|error| {
            tracing::warn!("{}: {error}", VARIABLE);
            Injection::default()
        })
    };
    INJECTION.get_or_init(read).clone()
}
