//! The report of a run, and the comparison of several, as one HTML file each.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::{Record, WorstPicture};
use super::seeds::sentences;
use super::templates::render;
use super::{curves, heat_map};
use crate::evaluation::Evaluation;
use crate::evaluation::confusion::ClassStatistics;
use crate::report::text::percent;
use crate::runs::record::RunRecord;
use crate::runs::seeds_record::SeedsRecord;

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
    record: &'a Record,
    pairs: Vec<Pair>,
    mistakes: Vec<MistakeBar>,
    classes: Vec<ClassBars>,
    worst: Vec<Picture<'a>>,
    heat_map: Option<String>,
    curves: [Option<String>; 2],
}

/// A confusion in one direction, its bar in percent of the longest.
#[derive(Serialize)]
struct MistakeBar {
    truth: String,
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

#[derive(Serialize)]
struct Picture<'a> {
    index: usize,
    truth: String,
    predicted: String,
    confidence: f64,
    loss: f64,
    png: &'a str,
}

/// The page of one run.
///
/// # Errors
/// Those of the templates and the charts.
pub fn run(record: &Record) -> anyhow::Result<String> {
    let evaluation = record.run.evaluation.as_ref();
    let pairs = evaluation.map(pairs).unwrap_or_default();
    let page = RunPage {
        title: title(record, &pairs),
        manner: evaluation.and_then(Evaluation::manner),
        mistakes: evaluation.map(mistakes).unwrap_or_default(),
        classes: evaluation.map(class_bars).unwrap_or_default(),
        worst: evaluation.map_or_else(Vec::new, |found| pictures(found, &record.worst)),
        heat_map: evaluation.map(heat_map::heat_map).transpose()?,
        curves: curves::run(record)?,
        pairs,
        record,
    };
    render("run.html", &page)
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
fn pairs(evaluation: &Evaluation) -> Vec<Pair> {
    let mut counts: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for mistake in evaluation.confusion.mistakes() {
        let (a, b) = (mistake.truth, mistake.predicted);
        *counts.entry((a.min(b), a.max(b))).or_default() += mistake.count;
    }
    let mut pairs: Vec<Pair> = counts
        .into_iter()
        .map(|((first, second), count)| Pair {
            first: name(evaluation, first),
            second: name(evaluation, second),
            count,
        })
        .collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
    pairs
}

fn mistakes(evaluation: &Evaluation) -> Vec<MistakeBar> {
    let mistakes = evaluation.confusion.mistakes();
    let most = mistakes.first().map_or(1, |most| most.count) as f64;
    mistakes
        .iter()
        .take(MISTAKES_SHOWN)
        .map(|mistake| MistakeBar {
            truth: name(evaluation, mistake.truth),
            predicted: name(evaluation, mistake.predicted),
            count: mistake.count,
            width: mistake.count as f64 / most * 100.0,
        })
        .collect()
}

fn class_bars(evaluation: &Evaluation) -> Vec<ClassBars> {
    let lacking = |share: Option<f64>| share.map(|share| 1.0 - share);
    let shares = |class: &ClassStatistics| [lacking(class.recall), lacking(class.precision)];
    let all = evaluation.classes.iter().flat_map(shares).flatten();
    let most = all.fold(f64::MIN_POSITIVE, f64::max);
    let width = |share: Option<f64>| share.unwrap_or(0.0) / most * 100.0;
    evaluation
        .classes
        .iter()
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

fn pictures<'a>(evaluation: &Evaluation, worst: &'a [WorstPicture]) -> Vec<Picture<'a>> {
    worst
        .iter()
        .map(|picture| Picture {
            index: picture.verdict.index,
            truth: name(evaluation, picture.verdict.truth.into()),
            predicted: name(evaluation, picture.verdict.predicted.into()),
            confidence: picture.verdict.confidence,
            loss: picture.verdict.loss,
            png: &picture.png,
        })
        .collect()
}

fn name(evaluation: &Evaluation, class: usize) -> String {
    evaluation
        .classes
        .get(class)
        .map_or_else(|| class.to_string(), |class| class.label.clone())
}

#[derive(Serialize)]
struct ComparisonPage<'a> {
    title: String,
    /// A list of sentences for each folder of several seeds.
    several: Vec<Vec<String>>,
    runs: Vec<ComparedRun<'a>>,
    best: Option<Best>,
    /// Percentage points between the best and the worst, as text.
    spread: Option<String>,
    datasets_differ: bool,
    settings: Vec<ComparedSetting>,
    recalls: Vec<ComparedClass>,
    curves: [Option<String>; 2],
}

#[derive(Serialize)]
struct ComparedRun<'a> {
    number: usize,
    /// What makes its accuracy no plain one.
    manner: Option<String>,
    record: &'a Record,
    pairs: Vec<Pair>,
    heat_map: Option<String>,
}

#[derive(Serialize)]
struct Best {
    number: usize,
    accuracy: f64,
}

#[derive(Serialize)]
struct ComparedSetting {
    key: String,
    values: Vec<String>,
}

#[derive(Serialize)]
struct ComparedClass {
    label: String,
    cells: Vec<ComparedCell>,
}

#[derive(Serialize)]
struct ComparedCell {
    value: Option<f64>,
    best: bool,
}

/// The page that compares several runs, and sums up those of `several` seeds each.
///
/// # Errors
/// Those of the templates and the charts.
pub fn comparison(records: &[Record], several: &[SeedsRecord]) -> anyhow::Result<String> {
    let accuracies: Vec<(usize, f64)> = records
        .iter()
        .enumerate()
        .filter_map(|(place, record)| Some((place + 1, record.run.evaluation.as_ref()?.accuracy)))
        .collect();
    let best = accuracies.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let lowest = accuracies
        .iter()
        .map(|found| found.1)
        .min_by(f64::total_cmp);
    let datasets_differ = records
        .iter()
        .any(|record| !same_set(&records[0].run, &record.run));
    let runs = records
        .iter()
        .enumerate()
        .map(|(place, record)| {
            let evaluation = record.run.evaluation.as_ref();
            Ok(ComparedRun {
                number: place + 1,
                manner: evaluation.and_then(Evaluation::manner),
                record,
                pairs: evaluation.map(pairs).unwrap_or_default(),
                heat_map: evaluation.map(heat_map::heat_map).transpose()?,
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let page = ComparisonPage {
        title: format!("{} runs compared", records.len()),
        several: several.iter().map(sentences).collect(),
        runs,
        spread: match (best, lowest) {
            (Some(best), Some(lowest)) if accuracies.len() > 1 => {
                Some(format!("{:.2}", (best.1 - lowest) * 100.0))
            }
            _ => None,
        },
        best: best.map(|&(number, accuracy)| Best { number, accuracy }),
        datasets_differ,
        settings: differing(records),
        recalls: if datasets_differ {
            Vec::new()
        } else {
            recalls(records)
        },
        curves: curves::comparison(records)?,
    };
    render("comparison.html", &page)
}

/// Whether two runs were tested on the same images: their contents say so, and only where a record
/// is too old to know them, their names.
fn same_set(one: &RunRecord, other: &RunRecord) -> bool {
    match (&one.set, &other.set) {
        (Some(one), Some(other)) => one.difference(other).is_none(),
        _ => one.dataset == other.dataset,
    }
}

fn differing(records: &[Record]) -> Vec<ComparedSetting> {
    let mut keys: Vec<&str> = Vec::new();
    for setting in records.iter().flat_map(|record| &record.settings) {
        if !keys.contains(&setting.key.as_str()) {
            keys.push(&setting.key);
        }
    }
    let value = |record: &Record, key: &str| {
        let settings = record.settings.iter();
        let found = settings.clone().find(|setting| setting.key == key);
        found.map_or_else(|| "-".to_string(), |setting| setting.value.clone())
    };
    keys.into_iter()
        .map(|key| ComparedSetting {
            key: key.into(),
            values: records.iter().map(|record| value(record, key)).collect(),
        })
        .filter(|setting| {
            setting
                .values
                .iter()
                .any(|value| *value != setting.values[0])
        })
        .collect()
}

fn recalls(records: &[Record]) -> Vec<ComparedClass> {
    let Some(first) = records
        .iter()
        .find_map(|record| record.run.evaluation.as_ref())
    else {
        return Vec::new();
    };
    let labels = first.classes.iter().map(|class| class.label.clone());
    labels
        .enumerate()
        .map(|(class, label)| {
            let values: Vec<Option<f64>> = records
                .iter()
                .map(|record| record.run.evaluation.as_ref()?.classes.get(class)?.recall)
                .collect();
            let highest = values.iter().flatten().copied().reduce(f64::max);
            let cells = values.into_iter().map(|value| ComparedCell {
                best: value.is_some() && value == highest,
                value,
            });
            ComparedClass {
                label,
                cells: cells.collect(),
            }
        })
        .collect()
}
