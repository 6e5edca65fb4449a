//! The evaluation as a person reads it in a terminal, and as Markdown.

use std::fmt::Write;

use console::{measure_text_width, truncate_str};

use super::look::{Look, Mark};
use super::table::{Table, left, right};
use crate::evaluation::Evaluation;
use crate::evaluation::confusion::{Averages, ClassStatistics};
pub use crate::terminal::percent;

const MISTAKES_SHOWN: usize = 10;
/// More classes are not all shown unless someone asks for details.
const CLASSES_SHOWN: usize = 20;
/// Names in sentences are cut to this many columns.
const NAME_WIDTH: usize = 28;

/// The whole evaluation as text.
pub fn evaluation(evaluation: &Evaluation, look: &Look) -> String {
    let mut text = String::new();
    let mut part = |title: &str, body: &str| {
        let _ = writeln!(text, "{}\n{body}\n", look.mark(Mark::Title, title));
    };
    part(
        &format!(
            "The first {} predictions beside their labels",
            evaluation.first.actual.len()
        ),
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
        let _ = write!(body, "\n  {rest} more classes with --details");
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
            "{} ({correct} of {} right), loss {loss:.4}",
            look.mark(Mark::Good, &percent(Some(accuracy))),
            evaluation.total
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

/// The first predictions above their labels, in as many lines as it takes.
fn first(evaluation: &Evaluation, look: &Look) -> String {
    let predicted = numbers(&evaluation.first.predicted);
    let labels = numbers(&evaluation.first.actual);
    let digits = predicted.iter().chain(&labels).map(String::len).max();
    let digits = digits.unwrap_or(1);
    let name = "  predicted ".len();
    let a_line = (look.width.saturating_sub(name) / (digits + 1)).max(1);
    let row = |name: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = cells.collect();
        format!("  {name:<9} {}", cells.join(" "))
            .trim_end()
            .to_string()
    };
    let mut blocks = Vec::new();
    for (predicted, labels) in predicted.chunks(a_line).zip(labels.chunks(a_line)) {
        let padded = |cell: &String| format!("{cell:>digits$}");
        let mut lines = vec![
            row("predicted", &mut predicted.iter().map(padded)),
            row("label", &mut labels.iter().map(padded)),
        ];
        if predicted != labels {
            let mut marks = predicted.iter().zip(labels).map(|(predicted, label)| {
                let mark = format!("{:>digits$}", if predicted == label { "" } else { "^" });
                match predicted == label {
                    true => mark,
                    false => look.mark(Mark::Bad, &mark),
                }
            });
            lines.push(row("wrong", &mut marks));
        }
        blocks.push(lines.join("\n"));
    }
    blocks.join("\n\n")
}

fn numbers<Class: Copy + Into<usize>>(classes: &[Class]) -> Vec<String> {
    let number = |&class: &Class| -> usize { class.into() };
    classes
        .iter()
        .map(|class| number(class).to_string())
        .collect()
}

/// All classes, or the worst of many.
fn classes_shown(evaluation: &Evaluation, look: &Look) -> Vec<usize> {
    let mut all: Vec<usize> = (0..evaluation.classes.len()).collect();
    if look.details || all.len() <= CLASSES_SHOWN {
        return all;
    }
    // A class that nothing can be said of is the last to be shown.
    let f1 = |class: &usize| evaluation.classes[*class].f1.unwrap_or(f64::INFINITY);
    all.sort_by(|a, b| f1(a).total_cmp(&f1(b)));
    all.truncate(CLASSES_SHOWN);
    all
}

/// Whether a class is in the means whose precision or recall is a ratio of nothing.
fn is_zero_counted(evaluation: &Evaluation) -> bool {
    let counted = evaluation.classes.iter().filter(|class| class.occurs());
    let mut ratios = counted.flat_map(|class| [class.precision, class.recall]);
    ratios.any(|ratio| ratio.is_none())
}

fn classes(evaluation: &Evaluation, shown: &[usize], look: &Look) -> Table {
    let mut table = Table::new([
        left("Class").least(16),
        right("Images").dispensable(1),
        right("TP"),
        right("TN"),
        right("FP"),
        right("FN"),
        right("Precision").short("Prec."),
        right("Recall"),
        right("Specificity").short("Spec."),
        right("F1"),
        right("Accuracy").short("Acc."),
    ]);
    let lowest = (shown.iter())
        .filter_map(|&class| evaluation.classes[class].f1)
        .min_by(f64::total_cmp);
    for &class in shown {
        let statistics = &evaluation.classes[class];
        let worst = statistics.f1 == lowest && lowest.is_some_and(|lowest| lowest < 1.0);
        table.row(class_row(statistics, worst, look));
    }
    for (name, averages) in [
        ("macro mean", &evaluation.macro_),
        ("weighted mean", &evaluation.weighted),
    ] {
        table.row(average_row(name, averages));
    }
    table
}

fn class_row(class: &ClassStatistics, worst: bool, look: &Look) -> [String; 11] {
    let f1 = rate(class.f1);
    [
        class.label.clone(),
        class.support.to_string(),
        class.tp.to_string(),
        class.tn.to_string(),
        class.fp.to_string(),
        class.fn_.to_string(),
        rate(class.precision),
        rate(class.recall),
        rate(class.specificity),
        match worst {
            true => look.mark(Mark::Bad, &f1),
            false => f1,
        },
        rate(class.accuracy),
    ]
}

fn average_row(name: &str, averages: &Averages) -> [String; 11] {
    let mut row = [const { String::new() }; 11];
    row[0] = name.into();
    row[6] = rate(averages.precision);
    row[7] = rate(averages.recall);
    row[9] = rate(averages.f1);
    row
}

fn matrix(evaluation: &Evaluation, look: &Look) -> Table {
    let labels: Vec<&str> = evaluation
        .classes
        .iter()
        .map(|class| class.label.as_str())
        .collect();
    // Names stand beside the rows only; columns bear their numbers.
    let columns = (0..labels.len()).map(|class| right(class.to_string()));
    let mut table = Table::new(std::iter::once(left("").least(12)).chain(columns));
    let worst = evaluation.confusion.mistakes();
    let least = worst.iter().take(MISTAKES_SHOWN).map(|found| found.count);
    let least = least.min().unwrap_or(u64::MAX).max(2);
    for (class, row) in evaluation.confusion.counts().iter().enumerate() {
        let name = match labels[class] == class.to_string() {
            true => class.to_string(),
            false => format!("{class} {}", labels[class]),
        };
        let cells = row
            .iter()
            .enumerate()
            .map(|(predicted, &count)| match count {
                0 => look.mark(Mark::Faint, "·"),
                count if predicted == class => look.mark(Mark::Good, &count.to_string()),
                count if count >= least => look.mark(Mark::Bad, &count.to_string()),
                count => count.to_string(),
            });
        table.row(std::iter::once(name).chain(cells));
    }
    table
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
                "  {} read as {}: {} time{}",
                name(mistake.truth),
                name(mistake.predicted),
                mistake.count,
                if mistake.count == 1 { "" } else { "s" }
            )
        })
        .collect();
    let rest: u64 = mistakes[shown..].iter().map(|mistake| mistake.count).sum();
    if rest > 0 {
        let kinds = mistakes.len() - shown;
        lines.push(format!("  and {rest} mistakes of {kinds} other kinds"));
    }
    lines.join("\n")
}

/// A share as a percentage without its sign, for columns that say it.
fn rate(share: Option<f64>) -> String {
    share.map_or_else(|| "n/a".into(), |share| format!("{:.2}", share * 100.0))
}

/// `text` in lines of at most `width` columns, broken between words; the later ones begin with
/// `indent`.
pub fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let words = text.trim_start_matches(' ');
    let mut lines = vec![" ".repeat(text.len() - words.len())];
    for word in words.split(' ') {
        let line = lines.last_mut().expect("there is a first line");
        let taken = measure_text_width(line) + 1 + measure_text_width(word);
        if line.trim().is_empty() {
            line.push_str(word);
        } else if taken > width {
            lines.push(format!("{indent}{word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}
