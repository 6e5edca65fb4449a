//! Runs of several seeds: a table of them, their statistics, and the ensemble of their networks.

use std::fmt::Write;

use super::look::{Look, Mark};
use super::table::{Table, left, right};
use super::text::{self, percent, wrapped};
use crate::runs::seeds_record::{SeedRun, SeedsRecord, Statistics};
use crate::wording::count;

/// The whole record as text.
pub fn seeds(record: &SeedsRecord, look: &Look) -> String {
    let mut text = String::new();
    if !record.runs.is_empty() {
        let title = look.mark(Mark::Title, "Each seed");
        let _ = writeln!(text, "{title}\n{}\n", runs(record, look));
        let title = look.mark(Mark::Title, &over(record));
        let _ = writeln!(text, "{title}\n{}\n", statistics(record, look));
    }
    for failed in &record.failed {
        let line = format!("Seed {} failed: {}", failed.seed, failed.reason);
        let _ = writeln!(text, "{}\n", wrapped(&line, look.width, "  "));
    }
    if let Some(found) = &record.time_to_accuracy {
        let _ = writeln!(
            text,
            "{} of {} reached a validation accuracy of {}",
            found.reached,
            count(found.runs, "run"),
            percent(Some(found.target))
        );
        let rows = [
            row("Training seconds", found.train_seconds, seconds),
            row("Steps", found.steps, |value| format!("{value:.1}")),
        ];
        if found.reached > 0 {
            let _ = writeln!(text, "{}", statistics_table(rows, look));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", wrapped(&record.selection, look.width, ""));
    if let Some(ensemble) = &record.ensemble {
        let title = format!("Ensemble of {} networks", ensemble.networks);
        let line = "=".repeat(title.len());
        let _ = writeln!(text, "\n{}\n{line}\n", look.mark(Mark::Title, &title));
        text += &text::evaluation(ensemble, look);
    }
    text
}

/// The same in a few sentences.
pub fn sentences(record: &SeedsRecord) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(found) = record.statistics.accuracy {
        let deviation = found.standard_deviation;
        sentences.push(format!(
            "{}: mean {} {}, standard deviation {}, from {} to {}.",
            over(record),
            accuracy_name(record).to_lowercase(),
            thousandths(found.mean),
            deviation.map_or_else(|| "n/a".into(), thousandths),
            percent(Some(found.min)),
            percent(Some(found.max)),
        ));
    }
    if let Some(ensemble) = &record.ensemble {
        let manner = ensemble.manner().unwrap_or_default();
        sentences.push(format!(
            "The {manner} reads {} right.",
            percent(Some(ensemble.accuracy))
        ));
    }
    sentences.push(record.selection.clone());
    sentences
}

/// How many of the runs the figures are over.
pub(super) fn over(record: &SeedsRecord) -> String {
    let (ended, all) = (record.runs.len(), record.seeds.len());
    let first = record.seeds.first().copied().unwrap_or_default();
    let last = record.seeds.last().copied().unwrap_or_default();
    let runs = match ended == all {
        true => count(ended, "run"),
        false => format!("{ended} of {}", count(all, "run")),
    };
    match first == last {
        true => format!("{runs}, seed {first}"),
        false => format!("{runs}, seeds {first} to {last}"),
    }
}

/// What the accuracy of the runs is to be called.
fn accuracy_name(record: &SeedsRecord) -> String {
    match record.runs.iter().find_map(SeedRun::manner) {
        None => "Test accuracy".into(),
        Some(manner) => format!("Test accuracy with {manner}"),
    }
}

fn runs(record: &SeedsRecord, look: &Look) -> String {
    let augmented = record.statistics.accuracy_without_augmentation.is_some();
    let (accuracy, short, errors) = match augmented {
        true => ("Augmented test accuracy", "Augmented test", "Errors so"),
        false => ("Test accuracy", "Test", "Errors"),
    };
    let mut table = Table::new([
        right("Seed"),
        right(accuracy).short(short),
        right(errors),
        right("Validation"),
        right("Epochs"),
        right("Steps"),
        right("Training"),
        right("Whole").dispensable(1),
    ]);
    let best = (record.runs.iter()).filter_map(|run| run.valid_accuracy);
    let best = best.max_by(f64::total_cmp);
    for run in &record.runs {
        let validation = percent(run.valid_accuracy);
        table.row([
            run.seed.to_string(),
            percent(Some(run.accuracy)),
            run.errors().to_string(),
            match best.is_some() && run.valid_accuracy == best {
                true => look.mark(Mark::Good, &validation),
                false => validation,
            },
            run.epochs.to_string(),
            run.steps.to_string(),
            seconds(run.train_seconds) + " s",
            run.seconds
                .map_or_else(|| "n/a".into(), |all| seconds(all) + " s"),
        ]);
    }
    table.text(look.width)
}

fn statistics(record: &SeedsRecord, look: &Look) -> String {
    let found = &record.statistics;
    let images = record.runs.first().map_or(0, |run| run.total);
    let errors = |name: &str| row(name, found.errors, |value| format!("{value:.1}"));
    let mut rows = Vec::new();
    match found.accuracy_without_augmentation {
        None => rows.extend([
            row("Test accuracy", found.accuracy, thousandths),
            errors(&format!("Errors of {images}")),
        ]),
        plain => rows.extend([
            row("Augmented test accuracy", found.accuracy, thousandths),
            errors(&format!("Errors of {images} so")),
            row("Without augmentation", plain, thousandths),
        ]),
    }
    rows.extend([
        row("Training seconds", found.train_seconds, seconds),
        row("Whole seconds", found.seconds, seconds),
    ]);
    let table = statistics_table(rows, look);
    match record.runs.iter().find_map(SeedRun::manner) {
        None => table,
        Some(manner) => format!("{table}\n  augmented: {manner}"),
    }
}

fn statistics_table(rows: impl IntoIterator<Item = Vec<String>>, look: &Look) -> String {
    let mut table = Table::new([
        left(""),
        right("Mean"),
        right("Deviation"),
        right("Least"),
        right("Greatest"),
    ]);
    for row in rows {
        table.row(row);
    }
    table.text(look.width)
}

fn row(name: &str, found: Option<Statistics>, show: impl Fn(f64) -> String) -> Vec<String> {
    let shown = |value: Option<f64>| value.map_or_else(|| "n/a".into(), &show);
    let values = [
        found.map(|found| found.mean),
        found.and_then(|found| found.standard_deviation),
        found.map(|found| found.min),
        found.map(|found| found.max),
    ];
    std::iter::once(name.to_string())
        .chain(values.map(shown))
        .collect()
}

/// A share in percent with a digit more than one run has: a mean of 98.996 % is no 99 %.
pub(super) fn thousandths(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

fn seconds(value: f64) -> String {
    format!("{value:.2}")
}
