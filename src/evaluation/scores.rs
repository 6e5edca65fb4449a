//! What class probabilities tell beyond the counts: ROC AUC, top-5 accuracy and calibration, each as
//! scikit-learn computes it.

use serde::{Deserialize, Serialize};

/// How many of the most probable classes may hold the label.
const TOP: usize = 5;
/// With so few classes or fewer, the top five say nothing.
const FEW_CLASSES: usize = 10;
/// Bins of equal width of the top probability.
const BINS: usize = 15;

/// Figures of the probabilities of a split; without any where only counts are known, or where a
/// probability is no number. Shares lie in 0..=1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scores {
    /// Share of the images whose label is among the five most probable classes; of equally probable
    /// classes the later one counts as more probable, as in `top_k_accuracy_score`. `None` up to ten
    /// classes.
    pub top5_accuracy: Option<f64>,
    /// Area under the ROC curve. Of two classes, that of the second; of more, the mean of each class against
    /// the rest, over the classes that have one, as MedMNIST reports.
    pub roc_auc: Option<f64>,
    /// Mean over the images of the gap between confidence and accuracy of their bin (Guo et al.,
    /// arXiv:1706.04599, with 15 bins).
    pub expected_calibration_error: Option<f64>,
    /// Bins of the top probability, the least first.
    pub calibration: Vec<CalibrationBin>,
}

/// The images whose top probability lies above `from` and is at most `to`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// The least top probability, itself not in the bin.
    pub from: f64,
    /// The greatest.
    pub to: f64,
    /// How many images have theirs in between.
    pub images: u64,
    /// Mean top probability; `None` without images.
    pub confidence: Option<f64>,
    /// Share classified right; `None` without images.
    pub accuracy: Option<f64>,
}

impl Scores {
    /// Of the probabilities `[images][classes]` of images with these `labels`; `aucs` are the areas under the
    /// ROC curve of each class against the rest.
    pub fn new(probabilities: &[Vec<f64>], labels: &[u16], aucs: &[Option<f64>]) -> Self {
        if labels.is_empty() || probabilities.iter().flatten().any(|value| value.is_nan()) {
            return Self::default();
        }
        let calibration = calibration(probabilities, labels);
        Self {
            top5_accuracy: (aucs.len() > FEW_CLASSES).then(|| top(probabilities, labels)),
            roc_auc: match aucs {
                [_, second] => *second,
                aucs => mean(aucs.iter().flatten()),
            },
            expected_calibration_error: Some(expected_error(&calibration)),
            calibration,
        }
    }
}

/// The area under the ROC curve of each class against the rest: the share of pairs of an image of
/// the class and another one in which the former has the higher probability of the class, half of
/// those with equal ones added. `None` where there are no such pairs, or a probability is no number.
pub fn roc_auc_of_classes(
    probabilities: &[Vec<f64>],
    labels: &[u16],
    classes: usize,
) -> Vec<Option<f64>> {
    (0..classes)
        .map(|class| {
            let scored = probabilities.iter().zip(labels);
            let mut scored: Vec<(f64, bool)> = scored
                .map(|(row, &label)| (row[class], usize::from(label) == class))
                .collect();
            roc_auc(&mut scored)
        })
        .collect()
}

/// Of scores with whether each belongs to a member of the class.
fn roc_auc(scored: &mut [(f64, bool)]) -> Option<f64> {
    let members = scored.iter().filter(|(_, member)| *member).count();
    let pairs = members * (scored.len() - members);
    if pairs == 0 || scored.iter().any(|(score, _)| score.is_nan()) {
        return None;
    }
    scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // In halves of pairs, so that nothing is rounded.
    let (mut others_below, mut halves) = (0, 0);
    for equal in scored.chunk_by(|a, b| a.0 == b.0) {
        let members = equal.iter().filter(|(_, member)| *member).count();
        let others = equal.len() - members;
        halves += members * (2 * others_below + others);
        others_below += others;
    }
    Some(halves as f64 / (2 * pairs) as f64)
}

/// Share of images whose label is among the [`TOP`] most probable classes.
fn top(probabilities: &[Vec<f64>], labels: &[u16]) -> f64 {
    let hits = probabilities.iter().zip(labels).filter(|(row, label)| {
        let label = usize::from(**label);
        let before = |(class, value): &(usize, &f64)| {
            **value > row[label] || (**value == row[label] && *class > label)
        };
        row.iter().enumerate().filter(before).count() < TOP
    });
    hits.count() as f64 / labels.len() as f64
}

fn calibration(probabilities: &[Vec<f64>], labels: &[u16]) -> Vec<CalibrationBin> {
    // The edges of `numpy.linspace`, to the bit.
    let edge = |bin: usize| match bin {
        BINS => 1.0,
        bin => bin as f64 * (1.0 / BINS as f64),
    };
    let (mut images, mut confidence, mut right) = ([0; BINS], [0.0; BINS], [0; BINS]);
    for (row, &label) in probabilities.iter().zip(labels) {
        let predicted = super::probabilities::most_probable(row);
        let bin = (1..BINS).filter(|&bin| row[predicted] > edge(bin)).count();
        images[bin] += 1;
        confidence[bin] += row[predicted];
        right[bin] += u64::from(predicted == usize::from(label));
    }
    (0..BINS)
        .map(|bin| {
            let share = |sum: f64| (images[bin] > 0).then(|| sum / images[bin] as f64);
            CalibrationBin {
                from: edge(bin),
                to: edge(bin + 1),
                images: images[bin],
                confidence: share(confidence[bin]),
                accuracy: share(right[bin] as f64),
            }
        })
        .collect()
}

fn expected_error(calibration: &[CalibrationBin]) -> f64 {
    let total: u64 = calibration.iter().map(|bin| bin.images).sum();
    let gap =
        |bin: &CalibrationBin| Some(bin.images as f64 * (bin.accuracy? - bin.confidence?).abs());
    calibration.iter().filter_map(gap).sum::<f64>() / total as f64
}

fn mean<'a>(values: impl Iterator<Item = &'a f64>) -> Option<f64> {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}
