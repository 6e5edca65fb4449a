//! Class probabilities of images as logarithms, and their mean over shifts or networks.

/// The logarithm of the probability of each class; no probability that a loss needs underflows.
pub type LogProbabilities = Vec<f64>;

/// The log-probabilities that softmax makes of `logits`.
pub fn log_softmax(logits: &[f32]) -> LogProbabilities {
    let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    logits
        .iter()
        .map(|logit| logit - highest - sum.ln())
        .collect()
}

/// The mean of the probabilities in each place; that of one answer is the answer, to the bit.
///
/// # Panics
/// Without answers, or when they are about different numbers of images.
pub fn mean(answers: &[&[LogProbabilities]]) -> Vec<LogProbabilities> {
    let first = answers.first().expect("a mean needs an answer");
    assert!(
        answers.iter().all(|answer| answer.len() == first.len()),
        "all answers are about the same images"
    );
    let of_class = |image: usize, class: usize| {
        let terms = answers.iter().map(|answer| answer[image][class]);
        let highest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
        if highest == f64::NEG_INFINITY {
            return highest;
        }
        let sum: f64 = terms.map(|term| (term - highest).exp()).sum();
        highest + (sum / answers.len() as f64).ln()
    };
    (0..first.len())
        .map(|image| {
            (0..first[image].len())
                .map(|class| of_class(image, class))
                .collect()
        })
        .collect()
}

/// The most probable class, the first of equals.
pub fn most_probable(answer: &[f64]) -> usize {
    (1..answer.len()).fold(0, |best, class| match answer[class] > answer[best] {
        true => class,
        false => best,
    })
}
