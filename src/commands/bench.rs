//! `gpu-mnist bench`: times the same training work on every adapter and the CPU.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::open;
use crate::bench::compare::{self, FORMAT, Measurement, Work};
use crate::bench::{self, Plan};
use crate::checks::WrongNumbers;
use crate::cli::{self, SettingsArgs, value_name};
use crate::config::{Api, Config, ConfigError, Kernels, Origin};
use crate::data::synthetic;
use crate::device::{self, Choice, Device, DeviceError};
use crate::report::bench::{Format, render};
use crate::run_folder::write_atomically;
use crate::store::KERNEL_SET;

/// Flags of `bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Adapters of `gpu-mnist devices` by number; all: every hardware adapter
    #[arg(long, value_name = "all|INDEX,...", default_value = "all")]
    adapters: String,
    /// Only adapters of this API
    #[arg(long, value_enum)]
    api: Option<Api>,
    /// The CPU too
    #[arg(long)]
    cpu: bool,
    /// Software adapters too, where all are meant
    #[arg(long)]
    include_software: bool,
    /// Training steps that are timed
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Training steps before that
    #[arg(long, value_name = "N")]
    warmup: Option<u32>,
    /// Pictures in a step; several, separated by commas, are rows of their own
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    batch_size: Vec<u32>,
    /// Whose operations compute the network; both, separated by a comma, are rows of their own
    #[arg(long, value_enum, value_delimiter = ',')]
    kernels: Vec<Kernels>,
    /// How to print the measurement
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Keep the measurement, with every sample, for a later --compare
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Say for each row whether it is faster or slower than in a saved measurement
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// End with exit code 1 when a row is slower by more than so many percent
    #[arg(long, value_name = "PERCENT", requires = "compare")]
    fail_if_slower: Option<f64>,
}

/// # Errors
/// Settings, devices, the saved measurement, each with its exit code; [`WrongNumbers`] after the
/// report when the losses of a row left the band.
pub fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let config = config(args)?;
    let plan = plan(args, &config)?;
    let then = args.compare.as_deref().map(compare::load).transpose()?;
    if let Some(save) = &args.save {
        check_place(save)?;
    }
    let devices = devices(args)?;
    // Inside the pool, as training is, so that no kernel on the CPU first has to wake a thread.
    let rows = rayon::scope(|_| bench::run(devices, &plan, &config))?;
    let work = Work::of(&config);
    let measurement = Measurement {
        format: FORMAT.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        libraries: env!("GPU_MNIST_VERSIONS").into(),
        kernel_set: KERNEL_SET.into(),
        os: os_info::get().to_string(),
        time: jiff::Timestamp::now().to_string(),
        comparison: then.map(|then| compare::compare(&rows, &work, &then, config.bench.margin)),
        work,
        rows,
    };
    if let Some(save) = &args.save {
        let text = serde_json::to_string(&measurement)? + "\n";
        write_atomically(save, text.as_bytes())
            .with_context(|| format!("--save {}: could not be written", save.display()))?;
    }
    let format = if args.json { Format::Json } else { args.format };
    cli::print(&render(&measurement, format)?)?;
    verdict(args, &measurement)
}

fn config(args: &BenchArgs) -> Result<Config, ConfigError> {
    let mut layers = args.settings.layers()?;
    if let Some(api) = args.api {
        layers.set("device.api", value_name(api), Origin::Flag("--api"))?;
    }
    for (key, value, flag) in [
        ("bench.steps", args.steps, "--steps"),
        ("bench.warmup", args.warmup, "--warmup"),
    ] {
        if let Some(value) = value {
            layers.set(key, i64::from(value), Origin::Flag(flag))?;
        }
    }
    // Each is checked as a setting.
    for &size in &args.batch_size {
        let flag = Origin::Flag("--batch-size");
        layers.set("training.batch_size", i64::from(size), flag)?;
        layers.resolve()?;
    }
    cli::resolve(&layers)
}

fn plan(args: &BenchArgs, config: &Config) -> anyhow::Result<Plan> {
    if args
        .fail_if_slower
        .is_some_and(|percent| !(0.0..=1e6).contains(&percent))
    {
        return Err(usage("--fail-if-slower", "must be 0 or more percent"));
    }
    let batch_sizes = match args.batch_size.is_empty() {
        true => vec![config.training.batch_size],
        false => args.batch_size.iter().map(|&size| size as usize).collect(),
    };
    let kernels = match args.kernels.is_empty() {
        true => vec![config.training.kernels],
        false => args.kernels.clone(),
    };
    Ok(Plan {
        network: synthetic::network(&config.model),
        batch_sizes,
        kernels,
    })
}

fn usage(flag: &'static str, reason: impl Into<String>) -> anyhow::Error {
    ConfigError::Invalid {
        key: flag.trim_start_matches('-').into(),
        origin: Origin::Flag(flag),
        value: String::new(),
        reason: reason.into(),
    }
    .into()
}

/// Refuses a place for --save before minutes of measuring, not after.
fn check_place(save: &Path) -> anyhow::Result<()> {
    let folder = save
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let there = folder.is_none_or(Path::is_dir);
    if save.is_dir() || !there {
        return Err(usage(
            "--save",
            format!("{} is no place for a file", save.display()),
        ));
    }
    Ok(())
}

/// The devices to measure, opened.
fn devices(args: &BenchArgs) -> anyhow::Result<Vec<Device>> {
    let adapters = device::adapters(args.api.unwrap_or(Api::Any));
    let wanted = wanted(args)?;
    if let Some(missing) = wanted
        .iter()
        .flatten()
        .find(|index| !adapters.iter().any(|adapter| adapter.info.index == **index))
    {
        return Err(DeviceError::NoMatch {
            wanted: missing.to_string(),
            found: device::list(adapters.iter().map(|adapter| &adapter.info)),
        }
        .into());
    }
    let mut choices: Vec<Choice> = adapters
        .into_iter()
        .filter(|adapter| match &wanted {
            Some(indices) => indices.contains(&adapter.info.index),
            None => args.include_software || !adapter.info.is_software(),
        })
        .map(|adapter| Choice {
            adapter: Some(adapter),
            reason: "--adapters".into(),
        })
        .collect();
    let alone = choices.is_empty() && !args.cpu;
    if alone {
        tracing::warn!(
            "no hardware adapter: measuring the CPU alone (--include-software takes software adapters)"
        );
    }
    if args.cpu || alone {
        choices.push(Choice {
            adapter: None,
            reason: "--cpu".into(),
        });
    }
    let opened: Result<Vec<Device>, DeviceError> = choices.into_iter().map(open).collect();
    Ok(opened?)
}

/// The numbers of `--adapters`; `None` for all.
fn wanted(args: &BenchArgs) -> anyhow::Result<Option<Vec<usize>>> {
    if args.adapters == "all" {
        return Ok(None);
    }
    let indices: Result<Vec<usize>, _> = args
        .adapters
        .split(',')
        .map(|index| index.trim().parse())
        .collect();
    match indices {
        Ok(indices) => Ok(Some(indices)),
        Err(_) => Err(usage(
            "--adapters",
            format!(
                "{} is neither all nor numbers of `gpu-mnist devices` separated by commas",
                args.adapters
            ),
        )),
    }
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
    let (Some(percent), Some(comparison)) = (args.fail_if_slower, &measurement.comparison) else {
        return Ok(());
    };
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
