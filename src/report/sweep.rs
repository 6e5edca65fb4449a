//! A sweep as text, and its page.

mod page;

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::look::{Look, Mark};
use super::table::{Table, left, right};
use super::text::{percent, wrapped};
use crate::runs::sweep::space::{self, Axis, Values, assignments};
use crate::runs::sweep::{BASE, Method, Outcome, Standing, SweepRecord, Trial, path_of, standing};
use crate::terminal::command_line_of;
use crate::wording::{count, loss_text};
pub use page::{PAGE, write_page};

/// Trials that the terminal shows.
const SHOWN: usize = 20;
/// Parts that a range is cut into, to see what it explains.
const PARTS: usize = 4;

/// What is going to be trained, in a line.
pub fn planned(record: &SweepRecord) -> String {
    let keys: Vec<&str> = record.over.iter().map(|axis| axis.key.as_str()).collect();
    let how = match record.method {
        Method::Grid => "every combination".into(),
        Method::Random => format!("drawn with seed {}", record.seed),
        Method::Halving => {
            let counts: Vec<String> = record
                .rungs
                .iter()
                .map(|rung| rung.trials.to_string())
                .collect();
            format!("halving, {} trials in turn", counts.join(", "))
        }
    };
    let trials = count(record.trials.len(), "trial");
    format!("{trials} over {}: {how}", keys.join(", "))
}

/// What came of one trial, in a line.
pub fn outcome(trial: usize, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Finished(score) => format!(
            "trial {trial}: {} of the validation images, loss {}",
            percent(Some(score.valid_accuracy)),
            loss_text(score.valid_loss)
        ),
        Outcome::Failed { reason } => format!("trial {trial} failed: {reason}"),
        Outcome::Waiting => format!("trial {trial} has not ended"),
        Outcome::Dropped => format!("trial {trial} is not needed"),
    }
}

/// Where a trial stands, for `--json`.
#[derive(Serialize)]
pub struct Stands<'a> {
    trial: usize,
    run: &'a str,
    /// waiting, begun, finished, failed or dropped.
    state: &'static str,
    epochs: usize,
    valid_accuracy: Option<f64>,
    settings: Option<&'a space::Settings>,
    reason: Option<&'a str>,
}

/// Where each trial stands.
pub fn standings<'a>(folder: &Path, record: &'a SweepRecord) -> Vec<Stands<'a>> {
    let stands = |trial: &'a Trial| {
        let score = trial.score();
        let (state, epochs) = match (&trial.outcome, standing(folder, trial)) {
            (Outcome::Finished(score), _) => ("finished", score.epochs),
            (Outcome::Failed { .. }, _) => ("failed", 0),
            (Outcome::Dropped, _) => ("dropped", 0),
            (Outcome::Waiting, Standing::Begun { epochs }) => ("begun", epochs),
            (Outcome::Waiting, _) => ("waiting", 0),
        };
        Stands {
            trial: trial.trial,
            run: &trial.run,
            state,
            epochs,
            valid_accuracy: score.map(|score| score.valid_accuracy),
            settings: trial.settings.as_ref(),
            reason: match &trial.outcome {
                Outcome::Failed { reason } => Some(reason),
                _ => None,
            },
        }
    };
    record.trials.iter().map(stands).collect()
}

/// Where the trials stand, as a table.
pub fn status(folder: &Path, record: &SweepRecord, look: &Look) -> String {
    let all = standings(folder, record);
    let mut table = Table::new(
        [
            right("Trial"),
            left("State"),
            right("Epochs"),
            right("Validation"),
        ]
        .into_iter()
        .chain(columns(record)),
    );
    for (stands, trial) in all.iter().zip(&record.trials) {
        let cells = [
            stands.trial.to_string(),
            stands.state.into(),
            stands.epochs.to_string(),
            percent(stands.valid_accuracy),
        ];
        table.row(cells.into_iter().chain(values(record, trial)));
    }
    let in_state = |state: &str| all.iter().filter(|stands| stands.state == state).count();
    let states = ["finished", "begun", "waiting", "failed", "dropped"];
    let counts = states.map(|state| (in_state(state), state));
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, state)| format!("{count} {state}"))
        .collect();
    format!(
        "{}\n\n{}: {}\n{}",
        table.text(look.width),
        count(all.len(), "trial"),
        counts.join(", "),
        failures(record, look)
    )
}

/// Why each trial that failed did, a line each.
fn failures(record: &SweepRecord, look: &Look) -> String {
    let line = |trial: &Trial| match &trial.outcome {
        Outcome::Failed { reason } => {
            let line = format!("Trial {} failed: {reason}", trial.trial);
            Some(wrapped(&line, look.width, "  ") + "\n")
        }
        _ => None,
    };
    record.trials.iter().filter_map(line).collect()
}

/// A column for each setting that is varied, called by the end of its name.
fn columns(record: &SweepRecord) -> impl Iterator<Item = super::table::Column> + '_ {
    record.over.iter().map(|axis| {
        let short = axis.key.rsplit('.').next().unwrap_or(&axis.key);
        let title = short.replace('_', " ");
        let column = left(&title).least(6);
        match title.rsplit_once(' ') {
            Some((first, "size")) => column.short(first),
            Some((_, last)) => column.short(last),
            None => column,
        }
    })
}

fn values<'a>(record: &'a SweepRecord, trial: &'a Trial) -> impl Iterator<Item = String> + 'a {
    record
        .over
        .iter()
        .map(|axis| value(trial, axis).map_or_else(String::new, space::brief))
}

fn value<'a>(trial: &'a Trial, axis: &Axis) -> Option<&'a Value> {
    trial.settings.as_ref()?.get(&axis.key)
}

/// What a sweep came to.
pub fn text(folder: &Path, record: &SweepRecord, look: &Look) -> String {
    let mut text = String::new();
    let best = record.ranked();
    // Those that halving sorted out trained less, and cannot be compared with the others.
    let earlier = record.ended() - record.failed() - best.len();
    if !best.is_empty() {
        let round = match earlier {
            0 => "",
            _ => " of the last round",
        };
        let title = match best.len() {
            1 if earlier > 0 => "The one trial of the last round".into(),
            1 => "The one trial that has ended well".into(),
            all if all > SHOWN => format!("The best {SHOWN} of {all} trials{round}"),
            all => format!("{all} trials{round}, the best first"),
        };
        let _ = writeln!(
            text,
            "{}\n{}\n",
            look.mark(Mark::Title, &title),
            ranking(record, &best, look)
        );
        if earlier > 0 {
            let all = command_line_of(["sweep", "status", &folder.display().to_string()]);
            let line = format!(
                "{} of earlier rounds: `{all}` lists them",
                count(earlier, "trial")
            );
            let _ = writeln!(text, "{}\n", wrapped(&line, look.width, "  "));
        }
    }
    text += &mattered(record, look);
    text += &failures(record, look);
    text += &closing(folder, record, look);
    text
}

fn ranking(record: &SweepRecord, best: &[&Trial], look: &Look) -> String {
    let mut table = Table::new(
        [
            right("Trial"),
            right("Validation"),
            right("Loss"),
            right("Epoch").dispensable(1),
            right("Parameters").dispensable(2),
        ]
        .into_iter()
        .chain(columns(record)),
    );
    for (place, trial) in best.iter().take(SHOWN).enumerate() {
        let Some(score) = trial.score() else { continue };
        let accuracy = percent(Some(score.valid_accuracy));
        let cells = [
            trial.trial.to_string(),
            if place == 0 {
                look.mark(Mark::Good, &accuracy)
            } else {
                accuracy
            },
            loss_text(score.valid_loss),
            format!("{}/{}", score.epoch, score.epochs),
            score.parameters.to_string(),
        ];
        table.row(cells.into_iter().chain(values(record, trial)));
    }
    table.text(look.width)
}

/// What mattered, and among which trials, where those are not all; empty where nothing can be said.
fn mattered(record: &SweepRecord, look: &Look) -> String {
    let found = importance(record);
    if found.is_empty() {
        return String::new();
    }
    let title = match record.rungs.len() {
        1 => "What mattered".into(),
        _ => format!(
            "What mattered among the {} of the first round",
            count(compared(record).len(), "trial")
        ),
    };
    let mut table = Table::new([
        left("Setting").least(12),
        right("Share explained"),
        left("Best value").least(6),
    ]);
    for one in found {
        table.row([one.key, format!("{:.0} %", 100.0 * one.share), one.best]);
    }
    let title = look.mark(Mark::Title, &title);
    format!("{title}\n{}\n\n", table.text(look.width))
}

/// What the best came to, where the report is, what to do next.
fn closing(folder: &Path, record: &SweepRecord, look: &Look) -> String {
    let mut text = String::new();
    let Some(best) = &record.best else {
        let left = record.trials.len() - record.ended();
        let _ = match left {
            0 => writeln!(text, "No trial ended well."),
            left => writeln!(
                text,
                "{} not ended.\nNext    {}",
                count(left, "trial") + if left == 1 { " has" } else { " have" },
                SweepRecord::run_command(folder)
            ),
        };
        return text;
    };
    let trial = &record.trials[best.trial];
    let settings = in_brief(trial);
    let errors = best
        .test_errors
        .map_or_else(String::new, |errors| format!(" ({errors} errors)"));
    let reached = format!(
        "Trial {} ({settings}): {} on the test images of {}{errors}, which it alone has seen",
        best.trial,
        look.mark(Mark::Good, &percent(best.test_accuracy)),
        record.dataset
    );
    let _ = writeln!(text, "{}", wrapped(&reached, look.width, "  "));
    let _ = writeln!(text, "Report  {}", folder.join(PAGE).display());
    let _ = writeln!(text, "Again   {}", command(folder, trial));
    let run = path_of(folder, trial).display().to_string();
    let next = command_line_of(["predict", "--run", &run, "IMAGE.png"]);
    let _ = writeln!(text, "Next    {next}");
    text
}

/// The settings of a trial, for people.
fn in_brief(trial: &Trial) -> String {
    let settings = trial.settings.iter().flatten();
    let one = |(key, value): (&String, &Value)| format!("{key} {}", space::brief(value));
    settings.map(one).collect::<Vec<_>>().join(", ")
}

/// The command that trains what a trial trained, with the test images.
pub fn command(folder: &Path, trial: &Trial) -> String {
    let mut words = vec![
        "train".to_string(),
        "--config".into(),
        folder.join(BASE).display().to_string(),
    ];
    for assignment in trial.settings.as_ref().map(assignments).unwrap_or_default() {
        words.extend(["--set".into(), assignment]);
    }
    words.extend(["--set".into(), "evaluation.test=true".into()]);
    command_line_of(words)
}

/// How much of the differences a setting explains.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Importance {
    pub key: String,
    /// The share of the variance of the validation accuracy that lies between the groups of its values (eta squared).
    pub share: f64,
    /// The values of the best group, on the mean.
    pub best: String,
}

/// The trials that tell what mattered: those of the first rung that ended well, the most that trained equally long.
fn compared(record: &SweepRecord) -> Vec<&Trial> {
    let trials = record.of_rung(0).iter();
    trials.filter(|trial| trial.score().is_some()).collect()
}

/// What mattered among the trials of the first rung that ended well; the greatest share first.
pub fn importance(record: &SweepRecord) -> Vec<Importance> {
    let trials = compared(record);
    let accuracy = |trial: &Trial| trial.score().map_or(0.0, |score| score.valid_accuracy);
    let mean = |trials: &[&Trial]| {
        trials.iter().map(|trial| accuracy(trial)).sum::<f64>() / trials.len() as f64
    };
    if trials.len() < 3 {
        return Vec::new();
    }
    let all = mean(&trials);
    let total: f64 = trials
        .iter()
        .map(|trial| (accuracy(trial) - all).powi(2))
        .sum();
    let of_axis = |axis: &Axis| {
        let groups = groups(axis, &trials);
        if groups.len() < 2 || total <= 0.0 {
            return None;
        }
        let between = groups
            .iter()
            .map(|(_, group)| group.len() as f64 * (mean(group) - all).powi(2));
        let best = groups
            .iter()
            .max_by(|(_, a), (_, b)| mean(a).total_cmp(&mean(b)))?;
        Some(Importance {
            key: axis.key.clone(),
            share: between.sum::<f64>() / total,
            best: best.0.clone(),
        })
    };
    let mut found: Vec<Importance> = record.over.iter().filter_map(of_axis).collect();
    found.sort_by(|a, b| b.share.total_cmp(&a.share));
    found
}

/// Trials by the values of a setting; those of a drawn range in parts of equally many.
fn groups<'a>(axis: &Axis, trials: &[&'a Trial]) -> Vec<(String, Vec<&'a Trial>)> {
    let mut sorted: Vec<(&Value, &'a Trial)> = trials
        .iter()
        .filter_map(|trial| Some((value(trial, axis)?, *trial)))
        .collect();
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    if let Values::Range(_) = axis.values {
        sorted.sort_by(|(a, _), (b, _)| number(a).total_cmp(&number(b)));
    }
    let mut found: Vec<(String, Vec<&'a Trial>)> = Vec::new();
    for (value, trial) in &sorted {
        let name = space::brief(value);
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, group)) => group.push(trial),
            None => found.push((name, vec![trial])),
        }
    }
    // Values that nearly all stand alone say nothing; parts of the range do.
    if matches!(axis.values, Values::Range(_)) && 2 * found.len() > sorted.len() {
        let size = sorted.len().div_ceil(PARTS.min(sorted.len() / 2).max(1));
        let part = |part: &[(&Value, &'a Trial)]| {
            let ends = [&part[0], &part[part.len() - 1]].map(|(value, _)| space::brief(value));
            let name = match ends[0] == ends[1] {
                true => ends[0].clone(),
                false => ends.join(" to "),
            };
            (name, part.iter().map(|(_, trial)| *trial).collect())
        };
        return sorted.chunks(size).map(part).collect();
    }
    found
}
