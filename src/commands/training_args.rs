//! Flags of commands that train: `train` and `lr-find`.

use std::path::PathBuf;

use clap::Args;

use super::args::{set_path, value_name};
use super::completion;
use crate::config::{ConfigError, Layers, Origin};
use crate::kernels::Kernels;

/// Whose operations compute, and whether they are checked.
#[derive(Args, Debug)]
#[command(next_help_heading = "Device")]
pub struct KernelArgs {
    /// Whose operations compute the network [default: fused]
    #[arg(long, value_enum)]
    pub kernels: Option<Kernels>,
    /// Do not check the numbers of an adapter that was never trained on
    #[arg(long)]
    pub no_check: bool,
    /// Launch each step anew, instead of replaying one that was recorded
    #[arg(long)]
    pub no_replay: bool,
}

/// How much to train on.
#[derive(Args, Debug)]
#[command(next_help_heading = "Data")]
pub struct LimitArgs {
    /// Train on N images only, each class in proportion [default: all]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub train_limit: Option<i64>,
}

/// What a training starts from.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training")]
pub struct StartArgs {
    /// Start from the weights of another run (of several seeds, the best) or a model.safetensors:
    /// layers that fit take them, the others are made anew [default: all from the seed]
    #[arg(long, value_name = "RUN", add = completion::runs())]
    pub from: Option<PathBuf>,
    /// Keep the first N layers as they are [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub freeze: Option<i64>,
}

impl KernelArgs {
    /// # Errors
    /// Those of the settings.
    pub fn apply(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        let kernels = self.kernels.map(value_name);
        layers.set_flag("device.kernels", kernels, "--kernels")?;
        let check = self.no_check.then_some(false);
        layers.set_flag("device.check", check, "--no-check")?;
        let replay = self.no_replay.then_some(false);
        layers.set_flag("device.replay", replay, "--no-replay")
    }
}

impl LimitArgs {
    /// # Errors
    /// Those of the settings.
    pub fn apply(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        layers.set_flag("data.train_limit", self.train_limit, "--train-limit")
    }
}

impl StartArgs {
    /// # Errors
    /// Those of the settings.
    pub fn apply(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        if let Some(from) = &self.from {
            set_path(layers, "training.from", from, Origin::Flag("--from"))?;
        }
        layers.set_flag("training.freeze", self.freeze, "--freeze")
    }
}
