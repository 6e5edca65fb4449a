//! What both benchmarks need: the devices and the default settings.

use gpu_mnist::config::{Config, DeviceConfig, DeviceKind, Layers};
use gpu_mnist::device::{self, Device};

/// The CPU, and the best adapter if there is one; `GPU_MNIST_BENCH_DEVICE=cpu` leaves the adapter out.
pub fn devices() -> Vec<(String, Device)> {
    let mut devices = vec![("cpu".to_string(), Device::cpu())];
    if std::env::var("GPU_MNIST_BENCH_DEVICE").is_ok_and(|wanted| wanted == "cpu") {
        return devices;
    }
    let config = DeviceConfig {
        kind: DeviceKind::Gpu,
        adapter: std::env::var("WGPU_ADAPTER_NAME").unwrap_or_default(),
        ..settings().device
    };
    match device::choose(&config).and_then(device::Choice::open) {
        Ok(adapter) => devices.push((adapter.info.name.replace('/', "-"), adapter)),
        Err(error) => eprintln!("no adapter is measured: {error}"),
    }
    devices
}

/// The default settings.
pub fn settings() -> Config {
    Layers::default().resolve().expect("the defaults are valid")
}
