//! The learning-rate range test (Smith, arXiv:1506.01186): the rate rises exponentially from step to
//! step, and the loss says where training begins, where it is fastest and where it diverges.

use burn::tensor::Transaction;
use serde::Serialize;

use super::TrainingError;
use super::state::Snapshot;
use super::trainer::{StepOutcome, Trainer};
use crate::config::{Config, ScheduleKind};
use crate::data::batches::DeviceSplit;
use crate::device::Device;

/// Steps between two read-backs on an adapter.
const STEPS_PER_READ: usize = 10;
/// The loss is smoothed over about so many decades of the rate.
const SMOOTHED_OVER: f64 = 0.2;
/// The test ends where the smoothed loss is so many times the lowest, or back where it began.
const DIVERGED: f64 = 4.0;
/// The share of the fall that is left out at either end of the valley.
const ENDS: f64 = 0.1;
/// A fall of less than this share of the first loss is none.
const LEAST_FALL: f64 = 0.05;
/// Losses below this are taken for it: they are smoothed by their logarithms.
const LEAST_LOSS: f64 = 1e-9;

/// The rates that are tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The first rate.
    pub lowest: f64,
    /// The last rate, where the loss does not end it earlier.
    pub highest: f64,
    /// From one to the other.
    pub steps: usize,
}

/// What a test found. Rates and losses are those of the steps in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RangeTest {
    /// The rate of each step.
    pub rates: Vec<f64>,
    /// The last one may be no finite number, which JSON writes as null.
    pub losses: Vec<f64>,
    /// The geometric mean of the losses around each step.
    pub smoothed: Vec<f64>,
    /// Whether it ended early, at a loss of four times the lowest, or one that is as high as the first
    /// after it had fallen, or none at all.
    pub diverged: bool,
    /// `None` where the loss never fell.
    pub suggested: Option<Suggested>,
}

/// Rates to train with, by three rules; all look at the smoothed loss against the logarithm of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Suggested {
    /// Where the loss falls fastest.
    pub steepest: f64,
    /// The middle of the fall: between the rates where the first tenth of it is over and where the
    /// last one begins.
    pub valley: f64,
    /// Where the loss is lowest.
    pub lowest: f64,
}

/// A rule of [`Suggested`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// In the middle of the fall.
    Valley,
    /// Where the loss is lowest.
    Lowest,
}

impl Suggested {
    /// The highest rate for a schedule, and the rule it is by: one that only touches it bears the rate at
    /// which the loss is lowest, one that stays there does not.
    pub fn for_schedule(&self, schedule: ScheduleKind) -> (Rule, f64) {
        match schedule {
            ScheduleKind::OneCycle | ScheduleKind::Cosine => (Rule::Lowest, self.lowest),
            _ => (Rule::Valley, self.valley),
        }
    }
}

/// Trains from `start` with rising rates, and calls `done` with the number of steps so far.
///
/// # Errors
/// [`TrainingError::Device`].
pub async fn range_test(
    start: Snapshot,
    images: &DeviceSplit,
    range: Range,
    config: &Config,
    device: &Device,
    mut done: impl FnMut(usize),
) -> Result<RangeTest, TrainingError> {
    let Range {
        lowest,
        highest,
        steps,
    } = range;
    let mut config = config.clone();
    // Every pass is distorted as the first ones of a training are.
    config.training.epochs = steps + config.augment.off_epochs;
    let trainer = Trainer::new(start, images, steps, &config, device)?;
    let mut trainer = trainer.with_rising_rates(lowest, highest);
    let most = if device.is_gpu() { STEPS_PER_READ } else { 1 };
    let (mut rates, mut losses) = (Vec::new(), Vec::new());
    let mut unread: Vec<StepOutcome> = Vec::new();
    let mut watch = Divergence::default();
    let mut end = None;
    while end.is_none() && rates.len() < steps {
        if trainer.epoch_is_over() {
            trainer.end_epoch();
            trainer.begin_epoch(&[]);
        }
        let step = trainer.step()?;
        rates.push(step.learning_rate);
        unread.push(step);
        if unread.len() < most && rates.len() < steps {
            continue;
        }
        let new = losses.len();
        losses.extend(read(&trainer, &unread, device).await?);
        unread.clear();
        done(losses.len());
        end = (new..losses.len()).find(|&step| watch.sees(&rates[..=step], &losses[..=step]));
    }
    // Steps that were queued behind the end are no part of it.
    let kept = end.map_or(rates.len(), |step| step + 1);
    rates.truncate(kept);
    losses.truncate(kept);
    Ok(RangeTest::of(rates, losses, end.is_some()))
}

impl RangeTest {
    /// The smoothed losses of these steps, and what they suggest.
    pub fn of(rates: Vec<f64>, losses: Vec<f64>, diverged: bool) -> Self {
        let smoothed: Vec<f64> = (0..rates.len())
            .map(|step| smoothed(&rates, &losses, step))
            .collect();
        Self {
            suggested: suggest(&rates, &smoothed),
            rates,
            losses,
            smoothed,
            diverged,
        }
    }
}

async fn read(
    trainer: &Trainer,
    steps: &[StepOutcome],
    device: &Device,
) -> Result<Vec<f64>, TrainingError> {
    let joined = device.guard("training", || {
        Transaction::default().register(trainer.scores(steps).0)
    })?;
    let data = device.read("training", joined).await?;
    Ok(data[0].iter::<f64>().collect())
}

/// Looks at the losses of a test step by step, for its end.
struct Divergence {
    /// Smoothed as the losses before it allow, as are the others.
    first: f64,
    lowest: f64,
}

impl Default for Divergence {
    fn default() -> Self {
        Self {
            first: f64::NAN,
            lowest: f64::INFINITY,
        }
    }
}

impl Divergence {
    /// Whether the last loss is the end of the test, by what went before it; called for every step in turn.
    fn sees(&mut self, rates: &[f64], losses: &[f64]) -> bool {
        let last = losses.len() - 1;
        if !losses[last].is_finite() {
            return true;
        }
        let now = smoothed(rates, losses, last);
        if last == 0 {
            self.first = now;
        }
        let has_fallen = self.lowest < (1.0 - LEAST_FALL) * self.first;
        let ends = now > DIVERGED * self.lowest || has_fallen && now >= self.first;
        self.lowest = self.lowest.min(now);
        ends
    }
}

/// The geometric mean of the losses about a step, weighted by a Gaussian of the distance in decades
/// of the rate; what is not finite is left out.
fn smoothed(rates: &[f64], losses: &[f64], step: usize) -> f64 {
    let centre = rates[step].log10();
    let distance = |rate: &f64| (rate.log10() - centre) / SMOOTHED_OVER;
    let begin = rates.partition_point(|rate| distance(rate) <= -3.0);
    let near = rates[begin..].iter().map(distance).zip(&losses[begin..]);
    let (mut sum, mut weights) = (0.0, 0.0);
    for (distance, loss) in near.take_while(|(distance, _)| *distance < 3.0) {
        if loss.is_finite() {
            let weight = (-0.5 * distance * distance).exp();
            sum += weight * loss.max(LEAST_LOSS).ln();
            weights += weight;
        }
    }
    match weights > 0.0 {
        true => (sum / weights).exp(),
        false => f64::INFINITY,
    }
}

/// What smoothed losses suggest; `None` where they do not fall.
fn suggest(rates: &[f64], smoothed: &[f64]) -> Option<Suggested> {
    let lowest = (0..smoothed.len()).min_by(|&a, &b| smoothed[a].total_cmp(&smoothed[b]))?;
    let (first, least) = (*smoothed.first()?, smoothed[lowest]);
    let fall = first - least;
    if fall.is_nan() || fall <= LEAST_FALL * first {
        return None;
    }
    let steep = |step: &usize| {
        let decades = (rates[step + 1] / rates[*step]).log10();
        (smoothed[step + 1] - smoothed[*step]) / decades
    };
    let steepest = (0..lowest).min_by(|a, b| steep(a).total_cmp(&steep(b)))?;
    let begins = (0..lowest).rfind(|&step| smoothed[step] >= first - ENDS * fall)?;
    let ends = (begins..=lowest).find(|&step| smoothed[step] <= least + ENDS * fall)?;
    let middle = |a: f64, b: f64| (a * b).sqrt();
    Some(Suggested {
        steepest: middle(rates[steepest], rates[steepest + 1]),
        valley: middle(rates[begins], rates[ends]),
        lowest: rates[lowest],
    })
}
