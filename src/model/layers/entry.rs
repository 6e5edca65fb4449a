//! Entries of `model.layers` as they are written: which kind one is of, and why it is refused.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{KINDS, Kind, LayerConfig};

/// Keys and values.
pub type Entry = Map<String, Value>;

impl TryFrom<Entry> for LayerConfig {
    type Error = String;

    fn try_from(entry: Entry) -> Result<Self, String> {
        let kinds: Vec<&Kind> = KINDS.iter().filter(|kind| kind.begins(&entry)).collect();
        match kinds[..] {
            [] => Err(explain(&entry)),
            [kind] => {
                let foreign = entry.keys().find_map(|key| of_another(key, kind));
                foreign.map_or_else(|| (kind.read)(entry), Err)
            }
            [one, other, ..] => Err(format!(
                "write {} and {} as two entries",
                one.key, other.key
            )),
        }
    }
}

impl Kind {
    fn begins(&self, entry: &Entry) -> bool {
        let value = entry.get(self.key);
        value.is_some_and(|value| self.word.is_none() || value.as_str() == self.word)
    }
}

/// Reads an entry as a kind's own settings.
pub fn read<C: DeserializeOwned + Into<LayerConfig>>(entry: Entry) -> Result<LayerConfig, String> {
    let config = serde_json::from_value::<C>(Value::Object(entry));
    config.map(Into::into).map_err(|error| error.to_string())
}

/// Whose key it is, where it is not one of `kind`.
fn of_another(key: &str, kind: &Kind) -> Option<String> {
    if key == kind.key || kind.options.contains(&key) {
        return None;
    }
    let owner = KINDS.iter().find(|kind| kind.options.contains(&key))?;
    Some(format!("'{key}' belongs to {}", owner.name))
}

/// Why an entry is of no kind.
fn explain(entry: &Entry) -> String {
    let examples = |kinds: &mut dyn Iterator<Item = &Kind>| {
        let examples: Vec<&str> = kinds.map(|kind| kind.example).collect();
        match &examples[..] {
            [before @ .., last] if !before.is_empty() => {
                format!("{} or {last}", before.join(", "))
            }
            _ => examples.concat(),
        }
    };
    let all = examples(&mut KINDS.iter());
    let Some(key) = entry.keys().next() else {
        return format!("an entry has {all}");
    };
    let mut of_key = KINDS.iter().filter(|kind| kind.key == key).peekable();
    if of_key.peek().is_some() {
        return format!("a {key} by itself is {}", examples(&mut of_key));
    }
    match KINDS
        .iter()
        .find(|kind| kind.options.contains(&key.as_str()))
    {
        Some(owner) => format!("'{key}' belongs to {}", owner.name),
        None => format!("unknown field `{key}`; an entry has {all}"),
    }
}
