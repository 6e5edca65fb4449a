//! Settings: `config/default.toml`, overlaid by a preset or file, then `--set`, then flags.
//! Each value knows its origin; an unknown key or a wrong type is an error that names both.

mod comments;
mod data;
pub(crate) mod document;
mod error;
pub mod followed;
mod layers;
mod ranges;

use serde::{Deserialize, Serialize};

use crate::kernels::Kernels;
pub use crate::model::architecture::{Architecture, ModelConfig};
use crate::wording::count;
pub use data::{AutoSize, BrokenFiles, Colour, DataConfig, ImageSize};
pub use document::did_you_mean;
pub use error::{ConfigError, DATA_DIR, Origin};
pub use layers::{Entry, Layers};
pub use ranges::range_of;

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
    /// Every random choice follows from it.
    pub seed: u64,
    /// Where to compute.
    pub device: DeviceConfig,
    /// What to train on.
    pub data: DataConfig,
    /// The network.
    pub model: ModelConfig,
    /// How to train.
    pub training: TrainingConfig,
    /// How training images are distorted.
    pub augment: AugmentConfig,
    /// How a network is asked.
    pub evaluation: EvaluationConfig,
    /// The steps that are compared with the CPU's.
    pub doctor: DoctorConfig,
    /// How much is measured.
    pub bench: BenchConfig,
}

/// `[device]`: where to compute.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// An adapter, or the CPU.
    pub kind: DeviceKind,
    /// The number of an adapter in `gpu-mnist devices`, or a part of its name; empty: the best.
    pub adapter: String,
    /// Only adapters of this API.
    pub api: Api,
    /// Whether software adapters are refused.
    pub hardware_only: bool,
    /// Whether an adapter's numbers are checked before the first training on it.
    pub check: bool,
    /// Whose operations compute.
    pub kernels: Kernels,
    /// Whether the launches of a step are recorded once and replayed.
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
#[allow(
    missing_docs,
    reason = "each says what it is, and a comment would be help text"
)]
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
    /// Passes over the training images, at least 1; the most there may be, where `"auto"` was resolved.
    #[serde(deserialize_with = "followed::epochs")]
    pub epochs: usize,
    /// What an epoch count of `"auto"` comes to, in images of 32x32 pixels.
    pub auto_images: usize,
    /// Images in a step.
    pub batch_size: usize,
    /// The highest of the schedule.
    pub learning_rate: f64,
    /// How gradients change the weights.
    pub optimizer: OptimizerKind,
    /// How the learning rate runs.
    pub schedule: ScheduleKind,
    /// The share of the steps in which the rate rises (one-cycle, cosine).
    pub warmup_fraction: f64,
    /// The first rate is `learning_rate` divided by this (one-cycle, cosine).
    pub start_divisor: f64,
    /// The last rate is the first divided by this (one-cycle, cosine).
    pub final_divisor: f64,
    /// Epochs between two changes of the rate (step).
    pub step_epochs: usize,
    /// What the rate is multiplied by then (step).
    pub step_factor: f64,
    /// The share of all epochs in which the rate falls (plateau).
    pub decay_fraction: f64,
    /// Decay of the first moment (adam, adamw).
    pub beta1: f64,
    /// Decay of the second moment (adam, adamw).
    pub beta2: f64,
    /// Added to the root of the second moment (adam, adamw).
    pub epsilon: f64,
    /// Of sgd and muon; 0: none.
    pub momentum: f64,
    /// Whether momentum looks one step ahead (sgd, muon).
    pub nesterov: bool,
    /// Pulls all parameters towards 0.
    pub weight_decay: f64,
    /// The share of each label that is spread evenly over all classes.
    pub label_smoothing: f64,
    /// How much the images of each class count in the loss.
    pub class_weights: ClassWeights,
    /// Which images an epoch takes.
    pub sampling: Sampling,
    /// The largest norm of all gradients together; 0: any.
    pub clip_norm: f64,
    /// Decay of the moving average of the weights; 0: none is kept.
    pub ema_decay: f64,
    /// The run, or the file of weights, to start from; empty: weights are drawn from the seed.
    pub from: String,
    /// How many of the first layers stay as they are.
    pub freeze: usize,
    /// Training stops at this validation accuracy, a share; 0: never.
    pub target_accuracy: f64,
    /// Epochs without a lower validation loss, then training stops or the rate falls; 0: never.
    pub patience: usize,
    /// Training stops after so many; 0: never.
    pub max_seconds: f64,
    /// Steps between two checkpoints; 0: at the ends of epochs only.
    pub checkpoint_every: usize,
    /// How many checkpoints stay.
    pub keep_checkpoints: usize,
    /// Steps between two records in `metrics.jsonl`.
    pub record_every: usize,
    /// Whether event files for TensorBoard are written.
    pub tensorboard: bool,
}

/// How much the images of each class count in the loss.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
#[serde(expecting = "must be \"none\", \"balanced\" or a list of numbers, one for each class")]
pub enum ClassWeights {
    /// By a word.
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
                "has {}, the set has {} classes: give one for each class",
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
    /// Up to the highest rate and down again, along cosines (Smith & Topin, arXiv:1708.07120).
    OneCycle,
    /// A linear warm-up, then down along a cosine (Loshchilov & Hutter, arXiv:1608.03983).
    Cosine,
    /// Multiplied by a factor every few epochs.
    Step,
    /// The same throughout.
    Constant,
    /// Level until the validation loss stops falling, then evenly down to 0 (Hägele et al., arXiv:2405.18392).
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
    /// Kingma & Ba, arXiv:1412.6980.
    Adam,
    /// With decoupled weight decay (Loshchilov & Hutter, arXiv:1711.05101).
    Adamw,
    /// Stochastic gradient descent, with momentum or without.
    Sgd,
    /// Orthogonalised momentum for hidden matrices (Jordan et al., 2024), adamw for the rest.
    Muon,
}

/// `[augment]`: how training images are distorted.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// Degrees, either way.
    pub rotation: f64,
    /// Width and height lie between 1 - this and 1 + this times their own.
    pub scale: f64,
    /// Pixels a row, either way.
    pub shear: f64,
    /// Pixels in x and in y, either way.
    pub shift: f64,
    /// Pixels that each control point of the grid moves, either way.
    pub elastic: f64,
    /// Cells of that grid a side.
    pub elastic_cells: usize,
    /// Pixels a side of the square that is emptied; 0: none.
    pub cutout: usize,
    /// Whether half of the images are mirrored left to right.
    #[serde(deserialize_with = "followed::flip")]
    pub flip: bool,
    /// Share of the range of bytes, either way.
    pub brightness: f64,
    /// Differences from the middle grey are multiplied by 1 - this to 1 + this.
    pub contrast: f64,
    /// Differences from the pixel's grey are multiplied by 1 - this to 1 + this.
    pub saturation: f64,
    /// The last epochs whose images are not distorted.
    pub off_epochs: usize,
}

impl AugmentConfig {
    /// Whether any image is distorted.
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
    /// Images in a step.
    pub batch_size: usize,
    /// Test-time augmentation: pixels of shift in each direction; 0: none.
    pub shift: usize,
    /// Whether a training ends with the evaluation of the test images.
    pub test: bool,
}

/// `[doctor]`: the steps that are compared with the CPU's.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DoctorConfig {
    /// Training steps.
    pub steps: usize,
    /// Images in each.
    pub batch_size: usize,
    /// The highest rate of those steps.
    pub learning_rate: f64,
    /// How far a loss may lie from the CPU's, relative to the greater of that and 0.5.
    pub band: f64,
}

/// `[bench]`: how much is measured.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BenchConfig {
    /// Training steps that are timed in a round.
    pub steps: usize,
    /// Steps before those.
    pub warmup: usize,
    /// How often devices take turns.
    pub rounds: usize,
    /// The share of a difference that `--compare` passes over.
    pub margin: f64,
}

/// The names `--config` knows.
pub fn preset_names() -> Vec<&'static str> {
    PRESETS.iter().map(|(name, _)| *name).collect()
}
