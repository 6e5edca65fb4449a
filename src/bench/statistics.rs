//! Quantiles, and the bootstrap interval of a ratio of medians (Efron, 1979).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

const RESAMPLES: usize = 2000;
const SEED: u64 = 1979;

/// The value below which `share` of `values` lie, the nearest of them; NaN without values.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count => sorted[((count - 1) as f64 * share).round() as usize],
    }
}

/// The middle of samples in any order; of an even number, the mean of the middle two.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// A ratio with the interval that holds 95 % of its resamples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The ratio.
    pub ratio: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// The median of `after` over the median of `before`. Each is a list of rounds; rounds are drawn
/// first, then samples within them, so that a machine that drifts between rounds widens the
/// interval. `None` where there is nothing to compare.
pub fn median_ratio(after: &[Vec<f64>], before: &[Vec<f64>]) -> Option<Ratio> {
    let ratio = median(&after.concat()) / median(&before.concat());
    if !(ratio.is_finite() && ratio > 0.0) {
        return None;
    }
    let mut random = ChaCha12Rng::seed_from_u64(SEED);
    let ratios: Vec<f64> = (0..RESAMPLES)
        .map(|_| resample(after, &mut random) / resample(before, &mut random))
        .collect();
    Some(Ratio {
        ratio,
        low: quantile(&ratios, 0.025),
        high: quantile(&ratios, 0.975),
    })
}

/// The median of one resample.
fn resample(rounds: &[Vec<f64>], random: &mut ChaCha12Rng) -> f64 {
    let mut drawn = Vec::new();
    for _ in rounds {
        let round = &rounds[random.random_range(0..rounds.len())];
        for _ in round {
            drawn.push(round[random.random_range(0..round.len())]);
        }
    }
    median(&drawn)
}
