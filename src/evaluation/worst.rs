//! The images a model is most wrong about, and those whose labels look wrong.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::probabilities::{LogProbabilities, most_probable};

/// So much below its average counts as that sure: a network that is certain of everything has
/// averages that no single probability reaches. The authors' own program does the same.
const ROUNDING: f64 = 1e-6;

/// What a model made of one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Position in its split.
    pub index: usize,
    /// The label.
    #[serde(alias = "truth")]
    pub label: u16,
    /// The most probable class.
    pub predicted: u16,
    /// Probability of the predicted class.
    pub confidence: f64,
    /// Cross-entropy: -ln of the probability of the label.
    pub loss: f64,
    /// Whether the model is as sure of another class as it is of that class's own images on
    /// average. By the rule of confident learning (Northcutt et al., arXiv:1911.00068) the label
    /// looks wrong then; it says nothing of images that the model was trained on.
    #[serde(default)]
    pub looks_mislabelled: bool,
}

impl Verdict {
    /// Probability of the label.
    pub fn label_probability(&self) -> f64 {
        (-self.loss).exp()
    }
}

/// The verdict on every image, in order.
pub fn verdicts(answers: &[LogProbabilities], labels: &[u16]) -> Vec<Verdict> {
    let sure = self_confidence(answers, labels);
    let pairs = answers.iter().zip(labels).enumerate();
    pairs
        .map(|(index, (answer, &label))| {
            let predicted = most_probable(answer);
            let confidence = answer[predicted].exp();
            Verdict {
                index,
                label,
                predicted: predicted as u16,
                confidence,
                loss: -answer[usize::from(label)],
                looks_mislabelled: predicted != usize::from(label)
                    && sure[predicted].is_some_and(|sure| confidence >= sure - ROUNDING),
            }
        })
        .collect()
}

/// The mean probability of each class over the images that bear its label; `None` without any.
fn self_confidence(answers: &[LogProbabilities], labels: &[u16]) -> Vec<Option<f64>> {
    let classes = answers.first().map_or(0, Vec::len);
    let mut sums = vec![(0.0, 0u64); classes];
    for (answer, &label) in answers.iter().zip(labels) {
        let (sum, count) = &mut sums[usize::from(label)];
        *sum += answer[usize::from(label)].exp();
        *count += 1;
    }
    let mean = |(sum, count): (f64, u64)| (count > 0).then(|| sum / count as f64);
    sums.into_iter().map(mean).collect()
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

/// Of each kind of mistake the `count` verdicts of highest loss: the worst of every kind first, then the second
/// worst of every kind, and so on.
pub fn of_each_mistake(verdicts: Vec<Verdict>, count: usize) -> Vec<Verdict> {
    let all = verdicts.len();
    let mut found = worst(verdicts, all);
    let mut ranks: HashMap<(u16, u16), usize> = HashMap::new();
    found.retain(|verdict| verdict.label != verdict.predicted);
    let mut ranked: Vec<(usize, Verdict)> = found
        .into_iter()
        .map(|verdict| {
            let rank = ranks.entry((verdict.label, verdict.predicted)).or_default();
            *rank += 1;
            (*rank, verdict)
        })
        .filter(|(rank, _)| *rank <= count)
        .collect();
    // Stable: within a rank the worst stays first.
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, verdict)| verdict).collect()
}

/// The verdicts on images that look mislabelled, the most likely first: by how much more probable
/// the predicted class is than the label.
pub fn suspects(verdicts: Vec<Verdict>) -> Vec<Verdict> {
    let mut found = verdicts;
    found.retain(|verdict| verdict.looks_mislabelled);
    let margin = |verdict: &Verdict| verdict.confidence - verdict.label_probability();
    found.sort_by(|a, b| margin(b).total_cmp(&margin(a)));
    found
}
