//! `gpu-mnist doctor`: whether an adapter computes the right numbers, and what a bug report needs.

use clap::Args;

use super::{check, open};
use crate::checks::{self, Group, Scope, WrongNumbers};
use crate::cli::{self, DeviceArgs, SettingsArgs};
use crate::config::Config;
use crate::data::synthetic;
use crate::device::{self, Choice, DeviceError};
use crate::report::doctor::{Examined, Report, text};
use crate::store::{KERNEL_SET, Store};

/// Flags of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Every adapter, software too, and the CPU
    #[arg(long, conflicts_with_all = ["device", "adapter", "hardware_only"])]
    all: bool,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// # Errors
/// [`WrongNumbers`] after the report, when anything failed; [`DeviceError`] when a device is not
/// there or cannot be opened.
pub fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let mut layers = args.settings.layers()?;
    args.device.apply(&mut layers)?;
    let config = cli::resolve(&layers)?;
    let choices = match args.all {
        true => everything(&config),
        false => vec![device::choose(&config.device)?],
    };
    let mut unopened = None;
    let devices: Vec<Examined> = choices
        .into_iter()
        .map(|choice| examine(choice, &config, &mut unopened))
        .collect();
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        libraries: env!("GPU_MNIST_VERSIONS"),
        kernel_set: KERNEL_SET,
        os: os_info::get().to_string(),
        passed: devices.iter().all(|device| device.passed),
        devices,
    };
    cli::print(&match args.json {
        true => serde_json::to_string(&report)? + "\n",
        false => text(&report),
    })?;
    let wrong = report
        .devices
        .iter()
        .find(|device| !device.failed.is_empty());
    if let Some(device) = wrong {
        return Err(WrongNumbers {
            device: device.name.clone(),
            failed: device.failed.join("; "),
        }
        .into());
    }
    match unopened {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

fn everything(config: &Config) -> Vec<Choice> {
    let cpu = Choice {
        adapter: None,
        reason: "--all".into(),
    };
    device::adapters(config.device.api)
        .into_iter()
        .map(|adapter| Choice {
            adapter: Some(adapter),
            reason: "--all".into(),
        })
        .chain([cpu])
        .collect()
}

fn examine(choice: Choice, config: &Config, unopened: &mut Option<DeviceError>) -> Examined {
    let adapter = choice.adapter.as_ref().map(|adapter| adapter.info.clone());
    let capabilities = choice.adapter.as_ref().map(device::Adapter::capabilities);
    let mut examined = Examined {
        name: adapter
            .as_ref()
            .map_or_else(|| "the CPU".into(), ToString::to_string),
        device: None,
        store: adapter
            .as_ref()
            .and_then(Store::of)
            .map(|store| store.folder()),
        adapter,
        capabilities,
        error: None,
        findings: Vec::new(),
        failed: Vec::new(),
        passed: false,
    };
    tracing::info!("checking {}", examined.name);
    let device = match open(choice) {
        Ok(device) => device,
        Err(error) => {
            examined.error = Some(error.to_string());
            unopened.get_or_insert(error);
            return examined;
        }
    };
    examined.device = Some(device.info.clone());
    let network = synthetic::network(&config.model);
    examined.findings = pollster::block_on(checks::run(
        &device,
        config,
        &network,
        Scope::full(config),
        &[Group::Shared, Group::Fused, Group::Stock],
        &mut |finding| match finding.passed {
            true => tracing::debug!("{} {}, {}: right", finding.op, finding.shape, finding.part),
            false => tracing::warn!("{} {}, {}: wrong", finding.op, finding.shape, finding.part),
        },
    ));
    examined.failed = checks::failures(&examined.findings);
    examined.passed = examined.failed.is_empty();
    if let Some(adapter) = device.adapter() {
        check::remember_findings(adapter, &network, &examined.findings);
    }
    examined
}
