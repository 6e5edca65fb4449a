//! What probabilities tell of a split: each figure as scikit-learn computes it, and which labels
//! look wrong.

use gpu_mnist::evaluation::Evaluation;
use gpu_mnist::evaluation::confusion::Averages;
use gpu_mnist::evaluation::worst::{suspects, verdicts};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde_json::json;
use tempfile::tempdir;

use crate::support::interop;

/// Images with the probabilities of their classes and their labels.
struct Images {
    probabilities: Vec<Vec<f64>>,
    labels: Vec<u16>,
}

impl Images {
    fn logarithms(&self) -> Vec<Vec<f64>> {
        let rows = self.probabilities.iter();
        rows.map(|row| row.iter().map(|share| share.ln()).collect())
            .collect()
    }

    fn evaluation(&self) -> Evaluation {
        let classes = self.probabilities[0].len();
        let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        Evaluation::of_answers(&self.logarithms(), &self.labels, &names)
    }
}

fn images<const CLASSES: usize>(rows: &[([f64; CLASSES], u16)]) -> Images {
    Images {
        probabilities: rows.iter().map(|(row, _)| row.to_vec()).collect(),
        labels: rows.iter().map(|&(_, label)| label).collect(),
    }
}

fn close(found: Option<f64>, expected: Option<f64>, what: &str) {
    let equal = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
        (found, expected) => found == expected,
    };
    assert!(equal, "{what}: {found:?}, scikit-learn {expected:?}");
}

/// What scikit-learn gives: balanced accuracy, top-5 accuracy, ROC AUC, calibration error; the
/// macro and the weighted means of precision, recall and F1; the ROC AUC of each class.
struct Expected<'a> {
    figures: [Option<f64>; 4],
    means: [[f64; 3]; 2],
    aucs: &'a [Option<f64>],
}

fn compare(images: &Images, expected: &Expected, name: &str) {
    let found = images.evaluation();
    let scores = &found.scores;
    let figures = [
        found.balanced_accuracy,
        scores.top5_accuracy,
        scores.roc_auc,
        scores.expected_calibration_error,
    ];
    for (place, (found, expected)) in figures.into_iter().zip(expected.figures).enumerate() {
        close(found, expected, &format!("{name}: figure {place}"));
    }
    let of = |mean: &Averages| [mean.precision, mean.recall, mean.f1];
    for (mean, expected) in [&found.macro_, &found.weighted]
        .into_iter()
        .zip(expected.means)
    {
        for (found, expected) in of(mean).into_iter().zip(expected) {
            close(found, Some(expected), &format!("{name}: a mean"));
        }
    }
    assert_eq!(found.classes.len(), expected.aucs.len());
    for (class, &expected) in found.classes.iter().zip(expected.aucs) {
        close(
            class.roc_auc,
            expected,
            &format!("{name}: AUC of {}", class.label),
        );
    }
}

/// scikit-learn 1.9.1 by `tests/interop/metrics.py`.
#[test]
fn figures_of_two_classes_are_scikit_learns() {
    let two = images(&[
        ([0.5, 0.5], 0),
        ([0.7, 0.3], 0),
        ([0.3, 0.7], 0),
        ([0.9, 0.1], 1),
        ([0.1, 0.9], 1),
        ([0.7, 0.3], 1),
        ([0.3, 0.7], 1),
        ([0.05, 0.95], 1),
    ]);
    let expected = Expected {
        figures: [Some(0.6333333333333333), None, Some(0.6), Some(0.26875)],
        means: [
            [0.625, 0.6333333333333333, 0.6190476190476191],
            [0.65625, 0.625, 0.6309523809523809],
        ],
        aucs: &[Some(0.6), Some(0.6)],
    };
    compare(&two, &expected, "two classes");
}

/// scikit-learn 1.9.1; of the four classes, one has no image.
#[test]
fn figures_of_several_classes_are_scikit_learns() {
    let three = images(&[
        ([0.7, 0.2, 0.1], 0),
        ([0.1, 0.7, 0.2], 1),
        ([0.05, 0.05, 0.9], 2),
        ([0.45, 0.45, 0.1], 1),
        ([0.1, 0.2, 0.7], 0),
        ([0.2, 0.7, 0.1], 1),
        ([0.1, 0.45, 0.45], 2),
        ([0.5, 0.1, 0.4], 0),
        ([0.35, 0.3, 0.35], 2),
    ]);
    let share = 0.5555555555555556;
    let f1 = 0.546031746031746;
    let expected = Expected {
        figures: [
            Some(share),
            None,
            Some(0.8611111111111112),
            Some(0.2277777777777778),
        ],
        means: [[share, share, f1]; 2],
        aucs: &[
            Some(0.7777777777777778),
            Some(0.9722222222222222),
            Some(0.8333333333333334),
        ],
    };
    compare(&three, &expected, "three classes");

    let absent = images(&[
        ([0.7, 0.1, 0.1, 0.1], 0),
        ([0.1, 0.5, 0.1, 0.3], 1),
        ([0.05, 0.05, 0.05, 0.85], 2),
        ([0.5, 0.2, 0.2, 0.1], 0),
        ([0.1, 0.7, 0.1, 0.1], 0),
        ([0.1, 0.1, 0.3, 0.5], 1),
    ]);
    let expected = Expected {
        figures: [
            Some(0.3888888888888889),
            None,
            Some(0.4837962962962963),
            Some(0.2916666666666667),
        ],
        means: [
            [0.375, 0.2916666666666667, 0.325],
            [0.6666666666666666, 0.5, 0.5666666666666668],
        ],
        aucs: &[Some(0.8888888888888888), Some(0.5625), Some(0.0), None],
    };
    compare(&absent, &expected, "a class without images");
}

/// scikit-learn 1.9.1; many probabilities are equal, within an image and among images.
#[test]
fn figures_of_many_classes_are_scikit_learns() {
    let row = |image: usize| {
        let shares = (0..11).map(|class| (image * class + 3 * image + class * class) % 7 + 1);
        let mut row: Vec<f64> = shares.map(|share| share as f64 / 100.0).collect();
        row.push(((1.0 - row.iter().sum::<f64>()) * 100.0).round() / 100.0);
        row
    };
    let twelve = Images {
        probabilities: (0..14).map(row).collect(),
        labels: (0..14).map(|image| image * 5 % 12).collect(),
    };
    let (half, low, high) = (
        Some(0.5),
        Some(0.038461538461538436),
        Some(0.8076923076923076),
    );
    let highest = Some(0.9615384615384616);
    let expected = Expected {
        figures: [
            Some(0.08333333333333333),
            Some(0.35714285714285715),
            Some(0.5176282051282051),
            Some(0.4985714285714286),
        ],
        means: [
            [
                0.005952380952380952,
                0.08333333333333333,
                0.011111111111111112,
            ],
            [
                0.00510204081632653,
                0.07142857142857142,
                0.009523809523809523,
            ],
        ],
        aucs: &[
            Some(0.08333333333333331),
            low,
            high,
            highest,
            half,
            Some(0.6666666666666667),
            highest,
            high,
            half,
            low,
            low,
            high,
        ],
    };
    compare(&twelve, &expected, "twelve classes");
}

/// Ten random tables with ties, uneven classes and classes without images, where Python has
/// scikit-learn.
#[test]
fn random_tables_have_scikit_learns_figures() {
    let mut random = ChaCha12Rng::seed_from_u64(18);
    let mut table = |classes: usize, images: usize| {
        let row = |random: &mut ChaCha12Rng| {
            let shares: Vec<u32> = (0..classes).map(|_| random.random_range(1..9)).collect();
            let sum: u32 = shares.iter().sum();
            (shares.into_iter())
                .map(|share| f64::from(share) / f64::from(sum))
                .collect::<Vec<f64>>()
        };
        let probabilities: Vec<Vec<f64>> = (0..images).map(|_| row(&mut random)).collect();
        // As often the most probable class as any.
        let label = |row: &Vec<f64>, random: &mut ChaCha12Rng| match random.random_bool(0.5) {
            true => (0..classes)
                .max_by(|&a, &b| row[a].total_cmp(&row[b]))
                .unwrap_or(0) as u16,
            false => random.random_range(0..classes as u16),
        };
        let labels = probabilities
            .iter()
            .map(|row| label(row, &mut random))
            .collect();
        let images = Images {
            probabilities,
            labels,
        };
        // What the evaluation computes with: the logarithm and its inverse round.
        let shares: Vec<Vec<f64>> = (images.logarithms().iter())
            .map(|row| row.iter().map(|log| log.exp()).collect())
            .collect();
        json!({
            "probabilities": shares,
            "labels": images.labels,
            "evaluation": images.evaluation(),
        })
    };
    let tables: Vec<_> = [
        (2, 40),
        (2, 500),
        (3, 30),
        (4, 7),
        (10, 300),
        (11, 200),
        (12, 20),
        (20, 500),
        (47, 90),
        (100, 1000),
    ]
    .into_iter()
    .map(|(classes, images)| table(classes, images))
    .collect();
    let home = tempdir().expect("a folder");
    let file = home.path().join("tables.json");
    std::fs::write(&file, json!(tables).to_string()).expect("written");
    interop(home.path(), "metrics.py", &["tables.json"]);
}

#[test]
fn probabilities_that_are_no_numbers_have_no_figures() {
    let broken = images(&[([f64::NAN, f64::NAN], 0), ([0.2, 0.8], 1)]);
    let found = broken.evaluation();
    assert_eq!(found.scores, Default::default());
    assert_eq!(found.classes[1].roc_auc, None);
    let text = json!(found).to_string();
    assert!(text.contains("\"roc_auc\":null"), "{text}");
}

/// Wilson (1927), as `statsmodels.stats.proportion.proportion_confint(..., method="wilson")` has it.
#[test]
fn the_interval_of_an_accuracy_is_wilsons() {
    let interval = |right: u64, wrong: u64| {
        let counts = vec![vec![right, wrong], vec![0, 0]];
        gpu_mnist::evaluation::confusion::Confusion::new(counts).accuracy_interval()
    };
    assert_eq!(interval(0, 0), None);
    for (right, wrong, expected) in [
        (9846, 154, [0.9819937628014999, 0.9868340659776405]),
        (10, 0, [0.7224672001371106, 1.0]),
        (0, 10, [0.0, 0.27753279986288926]),
    ] {
        let found = interval(right, wrong).expect("images");
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
    }
}

/// Sure of another class: at least as sure as of that class's own images on average.
#[test]
fn a_label_looks_wrong_where_the_network_is_sure_of_another_class() {
    let found = images(&[
        ([0.9, 0.1], 0),
        ([0.7, 0.3], 0),
        ([0.05, 0.95], 1),
        ([0.45, 0.55], 1),
        ([0.99, 0.01], 1),
        ([0.7, 0.3], 1),
        ([0.6, 0.4], 1),
        // Images of class 0 have 0.59 of it on average: this one is read as it, but not surely.
        ([0.52, 0.48], 1),
        // Images of class 1 have less than a half.
        ([0.17, 0.83], 0),
    ]);
    let verdicts = verdicts(&found.logarithms(), &found.labels);
    let suspected = suspects(verdicts);
    let order: Vec<usize> = suspected.iter().map(|verdict| verdict.index).collect();
    assert_eq!(order, [4, 8, 5, 6], "{suspected:?}");
    assert_eq!((suspected[0].label, suspected[0].predicted), (1, 0));
    assert!((suspected[0].label_probability() - 0.01).abs() < 1e-12);
}

/// Averages of a network that is certain of everything lie a rounding above single probabilities.
#[test]
fn a_network_that_is_certain_of_everything_still_suspects_labels() {
    let found = images(&[
        ([1.0 - 1e-12, 1e-12], 0),
        ([1.0 - 1e-12, 1e-12], 0),
        ([1.0 - 1e-9, 1e-9], 1),
        ([1e-12, 1.0 - 1e-12], 1),
        ([0.999, 0.001], 1),
    ]);
    let suspected = suspects(verdicts(&found.logarithms(), &found.labels));
    let order: Vec<usize> = suspected.iter().map(|verdict| verdict.index).collect();
    assert_eq!(order, [2], "{suspected:?}");
}
