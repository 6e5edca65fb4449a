//! The page that compares several runs.

use serde::Serialize;

use super::{Pair, pairs};
use crate::evaluation::Evaluation;
use crate::report::record::Record;
use crate::report::seeds::sentences;
use crate::report::templates::render;
use crate::report::{curves, heat_map};
use crate::runs::record::RunRecord;
use crate::runs::seeds_record::SeedsRecord;

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
    /// Whether those are of validation images.
    validation: bool,
    /// Runs that are not on them.
    without: Vec<String>,
}

#[derive(Serialize)]
struct ComparedRun<'a> {
    /// The folder's, or more of its path where others are called so too.
    name: String,
    /// Of its lines in the charts.
    colour: usize,
    /// What makes its accuracy no plain one.
    manner: Option<String>,
    record: &'a Record,
    pairs: Vec<Pair>,
    heat_map: Option<String>,
}

#[derive(Serialize)]
struct Best {
    /// Those that share it.
    names: Vec<String>,
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
        .filter_map(|(place, record)| Some((place, record.run.evaluation.as_ref()?.accuracy)))
        .collect();
    let best = accuracies.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let lowest = accuracies
        .iter()
        .map(|found| found.1)
        .min_by(f64::total_cmp);
    let datasets_differ = records
        .iter()
        .any(|record| !same_set(&records[0].run, &record.run));
    let names = names(records);
    let compared = curves::comparison(records)?;
    let runs = records
        .iter()
        .enumerate()
        .map(|(place, record)| {
            let evaluation = record.run.evaluation.as_ref();
            Ok(ComparedRun {
                name: names[place].clone(),
                colour: place % curves::LINES.len(),
                manner: evaluation.and_then(Evaluation::manner),
                record,
                pairs: evaluation
                    .map(|found| pairs(&found.confusion, &found.labels()))
                    .unwrap_or_default(),
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
        best: best.map(|&(_, accuracy)| Best {
            names: (accuracies.iter())
                .filter(|found| found.1 == accuracy)
                .map(|found| names[found.0].clone())
                .collect(),
            accuracy,
        }),
        datasets_differ,
        settings: differing(records),
        recalls: if datasets_differ {
            Vec::new()
        } else {
            recalls(records)
        },
        curves: compared.charts,
        validation: compared.validation,
        without: (compared.without.into_iter())
            .map(|place| names[place].clone())
            .collect(),
    };
    render("comparison.html", &page)
}

/// What each run is called: its folder; where several are called so, the path it was made under, and a number
/// where even that is the same.
fn names(records: &[Record]) -> Vec<String> {
    let told_apart = |names: &[String], at: usize| {
        let same = names.iter().filter(|name| **name == names[at]);
        same.count() == 1
    };
    let short: Vec<String> = records.iter().map(|record| record.name.clone()).collect();
    let longer: Vec<String> = (records.iter().enumerate())
        .map(|(at, record)| match told_apart(&short, at) {
            true => short[at].clone(),
            false => record.run.run.clone(),
        })
        .collect();
    (0..records.len())
        .map(|at| match told_apart(&longer, at) {
            true => longer[at].clone(),
            false => format!("{} ({})", longer[at], at + 1),
        })
        .collect()
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
