//! `gpu-mnist bench`: times the same training work on every adapter and the CPU.

mod devices;

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, ValueHint};

use super::args::{
    SeedArgs, SettingsArgs, TableFormatArgs, adapter_of_environment, resolve, value_name,
};
use crate::bench::compare::{self, FORMAT, Key, Measurement, Outcome, Work};
use crate::bench::{self, Plan};
use crate::checks::WrongNumbers;
use crate::config::{Config, ConfigError};
use crate::data::synthetic;
use crate::device::store::KERNEL_SET;
use crate::device::{self, Device};
use crate::exit::UsageError;
use crate::files::{unwritten, write_atomically};
use crate::kernels::Kernels;
use crate::report::bench::render;
use crate::report::look::Look;
use crate::terminal::bars::Shown;
use crate::terminal::interrupt::end_on_interrupt;
use crate::terminal::print;
use devices::BenchDeviceArgs;

/// Flags of `bench`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist bench                                       hardware, and the CPU
  gpu-mnist bench --adapter 0,cpu --kernels fused,burn  four rows
  gpu-mnist bench --save before.json                    then update the driver
  gpu-mnist bench --compare before.json --fail-if-slower 10")]
pub struct BenchArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    devices: BenchDeviceArgs,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The work that is measured.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training")]
struct WorkArgs {
    /// Training steps that are timed [default: 100]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    steps: Option<i64>,
    /// Training steps before that [default: 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    warmup: Option<i64>,
    /// Images in a step; several, separated by commas, are rows of their own [default: 256]
    #[arg(
        long,
        value_name = "N,...",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    batch_size: Vec<i64>,
    /// Whose operations compute the network; both, separated by a comma, are rows of their own
    /// [default: fused]
    #[arg(long, value_enum, value_delimiter = ',')]
    kernels: Vec<Kernels>,
}

/// Where the measurement goes, and what it is compared with.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    #[command(flatten)]
    format: TableFormatArgs,
    /// Keep the measurement, with every sample, for a later --compare
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    save: Option<PathBuf>,
    /// Say for each row whether it is faster or slower than in a saved measurement
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    compare: Option<PathBuf>,
    /// End with exit code 1 when a row is slower by more than so many percent, or none can be
    /// compared
    #[arg(
        long,
        value_name = "PERCENT",
        requires = "compare",
        allow_negative_numbers = true
    )]
    fail_if_slower: Option<f64>,
}

/// # Errors
/// Settings, devices, the saved measurement, each with its exit code; [`WrongNumbers`] after the
/// report when the losses of a row left the band.
pub fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let config = config(args)?;
    let plan = plan(args, &config)?;
    let output = &args.output;
    let then = output.compare.as_deref().map(compare::load).transpose()?;
    if let Some(save) = &output.save {
        check_place(save)?;
    }
    device::environment()?;
    end_on_interrupt();
    let devices = devices::open(&args.devices, &config.device)?;
    let work = Work::of(&config);
    if let Some(then) = &then {
        let rows = keys(&devices, &plan);
        let nothing = compare::nothing_comparable(&rows, &work, then);
        refuse_or_warn(args, nothing)?;
    }
    let bar = Shown::bar("measuring");
    let tell = &mut |progress: bench::Progress| {
        tracing::debug!("{}", progress.doing);
        if let Some(bar) = &bar {
            bar.set(progress.done, progress.of, 0);
            bar.say(progress.doing);
        }
    };
    if bar.is_none() {
        let names: Vec<String> = devices.iter().map(|one| one.info.to_string()).collect();
        tracing::info!("measuring {}", names.join("; "));
    }
    // Inside the pool, as training is, so that no kernel on the CPU first has to wake a thread.
    let rows = rayon::scope(|_| bench::run(devices, &plan, &config, tell));
    drop(bar);
    let rows = rows?;
    let measurement = Measurement {
        format: FORMAT.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        libraries: env!("GPU_MNIST_VERSIONS").into(),
        kernel_set: KERNEL_SET.into(),
        build: env!("GPU_MNIST_PROFILE").into(),
        os: os_info::get().to_string(),
        time: jiff::Timestamp::now().to_string(),
        comparison: then.map(|then| compare::compare(&rows, &work, &then, config.bench.margin)),
        work,
        rows,
    };
    if let Some(save) = &output.save {
        let text = serde_json::to_string(&measurement)? + "\n";
        write_atomically(save, text.as_bytes()).map_err(|error| {
            let what = format!("--save {}", save.display());
            unwritten(&what, &error, "name another file")
        })?;
    }
    let format = output.format.format();
    print(&render(&measurement, format, &Look::of_stdout(false))?)?;
    verdict(args, &measurement)
}

/// The rows that `plan` will have on `devices`.
fn keys(devices: &[Device], plan: &Plan) -> Vec<Key> {
    let mut keys = Vec::new();
    for device in devices {
        for &batch_size in &plan.batch_sizes {
            for &kernels in &plan.kernels {
                keys.push(Key {
                    name: device.info.name.clone(),
                    api: device.info.api.clone(),
                    bus: device.adapter().map(|adapter| adapter.bus.clone()),
                    kernels,
                    batch_size,
                });
            }
        }
    }
    keys
}

/// What cannot be compared is known before minutes of measuring.
fn refuse_or_warn(args: &BenchArgs, nothing: Option<String>) -> anyhow::Result<()> {
    let (Some(reason), Some(path)) = (nothing, &args.output.compare) else {
        return Ok(());
    };
    let text = format!(
        "--compare {}: nothing can be compared: {reason}",
        path.display()
    );
    match args.output.fail_if_slower {
        Some(_) => bail!("{text}; measure as it was measured, or save it anew with --save"),
        None => {
            tracing::warn!("{text}");
            Ok(())
        }
    }
}

fn config(args: &BenchArgs) -> Result<Config, ConfigError> {
    let mut layers = args.settings.layers()?;
    args.seed.apply(&mut layers)?;
    let BenchDeviceArgs {
        device,
        api,
        hardware_only,
        ..
    } = &args.devices;
    layers.set_flag("device.kind", device.map(value_name), "--device")?;
    if args.devices.adapter.is_empty() && args.devices.adapters.is_none() {
        adapter_of_environment(&mut layers)?;
    }
    layers.set_flag("device.api", api.map(value_name), "--api")?;
    let hardware_only = hardware_only.then_some(true);
    layers.set_flag("device.hardware_only", hardware_only, "--hardware-only")?;
    let work = &args.work;
    layers.set_flag("bench.steps", work.steps, "--steps")?;
    layers.set_flag("bench.warmup", work.warmup, "--warmup")?;
    // Each is checked as a setting.
    for &size in &work.batch_size {
        layers.set_flag("training.batch_size", Some(size), "--batch-size")?;
        layers.resolve()?;
    }
    resolve(&layers)
}

fn plan(args: &BenchArgs, config: &Config) -> anyhow::Result<Plan> {
    if args
        .output
        .fail_if_slower
        .is_some_and(|percent| !(0.0..=1e6).contains(&percent))
    {
        let percent = args.output.fail_if_slower.unwrap_or_default();
        let reason = format!("--fail-if-slower {percent}: must be 0 or more percent, such as 10");
        return Err(UsageError(reason).into());
    }
    let batch_sizes = match args.work.batch_size.is_empty() {
        true => vec![config.training.batch_size],
        false => (args.work.batch_size.iter())
            .map(|&size| usize::try_from(size).unwrap_or(1))
            .collect(),
    };
    let kernels = match args.work.kernels.is_empty() {
        true => vec![config.device.kernels],
        false => args.work.kernels.clone(),
    };
    Ok(Plan {
        network: synthetic::network(&config.model),
        batch_sizes,
        kernels,
    })
}

/// Refuses a place for --save before minutes of measuring, not after.
fn check_place(save: &Path) -> anyhow::Result<()> {
    let folder = save
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let there = folder.is_none_or(Path::is_dir);
    if save.is_dir() || !there {
        return Err(UsageError(format!(
            "--save {}: no place for a file; name one in a folder that is there",
            save.display()
        ))
        .into());
    }
    Ok(())
}

fn verdict(args: &BenchArgs, measurement: &Measurement) -> anyhow::Result<()> {
    for row in &measurement.rows {
        if let Some(error) = &row.error {
            bail!("{} could not be measured: {error}", row.name);
        }
        if let Some(parity) = row.parity.filter(|parity| !parity.ok) {
            return Err(WrongNumbers {
                device: row.name.clone(),
                failed: format!(
                    "with {} kernels the losses leave the band of {} at step {}",
                    row.kernels, parity.band, parity.step
                ),
            }
            .into());
        }
    }
    let (Some(percent), Some(comparison)) = (args.output.fail_if_slower, &measurement.comparison)
    else {
        return Ok(());
    };
    if comparison
        .iter()
        .all(|row| row.outcome == Outcome::NotComparable)
    {
        bail!("--fail-if-slower {percent}: no row could be compared; the table says why of each");
    }
    let slower: Vec<String> = compare::slower_than(comparison, percent)
        .iter()
        .map(|row| {
            let more = (row.ratio.unwrap_or(1.0) - 1.0) * 100.0;
            format!("{} ({}) by {more:.1} %", row.name, row.kernels)
        })
        .collect();
    if !slower.is_empty() {
        bail!(
            "--fail-if-slower {percent}: slower: {}; the table has the intervals",
            slower.join(", ")
        );
    }
    Ok(())
}
