//! What a sweep varies, over which values, and the settings of its trials.

use std::collections::BTreeMap;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml_edit::ser::ValueSerializer;

use crate::config::{ConfigError, Layers, Origin};
use crate::exit::UsageError;
use crate::wording::count;

/// The most trials that a sweep may have.
pub const MOST_TRIALS: usize = 10_000;
/// Draws of a trial before the space counts as used up.
const DRAWS: usize = 1_000;
/// Digits of a number that is drawn or lies within a range.
const DIGITS: usize = 4;

/// The settings of a trial that differ from the sweep's, as JSON.
pub type Settings = BTreeMap<String, Value>;

/// A setting and the values that it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// The setting's name.
    pub key: String,
    /// Those it takes.
    #[serde(flatten)]
    pub values: Values,
}

/// The values that a setting takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// These.
    List {
        /// In the order given.
        values: Vec<Value>,
    },
    /// Numbers between two.
    Range(Range),
}

/// Numbers between two: all, or so many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The least.
    pub from: f64,
    /// The greatest.
    pub to: f64,
    /// Spaced, and drawn, by factors rather than by differences.
    pub log: bool,
    /// The only values that are taken; `None`: any between.
    pub points: Option<usize>,
    /// Whether they are whole numbers.
    pub whole: bool,
}

impl Axis {
    /// `KEY=VALUES`, as [`Values::parse`] takes them.
    ///
    /// # Errors
    /// [`UsageError`] says what is wrong, and what would do.
    pub fn parse(argument: &str) -> Result<Self, UsageError> {
        let parts = argument.split_once('=');
        let Some((key, values)) = parts.filter(|(key, _)| !key.trim().is_empty()) else {
            return Err(UsageError(format!(
                "--over {argument}: write --over KEY=VALUES, such as --over training.learning_rate=1e-3..3e-2:log"
            )));
        };
        let key = key.trim();
        let values = Values::parse(values.trim());
        Ok(Self {
            key: key.into(),
            values: values.map_err(|reason| UsageError(format!("--over {key}: {reason}")))?,
        })
    }
}

impl Values {
    /// A list in brackets, or a range: `FROM..TO`, with `:log` for factors, with `:N` for that many
    /// points.
    ///
    /// # Errors
    /// What is wrong, and what would do.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORMS: &str = "write a list in brackets, such as [16, 32], or a range, such as 1e-3..3e-2 (:log after it for factors, :5 for five points)";
        if text.starts_with('[') {
            let list = text.parse::<toml_edit::Value>();
            return Self::of(&list.map_err(|_| match in_quotes(text) {
                Some(meant) => format!(
                    "{text} is not a list: strings need quotation marks, {meant}, and in a shell single ones around the whole"
                ),
                None => format!("{text} is not a list; {FORMS}, with strings in quotation marks"),
            })?);
        }
        let mut parts = text.split(':');
        let ends = parts.next().and_then(|ends| ends.split_once(".."));
        let Some((from, to)) = ends else {
            return Err(format!("{text} is neither a list nor a range; {FORMS}"));
        };
        let number = |text: &str| {
            let number = text.trim().parse::<f64>().ok();
            let number = number.filter(|number| number.is_finite());
            number.ok_or_else(|| format!("{text} is not a number; {FORMS}"))
        };
        let is_whole = |text: &str| text.trim().parse::<i64>().is_ok();
        let mut range = Range {
            from: number(from)?,
            to: number(to)?,
            log: false,
            points: None,
            whole: is_whole(from) && is_whole(to),
        };
        for part in parts {
            match (part.trim(), part.trim().parse::<usize>()) {
                ("log", _) => range.log = true,
                (_, Ok(points @ 2..=MOST_TRIALS)) => range.points = Some(points),
                (_, Ok(points)) => {
                    return Err(format!(
                        "{}: a range has 2 to {MOST_TRIALS} points",
                        count(points, "point")
                    ));
                }
                (other, Err(_)) => {
                    return Err(format!(
                        "{other} is neither log nor a number of points; {FORMS}"
                    ));
                }
            }
        }
        if range.from >= range.to {
            return Err(format!(
                "{from}..{to}: a range rises: write the smaller number first"
            ));
        }
        if range.log && range.from <= 0.0 {
            return Err(format!(
                "{from}..{to}:log: factors need numbers above 0; leave out :log, or begin above 0"
            ));
        }
        Ok(Self::Range(range))
    }

    /// Those of a file: a list, or a range as text.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of(value: &toml_edit::Value) -> Result<Self, String> {
        use serde::de::IntoDeserializer;
        match value {
            toml_edit::Value::Array(list) if list.is_empty() => {
                Err("the list is empty; give it the values to try, such as [16, 32]".into())
            }
            toml_edit::Value::Array(_) => {
                let value = value.clone().into_deserializer();
                let values = Vec::<Value>::deserialize(value).map_err(|error| error.to_string())?;
                for (place, value) in values.iter().enumerate() {
                    if values[..place].contains(value) {
                        return Err(format!("{value} stands in the list twice; name it once"));
                    }
                }
                Ok(Self::List { values })
            }
            toml_edit::Value::String(text) => Self::parse(text.value()),
            other => Self::parse(other.to_string().trim()),
        }
    }

    /// Those of a grid; `None` of a range whose points nobody counted.
    fn points(&self) -> Option<Vec<Value>> {
        let range = match self {
            Self::List { values } => return Some(values.clone()),
            Self::Range(range) => range,
        };
        let points = range.points?;
        let mut found: Vec<Value> = Vec::new();
        for point in 0..points {
            let value = range.at(point as f64 / (points - 1) as f64);
            // Whole numbers may lie closer than the points.
            if !found.contains(&value) {
                found.push(value);
            }
        }
        Some(found)
    }

    /// Those that a draw is among: of a range with points, these alone.
    fn drawn_from(&self) -> Self {
        match self.points() {
            Some(values) => Self::List { values },
            None => self.clone(),
        }
    }

    fn draw(&self, random: &mut impl Rng) -> Value {
        match self {
            Self::List { values } => values[random.random_range(0..values.len())].clone(),
            Self::Range(range) => range.at(random.random::<f64>()),
        }
    }
}

impl Range {
    /// What lies at this share of the way.
    fn at(&self, share: f64) -> Value {
        let Self { from, to, .. } = *self;
        let found = match (share, self.log) {
            (0.0, _) => from,
            (1.0, _) => to,
            (share, true) => short((from.ln() + share * (to.ln() - from.ln())).exp()),
            (share, false) => short(from + share * (to - from)),
        };
        match self.whole {
            true => Value::from(found.clamp(from, to).round() as i64),
            false => Value::from(found.clamp(from, to)),
        }
    }
}

/// The list that a text is meant to be whose strings lack quotation marks; `None` where they would not make it one.
fn in_quotes(text: &str) -> Option<String> {
    let is_word = |word: &str| {
        let is_other = ["true", "false"].contains(&word.to_lowercase().as_str());
        let plain = |part: char| part.is_alphanumeric() || "-_.".contains(part);
        !word.is_empty() && word.chars().all(plain) && !is_other && word.parse::<f64>().is_err()
    };
    let entry = |entry: &str| match entry.trim() {
        word if is_word(word) => entry.replace(word, &format!("\"{word}\"")),
        _ => entry.to_owned(),
    };
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    let entries: Vec<String> = inside.split(',').map(entry).collect();
    let meant = format!("[{}]", entries.join(","));
    let is_list = meant.parse::<toml_edit::Value>().is_ok();
    is_list.then_some(meant)
}

/// A number of few digits: it is there to be read, and typed.
fn short(number: f64) -> f64 {
    let text = format!("{number:.*e}", DIGITS - 1);
    text.parse().unwrap_or(number)
}

/// Every combination, the last axis varying fastest; `None` where a range has no points.
pub fn grid(axes: &[Axis]) -> Option<Vec<Settings>> {
    let mut found = vec![Settings::new()];
    for axis in axes {
        let points = axis.values.points()?;
        let more = |settings: &Settings| {
            let settings = settings.clone();
            let with = |value: &Value| {
                let mut settings = settings.clone();
                settings.insert(axis.key.clone(), value.clone());
                settings
            };
            points.iter().map(with).collect::<Vec<_>>()
        };
        found = found.iter().flat_map(more).take(MOST_TRIALS + 1).collect();
    }
    Some(found)
}

/// Some combinations, drawn from the seed, no two alike; fewer where the space has no more.
pub fn random(axes: &[Axis], trials: usize, seed: u64) -> Vec<Settings> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let spaces: Vec<Values> = axes.iter().map(|axis| axis.values.drawn_from()).collect();
    let mut found: Vec<Settings> = Vec::new();
    while found.len() < trials {
        let fresh = (0..DRAWS).find_map(|_| {
            let draw =
                |(axis, space): (&Axis, &Values)| (axis.key.clone(), space.draw(&mut random));
            let settings: Settings = axes.iter().zip(&spaces).map(draw).collect();
            (!found.contains(&settings)).then_some(settings)
        });
        match fresh {
            Some(settings) => found.push(settings),
            None => break,
        }
    }
    if found.len() < trials {
        // The last of many are hardly ever drawn.
        let all = grid(axes).unwrap_or_default().into_iter();
        let mut left: Vec<Settings> = all.filter(|one| !found.contains(one)).collect();
        while found.len() < trials && !left.is_empty() {
            let place = random.random_range(0..left.len());
            found.push(left.swap_remove(place));
        }
    }
    found
}

/// Sets the settings of a trial.
///
/// # Errors
/// Those of the settings.
pub fn apply(settings: &Settings, layers: &mut Layers) -> Result<(), ConfigError> {
    for (key, value) in settings {
        let value = value.serialize(ValueSerializer::new());
        let value = value.map_err(|error| ConfigError::Invalid {
            key: key.clone(),
            origin: Origin::Flag("--over"),
            value: settings[key].to_string(),
            reason: error.to_string(),
        })?;
        layers.set(key, value, Origin::Flag("--over"))?;
    }
    Ok(())
}

/// `KEY=VALUE` of each, as `--set` takes them.
pub fn assignments(settings: &Settings) -> Vec<String> {
    let one = |(key, value): (&String, &Value)| format!("{key}={}", shown(value));
    settings.iter().map(one).collect()
}

/// A value in few letters, where it is a list of layers: `c24 c32 l256`.
pub fn brief(value: &Value) -> String {
    let layer = |layer: &Value| {
        // What a layer is called stands first in its kind's name: convolution, linear, pool, dropout.
        let kinds = ["convolution", "linear", "dropout", "pool"];
        let kind = kinds.into_iter().find(|kind| layer.get(kind).is_some())?;
        let size = &layer[kind];
        Some(match size.is_number() {
            true => format!("{}{size}", &kind[..1]),
            false => shown(size),
        })
    };
    let layers = value.as_array().filter(|layers| !layers.is_empty());
    let found: Option<Vec<String>> = layers.and_then(|layers| layers.iter().map(layer).collect());
    found.map_or_else(|| shown(value), |found| found.join(" "))
}

/// A value as settings have it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => match value.serialize(ValueSerializer::new()) {
            Ok(value) => value.to_string(),
            Err(_) => value.to_string(),
        },
    }
}
