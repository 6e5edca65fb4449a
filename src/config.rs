//! Settings: `config/default.toml`, overlaid by a preset or file, then `--set`, then flags.
//! Each value knows its origin; an unknown key or a wrong type is an error that names both.

mod comments;
mod ranges;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml_edit::{DocumentMut, Item, Table, Value};

/// The text of `config/default.toml`: every setting, its default and its comment.
pub const DEFAULT: &str = include_str!("../config/default.toml");

/// The presets by name: the files of `config/`.
pub const PRESETS: &[(&str, &str)] = &[
    ("default", ""),
    ("smoke", include_str!("../config/smoke.toml")),
];

/// All settings, typed. The meaning of each is in `config/default.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub seed: u64,
    pub device: DeviceConfig,
    pub data: DataConfig,
    pub model: ModelConfig,
    pub training: TrainingConfig,
    pub evaluation: EvaluationConfig,
    pub doctor: DoctorConfig,
    pub bench: BenchConfig,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    pub kind: DeviceKind,
    pub adapter: String,
    pub api: Api,
    pub hardware_only: bool,
    pub check: bool,
}

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A hardware adapter if there is one, else the CPU
    Auto,
    /// Hardware if there is any, else a software adapter
    Gpu,
    /// The CPU, without any adapter
    Cpu,
}

/// The graphics API an adapter is reached through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    #[value(skip)]
    Any,
    Vulkan,
    Metal,
    Dx12,
    Gl,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    pub set: String,
    pub folder: PathBuf,
    pub train_limit: usize,
    pub validation_size: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    pub conv1_channels: usize,
    pub conv1_kernel: usize,
    pub conv2_channels: usize,
    pub conv2_kernel: usize,
    pub hidden: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    pub epochs: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub optimizer: OptimizerKind,
    pub schedule: ScheduleKind,
    pub warmup_fraction: f64,
    pub start_divisor: f64,
    pub final_divisor: f64,
    pub step_epochs: usize,
    pub step_factor: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub momentum: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
    pub label_smoothing: f64,
    pub clip_norm: f64,
    pub ema_decay: f64,
    pub target_accuracy: f64,
    pub patience: usize,
    pub max_seconds: f64,
    pub checkpoint_every: usize,
    pub keep_checkpoints: usize,
    pub record_every: usize,
    pub tensorboard: bool,
    pub kernels: Kernels,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    OneCycle,
    Cosine,
    Step,
    Constant,
}

/// How gradients change the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    Adam,
    Adamw,
    Sgd,
    Muon,
}

/// Whose operations compute the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kernels {
    /// The shaders of `shaders/` on an adapter, their SIMD twins on the CPU
    Fused,
    /// Burn's own operations
    Stock,
}

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fused => "fused",
            Self::Stock => "stock",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    pub batch_size: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DoctorConfig {
    pub steps: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub band: f64,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BenchConfig {
    pub steps: usize,
    pub warmup: usize,
    pub rounds: usize,
    pub margin: f64,
}

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
    #[error("--config {name}: neither a preset ({presets}) nor a readable file: {reason}")]
    NotFound {
        name: String,
        presets: String,
        reason: String,
    },
}

/// The layers merged so far: the default document with values replaced, and each key's origin.
#[derive(Clone, Debug)]
pub struct Layers {
    document: DocumentMut,
    origins: BTreeMap<String, Origin>,
}

impl Default for Layers {
    fn default() -> Self {
        Self {
            document: DEFAULT.parse().expect("config/default.toml is valid TOML"),
            origins: BTreeMap::new(),
        }
    }
}

impl Layers {
    /// Overlays a preset by name, or a settings file by path.
    pub fn load(&mut self, name: &str) -> Result<(), ConfigError> {
        if let Some((preset, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
            return self.overlay(text, &Origin::Preset((*preset).into()));
        }
        let path = Path::new(name);
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::NotFound {
            name: name.into(),
            presets: preset_names().join(", "),
            reason: error.to_string(),
        })?;
        self.overlay(&text, &Origin::File(path.into()))
    }

    /// Overlays every value of a TOML text, and keeps its comments beside the default's.
    pub fn overlay(&mut self, text: &str, origin: &Origin) -> Result<(), ConfigError> {
        let layer: DocumentMut =
            text.parse()
                .map_err(|error: toml_edit::TomlError| ConfigError::Syntax {
                    origin: origin.clone(),
                    reason: error.to_string().trim_end().into(),
                })?;
        for (key, value) in leaves(layer.as_table()) {
            self.replace(&key, value, origin)?;
        }
        comments::adopt(&mut self.document, &layer);
        Ok(())
    }

    /// Applies one `--set KEY=VALUE`; a value that is not TOML is taken as text.
    pub fn assign(&mut self, argument: &str) -> Result<(), ConfigError> {
        let (key, text) = argument
            .split_once('=')
            .map(|(key, text)| (key.trim(), text.trim()))
            .filter(|(key, text)| !key.is_empty() && !text.is_empty())
            .ok_or_else(|| ConfigError::Assignment {
                argument: argument.into(),
            })?;
        let value = text.parse().unwrap_or_else(|_| Value::from(text));
        self.replace(key, value, &Origin::Set)
    }

    /// Sets one value that a flag or an environment variable gave.
    pub fn set(
        &mut self,
        key: &str,
        value: impl Into<Value>,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        self.replace(key, value.into(), &origin)
    }

    fn replace(&mut self, key: &str, value: Value, origin: &Origin) -> Result<(), ConfigError> {
        let known: Vec<String> = leaves(self.document.as_table())
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        if !known.iter().any(|name| name == key) {
            return Err(ConfigError::UnknownKey {
                key: key.into(),
                origin: origin.clone(),
                hint: nearest(key, &known)
                    .map(|name| format!(" (did you mean '{name}'?)"))
                    .unwrap_or_default(),
            });
        }
        let mut item = self.document.as_item_mut();
        for part in key.split('.') {
            item = &mut item[part];
        }
        let slot = item.as_value_mut().expect("a leaf is a value");
        let mut value =
            coerce(slot, value).map_err(|(expected, found)| ConfigError::WrongType {
                key: key.into(),
                origin: origin.clone(),
                expected,
                found,
            })?;
        *value.decor_mut() = slot.decor().clone();
        *slot = value;
        self.origins.insert(key.into(), origin.clone());
        Ok(())
    }

    /// The typed settings, every value checked against its range.
    pub fn resolve(&self) -> Result<Config, ConfigError> {
        let config: Config = toml_edit::de::from_document(self.document.clone())
            .map_err(|error| self.blame(error.message()))?;
        self.check(&config)?;
        Ok(config)
    }

    /// Finds the one value that the typed settings refuse (a word no enumeration knows).
    fn blame(&self, reason: &str) -> ConfigError {
        for (key, value) in leaves(self.document.as_table()) {
            let mut alone = Self::default();
            let replaced = alone.replace(&key, value, &Origin::Default);
            let typed = toml_edit::de::from_document::<Config>(alone.document);
            if let (Ok(()), Err(error)) = (replaced, typed) {
                return self.invalid(&key, first_line(error.message()));
            }
        }
        self.invalid("", first_line(reason))
    }

    fn invalid(&self, key: &str, reason: impl Into<String>) -> ConfigError {
        ConfigError::Invalid {
            key: key.into(),
            origin: self.origin(key),
            value: self.value(key).unwrap_or_default(),
            reason: reason.into(),
        }
    }

    /// Where the value of `key` comes from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    fn value(&self, key: &str) -> Option<String> {
        self.entries()
            .into_iter()
            .find(|entry| entry.key == key)
            .map(|entry| entry.value.to_string().trim().to_string())
    }

    /// Every setting in the order of `config/default.toml`.
    pub fn entries(&self) -> Vec<Entry> {
        leaves(self.document.as_table())
            .into_iter()
            .map(|(key, value)| Entry {
                origin: self.origin(&key),
                value,
                key,
            })
            .collect()
    }

    /// The resolved settings as a file: the default's comments with the values in force.
    pub fn to_toml(&self) -> String {
        self.document.to_string()
    }
}

/// One setting with its value and origin.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub value: Value,
    pub origin: Origin,
}

/// The names `--config` knows.
pub fn preset_names() -> Vec<&'static str> {
    PRESETS.iter().map(|(name, _)| *name).collect()
}

impl ModelConfig {
    /// Side lengths after each convolution (stride 1, no padding) and 2x2 pooling of a 28x28
    /// picture; `None` when nothing is left.
    pub fn pooled_sides(&self) -> Option<[usize; 2]> {
        let pooled = |side: usize, kernel: usize| {
            let side = (side + 1).checked_sub(kernel)? / 2;
            (side > 0).then_some(side)
        };
        let first = pooled(crate::data::SIDE, self.conv1_kernel)?;
        Some([first, pooled(first, self.conv2_kernel)?])
    }
}

fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, item) in table.iter() {
        match item {
            Item::Table(inner) => found.extend(
                leaves(inner)
                    .into_iter()
                    .map(|(name, value)| (format!("{key}.{name}"), value)),
            ),
            Item::Value(Value::InlineTable(inner)) => found.extend(
                leaves(&inner.clone().into_table())
                    .into_iter()
                    .map(|(name, value)| (format!("{key}.{name}"), value)),
            ),
            Item::Value(value) => found.push((key.to_string(), value.clone())),
            Item::ArrayOfTables(_) => found.push((key.to_string(), Value::from("[[...]]"))),
            Item::None => {}
        }
    }
    found
}

/// Fits `value` to the type of `slot`; a whole number is fine where a fraction is expected.
fn coerce(slot: &Value, value: Value) -> Result<Value, (&'static str, String)> {
    let expected = match slot {
        Value::Integer(_) => "a whole number of at least 0",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        _ => "text",
    };
    let found = || {
        let text = value.to_string();
        format!("{} ({})", text.trim(), value.type_name())
    };
    match (slot, &value) {
        (Value::Integer(_), Value::Integer(number)) if *number.value() >= 0 => Ok(value),
        (Value::Float(_), Value::Integer(number)) => Ok(Value::from(*number.value() as f64)),
        (Value::Float(_), Value::Float(_))
        | (Value::Boolean(_), Value::Boolean(_))
        | (Value::String(_), Value::String(_)) => Ok(value),
        // `--adapter 0` and `--set device.adapter=0` mean the text "0".
        (Value::String(_), Value::Integer(number)) => Ok(Value::from(number.value().to_string())),
        _ => Err((expected, found())),
    }
}

fn nearest<'a>(key: &str, known: &'a [String]) -> Option<&'a String> {
    let last = key.rsplit('.').next().unwrap_or(key);
    known
        .iter()
        .map(|name| {
            let tail = name.rsplit('.').next().unwrap_or(name);
            let score = strsim::jaro_winkler(key, name).max(strsim::jaro_winkler(last, tail));
            (name, score)
        })
        .filter(|(_, score)| *score > 0.8)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(name, _)| name)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_string()
}
