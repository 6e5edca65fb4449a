//! The page of runs that differ in their seed alone: mean and deviation first, then where each seed lies.

use serde::Serialize;

use super::strip::{Dot, strip};
use super::{MistakeBar, Pair, mistakes, pairs};
use crate::evaluation::Evaluation;
use crate::evaluation::confusion::Confusion;
use crate::report::record::{Record, Setting};
use crate::report::seeds::{over, thousandths};
use crate::report::templates::render;
use crate::report::{curves, heat_map};
use crate::runs::seeds_record::{SeedsRecord, Statistics};
use crate::terminal::percent;

#[derive(Serialize)]
struct SeedsPage<'a> {
    title: String,
    over: String,
    record: &'a SeedsRecord,
    mean: String,
    /// `None` for one run.
    deviation: Option<String>,
    /// What makes the accuracies no plain ones.
    manner: Option<String>,
    ensemble: Option<Ensemble>,
    strip: String,
    rows: Vec<Row<'a>>,
    /// Whether others did as well as the best on the validation images.
    tied: bool,
    curves: [Option<String>; 2],
    heat_map: Option<String>,
    pairs: Vec<Pair>,
    errors: u64,
    mistakes: Vec<MistakeBar>,
    recalls: Vec<Recall>,
    changed: Vec<&'a Setting>,
}

#[derive(Serialize)]
struct Ensemble {
    manner: String,
    accuracy: f64,
}

#[derive(Serialize)]
struct Row<'a> {
    seed: u64,
    /// Of its report, where the page lies beside the runs.
    link: Option<String>,
    evaluation: Option<&'a Evaluation>,
    errors: u64,
    validation: Option<f64>,
    /// Whether it did best on the validation images.
    best: bool,
    kept: Option<usize>,
    epochs: usize,
    seconds: f64,
}

/// The recall of a class over the seeds, as text.
#[derive(Serialize)]
struct Recall {
    label: String,
    mean: String,
    deviation: String,
    least: String,
    greatest: String,
}

/// The page of the runs of `several`, which `records` are in the same order; `beside` says whether it is
/// to lie above their folders.
///
/// # Errors
/// Those of the templates and the charts.
pub fn seeds(several: &SeedsRecord, records: &[Record], beside: bool) -> anyhow::Result<String> {
    let accuracy = several.statistics.accuracy;
    let mean = accuracy.map_or_else(|| "n/a".into(), |found| thousandths(found.mean));
    let deviation = accuracy.and_then(|found| found.standard_deviation);
    let evaluations: Vec<&Evaluation> = records
        .iter()
        .filter_map(|record| record.run.evaluation.as_ref())
        .collect();
    let all = together(&evaluations);
    let labels = evaluations
        .first()
        .map(|found| found.labels())
        .unwrap_or_default();
    let heat_map = all
        .as_ref()
        .map(|all| heat_map::linked(all, &labels, &|_, _| None));
    let ensemble = several.ensemble.as_ref().map(|ensemble| Ensemble {
        manner: ensemble.manner().unwrap_or_default(),
        accuracy: ensemble.accuracy,
    });
    let page = SeedsPage {
        title: format!("{mean} right, {}: {}", over(several), several.dataset),
        over: over(several),
        mean,
        deviation: deviation.map(points),
        manner: several.runs.iter().find_map(|run| run.manner()),
        strip: strip(
            &dots(several),
            accuracy,
            ensemble.as_ref().map(|ensemble| ensemble.accuracy),
        )?,
        ensemble,
        rows: rows(several, records, beside),
        tied: is_tied(several),
        curves: curves::seeds(records)?,
        heat_map: heat_map.transpose()?,
        pairs: all
            .as_ref()
            .map(|all| pairs(all, &labels))
            .unwrap_or_default(),
        errors: all.as_ref().map_or(0, |all| all.total() - all.correct()),
        mistakes: all
            .as_ref()
            .map(|all| mistakes(all, &labels))
            .unwrap_or_default(),
        recalls: recalls(&evaluations),
        changed: changed(records),
        record: several,
    };
    render("seeds.html", &page)
}

fn dots(several: &SeedsRecord) -> Vec<Dot> {
    let runs = several.runs.iter();
    runs.map(|run| Dot {
        value: run.accuracy,
        says: format!("seed {}: {}", run.seed, percent(Some(run.accuracy))),
    })
    .collect()
}

fn is_tied(several: &SeedsRecord) -> bool {
    let Some(best) = several.runs.get(several.best()) else {
        return false;
    };
    let equals = (several.runs.iter()).filter(|run| run.valid_accuracy == best.valid_accuracy);
    equals.count() > 1
}

fn rows<'a>(several: &SeedsRecord, records: &'a [Record], beside: bool) -> Vec<Row<'a>> {
    let best = several.best();
    let runs = several.runs.iter().zip(records).enumerate();
    runs.map(|(place, (run, record))| Row {
        seed: run.seed,
        link: beside.then(|| format!("{}/report.html", run.run)),
        evaluation: record.run.evaluation.as_ref(),
        errors: run.errors(),
        validation: run.valid_accuracy,
        best: run.valid_accuracy.is_some() && place == best,
        kept: record.run.weights.as_ref().map(|weights| weights.epoch),
        epochs: run.epochs,
        seconds: run.train_seconds,
    })
    .collect()
}

/// The counts of all runs added up; `None` where their classes differ, as edited records can have it.
fn together(evaluations: &[&Evaluation]) -> Option<Confusion> {
    let mut counts = evaluations.first()?.confusion.counts().to_vec();
    for evaluation in &evaluations[1..] {
        let other = evaluation.confusion.counts();
        if other.len() != counts.len() {
            return None;
        }
        for (cell, more) in counts.iter_mut().flatten().zip(other.iter().flatten()) {
            *cell = cell.saturating_add(*more);
        }
    }
    Some(Confusion::new(counts))
}

fn recalls(evaluations: &[&Evaluation]) -> Vec<Recall> {
    let Some(first) = evaluations.first() else {
        return Vec::new();
    };
    let labels = first.classes.iter().map(|class| class.label.clone());
    let of_class = |class: usize| -> Vec<f64> {
        let found = evaluations.iter();
        found
            .filter_map(|found| found.classes.get(class)?.recall)
            .collect()
    };
    let rows = labels.enumerate().map(|(class, label)| {
        let found = Statistics::of(&of_class(class));
        Recall {
            label,
            mean: percent(found.map(|found| found.mean)),
            deviation: found
                .and_then(|found| found.standard_deviation)
                .map_or_else(|| "n/a".into(), points),
            least: percent(found.map(|found| found.min)),
            greatest: percent(found.map(|found| found.max)),
        }
    });
    rows.collect()
}

/// What differs from the defaults in every run alike.
fn changed(records: &[Record]) -> Vec<&Setting> {
    let Some((first, others)) = records.split_first() else {
        return Vec::new();
    };
    let settings = first.settings.iter().filter(|setting| setting.changed);
    settings
        .filter(|setting| (others.iter()).all(|other| other.settings.contains(setting)))
        .collect()
}

/// A difference of shares in percentage points.
fn points(share: f64) -> String {
    format!("{:.3}", share * 100.0)
}
