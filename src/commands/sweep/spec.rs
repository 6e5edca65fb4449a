//! A file that says what a sweep varies.

use std::path::Path;

use toml_edit::{DocumentMut, Item, Table};

use crate::config::{Layers, Origin, document};
use crate::exit::UsageError;
use crate::files::read_settings;
use crate::runs::sweep::space::{Axis, Values};
use crate::runs::sweep::{Method, SweepRecord};

/// What a file says of a sweep.
#[derive(Default)]
pub struct Spec {
    pub axes: Vec<Axis>,
    pub method: Option<Method>,
    pub trials: Option<u32>,
    pub eta: Option<u32>,
}

impl Spec {
    /// Reads a file; its settings go into `layers`.
    ///
    /// # Errors
    /// A file that cannot be read, or says what is not known.
    pub fn read(file: &Path, layers: &mut Layers) -> anyhow::Result<Self> {
        const KNOWN: &[&str] = &["method", "trials", "eta", "config", "set", "over"];
        let wrong = |reason: String| UsageError(format!("{}: {reason}", file.display()));
        if SweepRecord::read(file)?.is_some() {
            let command = SweepRecord::run_command(file);
            return Err(wrong(format!("a sweep; go on with it with `{command}`")).into());
        }
        let text = read_settings(file).map_err(|error| {
            wrong(format!(
                "could not be read ({error}); name a file that says what is varied (docs/sweeps.md), or use --over"
            ))
        })?;
        let document: DocumentMut = (text.parse()).map_err(|error: toml_edit::TomlError| {
            wrong(format!("not valid TOML: {}", error.to_string().trim_end()))
        })?;
        if let Some((key, _)) = document.iter().find(|(key, _)| !KNOWN.contains(key)) {
            return Err(wrong(format!(
                "{key} is not known here; there are {}",
                KNOWN.join(", ")
            ))
            .into());
        }
        let number = |key: &str, least: i64, most: i64| -> Result<Option<u32>, UsageError> {
            let Some(item) = document.get(key) else {
                return Ok(None);
            };
            let found = item
                .as_integer()
                .filter(|number| (least..=most).contains(number));
            match found.and_then(|number| u32::try_from(number).ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(wrong(format!(
                    "{key}: must be a whole number from {least} to {most}"
                ))),
            }
        };
        let text = |key: &str| -> Result<Option<&str>, UsageError> {
            match document.get(key) {
                None => Ok(None),
                Some(item) => item
                    .as_str()
                    .map(Some)
                    .ok_or_else(|| wrong(format!("{key}: must be text in quotation marks"))),
            }
        };
        let method = text("method")?.map(|word| {
            <Method as clap::ValueEnum>::from_str(word, false)
                .map_err(|_| wrong(format!("method: {word}: must be grid, random or halving")))
        });
        if let Some(recipe) = text("config")? {
            layers.load(recipe)?;
        }
        let empty = Table::new();
        let table = |key: &str| match document.get(key) {
            None => Ok(&empty),
            Some(Item::Table(table)) => Ok(table),
            Some(_) => Err(wrong(format!(
                "{key}: must be a table, [{key}], with a line for each setting"
            ))),
        };
        for (key, value) in document::leaves(table("set")?) {
            layers.set(&key, value, Origin::File(file.into()))?;
        }
        let axis = |(key, value): (String, toml_edit::Value)| match Values::of(&value) {
            Ok(values) => Ok(Axis { key, values }),
            Err(reason) => Err(wrong(format!("over.{key}: {reason}"))),
        };
        let axes = document::leaves(table("over")?).into_iter().map(axis);
        Ok(Self {
            axes: axes.collect::<Result<_, _>>()?,
            method: method.transpose()?,
            trials: number("trials", 1, 10_000)?,
            eta: number("eta", 2, 100)?,
        })
    }
}
