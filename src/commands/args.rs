//! Flags that several commands have, and what they make of the settings.

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum, ValueHint};

use super::completion;
use crate::config::{Api, Config, ConfigError, DATA_DIR, DeviceKind, Entry, Layers, Origin};
use crate::report::Format;

/// The settings that a training follows: all but how adapters are compared.
pub const TRAINING: [&str; 8] = [
    "seed",
    "device",
    "data",
    "model",
    "training",
    "augment",
    "evaluation",
    "doctor",
];

/// Layers of settings.
#[derive(Args, Debug)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// A preset (default, small, strong, smoke, fast, tiny, best, fashion, fashion-fast, cifar) or a
    /// settings file
    #[arg(long, value_name = "FILE|PRESET", add = completion::presets())]
    pub config: Option<String>,
    /// One setting of `gpu-mnist config`, such as training.epochs=3; may be repeated
    #[arg(long, value_name = "KEY=VALUE", add = completion::settings())]
    pub set: Vec<String>,
}

/// The seed, where something random happens.
#[derive(Args, Debug)]
#[command(next_help_heading = "Settings")]
pub struct SeedArgs {
    /// Every random choice follows from it [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    #[arg(allow_negative_numbers = true)]
    pub seed: Option<i64>,
}

/// Where to compute.
#[derive(Args, Debug)]
#[command(next_help_heading = "Device")]
pub struct DeviceArgs {
    /// Where to compute [default: auto]
    #[arg(long, value_enum)]
    pub device: Option<DeviceKind>,
    /// One adapter of `gpu-mnist devices`, by number or part of its name [default: the best]
    #[arg(long, value_name = "INDEX|NAME", add = completion::adapters())]
    #[arg(allow_negative_numbers = true)]
    pub adapter: Option<String>,
    /// Only adapters of this API [default: any]
    #[arg(long, value_enum)]
    pub api: Option<Api>,
    /// Refuse software adapters
    #[arg(long)]
    pub hardware_only: bool,
}

/// Takes an empty text too, as an empty variable is.
pub fn folder_or_empty() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Which images.
#[derive(Args, Debug)]
#[command(next_help_heading = "Data")]
pub struct DataSetArgs {
    /// auto, synthetic, a known set (`gpu-mnist data list`), or images of your own
    /// [default: auto]
    #[arg(long, value_name = "SET|DIR", add = completion::data_sets())]
    pub dataset: Option<String>,
    /// The folder that holds mnist/ and other known sets [default: the system's cache folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, env = DATA_DIR)]
    #[arg(hide_env_values = true, value_parser = folder_or_empty())]
    pub data_dir: Option<PathBuf>,
}

/// The settings and where to compute.
#[derive(Args, Debug)]
pub struct ComputeArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
}

/// The settings, with all that decides what a network is trained or evaluated on.
#[derive(Args, Debug)]
pub struct WorkArgs {
    #[command(flatten)]
    pub compute: ComputeArgs,
    #[command(flatten)]
    pub seed: SeedArgs,
    #[command(flatten)]
    pub data: DataSetArgs,
}

/// How a result is printed.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub struct FormatArgs {
    /// How to print the result
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    format: PlainFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// The formats of results that are no tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlainFormat {
    Text,
    Json,
}

/// How a table is printed.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub struct TableFormatArgs {
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// The same as --format csv
    #[arg(long, conflicts_with_all = ["format", "json"])]
    csv: bool,
}

impl TableFormatArgs {
    /// The one that is wanted.
    pub fn format(&self) -> Format {
        match (self.json, self.csv) {
            (true, _) => Format::Json,
            (_, true) => Format::Csv,
            _ => self.format,
        }
    }
}

impl FormatArgs {
    /// Whether one JSON object is wanted, rather than text.
    pub fn json(&self) -> bool {
        self.json || self.format == PlainFormat::Json
    }
}

impl SeedArgs {
    /// # Errors
    /// Those of the settings.
    pub fn apply(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        layers.set_flag("seed", self.seed, "--seed")
    }
}

impl SettingsArgs {
    /// The default, the preset or file, and `--set`; other flags come after.
    ///
    /// # Errors
    /// Those of the settings.
    pub fn layers(&self) -> Result<Layers, ConfigError> {
        self.over(Layers::default())
    }

    /// The same over `layers`.
    ///
    /// # Errors
    /// Those of the settings.
    pub fn over(&self, mut layers: Layers) -> Result<Layers, ConfigError> {
        if let Some(name) = &self.config {
            layers.load(name)?;
        }
        for assignment in &self.set {
            layers.assign(assignment)?;
        }
        Ok(layers)
    }

    /// Refuses what a command that reads only `parts` of the settings, sections or single ones, would pass over: another
    /// setting, or a preset or file that has none of theirs.
    ///
    /// # Errors
    /// Those of the settings, and [`ConfigError::Unread`].
    pub fn only(&self, command: &'static str, parts: &[&str]) -> Result<(), ConfigError> {
        let is_read = |entry: &&Entry| {
            parts.iter().any(|part| {
                let rest = entry.key.strip_prefix(part);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let unread = |origin: Origin, what: String| ConfigError::Unread {
            origin,
            command,
            what,
            parts: parts.join(", "),
        };
        let mut layers = Layers::default();
        if let Some(name) = &self.config {
            layers.load(name)?;
            let mut loaded = layers.entries();
            loaded.retain(|entry| entry.origin != Origin::Default);
            if let Some(entry) = loaded
                .first()
                .filter(|_| !loaded.iter().any(|entry| is_read(&entry)))
            {
                let what = "any setting in it".into();
                return Err(unread(entry.origin.clone(), what));
            }
        }
        let all = self.over(layers)?.entries();
        let mut assigned = all.iter().filter(|entry| entry.origin == Origin::Set);
        match assigned.find(|entry| !is_read(entry)) {
            Some(entry) => Err(unread(Origin::Set, entry.key.clone())),
            None => Ok(()),
        }
    }
}

impl ComputeArgs {
    /// What the flags say, over `layers`.
    ///
    /// # Errors
    /// Those of the settings.
    pub fn over(&self, layers: Layers) -> Result<Layers, ConfigError> {
        let mut layers = self.settings.over(layers)?;
        self.device.apply(&mut layers)?;
        Ok(layers)
    }

    /// The resolved settings.
    ///
    /// # Errors
    /// Those of the settings.
    pub fn config(&self) -> Result<Config, ConfigError> {
        resolve(&self.over(Layers::default())?)
    }
}

impl WorkArgs {
    /// What the flags say, over `layers`.
    ///
    /// # Errors
    /// Those of the settings.
    pub fn over(&self, layers: Layers) -> Result<Layers, ConfigError> {
        let mut layers = self.compute.over(layers)?;
        self.seed.apply(&mut layers)?;
        self.data.apply(&mut layers)?;
        Ok(layers)
    }
}

impl DeviceArgs {
    /// # Errors
    /// Those of the settings.
    pub fn apply(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        layers.set_flag("device.kind", self.device.map(value_name), "--device")?;
        match &self.adapter {
            Some(adapter) => layers.set_flag("device.adapter", Some(adapter), "--adapter")?,
            None => adapter_of_environment(layers)?,
        }
        layers.set_flag("device.api", self.api.map(value_name), "--api")?;
        let hardware_only = self.hardware_only.then_some(true);
        layers.set_flag("device.hardware_only", hardware_only, "--hardware-only")
    }
}

impl DataSetArgs {
    /// # Errors
    /// Those of the settings.
    pub fn apply(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        layers.set_flag("data.set", self.dataset.as_deref(), "--dataset")?;
        match &self.data_dir {
            Some(folder) => set_data_folder(layers, folder),
            None => Ok(()),
        }
    }
}

/// Takes the data folder of the command line into the settings.
///
/// # Errors
/// A path that is no UTF-8: settings are text, and another path must not be read in its place.
pub fn set_data_folder(layers: &mut Layers, folder: &Path) -> Result<(), ConfigError> {
    // An empty variable counts as none.
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    let origin = Origin::of_data_folder(folder);
    set_path(layers, "data.folder", folder, origin)
}

/// Takes a path of the command line into the settings.
///
/// # Errors
/// A path that is no UTF-8: settings are text, and another path must not be read in its place.
pub fn set_path(
    layers: &mut Layers,
    key: &str,
    path: &Path,
    origin: Origin,
) -> Result<(), ConfigError> {
    match path.to_str() {
        Some(text) => layers.set(key, text, origin),
        None => Err(ConfigError::Invalid {
            key: key.into(),
            origin,
            value: path.display().to_string(),
            reason: "the path is not UTF-8 text, and settings can hold nothing else: change to that folder and name it from there, or rename it".into(),
        }),
    }
}

/// Takes wgpu's variable for the adapter, where the settings name none.
///
/// # Errors
/// Those of the settings.
pub fn adapter_of_environment(layers: &mut Layers) -> Result<(), ConfigError> {
    const VARIABLE: &str = "WGPU_ADAPTER_NAME";
    let name = std::env::var(VARIABLE).unwrap_or_default();
    match layers.origin("device.adapter") {
        Origin::Default if !name.is_empty() => {
            layers.set("device.adapter", name, Origin::Environment(VARIABLE))
        }
        _ => Ok(()),
    }
}

/// Resolves layers and warns of settings that contradict each other.
///
/// # Errors
/// Those of the settings.
pub fn resolve(layers: &Layers) -> Result<Config, ConfigError> {
    let config = layers.resolve()?;
    if config.device.kind == DeviceKind::Cpu && !config.device.adapter.is_empty() {
        tracing::warn!("--device cpu uses no adapter: --adapter is ignored");
    }
    Ok(config)
}

/// The word of an enumeration as the command line and the settings write it.
pub fn value_name(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_string())
        .unwrap_or_default()
}
