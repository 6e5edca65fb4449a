//! Softmax cross-entropy in one pass over the logits, on the CPU: loss, gradient and number correct.

use crate::kernels::count_confusion::cpu::first_maximum;
use crate::kernels::parallel;
use std::fmt;

/// Rows that one task computes. Fixed, so that the loss does not depend on the thread count.
const CHUNK: usize = 32;

/// What [`forward_backward`] finds besides the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Mean over the batch, summed in float64; NaN if a logit is NaN or infinite, 0 for an empty batch.
    pub loss: f32,
    /// Rows whose first maximum is their label.
    pub correct: usize,
}

/// A label that names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    pub label: i32,
    pub row: usize,
    pub classes: usize,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "label {} of row {} is outside {} classes",
            self.label, self.row, self.classes
        )
    }
}

impl std::error::Error for OutOfRange {}

/// Loss of `logits [n, classes]` against `labels [n]`, and its gradient `[n, classes]`, already divided by `n`.
/// The row's maximum is subtracted before the exponential, so large logits do not overflow. No scratch.
///
/// # Errors
/// A label lies outside `0..classes`; the gradient is then untouched.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn forward_backward(
    classes: usize,
    logits: &[f32],
    labels: &[i32],
    gradient: &mut [f32],
) -> Result<Outcome, OutOfRange> {
    assert_eq!(logits.len(), labels.len() * classes, "logits");
    assert_eq!(gradient.len(), logits.len(), "gradient");
    let outside = |label: &i32| !usize::try_from(*label).is_ok_and(|label| label < classes);
    if let Some(row) = labels.iter().position(outside) {
        return Err(OutOfRange {
            label: labels[row],
            row,
            classes,
        });
    }
    if labels.is_empty() {
        return Ok(Outcome {
            loss: 0.0,
            correct: 0,
        });
    }
    let share = 1.0 / labels.len() as f32;
    let mut parts = vec![(0.0f64, 0usize); labels.len().div_ceil(CHUNK)];
    let chunks = gradient
        .chunks_mut(CHUNK * classes)
        .zip(logits.chunks(CHUNK * classes))
        .zip(labels.chunks(CHUNK))
        .zip(&mut parts);
    parallel::for_each(chunks, |(((gradient, logits), labels), part)| {
        let rows = gradient
            .chunks_exact_mut(classes)
            .zip(logits.chunks_exact(classes))
            .zip(labels);
        for ((gradient, logits), &label) in rows {
            let label = label as usize;
            part.0 += row(logits, label, share, gradient);
            part.1 += usize::from(first_maximum(logits) == label);
        }
    });
    let (loss, correct) = parts
        .iter()
        .fold((0.0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    Ok(Outcome {
        loss: (loss / labels.len() as f64) as f32,
        correct,
    })
}

/// The loss of one row; writes its gradient times `share`.
fn row(logits: &[f32], label: usize, share: f32, gradient: &mut [f32]) -> f64 {
    // `f32::max` drops NaN, but NaN comes back through the subtraction.
    let maximum = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0f32;
    for (gradient, &logit) in gradient.iter_mut().zip(logits) {
        *gradient = (logit - maximum).exp();
        sum += *gradient;
    }
    let scale = share / sum;
    for gradient in gradient.iter_mut() {
        *gradient *= scale;
    }
    gradient[label] -= share;
    f64::from(sum).ln() + f64::from(maximum) - f64::from(logits[label])
}
