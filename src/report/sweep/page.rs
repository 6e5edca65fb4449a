//! The page of a sweep: its trials as parallel coordinates (Inselberg, 1985), setting by setting, and as a table.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::{Importance, command, importance, in_brief, planned, value, values};
use crate::report::files::write;
use crate::report::templates::render;
use crate::runs::sweep::space::{self, Axis, Values};
use crate::runs::sweep::{Outcome, SweepRecord, Trial};

/// The page, in the folder of the sweep.
pub const PAGE: &str = "report.html";
/// The picture of all settings: between two axes, and their height.
const STEP: f64 = 190.0;
const HEIGHT: f64 = 300.0;
/// The picture of one setting.
const WIDTH: f64 = 320.0;
/// A line of labels, and a letter of one.
const LINE: f64 = 14.0;
const LETTER: f64 = 6.6;
/// Values that are labelled one by one.
const MARKS: usize = 7;
/// Trials that are drawn; of more the best.
const DRAWN: usize = 400;

#[derive(Serialize)]
struct SweepPage<'a> {
    title: String,
    record: &'a SweepRecord,
    plan: String,
    /// Keys and values of the best.
    settings: Vec<(&'a str, String)>,
    command: Option<String>,
    mattered: Vec<Importance>,
    step: f64,
    height: f64,
    width: f64,
    axes: Vec<DrawnAxis>,
    lines: Vec<Line>,
    scatters: Vec<Scatter>,
    keys: Vec<&'a str>,
    rows: Vec<Row>,
    ended: usize,
    failed: Vec<Failed<'a>>,
}

/// A vertical axis and its labels.
#[derive(Serialize)]
struct DrawnAxis {
    name: String,
    x: f64,
    ticks: Vec<Tick>,
}

#[derive(Serialize)]
struct Tick {
    at: f64,
    label: String,
}

/// A trial through all axes.
#[derive(Serialize)]
struct Line {
    points: String,
    says: String,
    /// From 0, the worst, to 1.
    rank: f64,
    best: bool,
}

/// Accuracy over one setting.
#[derive(Serialize)]
struct Scatter {
    name: String,
    x: Vec<Tick>,
    y: Vec<Tick>,
    points: Vec<Point>,
}

#[derive(Serialize)]
struct Point {
    x: f64,
    y: f64,
    says: String,
    best: bool,
}

#[derive(Serialize)]
struct Row {
    trial: usize,
    run: String,
    accuracy: Option<f64>,
    loss: Option<f64>,
    epochs: String,
    parameters: Option<usize>,
    values: Vec<String>,
    best: bool,
}

#[derive(Serialize)]
struct Failed<'a> {
    trial: usize,
    reason: &'a str,
}

/// Writes the page into the folder of the sweep, and says where it is.
///
/// # Errors
/// A page that cannot be drawn or written.
pub fn write_page(folder: &Path, record: &SweepRecord) -> anyhow::Result<PathBuf> {
    write(&folder.join(PAGE), &page(folder, record)?)
}

fn page(folder: &Path, record: &SweepRecord) -> anyhow::Result<String> {
    let mut trials: Vec<&Trial> = record
        .trials
        .iter()
        .filter(|trial| trial.score().is_some())
        .collect();
    trials.sort_by(|a, b| accuracy(b).total_cmp(&accuracy(a)));
    trials.truncate(DRAWN);
    let best = record.best.as_ref().map(|best| &record.trials[best.trial]);
    let accuracies = Scale::of_accuracies(trials.iter().map(|trial| accuracy(trial)));
    let scales: Vec<Scale> = record
        .over
        .iter()
        .map(|axis| Scale::of(axis, &trials))
        .collect();
    let is_best = |trial: &Trial| best.is_some_and(|best| best.trial == trial.trial);
    let page = SweepPage {
        title: format!("Sweep on {}", record.dataset),
        record,
        plan: planned(record),
        settings: best
            .and_then(|best| best.settings.as_ref())
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), space::brief(value)))
            .collect(),
        command: best.map(|best| command(folder, best)),
        mattered: importance(record),
        step: STEP,
        height: HEIGHT,
        width: WIDTH,
        axes: (record.over.iter().map(|axis| axis.key.clone()).zip(&scales))
            .chain([("validation accuracy".to_string(), &accuracies)])
            .enumerate()
            .map(|(place, (name, scale))| DrawnAxis {
                name,
                x: place as f64 * STEP,
                ticks: apart(scale.ticks(HEIGHT), |_, _| LINE),
            })
            .collect(),
        lines: lines(record, &trials, &scales, &accuracies, is_best),
        scatters: scatters(record, &trials, &scales, &accuracies, is_best),
        keys: record.over.iter().map(|axis| axis.key.as_str()).collect(),
        rows: rows(record, is_best),
        ended: record.ended(),
        failed: (record.trials.iter())
            .filter_map(|trial| match &trial.outcome {
                Outcome::Failed { reason } => Some(Failed {
                    trial: trial.trial,
                    reason,
                }),
                _ => None,
            })
            .collect(),
    };
    render("sweep.html", &page)
}

fn accuracy(trial: &Trial) -> f64 {
    trial.score().map_or(0.0, |score| score.valid_accuracy)
}

/// What a trial was and came to, for the mouse.
fn says(trial: &Trial) -> String {
    let (trial, accuracy, settings) = (trial.trial, 100.0 * accuracy(trial), in_brief(trial));
    format!("trial {trial}: {accuracy:.2} %, {settings}")
}

/// The worst first, so that the best lie on top.
fn lines(
    record: &SweepRecord,
    trials: &[&Trial],
    scales: &[Scale],
    accuracies: &Scale,
    is_best: impl Fn(&Trial) -> bool,
) -> Vec<Line> {
    let count = trials.len();
    let line = |(place, trial): (usize, &&Trial)| {
        let settings = record.over.iter().zip(scales);
        let shares = settings.filter_map(|(axis, scale)| Some(scale.share(value(trial, axis)?)));
        let shares = shares.chain([accuracies.share(&Value::from(accuracy(trial)))]);
        let point = |(axis, share): (usize, f64)| {
            format!("{:.1},{:.1}", axis as f64 * STEP, HEIGHT * (1.0 - share))
        };
        Line {
            points: shares.enumerate().map(point).collect::<Vec<_>>().join(" "),
            says: says(trial),
            rank: 1.0 - place as f64 / count.max(2) as f64,
            best: is_best(trial),
        }
    };
    trials.iter().enumerate().rev().map(line).collect()
}

fn scatters(
    record: &SweepRecord,
    trials: &[&Trial],
    scales: &[Scale],
    accuracies: &Scale,
    is_best: impl Fn(&Trial) -> bool,
) -> Vec<Scatter> {
    let scatter = |(axis, scale): (&Axis, &Scale)| Scatter {
        name: axis.key.clone(),
        x: apart(scale.ticks(WIDTH), |a, b| {
            (a.width() + b.width()) / 2.0 + LINE / 2.0
        }),
        y: accuracies.ticks(HEIGHT),
        points: (trials.iter().rev())
            .filter_map(|trial| {
                Some(Point {
                    x: WIDTH * scale.share(value(trial, axis)?),
                    y: HEIGHT * (1.0 - accuracies.share(&Value::from(accuracy(trial)))),
                    says: says(trial),
                    best: is_best(trial),
                })
            })
            .collect(),
    };
    record.over.iter().zip(scales).map(scatter).collect()
}

/// Those that trained longest first, and the best of them.
fn rows(record: &SweepRecord, is_best: impl Fn(&Trial) -> bool) -> Vec<Row> {
    let mut trials: Vec<&Trial> = record
        .trials
        .iter()
        .filter(|trial| trial.settings.is_some())
        .collect();
    trials.sort_by(|a, b| {
        let rung = |trial: &Trial| record.rung_of(trial.trial);
        (rung(b).cmp(&rung(a))).then(accuracy(b).total_cmp(&accuracy(a)))
    });
    let row = |trial: &Trial| {
        let score = trial.score();
        Row {
            trial: trial.trial,
            run: trial.run.clone(),
            accuracy: score.map(|score| score.valid_accuracy),
            loss: score.map(|score| score.valid_loss),
            epochs: score.map_or_else(
                || "n/a".into(),
                |score| format!("{}/{}", score.epoch, score.epochs),
            ),
            parameters: score.map(|score| score.parameters),
            values: values(record, trial).collect(),
            best: is_best(trial),
        }
    };
    trials.into_iter().map(row).collect()
}

/// Where values lie between the ends of an axis.
enum Scale {
    /// Words, or lists: evenly, in their order.
    Words(Vec<String>),
    Numbers {
        from: f64,
        to: f64,
        log: bool,
        percent: bool,
        /// What is labelled; empty: quarters.
        marks: Vec<f64>,
    },
}

impl Scale {
    fn of(axis: &Axis, trials: &[&Trial]) -> Self {
        let list = match &axis.values {
            Values::Range(range) => {
                let marks = found(axis, trials);
                return Self::numbers([range.from, range.to], range.log, marks, false);
            }
            Values::List { values } => values,
        };
        let numbers: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
        match numbers.filter(|numbers| numbers.len() > 1) {
            Some(numbers) => {
                let [from, to] = ends(numbers.iter().copied());
                // Values that lie apart by factors.
                let log = from > 0.0 && to / from >= 8.0;
                Self::numbers([from, to], log, numbers, false)
            }
            None => Self::Words(list.iter().map(space::brief).collect()),
        }
    }

    /// From the best to the worst, or to that of nine in ten: one that learnt nothing would press the others together.
    fn of_accuracies(accuracies: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = accuracies.collect();
        sorted.sort_by(f64::total_cmp);
        let most = &sorted[sorted.len() / 10..];
        Self::numbers(ends(most.iter().copied()), false, Vec::new(), true)
    }

    fn numbers([from, to]: [f64; 2], log: bool, marks: Vec<f64>, percent: bool) -> Self {
        let (from, to, log) = match from.is_finite() && to > from {
            true => (from, to, log),
            // One value alone lies in the middle.
            false => {
                let middle = if from.is_finite() { from } else { 0.5 };
                (middle - 0.001, middle + 0.001, false)
            }
        };
        Self::Numbers {
            from,
            to,
            log,
            percent,
            marks: if marks.len() <= MARKS {
                marks
            } else {
                Vec::new()
            },
        }
    }

    /// Where a value lies, from 0 to 1.
    fn share(&self, value: &Value) -> f64 {
        match self {
            Self::Words(words) => {
                let name = space::brief(value);
                let place = words.iter().position(|word| *word == name).unwrap_or(0);
                (place as f64 + 0.5) / words.len().max(1) as f64
            }
            Self::Numbers { from, to, log, .. } => {
                let value = value.as_f64().unwrap_or(*from);
                let share = match log {
                    true => (value / from).ln() / (to / from).ln(),
                    false => (value - from) / (to - from),
                };
                share.clamp(0.0, 1.0)
            }
        }
    }

    /// Labels along `length`, from its beginning.
    fn ticks(&self, length: f64) -> Vec<Tick> {
        match self {
            Self::Words(words) => {
                let tick = |(place, word): (usize, &String)| Tick {
                    at: length * (place as f64 + 0.5) / words.len() as f64,
                    label: shortened(word),
                };
                words.iter().enumerate().map(tick).collect()
            }
            Self::Numbers {
                from,
                to,
                log,
                percent,
                marks,
            } => {
                let quarter = |quarters: i32| {
                    let share = f64::from(quarters) / 4.0;
                    match log {
                        true => from * (to / from).powf(share),
                        false => from + share * (to - from),
                    }
                };
                let marks = match marks.is_empty() {
                    true => (0..=4).map(quarter).collect(),
                    false => marks.clone(),
                };
                let tick = |value: f64| Tick {
                    at: length * self.share(&Value::from(value)),
                    label: match percent {
                        true => format!("{:.2} %", 100.0 * value),
                        false => short(value),
                    },
                };
                marks.into_iter().map(tick).collect()
            }
        }
    }
}

impl Tick {
    /// How wide the label is drawn, about.
    fn width(&self) -> f64 {
        LETTER * self.label.chars().count() as f64
    }
}

/// The labels that do not cover each other: both ends, and of the others those that are `least` from the one before.
fn apart(mut ticks: Vec<Tick>, least: impl Fn(&Tick, &Tick) -> f64) -> Vec<Tick> {
    ticks.sort_by(|a, b| a.at.total_cmp(&b.at));
    let Some(last) = ticks.pop() else {
        return ticks;
    };
    let mut kept: Vec<Tick> = Vec::new();
    let fits = |a: &Tick, b: &Tick| b.at - a.at >= least(a, b);
    for tick in ticks {
        let behind = kept.last().is_none_or(|before| fits(before, &tick));
        if behind && fits(&tick, &last) {
            kept.push(tick);
        }
    }
    kept.push(last);
    kept
}

/// The values that trials have, once each.
fn found(axis: &Axis, trials: &[&Trial]) -> Vec<f64> {
    let mut found: Vec<f64> = trials
        .iter()
        .filter_map(|trial| value(trial, axis)?.as_f64())
        .collect();
    found.sort_by(f64::total_cmp);
    found.dedup();
    found
}

fn ends(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[from, to], value| {
        [from.min(value), to.max(value)]
    })
}

/// Two or three digits of a number.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        0.01..1e4 => {
            let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 4) as usize;
            let text = format!("{value:.digits$}");
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').into(),
                false => text,
            }
        }
        _ => format!("{value:.1e}"),
    }
}

fn shortened(word: &str) -> String {
    const MOST: usize = 18;
    match word.chars().count() > MOST {
        true => word.chars().take(MOST - 1).chain(['…']).collect(),
        false => word.into(),
    }
}
