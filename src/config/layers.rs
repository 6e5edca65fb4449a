//! The layers of settings: each replaces values of the default document.

use std::collections::BTreeMap;
use toml_edit::{DocumentMut, Value};

use super::document::{coerce, compact, did_you_mean, first_line, leaves};
use super::{Config, ConfigError, DEFAULT, Origin, PRESETS, comments, range_of};
use crate::model::layers::LayerConfig;

/// The layers merged so far: the default document with values replaced, and each key's origin.
#[derive(Clone, Debug)]
pub struct Layers {
    document: DocumentMut,
    origins: BTreeMap<String, Origin>,
    /// Whether a preset or a file is among them.
    has_recipe: bool,
}

impl Default for Layers {
    fn default() -> Self {
        Self {
            document: DEFAULT.parse().expect("config/default.toml is valid TOML"),
            origins: BTreeMap::new(),
            has_recipe: false,
        }
    }
}

impl Layers {
    /// Overlays a preset by name; `false` where none has it.
    ///
    /// # Errors
    /// None that a preset of this program can have.
    pub fn preset(&mut self, name: &str) -> Result<bool, ConfigError> {
        match PRESETS.iter().find(|(preset, _)| *preset == name) {
            Some((preset, text)) => {
                self.overlay(text, &Origin::Preset((*preset).into()))?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Overlays a preset by name, or a settings file by path.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, and the key where one is at fault.
    #[cfg(not(target_family = "wasm"))]
    pub fn load(&mut self, name: &str) -> Result<(), ConfigError> {
        if self.preset(name)? {
            return Ok(());
        }
        let read = crate::files::read_settings(name.as_ref());
        let presets = super::preset_names();
        let text = read.map_err(|error| ConfigError::NotFound {
            name: name.into(),
            hint: did_you_mean(
                name,
                &presets.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ),
            presets: presets.join(", "),
            reason: error.to_string(),
        })?;
        self.overlay(&text, &Origin::File(name.into()))
    }

    /// Overlays every value of a TOML text, and keeps its comments beside the default's.
    pub fn overlay(&mut self, text: &str, origin: &Origin) -> Result<(), ConfigError> {
        let layer: DocumentMut =
            text.parse()
                .map_err(|error: toml_edit::TomlError| ConfigError::Syntax {
                    origin: origin.clone(),
                    reason: error.to_string().trim_end().into(),
                })?;
        self.has_recipe = true;
        for (key, value) in leaves(layer.as_table()) {
            self.replace(&key, value, origin)?;
        }
        comments::adopt(&mut self.document, &layer);
        Ok(())
    }

    /// Whether someone chose a preset or a settings file.
    pub fn has_recipe(&self) -> bool {
        self.has_recipe
    }

    /// Lays a preset beneath what is set already.
    ///
    /// # Errors
    /// None that a preset of this program can have.
    pub fn underlay(&mut self, name: &'static str) -> Result<(), ConfigError> {
        let mut beneath = Self::default();
        beneath.preset(name)?;
        for entry in self.entries() {
            if entry.origin != Origin::Default {
                beneath.replace(&entry.key, entry.value, &entry.origin)?;
            }
        }
        *self = beneath;
        Ok(())
    }

    /// The word that a setting has in place of a value of its own; empty where it has none.
    pub fn word(&self, key: &str) -> String {
        let value = self.found(key);
        let word = value.as_ref().and_then(Value::as_str);
        word.unwrap_or_default().to_owned()
    }

    /// Applies one `--set KEY=VALUE`; a value that is not TOML is taken as text.
    pub fn assign(&mut self, argument: &str) -> Result<(), ConfigError> {
        let (key, text) = argument
            .split_once('=')
            .map(|(key, text)| (key.trim(), text.trim()))
            .filter(|(key, text)| !key.is_empty() && !text.is_empty())
            .ok_or_else(|| ConfigError::Assignment {
                argument: argument.into(),
            })?;
        let value = text.parse().unwrap_or_else(|_| Value::from(text));
        self.replace(key, value, &Origin::Set)
    }

    /// Sets one value that a flag or an environment variable gave.
    pub fn set(
        &mut self,
        key: &str,
        value: impl Into<Value>,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        self.replace(key, value.into(), &origin)
    }

    /// Sets one value where its flag was given.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn set_flag(
        &mut self,
        key: &str,
        value: Option<impl Into<Value>>,
        flag: &'static str,
    ) -> Result<(), ConfigError> {
        match value {
            Some(value) => self.set(key, value, Origin::Flag(flag)),
            None => Ok(()),
        }
    }

    fn replace(&mut self, key: &str, value: Value, origin: &Origin) -> Result<(), ConfigError> {
        let (key, value) = renamed(key, value);
        let known: Vec<String> = leaves(self.document.as_table())
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        if !known.iter().any(|name| name == key) {
            return Err(unknown(key, origin, &known));
        }
        let mut item = self.document.as_item_mut();
        for part in key.split('.') {
            item = &mut item[part];
        }
        let slot = item.as_value_mut().expect("a leaf is a value");
        let mut value =
            fit(key, slot, value).map_err(|(expected, found)| ConfigError::WrongType {
                key: key.into(),
                origin: origin.clone(),
                expected: range_of(key).unwrap_or_else(|| expected.into()),
                found,
            })?;
        *value.decor_mut() = slot.decor().clone();
        *slot = value;
        self.origins.insert(key.into(), origin.clone());
        Ok(())
    }

    /// The typed settings, every value checked against its range.
    pub fn resolve(&self) -> Result<Config, ConfigError> {
        let config: Config = toml_edit::de::from_document(self.document.clone())
            .map_err(|error| self.blame(error.message()))?;
        self.check(&config)?;
        Ok(config)
    }

    /// Finds the one value that the typed settings refuse (a word no enumeration knows).
    fn blame(&self, reason: &str) -> ConfigError {
        for (key, value) in leaves(self.document.as_table()) {
            let mut alone = Self::default();
            let replaced = alone.replace(&key, value, &Origin::Default);
            let typed = toml_edit::de::from_document::<Config>(alone.document);
            if let (Ok(()), Err(error)) = (replaced, typed) {
                let found = self.found(&key);
                let layers = found.as_ref().filter(|_| key == "model.layers");
                let entry = layers.and_then(misunderstood);
                let word = found.as_ref().and_then(Value::as_str).unwrap_or_default();
                let expected = match range_of(&key) {
                    Some(range) => format!("must be {range}"),
                    None => expected(error.message(), word),
                };
                return self.invalid(&key, entry.unwrap_or(expected));
            }
        }
        self.invalid("", first_line(reason))
    }

    pub(crate) fn invalid(&self, key: &str, reason: impl Into<String>) -> ConfigError {
        ConfigError::Invalid {
            key: key.into(),
            origin: self.origin(key),
            value: self
                .found(key)
                .map_or_else(String::new, |value| value.to_string()),
            reason: reason.into(),
        }
    }

    /// Where the value of `key` comes from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    fn found(&self, key: &str) -> Option<Value> {
        let mut entries = self.entries().into_iter();
        Some(entries.find(|entry| entry.key == key)?.value)
    }

    /// Every setting in the order of `config/default.toml`.
    pub fn entries(&self) -> Vec<Entry> {
        leaves(self.document.as_table())
            .into_iter()
            .map(|(key, value)| Entry {
                origin: self.origin(&key),
                value: compact(&value),
                key,
            })
            .collect()
    }

    /// The resolved settings as a file: the default's comments with the values in force.
    pub fn to_toml(&self) -> String {
        self.document.to_string()
    }
}

/// The refusal of a name that no setting has; that of a section may stand for any of its settings.
fn unknown(key: &str, origin: &Origin, known: &[String]) -> ConfigError {
    let below = format!("{key}.");
    let (key, origin) = (key.to_owned(), origin.clone());
    match known.iter().find(|name| name.starts_with(&below)) {
        Some(example) => ConfigError::Section {
            example: example.clone(),
            key,
            origin,
        },
        None => ConfigError::UnknownKey {
            hint: did_you_mean(&key, known),
            key,
            origin,
        },
    }
}

/// What a setting must be in place of `word`, in the words of a person who typed it.
fn expected(message: &str, word: &str) -> String {
    let line = first_line(message);
    let Some((_, words)) = line.split_once(", expected ") else {
        return line;
    };
    let words: Vec<String> = (words.split('`').skip(1).step_by(2))
        .map(String::from)
        .collect();
    let Some((last, others)) = words
        .split_last()
        .filter(|_| line.contains("unknown variant"))
    else {
        return line;
    };
    let hint = did_you_mean(word, &words);
    match others.is_empty() {
        true => format!("must be {last}"),
        false => format!("must be {} or {last}{hint}", others.join(", ")),
    }
}

/// Which entry of `model.layers` cannot be understood, and why; `None` when all can.
fn misunderstood(layers: &Value) -> Option<String> {
    let entries = layers.as_array()?.iter();
    entries.enumerate().find_map(|(index, value)| {
        let error = match value {
            Value::InlineTable(table) => {
                let document = toml_edit::DocumentMut::from(table.clone().into_table());
                toml_edit::de::from_document::<LayerConfig>(document).err()?
            }
            _ => return Some(format!("entry {} is not {{ key = value }}", index + 1)),
        };
        let reason = error.message().lines().next().unwrap_or_default();
        Some(format!("entry {}: {reason}", index + 1))
    })
}

/// What older versions called a setting, and words of its values that have changed.
struct Renamed {
    old: &'static str,
    new: &'static str,
    words: &'static [(&'static str, &'static str)],
}

const RENAMED: &[Renamed] = &[Renamed {
    old: "training.kernels",
    new: "device.kernels",
    words: &[("stock", "burn")],
}];

/// A setting by its present name, with its present value.
fn renamed(key: &str, value: Value) -> (&str, Value) {
    let is_meant = |setting: &&Renamed| [setting.old, setting.new].contains(&key);
    let Some(setting) = RENAMED.iter().find(is_meant) else {
        return (key, value);
    };
    let word = setting
        .words
        .iter()
        .find(|(old, _)| value.as_str() == Some(*old));
    (
        setting.new,
        word.map_or(value, |(_, new)| Value::from(*new)),
    )
}

/// Settings that may be a word beside what their default is, or a list, or a whole number.
struct SeveralTypes {
    key: &'static str,
    takes: fn(&Value) -> bool,
    expected: &'static str,
}

const SEVERAL_TYPES: &[SeveralTypes] = &[
    SeveralTypes {
        key: "training.class_weights",
        takes: |value| value.is_str() || value.is_array(),
        expected: "a word or a list in brackets",
    },
    SeveralTypes {
        key: "data.size",
        takes: |value| value.is_str() || value.is_array() || value.is_integer(),
        expected: "a word, a whole number or a list in brackets",
    },
    SeveralTypes {
        key: "model.layers",
        takes: |value| value.is_str() || value.is_array(),
        expected: "a word or a list in brackets (on a command line, quote it: 'KEY=[...]')",
    },
    SeveralTypes {
        key: "training.epochs",
        takes: |value| value.is_str() || value.as_integer().is_some_and(|number| number >= 0),
        expected: "a whole number of at least 0, or auto",
    },
    SeveralTypes {
        key: "augment.flip",
        takes: |value| value.is_str() || value.is_bool(),
        expected: "true, false or auto",
    },
];

/// Fits `value` to the type that the setting `key` has.
fn fit(key: &str, slot: &Value, value: Value) -> Result<Value, (&'static str, String)> {
    let several = SEVERAL_TYPES.iter().find(|several| several.key == key);
    match several {
        None => coerce(slot, value),
        Some(several) if (several.takes)(&value) => Ok(value),
        Some(several) => Err((several.expected, value.to_string().trim().to_owned())),
    }
}

/// One setting with its value and origin.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name, such as `training.epochs`.
    pub key: String,
    /// Without comments and line breaks.
    pub value: Value,
    /// Where its value comes from.
    pub origin: Origin,
}
