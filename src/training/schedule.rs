//! The learning rate of every step.

use std::f64::consts::PI;

use super::stopping::{self, Span};
use crate::config::{ScheduleKind, TrainingConfig};

/// The learning rate as a function of the step.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    config: TrainingConfig,
    steps: usize,
    /// The first and the last rate of a range test, in place of what the settings say.
    rising: Option<[f64; 2]>,
    span: Span,
}

impl Schedule {
    /// A schedule over `steps` steps in all.
    pub fn new(config: &TrainingConfig, steps: usize) -> Self {
        Self {
            config: config.clone(),
            steps,
            span: stopping::span(config, &[]),
            rising: None,
        }
    }

    /// The same for a training of this span; it matters to a plateau schedule alone.
    #[must_use]
    pub fn within(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// The same steps with a rate that rises by the same factor each, for a range test.
    #[must_use]
    pub fn rising(mut self, lowest: f64, highest: f64) -> Self {
        self.rising = Some([lowest, highest]);
        self
    }

    /// The learning rate of `step`, counted from 0.
    pub fn learning_rate(&self, step: usize) -> f64 {
        if let Some([lowest, highest]) = self.rising {
            let share = step as f64 / (self.steps.max(2) - 1) as f64;
            return lowest * (highest / lowest).powf(share);
        }
        let highest = self.config.learning_rate;
        match self.config.schedule {
            ScheduleKind::Constant => highest,
            ScheduleKind::Step => {
                let epoch = step * self.config.epochs / self.steps.max(1);
                let falls = epoch / self.config.step_epochs;
                highest * self.config.step_factor.powi(falls as i32)
            }
            ScheduleKind::Plateau => self.plateau(step) * highest,
            ScheduleKind::OneCycle | ScheduleKind::Cosine => {
                let start = highest / self.config.start_divisor;
                let end = start / self.config.final_divisor;
                let peak = self.config.warmup_fraction * self.steps as f64 - 1.0;
                let last = self.steps as f64 - 1.0;
                let step = (step as f64).min(last);
                if step < peak {
                    match self.config.schedule {
                        ScheduleKind::Cosine => start + (highest - start) * step / peak,
                        _ => cosine(start, highest, step / peak),
                    }
                } else if last > peak {
                    cosine(
                        highest,
                        end,
                        (step - peak.max(0.0)) / (last - peak.max(0.0)).max(1.0),
                    )
                } else {
                    highest
                }
            }
        }
    }
}

impl Schedule {
    /// Linearly up in the first epoch, level, and linearly down to 0: as a share of the highest rate (Hägele et al.,
    /// arXiv:2405.18392).
    fn plateau(&self, step: usize) -> f64 {
        let of_epochs = |epochs: usize| (self.steps / self.config.epochs * epochs) as f64;
        let Span { last, decays_after } = self.span;
        let (warm, level, end) = (of_epochs(1), of_epochs(decays_after), of_epochs(last));
        let done = step as f64;
        let down = ((end - done) / (end - level)).clamp(0.0, 1.0);
        match done < warm.min(level) {
            true => {
                let start = 1.0 / self.config.start_divisor;
                start + (1.0 - start) * done / warm
            }
            false => down,
        }
    }
}

fn cosine(from: f64, to: f64, progress: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * progress).cos())
}
