//! Which devices `bench` measures: the flags, and what they choose.

use clap::Args;

use crate::commands::completion;
use crate::config::{Api, DeviceConfig, DeviceKind};
use crate::device::{self, AdapterInfo, Choice, Device, DeviceError, opening};
use crate::exit::UsageError;

/// What to measure.
#[derive(Args, Debug)]
#[command(next_help_heading = "Device")]
pub struct BenchDeviceArgs {
    /// What to measure: auto (every hardware adapter, and the CPU), gpu (adapters alone) or cpu
    /// [default: auto]
    #[arg(long, value_enum, hide_possible_values = true)]
    pub device: Option<DeviceKind>,
    /// Adapters of `gpu-mnist devices`, by number or part of their names, and cpu, separated by
    /// commas [default: as --device says]
    #[arg(long, value_name = "INDEX|NAME,...", add = completion::adapters())]
    #[arg(value_delimiter = ',', allow_negative_numbers = true)]
    pub adapter: Vec<String>,
    /// Only adapters of this API [default: any]
    #[arg(long, value_enum)]
    pub api: Option<Api>,
    /// Software adapters too, where no --adapter names one
    #[arg(long, conflicts_with = "hardware_only")]
    pub include_software: bool,
    /// Refuse software adapters
    #[arg(long)]
    pub hardware_only: bool,
    /// Older words for --adapter and --device
    #[arg(
        long,
        value_name = "all|INDEX,...",
        hide = true,
        conflicts_with = "adapter"
    )]
    pub adapters: Option<String>,
    #[arg(long, hide = true)]
    pub cpu: bool,
}

/// The devices to measure, opened.
///
/// # Errors
/// [`DeviceError`], and words that name no device.
pub fn open(asked: &BenchDeviceArgs, settings: &DeviceConfig) -> anyhow::Result<Vec<Device>> {
    let named = named(asked, settings)?;
    let adapters = match (&named, settings.kind) {
        (None, DeviceKind::Cpu) => Vec::new(),
        _ => device::adapters(settings.api),
    };
    let infos: Vec<AdapterInfo> = adapters.iter().map(|one| one.info.clone()).collect();
    let mut cpu = asked.cpu;
    let mut wanted: Vec<usize> = match &named {
        Some(words) => {
            cpu |= words.iter().any(|word| word == "cpu");
            let words = words.iter().filter(|word| *word != "cpu");
            words
                .map(|word| place_of(word, &infos))
                .collect::<Result<_, _>>()?
        }
        None => {
            let old_words = asked.adapters.is_some() || asked.cpu;
            cpu |=
                settings.kind == DeviceKind::Cpu || settings.kind == DeviceKind::Auto && !old_words;
            let all = 0..infos.len();
            all.filter(|&place| asked.include_software || !infos[place].is_software())
                .collect()
        }
    };
    if let Some(&place) =
        (wanted.iter()).find(|&&place| settings.hardware_only && infos[place].is_software())
    {
        let found = device::list([&infos[place]]);
        return Err(DeviceError::OnlySoftware { found }.into());
    }
    if named.is_none() && wanted.is_empty() {
        match settings.kind {
            DeviceKind::Cpu => {}
            // As in other commands: a software adapter where there is nothing else.
            DeviceKind::Gpu if infos.is_empty() => {
                let filter = String::new();
                return Err(DeviceError::NoAdapter { filter }.into());
            }
            DeviceKind::Gpu if settings.hardware_only => {
                let found = device::list(&infos);
                return Err(DeviceError::OnlySoftware { found }.into());
            }
            DeviceKind::Gpu => {
                tracing::warn!("no hardware adapter: measuring software adapters");
                wanted = (0..infos.len()).collect();
            }
            DeviceKind::Auto => {
                tracing::warn!(
                    "no hardware adapter: measuring the CPU alone (--include-software takes software adapters)"
                );
                cpu = true;
            }
        }
    }
    let mut choices: Vec<Choice> = adapters
        .into_iter()
        .enumerate()
        .filter(|(place, _)| wanted.contains(place))
        .map(|(_, adapter)| Choice {
            adapter: Some(adapter),
            reason: "--adapter".into(),
        })
        .collect();
    if cpu {
        choices.push(Choice {
            adapter: None,
            reason: "--device cpu".into(),
        });
    }
    let opened: Result<Vec<Device>, DeviceError> = choices.into_iter().map(opening::open).collect();
    Ok(opened?)
}

/// The words of `--adapter`, of the settings or of the older flag; `None` for all adapters.
fn named(asked: &BenchDeviceArgs, settings: &DeviceConfig) -> anyhow::Result<Option<Vec<String>>> {
    let words = |text: &str| {
        text.split(',')
            .map(|word| word.trim().to_lowercase())
            .collect()
    };
    if !asked.adapter.is_empty() {
        let named: Vec<String> = words(&asked.adapter.join(","));
        return match named.iter().any(String::is_empty) {
            true => Err(UsageError(
                "--adapter: a name in the list is empty; name adapters by number or part of their names, and cpu".into(),
            )
            .into()),
            false => Ok(Some(named)),
        };
    }
    match asked.adapters.as_deref() {
        Some("all") => Ok(None),
        Some(numbers) => {
            let words: Vec<String> = words(numbers);
            match words.iter().all(|word| word.parse::<usize>().is_ok()) {
                true => Ok(Some(words)),
                false => Err(UsageError(format!(
                    "--adapters {numbers}: neither all nor numbers of `gpu-mnist devices` separated by commas; --adapter takes names too"
                ))
                .into()),
            }
        }
        None if settings.adapter.is_empty() => Ok(None),
        None => Ok(Some(vec![settings.adapter.to_lowercase()])),
    }
}

fn place_of(word: &str, infos: &[AdapterInfo]) -> Result<usize, DeviceError> {
    let places = device::fitting(infos, word);
    places.first().copied().ok_or_else(|| DeviceError::NoMatch {
        wanted: word.into(),
        found: device::list(infos),
    })
}
