//! How far the losses of one training may lie from those of the same training elsewhere.

use serde::{Deserialize, Serialize};

/// Losses below this count as this large: near zero, rounding is all that differs.
const FLOOR: f64 = 0.5;

/// Two runs of the same steps, compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parity {
    /// Largest difference of two losses of the same step, relative to the greater of the
    /// expected loss and 0.5; `None` when a loss is no number.
    pub deviation: Option<f64>,
    /// The step of that difference, from 1.
    pub step: usize,
    /// The largest deviation allowed.
    pub band: f64,
    /// Whether it is in the band.
    pub ok: bool,
}

/// Compares `found` with `expected`, step by step; fewer or no losses are out of the band.
pub fn compare(found: &[f64], expected: &[f64], band: f64) -> Parity {
    let mut worst = (0.0f64, 0);
    let same_steps = found.len() == expected.len() && !expected.is_empty();
    for (step, (found, expected)) in (1..).zip(found.iter().zip(expected)) {
        let deviation = (found - expected).abs() / expected.abs().max(FLOOR);
        if deviation.is_nan() {
            worst = (deviation, step);
            break;
        }
        if deviation > worst.0 {
            worst = (deviation, step);
        }
    }
    let (deviation, step) = worst;
    Parity {
        deviation: (deviation.is_finite() && same_steps).then_some(deviation),
        step,
        band,
        ok: same_steps && deviation <= band,
    }
}
