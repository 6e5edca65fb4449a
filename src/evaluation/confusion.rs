//! Confusion statistics from plain counts. Rows are the true class, columns the predicted one.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// How often each class was read as each class: `counts[label][predicted]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion {
    #[serde(deserialize_with = "square")]
    counts: Vec<Vec<u64>>,
}

/// Counts from a file, where anything may stand.
fn square<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u64>>, D::Error> {
    let counts = Vec::<Vec<u64>>::deserialize(deserializer)?;
    let total = counts
        .iter()
        .flatten()
        .try_fold(0, |total: u64, &count| total.checked_add(count));
    match counts.iter().all(|row| row.len() == counts.len())
        && total.is_some_and(|total| total < 1 << 53)
    {
        true => Ok(counts),
        false => Err(D::Error::custom(
            "no confusion matrix: not square, or too large",
        )),
    }
}

/// One class against the rest. A ratio with nothing below the line is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassStatistics {
    /// The name of the class.
    pub label: String,
    /// Images of this class.
    pub support: u64,
    /// True positives: images of this class, read as it.
    pub tp: u64,
    /// True negatives: images of other classes, read as others.
    pub tn: u64,
    /// False positives: images of other classes, read as this one.
    pub fp: u64,
    /// False negatives: images of this class, read as others.
    #[serde(rename = "fn")]
    pub fn_: u64,
    /// TP / (TP + FP)
    pub precision: Option<f64>,
    /// TN / (TN + FP)
    pub specificity: Option<f64>,
    /// 2 TP / (2 TP + FP + FN)
    pub f1: Option<f64>,
    /// (TP + TN) / all
    pub accuracy: Option<f64>,
    /// TP / (TP + FN), the sensitivity
    pub recall: Option<f64>,
    /// Against the rest, by the probabilities; `None` where only counts are known.
    #[serde(default)]
    pub roc_auc: Option<f64>,
}

/// Means over the classes that occur, as labels or as predictions, by scikit-learn's rule
/// (`zero_division=0`): a ratio with nothing below the line counts as 0. `None` without images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    /// The mean precision.
    pub precision: Option<f64>,
    /// The mean recall.
    pub recall: Option<f64>,
    /// The mean F1.
    pub f1: Option<f64>,
}

impl ClassStatistics {
    /// Whether any image is of this class, or read as it.
    pub fn occurs(&self) -> bool {
        self.tp + self.fp + self.fn_ > 0
    }
}

/// A class read as another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The label.
    pub label: usize,
    /// The class it was read as.
    pub predicted: usize,
    /// How many images.
    pub count: u64,
}

impl Confusion {
    /// # Panics
    /// When `counts` is not square.
    pub fn new(counts: Vec<Vec<u64>>) -> Self {
        assert!(
            counts.iter().all(|row| row.len() == counts.len()),
            "a confusion matrix is square"
        );
        Self { counts }
    }

    /// `[label][predicted]`, how many images.
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.counts
    }

    /// How many images there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// How many were read right.
    pub fn correct(&self) -> u64 {
        (0..self.counts.len()).map(|c| self.counts[c][c]).sum()
    }

    /// Share classified right; `None` without images.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.correct(), self.total())
    }

    /// Where the accuracy on all images of this kind lies with 95 % confidence, from and to, by
    /// Wilson's score interval (1927); `None` without images.
    pub fn accuracy_interval(&self) -> Option<[f64; 2]> {
        const Z: f64 = 1.959_963_984_540_054;
        let (share, total) = (self.accuracy()?, self.total() as f64);
        let shrunk = 1.0 + Z * Z / total;
        let middle = (share + Z * Z / (2.0 * total)) / shrunk;
        let variance = share * (1.0 - share) / total + Z * Z / (4.0 * total * total);
        let half = Z * variance.sqrt() / shrunk;
        Some([(middle - half).max(0.0), (middle + half).min(1.0)])
    }

    /// The mean recall of the classes that have images, as `balanced_accuracy_score`; `None`
    /// without images.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let recalls = self
            .counts
            .iter()
            .enumerate()
            .filter_map(|(class, row)| ratio(row[class], row.iter().sum()));
        let (count, sum) = recalls.fold((0, 0.0), |(count, sum), recall| (count + 1, sum + recall));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// The statistics of each class, named by `labels`.
    pub fn classes(&self, labels: &[String]) -> Vec<ClassStatistics> {
        let total = self.total();
        (0..self.counts.len())
            .map(|class| {
                let tp = self.counts[class][class];
                let support: u64 = self.counts[class].iter().sum();
                let predicted: u64 = self.counts.iter().map(|row| row[class]).sum();
                let (fp, fn_) = (predicted - tp, support - tp);
                let tn = total - tp - fp - fn_;
                ClassStatistics {
                    label: labels
                        .get(class)
                        .cloned()
                        .unwrap_or_else(|| class.to_string()),
                    support,
                    tp,
                    tn,
                    fp,
                    fn_,
                    precision: ratio(tp, tp + fp),
                    specificity: ratio(tn, tn + fp),
                    f1: ratio(2 * tp, 2 * tp + fp + fn_),
                    accuracy: ratio(tp + tn, total),
                    recall: ratio(tp, tp + fn_),
                    roc_auc: None,
                }
            })
            .collect()
    }

    /// Off-diagonal cells with images in them, the fullest first.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut found: Vec<Mistake> = self
            .counts
            .iter()
            .enumerate()
            .flat_map(|(label, row)| {
                row.iter()
                    .enumerate()
                    .filter(move |&(predicted, &count)| predicted != label && count > 0)
                    .map(move |(predicted, &count)| Mistake {
                        label,
                        predicted,
                        count,
                    })
            })
            .collect();
        found.sort_by_key(|mistake| (std::cmp::Reverse(mistake.count), mistake.label));
        found
    }
}

/// The places of all classes, those with the lowest F1 first; last are those that nothing can be
/// said of.
pub fn by_f1(classes: &[ClassStatistics]) -> Vec<usize> {
    let f1 = |place: &usize| classes[*place].f1.unwrap_or(f64::INFINITY);
    let mut places: Vec<usize> = (0..classes.len()).collect();
    places.sort_by(|a, b| f1(a).total_cmp(&f1(b)));
    places
}

/// The plain mean over the classes that occur.
pub fn macro_average(classes: &[ClassStatistics]) -> Averages {
    average(classes, |_| 1.0)
}

/// The mean weighted by each class's images.
pub fn weighted_average(classes: &[ClassStatistics]) -> Averages {
    average(classes, |class| class.support as f64)
}

fn average(classes: &[ClassStatistics], weight: impl Fn(&ClassStatistics) -> f64) -> Averages {
    let occurring = || classes.iter().filter(|class| class.occurs());
    let weights: f64 = occurring().map(&weight).sum();
    let mean = |statistic: fn(&ClassStatistics) -> Option<f64>| {
        let sum: f64 = occurring()
            .map(|class| statistic(class).unwrap_or(0.0) * weight(class))
            .sum();
        (weights > 0.0).then(|| sum / weights)
    };
    Averages {
        precision: mean(|class| class.precision),
        recall: mean(|class| class.recall),
        f1: mean(|class| class.f1),
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
