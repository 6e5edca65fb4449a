//! Where a value was set, and settings that cannot be used.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::exit::{Code, Exit};

/// The variable that stands for `--data-dir`.
pub const DATA_DIR: &str = "GPU_MNIST_DATA_DIR";

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `config/default.toml`.
    Default,
    /// A preset, by its name.
    Preset(String),
    /// A settings file.
    File(PathBuf),
    /// `--set`.
    Set,
    /// A flag of the command.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// The check of the adapter before a training.
    Check,
    /// The data set, where a default does not suit it.
    Data,
    /// A training that failed on its device and was tried again.
    Fault,
}

impl Origin {
    /// Where a data folder of the command line comes from: the parser takes the variable for the flag.
    pub fn of_data_folder(folder: &Path) -> Self {
        match std::env::var_os(DATA_DIR).is_some_and(|value| value == folder) {
            true => Self::Environment(DATA_DIR),
            false => Self::Flag("--data-dir"),
        }
    }
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
    /// No setting has this name.
    #[error("{origin}: unknown setting '{key}'{hint}; `gpu-mnist config` lists all settings")]
    UnknownKey {
        /// The name.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// A name that may be meant, as the end of a sentence; else empty.
        hint: String,
    },
    /// The name of a section in place of a setting's.
    #[error(
        "{origin}: '{key}' is a section of settings, and one of its settings is written {key}.NAME, such as {example}; `gpu-mnist config {key}` lists them"
    )]
    Section {
        /// The name.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// A setting of the section.
        example: String,
    },
    /// A value of another type.
    #[error("{origin}: setting '{key}' must be {expected}, not {found}")]
    WrongType {
        /// The setting.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What it takes.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A value that the setting does not take.
    #[error("{origin}: setting '{key}' = {value}: {reason}")]
    Invalid {
        /// The setting.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What stands there.
        value: String,
        /// What it must be.
        reason: String,
    },
    /// No TOML.
    #[error("{origin}: not valid TOML: {reason}")]
    Syntax {
        /// Where it stands.
        origin: Origin,
        /// The parser's words.
        reason: String,
    },
    /// `GPU_MNIST_SIMD` names no instruction set, or one that this processor has not.
    #[error(transparent)]
    Environment(crate::kernels::simd::Error),
    /// A setting that means nothing to the command.
    #[error("{origin}: {command} does not read {what}, only {parts}: leave it out")]
    Unread {
        /// Where it stands.
        origin: Origin,
        /// The command.
        command: &'static str,
        /// The setting, or what a file or preset holds.
        what: String,
        /// What the command reads.
        parts: String,
    },
    /// A `--set` without an equals sign.
    #[error("--set {argument}: write --set KEY=VALUE, for example --set training.epochs=3")]
    Assignment {
        /// What was given.
        argument: String,
    },
    /// No preset or file of this name.
    #[error("--config {name}: neither a preset ({presets}){hint} nor a readable file: {reason}")]
    NotFound {
        /// The name.
        name: String,
        /// A preset that may be meant, as the end of a sentence; else empty.
        hint: String,
        /// The presets there are.
        presets: String,
        /// Why it cannot be read as a file.
        reason: String,
    },
}

impl Exit for ConfigError {
    fn code(&self) -> Code {
        Code::Usage
    }
}
