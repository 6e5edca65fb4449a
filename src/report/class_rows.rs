//! The evaluation as CSV: a line a class with its row of the confusion matrix, then the means.

use serde::Serialize;

use crate::evaluation::Evaluation;
use crate::evaluation::confusion::Averages;

/// The fields of [`Row`]; after them, `read_as_CLASS` for each class.
const COLUMNS: [&str; 15] = [
    "label",
    "support",
    "tp",
    "tn",
    "fp",
    "fn",
    "precision",
    "specificity",
    "f1",
    "accuracy",
    "recall",
    "roc_auc",
    "top5_accuracy",
    "calibration_error",
    "loss",
];

#[derive(Serialize, Default)]
struct Row<'a> {
    label: &'a str,
    support: Option<u64>,
    tp: Option<u64>,
    tn: Option<u64>,
    fp: Option<u64>,
    fn_: Option<u64>,
    precision: Option<f64>,
    specificity: Option<f64>,
    f1: Option<f64>,
    accuracy: Option<f64>,
    recall: Option<f64>,
    roc_auc: Option<f64>,
    top5_accuracy: Option<f64>,
    calibration_error: Option<f64>,
    loss: Option<f64>,
}

/// A line a class, then `(macro mean)`, `(weighted mean)` and `(all)`, whose recall is the balanced
/// accuracy. What does not exist is an empty field.
///
/// # Errors
/// Those of the CSV writer.
pub fn class_rows(evaluation: &Evaluation) -> anyhow::Result<String> {
    let classes = &evaluation.classes;
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    let read_as = classes
        .iter()
        .map(|class| format!("read_as_{}", class.label));
    writer.write_record(COLUMNS.map(String::from).into_iter().chain(read_as))?;
    for (class, counts) in classes.iter().zip(evaluation.confusion.counts()) {
        let row = Row {
            label: &class.label,
            support: Some(class.support),
            tp: Some(class.tp),
            tn: Some(class.tn),
            fp: Some(class.fp),
            fn_: Some(class.fn_),
            precision: class.precision,
            specificity: class.specificity,
            f1: class.f1,
            accuracy: class.accuracy,
            recall: class.recall,
            roc_auc: class.roc_auc,
            ..Row::default()
        };
        writer.serialize((row, counts))?;
    }
    let scores = &evaluation.scores;
    let all = Row {
        label: "(all)",
        support: Some(evaluation.total),
        accuracy: Some(evaluation.accuracy),
        recall: evaluation.balanced_accuracy,
        roc_auc: scores.roc_auc,
        top5_accuracy: scores.top5_accuracy,
        calibration_error: scores.expected_calibration_error,
        loss: Some(evaluation.loss),
        ..Row::default()
    };
    let no_counts: Vec<Option<u64>> = vec![None; classes.len()];
    for row in [
        mean("(macro mean)", &evaluation.macro_),
        mean("(weighted mean)", &evaluation.weighted),
        all,
    ] {
        writer.serialize((row, &no_counts))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn mean<'a>(label: &'a str, mean: &Averages) -> Row<'a> {
    Row {
        label,
        precision: mean.precision,
        f1: mean.f1,
        recall: mean.recall,
        ..Row::default()
    }
}
