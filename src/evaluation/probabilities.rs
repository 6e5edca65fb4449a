//! Class probabilities of pictures as logarithms, and their mean over shifts or networks.

use super::inference::Logits;
use crate::data::CLASSES;

/// The logarithm of the probability of each class; no probability that a loss needs underflows.
pub type LogProbabilities = [f64; CLASSES];

/// The log-probabilities that softmax makes of `logits`.
pub fn log_softmax(logits: &Logits) -> LogProbabilities {
    let logits = logits.map(f64::from);
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    logits.map(|logit| logit - highest - sum.ln())
}

/// The mean of the probabilities in each place; that of one answer is the answer, to the bit.
///
/// # Panics
/// Without answers, or when they are about different numbers of pictures.
pub fn mean(answers: &[&[LogProbabilities]]) -> Vec<LogProbabilities> {
    let first = answers.first().expect("a mean needs an answer");
    assert!(
        answers.iter().all(|answer| answer.len() == first.len()),
        "all answers are about the same pictures"
    );
    let of_class = |picture: usize, class: usize| {
        let terms = answers.iter().map(|answer| answer[picture][class]);
        let highest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
        if highest == f64::NEG_INFINITY {
            return highest;
        }
        let sum: f64 = terms.map(|term| (term - highest).exp()).sum();
        highest + (sum / answers.len() as f64).ln()
    };
    (0..first.len())
        .map(|picture| std::array::from_fn(|class| of_class(picture, class)))
        .collect()
}

/// The most probable class, the first of equals.
pub fn most_probable(answer: &LogProbabilities) -> usize {
    (1..CLASSES).fold(0, |best, class| match answer[class] > answer[best] {
        true => class,
        false => best,
    })
}
