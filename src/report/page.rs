//! The report of a run, and the comparison of several, as one HTML file each.

mod cells;
mod comparison;
mod layers;
mod seeds;
mod strip;

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::Record;
use super::templates::render;
use super::{calibration, curves, heat_map};
use crate::evaluation::Evaluation;
use crate::evaluation::confusion::{ClassStatistics, Confusion, by_f1};
use crate::report::MANY_CLASSES;
use crate::report::text::percent;
use cells::{Cell, ListedImage, cells, images};
pub use comparison::comparison;
use layers::{LayerRow, input, layers};
pub use seeds::seeds;

/// Confusions listed on the page of a run.
const MISTAKES_SHOWN: usize = 12;

/// Two classes, confused in either direction.
#[derive(Serialize)]
struct Pair {
    first: String,
    second: String,
    count: u64,
}

#[derive(Serialize)]
struct RunPage<'a> {
    title: String,
    /// What makes its accuracy no plain one.
    manner: Option<String>,
    /// Whether the matrix needs the whole width, and only the worst classes have bars.
    many: bool,
    record: &'a Record,
    pairs: Vec<Pair>,
    mistakes: Vec<MistakeBar>,
    classes: Vec<ClassBars>,
    worst: Vec<ListedImage<'a>>,
    /// Cells of the matrix that a click on shows the images of.
    cells: Vec<Cell>,
    /// How many of the worst look mislabelled.
    suspects: usize,
    /// What the network takes, and its layers.
    input: String,
    layers: Vec<LayerRow>,
    /// The epoch whose weights were kept, where that is told.
    kept: Option<usize>,
    heat_map: Option<String>,
    calibration: Option<String>,
    curves: [Option<String>; 2],
}

/// A confusion in one direction, its bar in percent of the longest.
#[derive(Serialize)]
struct MistakeBar {
    label: String,
    predicted: String,
    count: u64,
    width: f64,
}

#[derive(Serialize)]
struct ClassBars {
    label: String,
    missed: Option<f64>,
    missed_width: f64,
    claimed: Option<f64>,
    claimed_width: f64,
}

/// The page of one run.
///
/// # Errors
/// Those of the templates and the charts.
pub fn run(record: &Record) -> anyhow::Result<String> {
    let evaluation = record.run.evaluation.as_ref();
    let pairs = evaluation
        .map(|found| pairs(&found.confusion, &found.labels()))
        .unwrap_or_default();
    let cells = evaluation.map_or_else(BTreeMap::new, |found| cells(record, found));
    let link = |label, predicted| Some(cells.get(&(label, predicted))?.id.clone());
    let heat_map = evaluation
        .map(|found| heat_map::linked(&found.confusion, &found.labels(), &link))
        .transpose()?;
    let network = record.network.as_ref();
    let page = RunPage {
        title: title(record, &pairs),
        manner: evaluation.and_then(Evaluation::manner),
        many: evaluation.is_some_and(|found| found.classes.len() > MANY_CLASSES),
        mistakes: evaluation
            .map(|found| mistakes(&found.confusion, &found.labels()))
            .unwrap_or_default(),
        classes: evaluation.map(class_bars).unwrap_or_default(),
        worst: evaluation.map_or_else(Vec::new, |found| images(record, found)),
        cells: cells.into_values().collect(),
        input: network.map(input).unwrap_or_default(),
        layers: network.map(layers).unwrap_or_default(),
        kept: kept(record),
        suspects: (record.worst.iter())
            .filter(|worst| worst.verdict.looks_mislabelled)
            .count(),
        calibration: match evaluation {
            Some(found) => calibration::diagram(&found.scores)?,
            None => None,
        },
        heat_map,
        curves: curves::run(record, kept(record))?,
        pairs,
        record,
    };
    render("run.html", &page)
}

/// The epoch of the weights that were evaluated, where there were several to choose from.
pub(super) fn kept(record: &Record) -> Option<usize> {
    let kept = record.run.weights.as_ref()?.epoch;
    (record.epochs.len() > 1).then_some(kept)
}

fn title(record: &Record, pairs: &[Pair]) -> String {
    let manner = record.run.evaluation.as_ref().and_then(Evaluation::manner);
    let manner = manner.map_or_else(String::new, |manner| format!(", by {manner}"));
    let about = format!("{}, {}{manner}", record.run.dataset, record.run.device.kind);
    match (&record.run.evaluation, pairs.first()) {
        (None, _) => format!("Not evaluated: {about}"),
        (Some(found), None) => format!("{} right: {about}", percent(Some(found.accuracy))),
        (Some(found), Some(pair)) => format!(
            "{} right; {} and {} confused most: {about}",
            percent(Some(found.accuracy)),
            pair.first,
            pair.second
        ),
    }
}

/// Most often confused first.
fn pairs(confusion: &Confusion, labels: &[&str]) -> Vec<Pair> {
    let mut counts: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for mistake in confusion.mistakes() {
        let (a, b) = (mistake.label, mistake.predicted);
        *counts.entry((a.min(b), a.max(b))).or_default() += mistake.count;
    }
    let mut pairs: Vec<Pair> = counts
        .into_iter()
        .map(|((first, second), count)| Pair {
            first: labels[first].into(),
            second: labels[second].into(),
            count,
        })
        .collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
    pairs
}

fn mistakes(confusion: &Confusion, labels: &[&str]) -> Vec<MistakeBar> {
    let mistakes = confusion.mistakes();
    let most = mistakes.first().map_or(1, |most| most.count) as f64;
    mistakes
        .iter()
        .take(MISTAKES_SHOWN)
        .map(|mistake| MistakeBar {
            label: labels[mistake.label].into(),
            predicted: labels[mistake.predicted].into(),
            count: mistake.count,
            width: mistake.count as f64 / most * 100.0,
        })
        .collect()
}

fn class_bars(evaluation: &Evaluation) -> Vec<ClassBars> {
    let lacking = |share: Option<f64>| share.map(|share| 1.0 - share);
    let shares = |class: &ClassStatistics| [lacking(class.recall), lacking(class.precision)];
    let classes = &evaluation.classes;
    let shown: Vec<&ClassStatistics> = match classes.len() {
        0..=MANY_CLASSES => classes.iter().collect(),
        _ => {
            let lowest = by_f1(classes).into_iter().take(MANY_CLASSES);
            lowest.map(|class| &classes[class]).collect()
        }
    };
    let all = shown.iter().flat_map(|class| shares(class)).flatten();
    let most = all.fold(f64::MIN_POSITIVE, f64::max);
    let width = |share: Option<f64>| share.unwrap_or(0.0) / most * 100.0;
    shown
        .into_iter()
        .map(|class| {
            let [missed, claimed] = shares(class);
            ClassBars {
                label: class.label.clone(),
                missed,
                missed_width: width(missed),
                claimed,
                claimed_width: width(claimed),
            }
        })
        .collect()
}

fn name(evaluation: &Evaluation, class: usize) -> String {
    evaluation
        .classes
        .get(class)
        .map_or_else(|| class.to_string(), |class| class.label.clone())
}
