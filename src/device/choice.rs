//! Which adapter a run uses, by the settings, and why.

#[cfg(not(target_family = "wasm"))]
use super::Device;
use super::DeviceError;
use super::adapters::{Adapter, AdapterInfo};
use crate::config::{Api, DeviceConfig, DeviceKind};

/// A device that was chosen, and why in one line.
pub struct Choice {
    /// `None` is the CPU.
    pub adapter: Option<Adapter>,
    /// Why this one.
    pub reason: String,
}

impl Choice {
    /// Opens the device for computing.
    ///
    /// # Errors
    /// [`DeviceError::Open`] when the driver refuses.
    #[cfg(not(target_family = "wasm"))]
    pub fn open(self) -> Result<Device, DeviceError> {
        match self.adapter {
            None => Ok(Device::cpu()),
            Some(adapter) => Device::from_adapter(adapter),
        }
    }
}

/// As [`choose_from`] among the adapters of this machine.
///
/// # Errors
/// [`DeviceError::NoAdapter`], [`DeviceError::OnlySoftware`] or [`DeviceError::NoMatch`].
#[cfg(not(target_family = "wasm"))]
pub fn choose(config: &DeviceConfig) -> Result<Choice, DeviceError> {
    match config.kind {
        DeviceKind::Cpu => choose_from(Vec::new(), config),
        _ => {
            super::environment()?;
            choose_from(super::adapters(config.api), config)
        }
    }
}

/// Chooses a device among `found` (best first) as the settings ask (`DESIGN.md`, section 1).
///
/// # Errors
/// As [`choose`].
pub fn choose_from(found: Vec<Adapter>, config: &DeviceConfig) -> Result<Choice, DeviceError> {
    if config.kind == DeviceKind::Cpu {
        return Ok(cpu("--device cpu".into()));
    }
    let infos: Vec<AdapterInfo> = found.iter().map(|adapter| adapter.info.clone()).collect();
    match select(&infos, config)? {
        (Some(position), reason) => Ok(Choice {
            adapter: found.into_iter().nth(position),
            reason,
        }),
        (None, reason) => Ok(cpu(reason)),
    }
}

/// The choice among `infos` (best first): a position, or `None` for the CPU, and the reason.
///
/// # Errors
/// As [`choose`].
pub fn select(
    infos: &[AdapterInfo],
    config: &DeviceConfig,
) -> Result<(Option<usize>, String), DeviceError> {
    let filter = match config.api {
        Api::Any => String::new(),
        api => format!(" for --api {}", format!("{api:?}").to_lowercase()),
    };
    let allowed = |info: &AdapterInfo| !(config.hardware_only && info.is_software());
    if !config.adapter.is_empty() {
        let position = fitting(infos, &config.adapter)
            .first()
            .copied()
            .ok_or_else(|| {
                if infos.is_empty() {
                    DeviceError::NoAdapter {
                        filter: filter.clone(),
                    }
                } else {
                    DeviceError::NoMatch {
                        wanted: config.adapter.clone(),
                        found: list(infos),
                    }
                }
            })?;
        if !allowed(&infos[position]) {
            return Err(DeviceError::OnlySoftware {
                found: list(&infos[position..=position]),
            });
        }
        let fitting = fitting(infos, &config.adapter);
        let several = match fitting.len() {
            0 | 1 => String::new(),
            several => format!(", the best of {several} that fit"),
        };
        let reason = format!("--adapter {}{several}", config.adapter);
        return Ok((Some(position), reason));
    }
    if let Some(position) = infos.iter().position(|info| !info.is_software()) {
        return Ok((Some(position), "the best hardware adapter".into()));
    }
    match (config.kind, infos.is_empty()) {
        (DeviceKind::Auto, true) => Ok((None, format!("no GPU adapter found{filter}"))),
        (DeviceKind::Auto, false) => Ok((
            None,
            format!("no hardware adapter, only software ({})", infos[0].name),
        )),
        (_, true) => Err(DeviceError::NoAdapter { filter }),
        (_, false) if config.hardware_only => Err(DeviceError::OnlySoftware { found: list(infos) }),
        (_, false) => Ok((Some(0), "a software adapter: no hardware found".into())),
    }
}

/// The places of the adapters that `wanted` names: the one of that number, else all with it in
/// their name, whole words before parts of others.
pub fn fitting(infos: &[AdapterInfo], wanted: &str) -> Vec<usize> {
    let number = wanted.parse::<usize>().ok();
    let numbered = infos.iter().position(|info| Some(info.index) == number);
    if let Some(position) = numbered {
        return vec![position];
    }
    let wanted = wanted.to_lowercase();
    let with = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let all = infos.iter().enumerate();
        let fitting = all.filter(|(_, info)| fits(&info.name.to_lowercase()));
        fitting.map(|(position, _)| position).collect()
    };
    let words = with(&|name| {
        let mut words = name.split(|letter: char| !letter.is_alphanumeric());
        words.any(|word| word == wanted)
    });
    match words.is_empty() {
        true => with(&|name| name.contains(&wanted)),
        false => words,
    }
}

/// The adapters as messages list them, a line each.
pub fn list<'a>(infos: impl IntoIterator<Item = &'a AdapterInfo>) -> String {
    infos
        .into_iter()
        .map(|info| format!("  {}: {info}\n", info.index))
        .collect()
}

fn cpu(reason: String) -> Choice {
    Choice {
        adapter: None,
        reason,
    }
}
