//! Carries the comments of one settings file into another, so that a resolved copy says why.

use toml_edit::{Decor, DocumentMut, Item, RawString, Table};

/// Adds the comments of `layer` to those of `document` for every table and key of both; a line
/// that is there already is not repeated, so that a resolved copy can be read and written again.
pub fn adopt(document: &mut DocumentMut, layer: &DocumentMut) {
    adopt_table(document.as_table_mut(), layer.as_table());
    let trailing = added(
        text(Some(document.trailing())),
        text(Some(layer.trailing())),
    );
    if let Some(trailing) = trailing {
        document.set_trailing(trailing);
    }
}

fn adopt_table(into: &mut Table, from: &Table) {
    for (key, item) in from.iter() {
        let above = from.key(key).map(|key| text(key.leaf_decor().prefix()));
        let above = above.unwrap_or_default();
        match (into.get_mut(key), item) {
            (Some(Item::Table(target)), Item::Table(source)) => {
                extend(target.decor_mut(), text(source.decor().prefix()));
                adopt_table(target, source);
            }
            // An inline table has one line: what is said of it stands above the header.
            (Some(Item::Table(target)), Item::Value(source)) => {
                let beside = text(source.decor().suffix());
                extend(target.decor_mut(), &format!("{above}\n{beside}"));
            }
            (Some(Item::Value(target)), Item::Value(source)) => {
                let beside = text(source.decor().suffix());
                if beside.contains('#') {
                    target.decor_mut().set_suffix(beside);
                }
                if let Some(mut name) = into.key_mut(key) {
                    extend(name.leaf_decor_mut(), above);
                }
            }
            _ => {}
        }
    }
}

fn extend(into: &mut Decor, more: &str) {
    if let Some(prefix) = added(text(into.prefix()), more) {
        into.set_prefix(prefix);
    }
}

/// `present` with the comment lines of `more` that it lacks; `None` when it has them all.
fn added(present: &str, more: &str) -> Option<String> {
    let lacks =
        |line: &&str| line.starts_with('#') && !present.lines().any(|there| there.trim() == *line);
    let lines: Vec<&str> = more.lines().map(str::trim).filter(lacks).collect();
    if lines.is_empty() {
        return None;
    }
    let mut text = present.to_string();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    Some(text)
}

fn text(raw: Option<&RawString>) -> &str {
    raw.and_then(RawString::as_str).unwrap_or_default()
}
