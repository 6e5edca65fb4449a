//! The errors of a session, in one line each: the core's own texts name flags of the command line,
//! which a page does not have.

use super::Host;
use crate::config::ConfigError;
use crate::data::DataError;
use crate::device::{DeviceError, Fault};
use crate::training::TrainingError;
use crate::wording::rate_text;

/// A request that cannot be followed: names the thing, what is wrong, and the next step.
#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
#[error("{0}")]
pub struct SessionError(pub String);

impl From<ConfigError> for SessionError {
    fn from(error: ConfigError) -> Self {
        Self(match error {
            ConfigError::UnknownKey { key, hint, .. } => {
                format!("no setting is called '{key}'{hint}")
            }
            ConfigError::Section { key, example, .. } => {
                format!("{key} is a section of settings: name one of them, such as {example}")
            }
            ConfigError::WrongType {
                key,
                expected,
                found,
                ..
            } => format!("{key}: give {expected}, not {found}"),
            ConfigError::Invalid {
                key, value, reason, ..
            } => format!("{key} = {value}: {}", reason.replace("--set ", "")),
            other => one_line(&other.to_string()),
        })
    }
}

impl From<DataError> for SessionError {
    fn from(error: DataError) -> Self {
        Self(match error {
            DataError::Damaged { path, fault, .. } => format!(
                "{}: {fault}; {}, or choose another data set",
                path.display(),
                fault.advice()
            ),
            DataError::Missing {
                folder, missing, ..
            } => format!(
                "{}: {} missing; a data set needs its four files together",
                folder.display(),
                missing.join(", ")
            ),
            other => one_line(&other.to_string()),
        })
    }
}

impl From<DeviceError> for SessionError {
    fn from(error: DeviceError) -> Self {
        Self(match error {
            DeviceError::Open { adapter, reason } => format!(
                "{adapter} could not be opened: {}; choose the CPU, or update the browser or the driver",
                one_line(&reason)
            ),
            DeviceError::Failed {
                device,
                doing,
                fault,
                reason,
            } => format!(
                "{device} failed while {doing}: {fault}: {}; {}",
                one_line(&reason),
                advice(fault)
            ),
            other => one_line(&other.to_string()),
        })
    }
}

impl From<TrainingError> for SessionError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Diverged {
                what,
                step,
                suggestion,
                ..
            } => Self(format!(
                "{what} at step {step}; lower the learning rate, for example to {}",
                rate_text(suggestion)
            )),
            TrainingError::Device(error) => error.into(),
        }
    }
}

/// Why there is no adapter, and which setting of a browser may give one.
pub(super) fn no_adapter(host: &Host) -> String {
    if !host.secure {
        return "no WebGPU: browsers allow it over https and on localhost only".into();
    }
    let reason = match host.webgpu {
        true => "WebGPU gives no adapter",
        false => "no WebGPU in this browser",
    };
    format!(
        "{reason}; settings that turn it on: chrome://flags/#enable-unsafe-webgpu in Chrome and Edge, dom.webgpu.enabled in Firefox's about:config, Feature Flags: WebGPU in Safari"
    )
}

fn advice(fault: Fault) -> &'static str {
    match fault {
        Fault::Lost => "open the device again, or choose the CPU",
        Fault::OutOfMemory => {
            "choose a smaller batch size, close other pages that use the card, or choose the CPU"
        }
        Fault::Shader => "choose Burn's own operations or the CPU, and report the message",
        Fault::TimeLimit => "choose a smaller batch size or the CPU",
        Fault::Other => "choose the other kernels or the CPU, and report the message",
    }
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
