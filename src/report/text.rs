//! The evaluation as a person reads it in a terminal, and as Markdown.

mod tables;

use std::fmt::Write;

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use super::look::{Look, Mark};
use crate::evaluation::Evaluation;
pub use crate::terminal::percent;
pub use crate::terminal::wrap::wrapped;
use crate::wording::{count, loss_text};
use tables::{classes, classes_shown, is_zero_counted, matrix};

const MISTAKES_SHOWN: usize = 10;
/// Names in sentences are cut to this many columns.
const NAME_WIDTH: usize = 28;
/// The same of the first predictions, many of which stand in a line.
const FIRST_NAME_WIDTH: usize = 10;

/// The whole evaluation as text.
pub fn evaluation(evaluation: &Evaluation, look: &Look) -> String {
    let mut text = String::new();
    let mut part = |title: &str, body: &str| {
        let _ = writeln!(text, "{}\n{body}\n", look.mark(Mark::Title, title));
    };
    part(
        &match evaluation.first.actual.len() {
            1 => "The first prediction beside its label".into(),
            shown => format!("The first {shown} predictions beside their labels"),
        },
        &first(evaluation, look),
    );
    let shown = classes_shown(evaluation, look);
    let (title, rest) = match evaluation.classes.len() - shown.len() {
        0 => ("Each class against the rest (rates in %)".to_string(), None),
        rest => (
            format!(
                "The {} classes with the lowest F1, each against the rest (rates in %)",
                shown.len()
            ),
            Some(rest),
        ),
    };
    let mut body = classes(evaluation, &shown, look).text(look.width);
    if let Some(rest) = rest {
        let noun = if rest == 1 { "class" } else { "classes" };
        let _ = write!(body, "\n  {rest} more {noun} with --details");
    }
    if is_zero_counted(evaluation) {
        body += "\n  n/a: a ratio of nothing; the means count it as 0";
    }
    part(&title, &body);
    match rest {
        None => part(
            "Confusion matrix (rows: labels, columns: predictions)",
            &matrix(evaluation, look).text(look.width),
        ),
        Some(_) => {
            let names = evaluation.classes.len();
            let title = format!("Confusion matrix of {names} classes");
            part(&title, "  with --details, and in the report");
        }
    }
    let mistakes = mistakes(evaluation, look);
    if !mistakes.is_empty() {
        part("Most frequent confusions", &mistakes);
    }
    let _ = writeln!(text, "{}", summary(evaluation, look));
    text
}

/// The two tables and the summary as Markdown, with all classes.
pub fn markdown(evaluation: &Evaluation) -> String {
    let look = Look {
        details: true,
        ..Look::plain()
    };
    let all: Vec<usize> = (0..evaluation.classes.len()).collect();
    format!(
        "{}\n\n{}\n\n{}\n",
        classes(evaluation, &all, &look).markdown(),
        matrix(evaluation, &look).markdown(),
        summary(evaluation, &look)
    )
}

fn summary(evaluation: &Evaluation, look: &Look) -> String {
    let right = |accuracy: f64, correct: u64, loss: f64| {
        format!(
            "{} ({correct} of {} right), loss {}",
            look.mark(Mark::Good, &percent(Some(accuracy))),
            evaluation.total,
            loss_text(loss)
        )
    };
    let Evaluation {
        accuracy,
        correct,
        loss,
        ..
    } = *evaluation;
    let found = right(accuracy, correct, loss);
    let mut text = match evaluation.manner() {
        Some(manner) => format!("Accuracy by {manner}\n  {found}"),
        None => format!("Accuracy {found}"),
    };
    let figures = figures(evaluation).join("; ");
    if !figures.is_empty() {
        let _ = write!(
            text,
            "\n{}",
            wrapped(&format!("  {figures}"), look.width, "  ")
        );
    }
    if let Some(found) = &evaluation.test_time_augmentation {
        let plain = &found.without;
        let _ = write!(
            text,
            "\nWithout test-time augmentation\n  {}",
            right(plain.accuracy, plain.correct, plain.loss)
        );
    }
    text
}

/// What else is known of all images together, a phrase a figure.
fn figures(evaluation: &Evaluation) -> Vec<String> {
    let interval = evaluation.accuracy_interval;
    let interval = interval
        .map(|[from, to]| format!("95 % interval {} to {} %", rate(Some(from)), rate(Some(to))));
    let share =
        |name: &str, share: Option<f64>| share.map(|_| format!("{name} {}", percent(share)));
    let scores = &evaluation.scores;
    [
        interval,
        share("balanced accuracy", evaluation.balanced_accuracy),
        share("top-5 accuracy", scores.top5_accuracy),
        scores
            .roc_auc
            .map(|auc| format!("ROC AUC {}", area(Some(auc)))),
        share("calibration error", scores.expected_calibration_error),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The first predictions above their labels by name, in as many lines as it takes.
fn first(evaluation: &Evaluation, look: &Look) -> String {
    let name = |class: usize| match evaluation.classes.get(class) {
        Some(class) => truncate_str(&class.label, FIRST_NAME_WIDTH, "…").into_owned(),
        None => class.to_string(),
    };
    let classes = |list: &[u16]| -> Vec<usize> { list.iter().copied().map(usize::from).collect() };
    let predicted = classes(&evaluation.first.predicted);
    let labels = classes(&evaluation.first.actual);
    let all = predicted.iter().chain(&labels);
    let width = all.map(|&class| measure_text_width(&name(class))).max();
    let width = width.unwrap_or(1);
    let padded = |text: &str| pad_str(text, width, Alignment::Right, None).into_owned();
    let row = |title: &str, cells: Vec<String>| {
        format!("  {title:<9} {}", cells.join(" "))
            .trim_end()
            .to_string()
    };
    let names = |classes: &[usize]| classes.iter().map(|&class| padded(&name(class))).collect();
    let a_line = (look.width.saturating_sub("  predicted ".len()) / (width + 1)).max(1);
    let mut blocks = Vec::new();
    for (predicted, labels) in predicted.chunks(a_line).zip(labels.chunks(a_line)) {
        let mut lines = vec![
            row("predicted", names(predicted)),
            row("label", names(labels)),
        ];
        if predicted != labels {
            let pairs = predicted.iter().zip(labels);
            let marks = pairs.map(|(predicted, label)| match predicted == label {
                true => padded(""),
                false => look.mark(Mark::Bad, &padded("^")),
            });
            lines.push(row("wrong", marks.collect()));
        }
        blocks.push(lines.join("\n"));
    }
    blocks.join("\n\n")
}

fn mistakes(evaluation: &Evaluation, look: &Look) -> String {
    let most = NAME_WIDTH.min(look.width.saturating_sub(30) / 2).max(6);
    let name = |class: usize| truncate_str(&evaluation.classes[class].label, most, "…");
    let mistakes = evaluation.confusion.mistakes();
    let shown = match look.details {
        true => mistakes.len().min(10 * MISTAKES_SHOWN),
        false => mistakes.len().min(MISTAKES_SHOWN),
    };
    let mut lines: Vec<String> = mistakes[..shown]
        .iter()
        .map(|mistake| {
            format!(
                "  {} read as {}: {}",
                name(mistake.label),
                name(mistake.predicted),
                count(mistake.count, "time")
            )
        })
        .collect();
    let rest: u64 = mistakes[shown..].iter().map(|mistake| mistake.count).sum();
    if rest > 0 {
        let kinds = mistakes.len() - shown;
        lines.push(format!(
            "  and {} of {}",
            count(rest, "mistake"),
            count(kinds, "other kind")
        ));
    }
    lines.join("\n")
}

/// A share as a percentage without its sign, for columns that say it.
fn rate(share: Option<f64>) -> String {
    share.map_or_else(|| "n/a".into(), |share| format!("{:.2}", share * 100.0))
}

/// An area under a curve, which is no share.
fn area(area: Option<f64>) -> String {
    area.map_or_else(|| "n/a".into(), |area| format!("{area:.4}"))
}
