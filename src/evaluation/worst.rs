//! The pictures a model is most wrong about.

use serde::{Deserialize, Serialize};

use super::probabilities::{LogProbabilities, most_probable};

/// What a model made of one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Position in its split.
    pub index: usize,
    pub truth: u16,
    pub predicted: u16,
    /// Probability of the predicted class.
    pub confidence: f64,
    /// Cross-entropy: -ln of the probability of the true class.
    pub loss: f64,
}

/// The verdict on every picture, in order.
pub fn verdicts(answers: &[LogProbabilities], labels: &[u16]) -> Vec<Verdict> {
    let pairs = answers.iter().zip(labels).enumerate();
    pairs
        .map(|(index, (answer, &truth))| {
            let predicted = most_probable(answer);
            Verdict {
                index,
                truth,
                predicted: predicted as u16,
                confidence: answer[predicted].exp(),
                loss: -answer[usize::from(truth)],
            }
        })
        .collect()
}

/// The `count` verdicts of highest loss, the worst first; no number at all is the worst.
pub fn worst(mut verdicts: Vec<Verdict>, count: usize) -> Vec<Verdict> {
    let severity = |verdict: &Verdict| match verdict.loss.is_nan() {
        true => f64::INFINITY,
        false => verdict.loss,
    };
    verdicts.sort_by(|a, b| severity(b).total_cmp(&severity(a)));
    verdicts.truncate(count);
    verdicts
}
