//! `gpu-mnist doctor`: whether an adapter computes the right numbers, and what a bug report needs.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::args::{ComputeArgs, FormatArgs, SeedArgs, TRAINING, resolve};
use crate::checks::before_training::remember_findings;
use crate::checks::tiles;
use crate::checks::{self, Finding, Group, Scope, WrongNumbers, shaders};
use crate::config::{Config, Layers};
use crate::data::synthetic;
use crate::device::opening::open;
use crate::device::store::{KERNEL_SET, Store};
use crate::device::{self, Choice, DeviceError};
use crate::files::{unwritten, write_atomically};
use crate::kernels::tiles::TileProfile;
use crate::report::doctor::{Examined, Report, text};
use crate::report::look::Look;
use crate::terminal::bars::Shown;
use crate::terminal::interrupt::end_on_interrupt;
use crate::terminal::print;
use crate::wording::count;

/// Flags of `doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist doctor                       what a training would use
  gpu-mnist doctor --all                 every adapter and the CPU
  gpu-mnist doctor --adapter 0 --report  with what a bug report needs")]
pub struct DoctorArgs {
    #[command(flatten)]
    compute: ComputeArgs,
    #[command(flatten)]
    seed: SeedArgs,
    /// Every adapter, software too, and the CPU
    #[arg(long, conflicts_with_all = ["device", "adapter", "hardware_only"])]
    #[arg(help_heading = "Device")]
    all: bool,
    /// Print what a bug report needs too: versions, drivers, limits, features
    #[arg(long, help_heading = "Output")]
    report: bool,
    /// Print every comparison, not one line an operation
    #[arg(long, help_heading = "Output")]
    details: bool,
    /// Write every shader that the network launches, with all tiles that the adapter can use, into DIR and stop
    #[arg(long, value_name = "DIR", conflicts_with_all = ["all", "report", "details"])]
    #[arg(help_heading = "Output", value_hint = ValueHint::DirPath)]
    shaders: Option<PathBuf>,
    #[command(flatten)]
    output: FormatArgs,
}

/// # Errors
/// [`WrongNumbers`] after the report, when anything failed; [`DeviceError`] when a device is not
/// there or cannot be opened.
pub fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    args.compute.settings.only("doctor", &TRAINING)?;
    let mut layers = args.compute.over(Layers::default())?;
    args.seed.apply(&mut layers)?;
    let config = resolve(&layers)?;
    device::environment()?;
    end_on_interrupt();
    if let Some(folder) = &args.shaders {
        return write_shaders(folder, &config);
    }
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
    print(&match args.output.json() {
        true => serde_json::to_string(&report)? + "\n",
        false => text(&report, args.report, &Look::of_stdout(args.details)),
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

/// Writes what [`shaders::launched`] gives into `folder`.
fn write_shaders(folder: &Path, config: &Config) -> anyhow::Result<()> {
    let choice = device::choose(&config.device)?;
    anyhow::ensure!(
        choice.adapter.is_some(),
        "--shaders: the CPU launches no shader; choose an adapter (`gpu-mnist devices` lists them)"
    );
    let network = synthetic::network(&config.model);
    let device = open(choice)?;
    let subgroup = device.adapter().and_then(|adapter| adapter.subgroup);
    let profiles = TileProfile::ALL.into_iter();
    let profiles: Vec<_> = profiles
        .chain(TileProfile::with_subgroups(subgroup))
        .collect();
    let shaders = shaders::launched(&device, config, &network, &profiles);
    let shaders = pollster::block_on(shaders)?;
    for shader in &shaders {
        let path = folder.join(&shader.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| write_atomically(&path, shader.text.as_bytes()))
            .map_err(|error| {
                let what = format!("--shaders {}", folder.display());
                unwritten(&what, &error, "name another folder")
            })?;
    }
    print(&format!(
        "{} in {}\n",
        count(shaders.len(), "shader"),
        folder.display()
    ))
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
    let mark = Shown::mark("checking");
    pollster::block_on(tiles::choose_or_warn(&device, config, &network));
    let mut heard = |finding: &Finding| {
        if let Some(mark) = &mark {
            mark.say(format!("{} {}", finding.op, finding.shape));
        }
        match finding.passed {
            true => tracing::debug!("{} {}, {}: right", finding.op, finding.shape, finding.part),
            false => tracing::warn!("{} {}, {}: wrong", finding.op, finding.shape, finding.part),
        }
    };
    let mut check = || {
        pollster::block_on(checks::run(
            &device,
            config,
            &network,
            Scope::full(config),
            &[Group::Shared, Group::Fused, Group::Burn],
            &mut heard,
        ))
    };
    examined.findings = check();
    if tiles::forget(&device, &examined.findings) {
        tracing::warn!(
            "{}: checking the usual tiles in place of the fastest",
            examined.name
        );
        examined.findings = check();
    }
    drop(mark);
    examined.failed = checks::failures(&examined.findings);
    examined.passed = examined.failed.is_empty();
    if let Some(adapter) = device.adapter() {
        remember_findings(adapter, &network, &examined.findings);
    }
    examined
}
