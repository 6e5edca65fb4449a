//! The evaluation as a person reads it in a terminal, and as Markdown.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, TableStyle, presets};

use crate::evaluation::Evaluation;
use crate::evaluation::confusion::{Averages, ClassStatistics};

const MISTAKES_SHOWN: usize = 10;

/// The whole evaluation as text.
pub fn evaluation(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    let mut part = |title: &str, body: &str| {
        let _ = writeln!(text, "{title}\n{body}\n");
    };
    part(
        &format!(
            "The first {} predictions beside the truth",
            evaluation.first.actual.len()
        ),
        &first(evaluation),
    );
    part(
        "Each class against the rest",
        &classes(evaluation, presets::NOTHING),
    );
    part(
        "Confusion matrix (rows: the truth, columns: the prediction)",
        &matrix(evaluation, presets::NOTHING),
    );
    let mistakes = mistakes(evaluation);
    if !mistakes.is_empty() {
        part("Most frequent confusions", &mistakes);
    }
    let _ = writeln!(text, "{}", summary(evaluation));
    text
}

/// The two tables and the summary as Markdown.
pub fn markdown(evaluation: &Evaluation) -> String {
    format!(
        "{}\n\n{}\n\n{}\n",
        classes(evaluation, presets::ASCII_MARKDOWN),
        matrix(evaluation, presets::ASCII_MARKDOWN),
        summary(evaluation)
    )
}

fn summary(evaluation: &Evaluation) -> String {
    let manner = match evaluation.manner() {
        Some(manner) => format!(" by {manner}"),
        None => String::new(),
    };
    let mut text = format!(
        "Accuracy{manner} {} ({} of {} right), loss {:.4}",
        percent(Some(evaluation.accuracy)),
        evaluation.correct,
        evaluation.total,
        evaluation.loss
    );
    if let Some(found) = &evaluation.test_time_augmentation {
        let _ = write!(
            text,
            "\nWithout test-time augmentation {} ({} right), loss {:.4}",
            percent(Some(found.without.accuracy)),
            found.without.correct,
            found.without.loss
        );
    }
    text
}

fn first(evaluation: &Evaluation) -> String {
    let line = |classes: &[u16]| {
        let digits: Vec<String> = classes.iter().map(ToString::to_string).collect();
        digits.join(" ")
    };
    let marks: Vec<&str> = evaluation
        .first
        .predicted
        .iter()
        .zip(&evaluation.first.actual)
        .map(|(predicted, actual)| if predicted == actual { " " } else { "^" })
        .collect();
    let mut text = format!(
        "  predicted {}\n  actual    {}",
        line(&evaluation.first.predicted),
        line(&evaluation.first.actual)
    );
    if marks.contains(&"^") {
        let _ = write!(text, "\n  wrong     {}", marks.join(" ").trim_end());
    }
    text
}

fn classes(evaluation: &Evaluation, style: TableStyle) -> String {
    let mut table = table(style);
    table.set_header([
        "Class",
        "Pictures",
        "TP",
        "TN",
        "FP",
        "FN",
        "Precision",
        "Specificity",
        "F1",
        "Accuracy",
        "Recall",
    ]);
    for class in &evaluation.classes {
        table.add_row(class_row(class));
    }
    for (name, averages) in [
        ("macro mean", &evaluation.macro_),
        ("weighted mean", &evaluation.weighted),
    ] {
        table.add_row(average_row(name, averages));
    }
    align(&mut table)
}

fn class_row(class: &ClassStatistics) -> Vec<String> {
    vec![
        class.label.clone(),
        class.support.to_string(),
        class.tp.to_string(),
        class.tn.to_string(),
        class.fp.to_string(),
        class.fn_.to_string(),
        percent(class.precision),
        percent(class.specificity),
        percent(class.f1),
        percent(class.accuracy),
        percent(class.recall),
    ]
}

fn average_row(name: &str, averages: &Averages) -> Vec<String> {
    let mut row = vec![String::new(); 11];
    row[0] = name.into();
    row[6] = percent(averages.precision);
    row[8] = percent(averages.f1);
    row[10] = percent(averages.recall);
    row
}

fn matrix(evaluation: &Evaluation, style: TableStyle) -> String {
    let mut table = table(style);
    let labels: Vec<&str> = evaluation
        .classes
        .iter()
        .map(|class| class.label.as_str())
        .collect();
    // Long names (Fashion-MNIST) stand beside the rows only; columns bear their numbers.
    let header = (0..labels.len()).map(|class| class.to_string());
    table.set_header(std::iter::once(String::new()).chain(header));
    for (class, row) in evaluation.confusion.counts().iter().enumerate() {
        let name = match labels[class] == class.to_string() {
            true => class.to_string(),
            false => format!("{class} {}", labels[class]),
        };
        let cells = row.iter().map(|count| match count {
            0 => "·".to_string(),
            count => count.to_string(),
        });
        table.add_row(std::iter::once(name).chain(cells));
    }
    align(&mut table)
}

fn mistakes(evaluation: &Evaluation) -> String {
    let name = |class: usize| &evaluation.classes[class].label;
    let lines: Vec<String> = evaluation
        .confusion
        .mistakes()
        .iter()
        .take(MISTAKES_SHOWN)
        .map(|mistake| {
            format!(
                "  {} read as {}: {} time{}",
                name(mistake.truth),
                name(mistake.predicted),
                mistake.count,
                if mistake.count == 1 { "" } else { "s" }
            )
        })
        .collect();
    lines.join("\n")
}

/// A table without borders at the sides; `n/a` where a statistic does not exist.
pub fn table(style: TableStyle) -> Table {
    let mut table = Table::new();
    table.load_style(style);
    table
}

/// The table as text: names to the left, numbers to the right.
pub fn align(table: &mut Table) -> String {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_cell_alignment(match index {
            0 => CellAlignment::Left,
            _ => CellAlignment::Right,
        });
    }
    table.to_string()
}

/// A share as a percentage with two decimals.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "n/a".into(), |share| format!("{:.2} %", share * 100.0))
}
