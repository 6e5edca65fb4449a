//! Confusion statistics against hand-computed and degenerate tables.

use gpu_mnist::evaluation::confusion::{Confusion, macro_average, weighted_average};
use gpu_mnist::evaluation::{Evaluation, First};
use gpu_mnist::report::look::Look;
use gpu_mnist::report::{Format, render};
use proptest::prelude::*;

fn labels(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

#[test]
fn a_table_computed_by_hand() {
    // Truth 0: 5 right, 1 read as 1. Truth 1: 2 read as 0, 3 right, 1 read as 2. Truth 2: 4 right.
    let table = Confusion::new(vec![vec![5, 1, 0], vec![2, 3, 1], vec![0, 0, 4]]);
    assert_eq!((table.total(), table.correct()), (16, 12));
    assert_eq!(table.accuracy(), Some(0.75));
    let classes = table.classes(&labels(3));
    let one = &classes[1];
    assert_eq!(
        (one.support, one.tp, one.tn, one.fp, one.fn_),
        (6, 3, 9, 1, 3)
    );
    assert_eq!(one.precision, Some(0.75));
    assert_eq!(one.specificity, Some(0.9));
    assert_eq!(one.recall, Some(0.5));
    assert_eq!(one.f1, Some(0.6));
    assert_eq!(one.accuracy, Some(0.75));
    let close = |found: Option<f64>, expected: f64| {
        let found = found.expect("there");
        assert!(
            (found - expected).abs() < 1e-12,
            "{found} is not {expected}"
        );
    };
    close(
        macro_average(&classes).recall,
        (5.0 / 6.0 + 0.5 + 1.0) / 3.0,
    );
    close(weighted_average(&classes).recall, 12.0 / 16.0);
    close(
        weighted_average(&classes).precision,
        (6.0 * 5.0 / 7.0 + 6.0 * 0.75 + 4.0 * 0.8) / 16.0,
    );
    let mistakes = table.mistakes();
    assert_eq!(
        (mistakes[0].label, mistakes[0].predicted, mistakes[0].count),
        (1, 0, 2)
    );
    assert_eq!(mistakes.len(), 3);
}

#[test]
fn nothing_divided_by_nothing_is_null_and_not_available() {
    // Class 1 never occurs and is never predicted; class 2 occurs and is never predicted.
    let table = Confusion::new(vec![vec![3, 0, 0], vec![0, 0, 0], vec![2, 0, 0]]);
    let classes = table.classes(&labels(3));
    assert_eq!(classes[1].precision, None);
    assert_eq!(classes[1].recall, None);
    assert_eq!(classes[1].f1, None);
    assert_eq!(classes[1].specificity, Some(1.0));
    assert_eq!((classes[2].precision, classes[2].recall), (None, Some(0.0)));
    assert_eq!(classes[2].f1, Some(0.0));
    assert_eq!(macro_average(&classes).recall, Some(0.5));

    let first = First {
        predicted: vec![0],
        actual: vec![2],
    };
    let evaluation = Evaluation::from_counts(table, 0.5, first, &labels(3));
    let json = render(&evaluation, Format::Json, &Look::plain()).expect("JSON");
    let value: serde_json::Value = serde_json::from_str(&json).expect("valid");
    assert!(value["classes"][1]["precision"].is_null());
    assert_eq!(value["classes"][2]["fn"], 2);
    assert_eq!(value["confusion"][2][0], 2);
    let text = render(&evaluation, Format::Text, &Look::plain()).expect("text");
    assert!(text.contains("n/a") && !text.contains("NaN"), "{text}");
    assert!(text.contains("2 read as 0: 2 times"), "{text}");
    let csv = render(&evaluation, Format::Csv, &Look::plain()).expect("CSV");
    // Three classes with their rows of the matrix, then the means.
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 7, "{csv}");
    assert!(
        lines[0].ends_with("loss,read_as_0,read_as_1,read_as_2"),
        "{csv}"
    );
    assert_eq!(lines[3], "2,2,0,3,0,2,,1.0,0.0,0.6,0.0,,,,,2,0,0");
    assert_eq!(lines[4], "(macro mean),,,,,,0.3,,0.375,,0.5,,,,,,,");
    assert_eq!(lines[6], "(all),5,,,,,,,,0.6,0.5,,,,0.5,,,");
    assert!(
        csv.starts_with("label,support,tp,tn,fp,fn,precision"),
        "{csv}"
    );
    let markdown = render(&evaluation, Format::Markdown, &Look::plain()).expect("Markdown");
    assert!(markdown.starts_with('|'), "{markdown}");
}

/// What scikit-learn 1.7 gives for precision_recall_fscore_support(..., zero_division=0) of the
/// same images: labels that occur nowhere are left out, ratios of nothing are 0.
#[test]
fn means_follow_scikit_learn() {
    let mut counts = vec![vec![0; 10]; 10];
    counts[0][0] = 100;
    counts[1][0] = 100;
    let classes = Confusion::new(counts).classes(&labels(10));
    let found = macro_average(&classes);
    assert_eq!((found.precision, found.recall), (Some(0.25), Some(0.5)));
    let f1 = found.f1.expect("there");
    assert!((f1 - 1.0 / 3.0).abs() < 1e-12, "{f1}");
    let weighted = weighted_average(&classes);
    assert_eq!(
        (weighted.precision, weighted.recall),
        (Some(0.25), Some(0.5))
    );

    // A class that is only predicted counts, one that is neither does not.
    let table = Confusion::new(vec![vec![3, 1, 0], vec![0, 0, 0], vec![0, 0, 0]]);
    let found = macro_average(&table.classes(&labels(3)));
    assert_eq!((found.precision, found.recall), (Some(0.5), Some(0.375)));
    let found = weighted_average(&table.classes(&labels(3)));
    assert_eq!((found.precision, found.recall), (Some(1.0), Some(0.75)));
    for format in [Format::Text, Format::Json, Format::Markdown] {
        let first = First {
            predicted: vec![0],
            actual: vec![0],
        };
        let evaluation = Evaluation::from_counts(table.clone(), 0.5, first, &labels(3));
        let text = render(&evaluation, format, &Look::plain()).expect("text");
        let mean = if format == Format::Json {
            "0.375"
        } else {
            "37.50"
        };
        assert!(text.contains(mean), "{text}");
    }
}

#[test]
fn an_empty_table_has_no_accuracy() {
    let table = Confusion::new(vec![vec![0, 0], vec![0, 0]]);
    assert_eq!(table.accuracy(), None);
    assert_eq!(macro_average(&table.classes(&labels(2))).f1, None);
    assert!(table.mistakes().is_empty());
}

proptest! {
    #[test]
    fn the_four_counts_add_up_to_the_whole(cells in prop::collection::vec(0u64..50, 100)) {
        let table = Confusion::new(cells.chunks(10).map(<[u64]>::to_vec).collect());
        let total: u64 = cells.iter().sum();
        for class in table.classes(&labels(10)) {
            prop_assert_eq!(class.tp + class.tn + class.fp + class.fn_, total);
            prop_assert_eq!(class.tp + class.fn_, class.support);
            for share in [class.precision, class.recall, class.f1, class.specificity, class.accuracy] {
                prop_assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share)));
            }
        }
    }
}
