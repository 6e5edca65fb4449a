//! Trainings that led nowhere though every number is finite.

use super::Evaluation;
use crate::wording::loss_text;

/// A network has learnt that reads this share of the images that guessing does not.
const LEARNT: f64 = 0.25;

/// Where a training has led nowhere, what shows that and `next`, what to do about it; to follow a colon.
pub fn lost(evaluation: &Evaluation, next: &str) -> Option<String> {
    let shown = divergence(evaluation, "test")?;
    Some(format!(
        "the training diverged, or was too short: {shown}; {next}"
    ))
}

/// What shows in the evaluation of a split that a network has learnt nothing; `None` where it has.
pub fn divergence(evaluation: &Evaluation, split: &str) -> Option<String> {
    let counts = evaluation.confusion.counts();
    // What a guess of all classes alike would lose.
    let guessing = (counts.len().max(2) as f64).ln();
    let read_as = |class: usize| counts.iter().map(|row| row[class]).sum::<u64>();
    let labels = counts.iter().filter(|row| row.iter().sum::<u64>() > 0);
    let several = labels.count() > 1;
    let only = (0..counts.len()).find(|&class| read_as(class) == evaluation.total);
    if let Some(class) = only.filter(|_| several && evaluation.total > 0) {
        let name = &evaluation.classes[class].label;
        return Some(format!("every {split} image is read as {name}"));
    }
    // A network that reads a good part of the images has learnt, however sure it is of its mistakes.
    let chance = 1.0 / counts.len().max(2) as f64;
    let has_learnt = evaluation.accuracy > chance + LEARNT * (1.0 - chance);
    let is_worse = evaluation.loss.is_nan() || evaluation.loss > 1.05 * guessing;
    (is_worse && !has_learnt).then(|| {
        format!(
            "the {split} loss, {}, is above that of guessing, {guessing:.2}",
            loss_text(evaluation.loss)
        )
    })
}
