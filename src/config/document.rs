//! The values of a settings document by key: found, fitted to their type, written on one line.

use toml_edit::{Array, InlineTable, Item, Table, Value};

/// Every value of a table with its dotted key; `[[tables]]` are lists like any other.
pub fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, item) in table.iter() {
        match item {
            Item::Table(inner) => found.extend(
                leaves(inner)
                    .into_iter()
                    .map(|(name, value)| (format!("{key}.{name}"), value)),
            ),
            Item::Value(Value::InlineTable(inner)) => found.extend(
                leaves(&inner.clone().into_table())
                    .into_iter()
                    .map(|(name, value)| (format!("{key}.{name}"), value)),
            ),
            Item::Value(value) => found.push((key.to_string(), value.clone())),
            Item::ArrayOfTables(tables) => {
                found.push((key.to_string(), tables.clone().into_array().into()));
            }
            Item::None => {}
        }
    }
    found
}

/// `value` without comments and line breaks.
pub fn compact(value: &Value) -> Value {
    match value {
        Value::Array(array) => Value::Array(array.iter().map(compact).collect::<Array>()),
        Value::InlineTable(table) => {
            let entries = table.iter().map(|(key, value)| (key, compact(value)));
            Value::InlineTable(entries.collect::<InlineTable>())
        }
        plain => {
            let mut plain = plain.clone();
            plain.decor_mut().clear();
            plain
        }
    }
}

/// Fits `value` to the type of `slot`; a whole number is fine where a fraction is expected.
pub fn coerce(slot: &Value, value: Value) -> Result<Value, (&'static str, String)> {
    let expected = match slot {
        Value::Integer(_) => "a whole number of at least 0",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list in brackets (on a command line, quote it: 'KEY=[...]')",
        _ => "text",
    };
    let found = || value.to_string().trim().to_owned();
    match (slot, &value) {
        (Value::Integer(_), Value::Integer(number)) if *number.value() >= 0 => Ok(value),
        (Value::Float(_), Value::Integer(number)) => Ok(Value::from(*number.value() as f64)),
        (Value::Float(_), Value::Float(_))
        | (Value::Boolean(_), Value::Boolean(_))
        | (Value::String(_), Value::String(_))
        | (Value::Array(_), Value::Array(_)) => Ok(value),
        // `--adapter 0` and `--set device.adapter=0` mean the text "0".
        (Value::String(_), Value::Integer(number)) => Ok(Value::from(number.value().to_string())),
        _ => Err((expected, found())),
    }
}

/// The name that `key` may have been meant to be.
pub fn nearest<'a>(key: &str, known: &'a [String]) -> Option<&'a String> {
    let last = key.rsplit('.').next().unwrap_or(key);
    known
        .iter()
        .map(|name| {
            let tail = name.rsplit('.').next().unwrap_or(name);
            let whole = strsim::jaro_winkler(key, name);
            // The section may be left out, or be wrong too.
            let score = whole.max(strsim::jaro_winkler(last, tail));
            (name, score, whole)
        })
        .filter(|(_, score, _)| *score > 0.8)
        .max_by(|a, b| a.1.total_cmp(&b.1).then(a.2.total_cmp(&b.2)))
        .map(|(name, ..)| name)
}

/// A question after a word that nothing has, where something known is near it; else nothing.
pub fn did_you_mean(word: &str, known: &[String]) -> String {
    nearest(word, known).map_or_else(String::new, |name| format!(" (did you mean '{name}'?)"))
}

/// The first line of a text.
pub fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_string()
}
