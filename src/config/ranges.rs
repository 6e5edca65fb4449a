//! The range of every setting; what is outside is refused with its key and origin.

use super::{Config, ConfigError, DataConfig, Layers, OptimizerKind, ScheduleKind};
use crate::kernels::images::{MOST_SIDE, SIDES};
use crate::wording::count;

impl Layers {
    pub(super) fn check(&self, config: &Config) -> Result<(), ConfigError> {
        let training = &config.training;
        self.check_counts(config)?;
        self.check_rates(config)?;
        if training.optimizer == OptimizerKind::Muon && training.momentum == 0.0 {
            return Err(self.invalid("training.momentum", "Muon needs momentum, such as 0.95"));
        }
        if training.schedule == ScheduleKind::Plateau && training.patience == 0 {
            let reason = "\"plateau\" needs training.patience, such as 5";
            return Err(self.invalid("training.schedule", reason));
        }
        self.check_shares(config)?;
        let layers = config.model.layers.len();
        // A word stands for as many as the images need, which is known later.
        if training.freeze > layers && self.word("model.layers").is_empty() {
            let reason = format!(
                "the network has {} layers, and the last one always learns: freeze at most {layers}",
                layers + 1
            );
            return Err(self.invalid("training.freeze", reason));
        }
        self.check_data(&config.data)?;
        self.check_augmentation(config)?;
        let model = config.model.check();
        model.map_err(|reason| self.invalid("model.layers", reason))
    }

    /// Refuses the first value that is not as `holds` asks.
    fn each<T: Copy>(
        &self,
        values: &[(&str, T)],
        holds: impl Fn(T) -> bool,
        reason: &str,
    ) -> Result<(), ConfigError> {
        match values.iter().find(|(_, value)| !holds(*value)) {
            Some((key, _)) => Err(self.invalid(key, reason)),
            None => Ok(()),
        }
    }

    fn check_counts(&self, config: &Config) -> Result<(), ConfigError> {
        let training = &config.training;
        let at_least_one = [
            ("training.epochs", training.epochs),
            ("training.batch_size", training.batch_size),
            ("training.step_epochs", training.step_epochs),
            ("training.auto_images", training.auto_images),
            ("training.keep_checkpoints", training.keep_checkpoints),
            ("training.record_every", training.record_every),
            ("evaluation.batch_size", config.evaluation.batch_size),
            ("doctor.steps", config.doctor.steps),
            ("doctor.batch_size", config.doctor.batch_size),
            ("bench.steps", config.bench.steps),
            ("bench.rounds", config.bench.rounds),
        ];
        self.each(&at_least_one, |value| value > 0, "must be at least 1")?;
        let evaluated = config.evaluation.batch_size;
        for (key, value, limit) in [
            ("training.batch_size", training.batch_size, 65_536),
            ("training.epochs", training.epochs, 1_000_000),
            ("evaluation.batch_size", evaluated, 65_536),
            ("evaluation.shift", config.evaluation.shift, 8),
            ("doctor.steps", config.doctor.steps, 10_000),
            ("doctor.batch_size", config.doctor.batch_size, 4_096),
            ("bench.steps", config.bench.steps, 100_000),
            ("bench.warmup", config.bench.warmup, 100_000),
            ("bench.rounds", config.bench.rounds, 100_000),
        ] {
            if value > limit {
                return Err(self.invalid(key, format!("must be at most {limit}")));
            }
        }
        Ok(())
    }

    fn check_rates(&self, config: &Config) -> Result<(), ConfigError> {
        let training = &config.training;
        let positive = [
            ("training.learning_rate", training.learning_rate),
            ("training.start_divisor", training.start_divisor),
            ("training.final_divisor", training.final_divisor),
            ("training.epsilon", training.epsilon),
            ("training.step_factor", training.step_factor),
            ("model.norm_epsilon", config.model.norm_epsilon),
            ("doctor.learning_rate", config.doctor.learning_rate),
            ("doctor.band", config.doctor.band),
            ("bench.margin", config.bench.margin),
        ];
        let is_positive = |value: f64| value > 0.0 && value.is_finite();
        self.each(&positive, is_positive, "must be greater than 0 and finite")?;
        let not_negative = [
            ("training.weight_decay", training.weight_decay),
            ("training.clip_norm", training.clip_norm),
            ("training.max_seconds", training.max_seconds),
        ];
        let is_not_negative = |value: f64| value >= 0.0 && value.is_finite();
        let reason = "must be at least 0 and finite";
        self.each(&not_negative, is_not_negative, reason)
    }

    fn check_shares(&self, config: &Config) -> Result<(), ConfigError> {
        let training = &config.training;
        let below_one = [
            ("training.beta1", training.beta1),
            ("training.beta2", training.beta2),
            ("training.momentum", training.momentum),
            ("training.ema_decay", training.ema_decay),
            ("training.label_smoothing", training.label_smoothing),
        ];
        let is_below_one = |value| (0.0..1.0).contains(&value);
        self.each(&below_one, is_below_one, "must lie from 0 to below 1")?;
        let shares = [
            ("training.warmup_fraction", training.warmup_fraction),
            ("training.decay_fraction", training.decay_fraction),
            ("model.norm_momentum", config.model.norm_momentum),
            ("training.target_accuracy", training.target_accuracy),
        ];
        let reason = "must lie from 0 to 1 (0.99 means 99 %)";
        self.each(&shares, |value| (0.0..=1.0).contains(&value), reason)
    }

    fn check_data(&self, data: &DataConfig) -> Result<(), ConfigError> {
        for (key, seed) in [
            ("data.synthetic_seed", &data.synthetic_seed),
            ("data.split_seed", &data.split_seed),
        ] {
            if !seed.is_empty() && seed.parse::<u64>().is_err() {
                return Err(self.invalid(key, "must be a whole number of at least 0, or empty"));
            }
        }
        let outside = |sides: [usize; 2]| sides.into_iter().find(|side| !SIDES.contains(side));
        if let Some(side) = data.size.sides().and_then(outside) {
            let (least, most) = (SIDES.start(), SIDES.end());
            let reason = format!("{side} pixels a side: must be {least} to {most}");
            return Err(self.invalid("data.size", reason));
        }
        if !(0.01..=0.9).contains(&data.test_fraction) {
            let reason = "must lie from 0.01 to 0.9 (0.2 means a fifth)";
            return Err(self.invalid("data.test_fraction", reason));
        }
        Ok(())
    }

    fn check_augmentation(&self, config: &Config) -> Result<(), ConfigError> {
        let most_side = MOST_SIDE as f64;
        let augment = &config.augment;
        for (key, value, limit, unit) in [
            ("augment.rotation", augment.rotation, 180.0, "degrees"),
            ("augment.scale", augment.scale, 0.9, "(0.1 means 10 %)"),
            ("augment.shear", augment.shear, 2.0, "pixels a row"),
            ("augment.shift", augment.shift, most_side, "pixels"),
            ("augment.elastic", augment.elastic, most_side, "pixels"),
            ("augment.brightness", augment.brightness, 1.0, ""),
            ("augment.contrast", augment.contrast, 1.0, ""),
            ("augment.saturation", augment.saturation, 1.0, ""),
        ] {
            if !(0.0..=limit).contains(&value) {
                return Err(
                    self.invalid(key, format!("must lie from 0 to {limit} {unit}").trim_end())
                );
            }
        }
        // Finer cells would move single pixels.
        if !(1..=14).contains(&augment.elastic_cells) {
            return Err(self.invalid("augment.elastic_cells", "must lie from 1 to 14"));
        }
        if augment.cutout > MOST_SIDE {
            let reason = format!("must be at most {MOST_SIDE} pixels");
            return Err(self.invalid("augment.cutout", reason));
        }
        let epochs = config.training.epochs;
        if augment.distorts() && augment.off_epochs >= epochs {
            let reason = format!(
                "leaves none of {} (training.epochs) to distort: lower it, --set augment.off_epochs={}",
                count(epochs, "epoch"),
                epochs - 1
            );
            return Err(self.invalid("augment.off_epochs", reason));
        }
        Ok(())
    }
}
