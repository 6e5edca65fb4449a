//! Where trainings run side by side on this machine.

use std::collections::HashSet;

use clap::Args;

use crate::commands::args::value_name;
use crate::config::{Api, DeviceConfig, DeviceKind};
use crate::device::{self, AdapterInfo, DeviceError};
use crate::exit::UsageError;
use crate::runs::processes::Slot;

/// Which trainings run side by side here.
#[derive(Args, Debug)]
#[command(next_help_heading = "Device")]
pub struct LocalArgs {
    /// Where to train, separated by commas: all (every hardware adapter, and the processor),
    /// adapters by number or part of their names, cpu [default: the hardware adapters, else cpu]
    #[arg(long, value_name = "LIST")]
    adapters: Option<String>,
    /// Trainings side by side on the processor, each with its share of the threads [default: of a
    /// sweep one a thread, of several seeds one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    #[arg(allow_negative_numbers = true)]
    jobs: Option<u32>,
}

impl LocalArgs {
    /// The flags with which someone asks for trainings side by side; empty where nobody does.
    pub fn given(&self) -> String {
        let adapters = self.adapters.as_ref().map(|_| "--adapters");
        let jobs = self.jobs.map(|_| "--jobs");
        let given: Vec<&str> = jobs.into_iter().chain(adapters).collect();
        given.join(" and ")
    }
}

fn hardware(infos: &[AdapterInfo]) -> impl Iterator<Item = usize> {
    let hardware = infos.iter().filter(|info| !info.is_software());
    hardware.map(|info| info.index)
}

/// The adapters that a list names, each once, by number, and whether it names the processor.
///
/// # Errors
/// [`DeviceError::NotInList`].
pub fn listed(
    list: &str,
    infos: &[AdapterInfo],
    config: &DeviceConfig,
) -> Result<(Vec<usize>, bool), DeviceError> {
    let mut found: Vec<usize> = Vec::new();
    let mut processor = false;
    let words = list.split(',').map(str::trim);
    for word in words.filter(|word| !word.is_empty()) {
        match word {
            "cpu" => processor = true,
            "all" => {
                found.extend(hardware(infos));
                processor = true;
            }
            word => {
                let one = DeviceConfig {
                    adapter: word.into(),
                    ..config.clone()
                };
                let (place, _) = device::select(infos, &one).map_err(in_list)?;
                found.extend(place.map(|place| infos[place].index));
            }
        }
    }
    // One that is named twice still has room for one training.
    let mut seen = HashSet::new();
    found.retain(|index| seen.insert(*index));
    Ok((found, processor))
}

/// An adapter that is not there, as one of several.
fn in_list(error: DeviceError) -> DeviceError {
    match error {
        DeviceError::NoMatch { wanted, found } => DeviceError::NotInList { wanted, found },
        error => error,
    }
}

/// The places where trainings run; `trainings` is how many there are.
///
/// # Errors
/// [`crate::device::DeviceError`] for an adapter that is not there.
pub fn slots(
    args: &LocalArgs,
    config: &DeviceConfig,
    trainings: usize,
) -> anyhow::Result<Vec<Slot>> {
    let threads = rayon::current_num_threads();
    let on_processor = |beside: usize| {
        let free = threads.saturating_sub(beside).max(1);
        let jobs = args
            .jobs
            .map_or(free, |jobs| jobs as usize)
            .min(trainings.max(1));
        let slot = Slot {
            flags: vec!["--device".into(), "cpu".into()],
            threads: (free / jobs).max(1),
        };
        vec![slot; jobs]
    };
    let named = args.adapters.as_deref();
    if named.is_none() && config.kind == DeviceKind::Cpu {
        return Ok(on_processor(0));
    }
    device::environment()?;
    let infos: Vec<_> = (device::adapters(config.api).into_iter())
        .map(|adapter| adapter.info)
        .collect();
    let mut found: Vec<usize> = Vec::new();
    let mut processor = false;
    match named {
        None if !config.adapter.is_empty() || config.kind == DeviceKind::Gpu => {
            let (place, _) = device::select(&infos, config)?;
            found.extend(place.map(|place| infos[place].index));
        }
        None => {
            found.extend(hardware(&infos));
            processor = found.is_empty();
        }
        Some(list) => {
            (found, processor) = listed(list, &infos, config)?;
        }
    }
    let mut slots: Vec<Slot> = Vec::new();
    for index in &found {
        let mut flags: Vec<String> = ["--device", "gpu", "--adapter"].map(Into::into).into();
        flags.push(index.to_string());
        if config.api != Api::Any {
            flags.extend(["--api".into(), value_name(config.api)]);
        }
        slots.push(Slot {
            flags,
            threads: (threads / found.len()).max(1),
        });
    }
    if processor {
        slots.extend(on_processor(found.len()));
    }
    match slots.is_empty() {
        true => Err(
            UsageError("--adapters: the list is empty; name adapters, cpu, or all".into()).into(),
        ),
        false => Ok(slots),
    }
}
