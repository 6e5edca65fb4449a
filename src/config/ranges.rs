//! The range of every setting; what is outside is refused with its key and origin, and the whole range.

use toml_edit::Value;

use self::Numbers::{BelowOne, Between, NotNegative, Positive, Seed, Sides, Whole};
use super::{Config, ConfigError, Layers, OptimizerKind, ScheduleKind};
use crate::kernels::images::{MOST_SIDE, SIDES};

/// The numbers that a setting takes.
#[derive(Clone, Copy)]
enum Numbers {
    /// Whole ones from the first to the last.
    Whole(i64, i64),
    /// All from the first to the last.
    Between(f64, f64),
    /// From 0 on, and below 1.
    BelowOne,
    /// Greater than 0.
    Positive,
    /// From 0 on.
    NotNegative,
    /// A whole one as text, or none.
    Seed,
    /// Sides of images.
    Sides,
}

/// The greatest whole number that TOML holds.
const MOST: i64 = i64::MAX;
const MOST_PIXELS: f64 = MOST_SIDE as f64;
const SHARE: &str = " (0.99 means 99 %)";
const PIXELS: &str = " (pixels)";

/// What each setting of numbers takes, and what is to be said after that.
const RANGES: &[(&str, Numbers, &str)] = &[
    ("seed", Whole(0, MOST), ""),
    ("data.size", Sides, ""),
    (
        "data.test_fraction",
        Between(0.01, 0.9),
        " (0.2 means a fifth)",
    ),
    ("data.test_seed", Whole(0, MOST), ""),
    ("data.train_limit", Whole(0, MOST), ""),
    ("data.validation_size", Whole(0, MOST), ""),
    ("data.split_seed", Seed, ""),
    ("data.synthetic_seed", Seed, ""),
    ("model.norm_epsilon", Positive, ""),
    ("model.norm_momentum", Between(0.0, 1.0), SHARE),
    ("training.epochs", Whole(1, 1_000_000), ", or auto"),
    ("training.auto_images", Whole(1, MOST), ""),
    ("training.batch_size", Whole(1, 65_536), ""),
    ("training.learning_rate", Positive, ""),
    ("training.warmup_fraction", Between(0.0, 1.0), SHARE),
    ("training.start_divisor", Positive, ""),
    ("training.final_divisor", Positive, ""),
    ("training.step_epochs", Whole(1, MOST), ""),
    ("training.step_factor", Positive, ""),
    ("training.decay_fraction", Between(0.0, 1.0), SHARE),
    ("training.beta1", BelowOne, ""),
    ("training.beta2", BelowOne, ""),
    ("training.epsilon", Positive, ""),
    ("training.momentum", BelowOne, ""),
    ("training.weight_decay", NotNegative, ""),
    ("training.label_smoothing", BelowOne, ""),
    ("training.clip_norm", NotNegative, ""),
    ("training.ema_decay", BelowOne, ""),
    ("training.freeze", Whole(0, MOST), ""),
    ("training.target_accuracy", Between(0.0, 1.0), SHARE),
    ("training.patience", Whole(0, MOST), ""),
    ("training.max_seconds", NotNegative, ""),
    ("training.checkpoint_every", Whole(0, MOST), ""),
    ("training.keep_checkpoints", Whole(1, MOST), ""),
    ("training.record_every", Whole(1, MOST), ""),
    ("augment.rotation", Between(0.0, 180.0), " (degrees)"),
    ("augment.scale", Between(0.0, 0.9), " (0.1 means 10 %)"),
    ("augment.shear", Between(0.0, 2.0), " (pixels a row)"),
    ("augment.shift", Between(0.0, MOST_PIXELS), PIXELS),
    ("augment.elastic", Between(0.0, MOST_PIXELS), PIXELS),
    // Finer cells would move single pixels.
    ("augment.elastic_cells", Whole(1, 14), ""),
    ("augment.cutout", Whole(0, MOST_SIDE as i64), PIXELS),
    ("augment.brightness", Between(0.0, 1.0), ""),
    ("augment.contrast", Between(0.0, 1.0), ""),
    ("augment.saturation", Between(0.0, 1.0), ""),
    ("augment.off_epochs", Whole(0, MOST), ""),
    ("evaluation.batch_size", Whole(1, 65_536), ""),
    ("evaluation.shift", Whole(0, 8), ""),
    ("doctor.steps", Whole(1, 10_000), ""),
    ("doctor.batch_size", Whole(1, 4_096), ""),
    ("doctor.learning_rate", Positive, ""),
    ("doctor.band", Positive, ""),
    ("bench.steps", Whole(1, 100_000), ""),
    ("bench.warmup", Whole(0, 100_000), ""),
    ("bench.rounds", Whole(1, 100_000), ""),
    ("bench.margin", Positive, ""),
];

/// What the setting `key` takes, in words; `None` of one that takes no number.
pub fn range_of(key: &str) -> Option<String> {
    let (_, numbers, more) = RANGES.iter().find(|(name, ..)| *name == key)?;
    Some(format!("{}{more}", numbers.words()))
}

impl Numbers {
    /// Whether `value` is among them; a word stands for a number that is known later.
    fn hold(self, value: &Value) -> bool {
        let number = value.as_float().unwrap_or(f64::NAN);
        match self {
            Whole(least, most) => {
                let number = value.as_integer();
                number.is_none_or(|number| (least..=most).contains(&number))
            }
            Between(least, most) => (least..=most).contains(&number),
            BelowOne => (0.0..1.0).contains(&number),
            Positive => number > 0.0 && number.is_finite(),
            NotNegative => number >= 0.0 && number.is_finite(),
            Seed => {
                let text = value.as_str().unwrap_or_default();
                text.is_empty() || text.parse::<u64>().is_ok()
            }
            Sides => match value {
                Value::Array(sides) => sides.iter().all(is_side),
                side => side.is_str() || is_side(side),
            },
        }
    }

    fn words(self) -> String {
        match self {
            Whole(least, most) => format!("a whole number from {least} to {most}"),
            Between(least, most) => format!("a number from {least} to {most}"),
            BelowOne => "a number from 0 to below 1".into(),
            Positive => "a finite number greater than 0".into(),
            NotNegative => "a finite number of at least 0".into(),
            Seed => format!("a whole number from 0 to {}, or empty", u64::MAX),
            Sides => format!(
                "auto, the pixels of a side, or [height, width], each from {} to {}",
                SIDES.start(),
                SIDES.end()
            ),
        }
    }
}

fn is_side(value: &Value) -> bool {
    let side = value
        .as_integer()
        .and_then(|side| usize::try_from(side).ok());
    side.is_some_and(|side| SIDES.contains(&side))
}

impl Layers {
    pub(super) fn check(&self, config: &Config) -> Result<(), ConfigError> {
        let training = &config.training;
        self.check_ranges()?;
        if training.optimizer == OptimizerKind::Muon && training.momentum == 0.0 {
            return Err(self.invalid("training.momentum", "Muon needs momentum, such as 0.95"));
        }
        if training.schedule == ScheduleKind::Plateau && training.patience == 0 {
            let reason = "\"plateau\" needs training.patience, such as 5";
            return Err(self.invalid("training.schedule", reason));
        }
        let layers = config.model.layers.len();
        // A word stands for as many as the images need, which is known later.
        if training.freeze > layers && self.word("model.layers").is_empty() {
            let reason = format!(
                "the network has {} layers, and the last one always learns: freeze at most {layers}",
                layers + 1
            );
            return Err(self.invalid("training.freeze", reason));
        }
        self.check_off_epochs(config)?;
        let model = config.model.check();
        model.map_err(|reason| self.invalid("model.layers", reason))
    }

    /// Refuses the first number that is not in the range of its setting.
    fn check_ranges(&self) -> Result<(), ConfigError> {
        let entries = self.entries();
        let outside = RANGES.iter().find(|(key, numbers, _)| {
            let mut of_key = entries.iter().filter(|entry| entry.key == *key);
            of_key.any(|entry| !numbers.hold(&entry.value))
        });
        match outside {
            Some((key, numbers, more)) => {
                Err(self.invalid(key, format!("must be {}{more}", numbers.words())))
            }
            None => Ok(()),
        }
    }

    /// Some epoch is to have distorted images, where images are distorted.
    fn check_off_epochs(&self, config: &Config) -> Result<(), ConfigError> {
        let epochs = config.training.epochs;
        if !config.augment.distorts() || config.augment.off_epochs < epochs {
            return Ok(());
        }
        let reason = format!(
            "no epoch with distorted images would be left, because training.epochs is {epochs}: lower it, --set augment.off_epochs={}",
            epochs - 1
        );
        Err(self.invalid("augment.off_epochs", reason))
    }
}
