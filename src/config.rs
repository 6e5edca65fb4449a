//! Settings: `config/default.toml`, overlaid by a preset or file, then `--set`, then flags.
//! Each value knows its origin; an unknown key or a wrong type is an error that names both.

mod comments;
mod data;
pub mod document;
mod error;
pub mod followed;
mod layers;
mod ranges;

use serde::{Deserialize, Serialize};

use crate::kernels::Kernels;
pub use crate::model::architecture::{Architecture, ModelConfig};
use crate::wording::count;
pub use data::{BrokenFiles, Colour, DataConfig, ImageSize};
pub use document::did_you_mean;
pub use error::{ConfigError, Origin};
pub use layers::{Entry, Layers};

/// The text of `config/default.toml`: every setting, its default and its comment.
pub const DEFAULT: &str = include_str!("../config/default.toml");

/// The presets by name: the files of `config/`.
pub const PRESETS: &[(&str, &str)] = &[
    ("default", ""),
    ("small", include_str!("../config/small.toml")),
    ("strong", include_str!("../config/strong.toml")),
    ("smoke", include_str!("../config/smoke.toml")),
    ("fast", include_str!("../config/fast.toml")),
    ("tiny", include_str!("../config/tiny.toml")),
    ("best", include_str!("../config/best.toml")),
    ("fashion", include_str!("../config/fashion.toml")),
    ("fashion-fast", include_str!("../config/fashion-fast.toml")),
    ("cifar", include_str!("../config/cifar.toml")),
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
    pub augment: AugmentConfig,
    pub evaluation: EvaluationConfig,
    pub doctor: DoctorConfig,
    pub bench: BenchConfig,
}

/// `[device]`: where to compute.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    pub kind: DeviceKind,
    pub adapter: String,
    pub api: Api,
    pub hardware_only: bool,
    pub check: bool,
    pub kernels: Kernels,
    pub replay: bool,
}

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(
    all(feature = "cli", not(target_family = "wasm")),
    derive(clap::ValueEnum)
)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(
    all(feature = "cli", not(target_family = "wasm")),
    derive(clap::ValueEnum)
)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    #[cfg_attr(all(feature = "cli", not(target_family = "wasm")), value(skip))]
    Any,
    Vulkan,
    Metal,
    Dx12,
    Gl,
}

/// `[training]`: how to train.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    #[serde(deserialize_with = "followed::epochs")]
    pub epochs: usize,
    pub auto_images: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub optimizer: OptimizerKind,
    pub schedule: ScheduleKind,
    pub warmup_fraction: f64,
    pub start_divisor: f64,
    pub final_divisor: f64,
    pub step_epochs: usize,
    pub step_factor: f64,
    pub decay_fraction: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub momentum: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
    pub label_smoothing: f64,
    pub class_weights: ClassWeights,
    pub sampling: Sampling,
    pub clip_norm: f64,
    pub ema_decay: f64,
    pub from: String,
    pub freeze: usize,
    pub target_accuracy: f64,
    pub patience: usize,
    pub max_seconds: f64,
    pub checkpoint_every: usize,
    pub keep_checkpoints: usize,
    pub record_every: usize,
    pub tensorboard: bool,
}

/// How much the images of each class count in the loss.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
#[serde(expecting = "must be \"none\", \"balanced\" or a list of numbers, one a class")]
pub enum ClassWeights {
    Named(NamedWeights),
    /// One a class, in the order of the classes.
    Listed(Vec<f64>),
}

/// How much each class counts in the loss, by a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedWeights {
    /// All alike.
    None,
    /// In inverse proportion to the training images of the class.
    Balanced,
}

impl ClassWeights {
    /// The weight of each class of a set with so many training images of each; `None` where all
    /// count alike. Balanced weights are `images / (classes * images of the class)`, as
    /// scikit-learn has them; a class without images gets 0.
    ///
    /// # Errors
    /// What cannot be, to follow the name of the setting.
    pub fn of_classes(&self, counts: &[usize]) -> Result<Option<Vec<f32>>, String> {
        match self {
            Self::Named(NamedWeights::None) => Ok(None),
            Self::Named(NamedWeights::Balanced) => {
                let images: usize = counts.iter().sum();
                let classes = counts.iter().filter(|&&count| count > 0).count();
                let weight = |&count: &usize| match count {
                    0 => 0.0,
                    count => (images as f64 / (classes * count) as f64) as f32,
                };
                Ok(Some(counts.iter().map(weight).collect()))
            }
            Self::Listed(weights) if weights.len() != counts.len() => Err(format!(
                "has {}, the set has {} classes: give one a class",
                count(weights.len(), "weight"),
                counts.len()
            )),
            Self::Listed(weights) => {
                let sound = |weight: &f64| weight.is_finite() && *weight >= 0.0;
                let learnt = weights
                    .iter()
                    .zip(counts)
                    .any(|(&weight, &count)| weight > 0.0 && count > 0);
                match weights.iter().all(sound) && learnt {
                    true => Ok(Some(weights.iter().map(|&weight| weight as f32).collect())),
                    false => Err(
                        "must hold numbers of at least 0, one above 0 for a class that has training images"
                            .into(),
                    ),
                }
            }
        }
    }
}

/// How the learning rate runs over the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    OneCycle,
    Cosine,
    Step,
    Constant,
    Plateau,
}

/// Which training images an epoch takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// Each once.
    Once,
    /// As many of each class, those of small classes several times.
    Balanced,
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

/// `[augment]`: how training images are distorted.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    pub rotation: f64,
    pub scale: f64,
    pub shear: f64,
    pub shift: f64,
    pub elastic: f64,
    pub elastic_cells: usize,
    pub cutout: usize,
    #[serde(deserialize_with = "followed::flip")]
    pub flip: bool,
    pub brightness: f64,
    pub contrast: f64,
    pub saturation: f64,
    pub off_epochs: usize,
}

impl AugmentConfig {
    /// Whether any picture is distorted.
    pub fn distorts(&self) -> bool {
        let amounts = [
            self.rotation,
            self.scale,
            self.shear,
            self.shift,
            self.elastic,
            self.brightness,
            self.contrast,
            self.saturation,
        ];
        amounts.iter().any(|&amount| amount > 0.0) || self.cutout > 0 || self.flip
    }
}

/// `[evaluation]`: how a network is asked.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    pub batch_size: usize,
    pub shift: usize,
    pub test: bool,
}

/// `[doctor]`: the steps that are compared with the CPU's.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DoctorConfig {
    pub steps: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub band: f64,
}

/// `[bench]`: how much is measured.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BenchConfig {
    pub steps: usize,
    pub warmup: usize,
    pub rounds: usize,
    pub margin: f64,
}

/// The names `--config` knows.
pub fn preset_names() -> Vec<&'static str> {
    PRESETS.iter().map(|(name, _)| *name).collect()
}
