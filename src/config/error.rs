//! Where a value was set, and settings that cannot be used.

use std::fmt;
use std::path::PathBuf;

use crate::exit::{Code, Exit};

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    Preset(String),
    File(PathBuf),
    Set,
    Flag(&'static str),
    Environment(&'static str),
    /// The check of the adapter before a training.
    Check,
    /// The data set, where a default does not suit it.
    Data,
    /// A training that failed on its device and was tried again.
    Fault,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Set => f.write_str("--set"),
            Self::Flag(flag) => f.write_str(flag),
            Self::Environment(variable) => f.write_str(variable),
            Self::Check => f.write_str("the adapter's check"),
            Self::Data => f.write_str("the data set"),
            Self::Fault => f.write_str("a fault of the device"),
        }
    }
}

/// Settings that cannot be used: names the key, where it was set, and what to write instead.
#[derive(thiserror::Error, Debug)]
pub enum ConfigError {
    #[error("{origin}: unknown setting '{key}'{hint}; `gpu-mnist config` lists all settings")]
    UnknownKey {
        key: String,
        origin: Origin,
        hint: String,
    },
    #[error("{origin}: setting '{key}' must be {expected}, not {found}")]
    WrongType {
        key: String,
        origin: Origin,
        expected: &'static str,
        found: String,
    },
    #[error("{origin}: setting '{key}' = {value}: {reason}")]
    Invalid {
        key: String,
        origin: Origin,
        value: String,
        reason: String,
    },
    #[error("{origin}: not valid TOML: {reason}")]
    Syntax { origin: Origin, reason: String },
    #[error(transparent)]
    Environment(crate::kernels::simd::Error),
    #[error("--set {argument}: write --set KEY=VALUE, for example --set training.epochs=3")]
    Assignment { argument: String },
    #[error("--config {name}: neither a preset ({presets}){hint} nor a readable file: {reason}")]
    NotFound {
        name: String,
        hint: String,
        presets: String,
        reason: String,
    },
}

impl Exit for ConfigError {
    fn code(&self) -> Code {
        Code::Usage
    }
}
