//! Softmax cross-entropy in one pass over the logits, on the CPU: loss, gradient and number correct.

use crate::kernels::count_confusion::cpu::first_maximum;
use crate::kernels::parallel;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("label {label} of row {row} is outside {classes} classes")]
pub struct OutOfRange {
    /// The label.
    pub label: i32,
    /// Its row.
    pub row: usize,
    /// How many classes there are.
    pub classes: usize,
}

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
    check(classes, logits, labels, gradient)?;
    let count = labels.len().max(1);
    let share = 1.0 / count as f32;
    let (loss, correct) = sum_rows(
        classes,
        logits,
        labels,
        gradient,
        |logits, label, gradient| row(logits, label, share, gradient),
    );
    Ok(Outcome {
        loss: (loss / count as f64) as f32,
        correct,
    })
}

/// As [`forward_backward`], with a weight for each class and the share `smoothing` of each label spread evenly over
/// all classes, as PyTorch's `CrossEntropyLoss(weight, label_smoothing)` has it: the loss is the sum over the batch
/// divided by the sum of the labels' weights (by 1 where that is 0), and each class has its own weight in what is
/// spread.
///
/// # Errors
/// As [`forward_backward`].
///
/// # Panics
/// As [`forward_backward`].
pub fn forward_backward_weighted(
    weights: &[f32],
    smoothing: f32,
    logits: &[f32],
    labels: &[i32],
    gradient: &mut [f32],
) -> Result<Outcome, OutOfRange> {
    let classes = weights.len();
    check(classes, logits, labels, gradient)?;
    let of_label = |&label: &i32| f64::from(weights[label as usize]);
    let total: f64 = labels.iter().map(of_label).sum();
    // Labels that all weigh nothing: a loss of what smoothing spreads, not NaN.
    let total = if total > 0.0 { total } else { 1.0 };
    let all: f64 = weights.iter().copied().map(f64::from).sum();
    let smoothing = f64::from(smoothing);
    let shares = Shares {
        weights,
        label: (1.0 - smoothing) / total,
        class: smoothing / classes as f64 / total,
        all,
    };
    let (loss, correct) = sum_rows(
        classes,
        logits,
        labels,
        gradient,
        |logits, label, gradient| shares.row(logits, label, gradient),
    );
    Ok(Outcome {
        loss: loss as f32,
        correct,
    })
}

fn check(
    classes: usize,
    logits: &[f32],
    labels: &[i32],
    gradient: &[f32],
) -> Result<(), OutOfRange> {
    assert_eq!(logits.len(), labels.len() * classes, "logits");
    assert_eq!(gradient.len(), logits.len(), "gradient");
    let outside = |label: &i32| !usize::try_from(*label).is_ok_and(|label| label < classes);
    match labels.iter().position(outside) {
        None => Ok(()),
        Some(row) => Err(OutOfRange {
            label: labels[row],
            row,
            classes,
        }),
    }
}

/// Calls `row` with the logits, the label and the gradient of each row; the sum of what it gives, and how many first
/// maxima are the label.
fn sum_rows(
    classes: usize,
    logits: &[f32],
    labels: &[i32],
    gradient: &mut [f32],
    row: impl Fn(&[f32], usize, &mut [f32]) -> f64 + Sync,
) -> (f64, usize) {
    let mut parts = vec![(0.0f64, 0usize); labels.len().div_ceil(CHUNK)];
    let size = CHUNK * classes.max(1);
    let chunks = gradient
        .chunks_mut(size)
        .zip(logits.chunks(size))
        .zip(labels.chunks(CHUNK))
        .zip(&mut parts);
    parallel::for_each(chunks, |(((gradient, logits), labels), part)| {
        let rows = gradient
            .chunks_exact_mut(classes)
            .zip(logits.chunks_exact(classes))
            .zip(labels);
        for ((gradient, logits), &label) in rows {
            let label = label as usize;
            part.0 += row(logits, label, gradient);
            part.1 += usize::from(first_maximum(logits) == label);
        }
    });
    parts
        .iter()
        .fold((0.0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}

/// The loss of one row; writes its gradient times `share`.
fn row(logits: &[f32], label: usize, share: f32, gradient: &mut [f32]) -> f64 {
    let (maximum, sum) = exponentials(logits, gradient);
    let scale = share / sum;
    for gradient in gradient.iter_mut() {
        *gradient *= scale;
    }
    gradient[label] -= share;
    f64::from(sum).ln() + f64::from(maximum) - f64::from(logits[label])
}

/// Fills `powers` with the exponentials of the logits less their maximum; that maximum and their sum.
#[inline(always)]
fn exponentials(logits: &[f32], powers: &mut [f32]) -> (f32, f32) {
    // `f32::max` drops NaN, but NaN comes back through the subtraction.
    let maximum = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0f32;
    for (power, &logit) in powers.iter_mut().zip(logits) {
        *power = (logit - maximum).exp();
        sum += *power;
    }
    (maximum, sum)
}

/// What rows with weights have in common: a class of weight `w` takes `w * label` of a row that it labels, and
/// `w * class` of each row.
struct Shares<'a> {
    weights: &'a [f32],
    label: f64,
    class: f64,
    /// The sum of the weights.
    all: f64,
}

impl Shares<'_> {
    /// The part of one row in the loss; writes its gradient.
    fn row(&self, logits: &[f32], label: usize, gradient: &mut [f32]) -> f64 {
        let (maximum, sum) = exponentials(logits, gradient);
        let of_label = self.label * f64::from(self.weights[label]);
        let scale = ((of_label + self.class * self.all) / f64::from(sum)) as f32;
        let class = self.class as f32;
        let level = f64::from(sum).ln() + f64::from(maximum);
        let mut spread = 0.0;
        for ((gradient, &weight), &logit) in gradient.iter_mut().zip(self.weights).zip(logits) {
            *gradient = *gradient * scale - class * weight;
            spread += f64::from(weight) * (level - f64::from(logit));
        }
        gradient[label] -= of_label as f32;
        of_label * (level - f64::from(logits[label])) + self.class * spread
    }
}
