//! Where the files of a set are: unpacked or `.gz`, under their official or dotted names.

use std::path::{Path, PathBuf};

use super::known::FileRole;

/// A file found for a role; nothing has been read of it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    /// Whether the name ends in `.gz`.
    pub packed: bool,
}

/// Every file in `folder` that could serve as `role`, the one to read first: unpacked before
/// packed, official names before dotted ones.
pub fn candidates(folder: &Path, role: FileRole) -> Vec<Source> {
    [false, true]
        .into_iter()
        .flat_map(|packed| {
            [role.name(), role.dotted_name()].map(|name| Source {
                path: folder.join(if packed {
                    format!("{name}.gz")
                } else {
                    name.to_owned()
                }),
                packed,
            })
        })
        // What cannot be looked at counts as there, so that reading it says why.
        .filter(|source| source.path.try_exists().unwrap_or(true))
        .collect()
}

/// The file in `folder` that is read as `role`.
pub fn find(folder: &Path, role: FileRole) -> Option<Source> {
    candidates(folder, role).into_iter().next()
}
