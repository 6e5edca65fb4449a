//! The names of the classes, in a file of their own beside the four: the format has no place for them.

use std::collections::HashSet;

use crate::data::error::DataError;
use crate::data::image_set::MOST_CLASSES;
use crate::data::open_set::OpenSet;

/// What the file is called: UTF-8, a name a line, that of label 0 first.
pub const CLASSES_FILE: &str = "classes.txt";

/// More bytes are not read: a thousand names of a thousand bytes.
#[cfg(not(target_family = "wasm"))]
const MOST_BYTES: u64 = 1 << 20;

/// The names in such a file.
///
/// # Errors
/// What is wrong, to follow the name of the file.
pub fn class_names(file: &[u8]) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(file).map_err(|error| {
        let line = file[..error.valid_up_to()].split(|&byte| byte == b'\n');
        format!("line {} is not UTF-8", line.count())
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for (at, name) in text.lines().enumerate() {
        let line = at + 1;
        if name.trim().is_empty() {
            return Err(format!("line {line} is empty"));
        }
        if let Some(control) = name.chars().find(|character| character.is_control()) {
            return Err(format!("line {line} holds {control:?}"));
        }
        if !seen.insert(name) {
            return Err(format!("line {line} names `{name}` again"));
        }
        if line > MOST_CLASSES {
            return Err(format!("more than {MOST_CLASSES} lines"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Has a set read from IDX files bear the names in `file`, which errors call `path`.
///
/// # Errors
/// [`DataError::Unfit`].
pub(in crate::data) fn name_classes(
    set: OpenSet,
    path: impl Into<std::path::PathBuf>,
    file: &[u8],
) -> Result<OpenSet, DataError> {
    class_names(file)
        .and_then(|names| set.with_class_names(names))
        .map_err(|reason| {
            let next = "write one name on each line, in the order of the labels";
            DataError::unfit(path, reason, next)
        })
}

/// The same by the file in `folder`, where there is one.
///
/// # Errors
/// As above, and of a file that cannot be read.
#[cfg(not(target_family = "wasm"))]
pub(in crate::data) fn name_classes_in(
    set: OpenSet,
    folder: &std::path::Path,
) -> Result<OpenSet, DataError> {
    let path = folder.join(CLASSES_FILE);
    if !path.try_exists().unwrap_or(true) {
        return Ok(set);
    }
    let file = crate::files::read_file(&path, MOST_BYTES).map_err(|error| {
        let reason = format!("cannot be read ({error})");
        DataError::unfit(&path, reason, "correct the file, or remove it")
    })?;
    name_classes(set, &path, &file)
}
