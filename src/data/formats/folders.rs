//! What lies in folders, and what they are called.

use std::path::{Path, PathBuf};

/// What lies in a folder, sorted; nothing where it cannot be read.
pub(in crate::data) fn entries_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The folders in a folder, sorted; none where it cannot be read.
pub(in crate::data) fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let mut folders = entries_in(folder);
    folders.retain(|path| path.is_dir());
    folders
}

/// What lies in a folder, sorted, for a message; folders end in a slash.
pub(in crate::data) fn listing(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            match entry.path().is_dir() {
                true => format!("{name}/"),
                false => name,
            }
        })
        .collect();
    names.sort();
    names
}

/// The last part of a path as it was typed; of `.`, that of the folder it stands for.
pub(in crate::data) fn name_of(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().or_else(|| absolute.file_name());
    name.map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
