//! Runs of several seeds: a table of them, their statistics, and the vote of their networks.

use std::fmt::Write;

use comfy_table::presets;

use super::text::{self, align, percent, table};
use crate::seeds_record::{SeedRun, SeedsRecord, Statistics};

/// The whole record as text.
pub fn seeds(record: &SeedsRecord) -> String {
    let mut text = String::new();
    if !record.runs.is_empty() {
        let _ = writeln!(text, "Each seed\n{}\n", runs(record));
        let _ = writeln!(text, "{}\n{}\n", over(record), statistics(record));
    }
    for failed in &record.failed {
        let _ = writeln!(text, "Seed {} failed: {}\n", failed.seed, failed.reason);
    }
    if let Some(found) = &record.time_to_accuracy {
        let _ = writeln!(
            text,
            "{} of {} runs reached a validation accuracy of {}",
            found.reached,
            found.runs,
            percent(Some(found.target))
        );
        let rows = [
            row("Training seconds", found.train_seconds, seconds),
            row("Steps", found.steps, |value| format!("{value:.1}")),
        ];
        if found.reached > 0 {
            let _ = writeln!(text, "{}", statistics_table(rows));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", record.selection);
    if let Some(vote) = &record.vote {
        let title = format!("Vote of {} networks", vote.networks);
        let _ = writeln!(text, "\n{title}\n{}\n", "=".repeat(title.len()));
        text += &text::evaluation(vote);
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
    if let Some(vote) = &record.vote {
        let manner = vote.manner().unwrap_or_default();
        sentences.push(format!(
            "A {manner} reads {} right.",
            percent(Some(vote.accuracy))
        ));
    }
    sentences.push(record.selection.clone());
    sentences
}

/// How many of the runs the figures are over.
fn over(record: &SeedsRecord) -> String {
    let (ended, all) = (record.runs.len(), record.seeds.len());
    let first = record.seeds.first().copied().unwrap_or_default();
    let last = record.seeds.last().copied().unwrap_or_default();
    let runs = match ended == all {
        true => format!("{ended} run{}", if ended == 1 { "" } else { "s" }),
        false => format!("{ended} of {all} runs"),
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

fn runs(record: &SeedsRecord) -> String {
    let mut table = table(presets::NOTHING);
    let augmented = record.statistics.accuracy_without_augmentation.is_some();
    let (accuracy, errors) = match augmented {
        true => ("Augmented test accuracy", "Errors so"),
        false => ("Test accuracy", "Errors"),
    };
    table.set_header([
        "Seed",
        accuracy,
        errors,
        "Validation",
        "Epochs",
        "Steps",
        "Training",
        "Whole",
    ]);
    for run in &record.runs {
        table.add_row([
            run.seed.to_string(),
            percent(Some(run.accuracy)),
            run.errors().to_string(),
            percent(run.valid_accuracy),
            run.epochs.to_string(),
            run.steps.to_string(),
            seconds(run.train_seconds) + " s",
            run.seconds
                .map_or_else(|| "n/a".into(), |all| seconds(all) + " s"),
        ]);
    }
    align(&mut table)
}

fn statistics(record: &SeedsRecord) -> String {
    let found = &record.statistics;
    let pictures = record.runs.first().map_or(0, |run| run.total);
    let errors = |name: &str| row(name, found.errors, |value| format!("{value:.1}"));
    let mut rows = vec![row(&accuracy_name(record), found.accuracy, thousandths)];
    match found.accuracy_without_augmentation {
        None => rows.push(errors(&format!("Errors of {pictures}"))),
        plain => rows.extend([
            errors(&format!("Errors of {pictures} with it")),
            row("Test accuracy without it", plain, thousandths),
        ]),
    }
    rows.extend([
        row("Training seconds", found.train_seconds, seconds),
        row("Whole seconds", found.seconds, seconds),
    ]);
    statistics_table(rows)
}

fn statistics_table(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = table(presets::NOTHING);
    table.set_header(["", "Mean", "Deviation", "Least", "Greatest"]);
    for row in rows {
        table.add_row(row);
    }
    align(&mut table)
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
fn thousandths(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

fn seconds(value: f64) -> String {
    format!("{value:.2}")
}
