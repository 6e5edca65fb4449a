//! Which files of a folder belong to a data set.

use std::fs;
use std::path::{Path, PathBuf};

use super::{FileName, FileRole};
use crate::data::catalog::KnownSet;
use crate::data::error::Fault;

/// The files of a folder whose names begin alike, by role; those to be read come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// In lower case; empty for MNIST's own names.
    pub prefix: String,
    /// The files of each role, in the order of [`FileRole::ALL`].
    pub files: [Vec<PathBuf>; 4],
}

/// The four files that are read, in the order of [`FileRole::ALL`].
pub type Files = [PathBuf; 4];

impl Group {
    /// The files to read, where there is one for each role.
    pub fn complete(&self) -> Option<Files> {
        let first = self.files.each_ref().map(|files| files.first().cloned());
        match first {
            [Some(a), Some(b), Some(c), Some(d)] => Some([a, b, c, d]),
            _ => None,
        }
    }

    /// The roles that no file has.
    pub fn missing(&self) -> Vec<FileRole> {
        let missing = |role: &FileRole| self.files[*role as usize].is_empty();
        FileRole::ALL.into_iter().filter(missing).collect()
    }

    /// What a file of this group would be called.
    pub fn name(&self, role: FileRole) -> String {
        match &self.prefix[..] {
            "" => role.name().to_owned(),
            prefix => format!("{prefix}-{}", role.name().replace("t10k", "test")),
        }
    }
}

/// The groups of files in a folder, sorted by their prefixes.
///
/// Names as [`FileName::parse`] reads them count. Where a folder bears such a name, as unpacking
/// Kaggle's archives makes them, files in it that have the same role count too, after those beside it.
///
/// # Errors
/// [`Fault::Unreadable`].
pub fn groups(folder: &Path) -> Result<Vec<Group>, Fault> {
    let mut groups: Vec<Group> = Vec::new();
    let mut found = Vec::new();
    for (path, name) in entries(folder)? {
        let Some(parsed) = FileName::parse(&name) else {
            continue;
        };
        if !path.is_dir() {
            found.push((false, parsed, path));
            continue;
        }
        let inside = entries(&path).unwrap_or_default();
        for (path, name) in inside {
            if let Some(nested) = FileName::parse(&name)
                && nested.role == parsed.role
                && !path.is_dir()
            {
                found.push((true, nested, path));
            }
        }
    }
    found.sort_by(|(nested, a, path), (other_nested, b, other)| {
        let key = |nested: bool, name: &FileName| (nested, name.gz, !name.hyphens);
        let order = key(*nested, a).cmp(&key(*other_nested, b));
        order.then_with(|| path.cmp(other))
    });
    for (_, name, path) in found {
        let at = match groups.iter().position(|group| group.prefix == name.prefix) {
            Some(at) => at,
            None => {
                let prefix = name.prefix;
                groups.push(Group {
                    prefix,
                    ..Group::default()
                });
                groups.len() - 1
            }
        };
        groups[at].files[name.role as usize].push(path);
    }
    groups.sort_by(|a, b| a.prefix.cmp(&b.prefix));
    Ok(groups)
}

/// The files of a known set in `folder`: under its own names, or else under MNIST's.
///
/// # Errors
/// [`Fault::Unreadable`].
pub fn of_known(folder: &Path, set: &KnownSet) -> Result<Group, Fault> {
    let mut found = groups(folder)?;
    let take = |found: &mut Vec<Group>, prefix: &str| {
        let at = found.iter().position(|group| group.prefix == prefix);
        at.map(|at| found.swap_remove(at)).unwrap_or_else(|| Group {
            prefix: prefix.to_owned(),
            ..Group::default()
        })
    };
    let mut own = take(&mut found, set.prefix);
    // The published form first, where the publisher has several.
    for (files, known) in own.files.iter_mut().zip(&set.files) {
        files.sort_by_key(|path| {
            let stem = path
                .file_name()
                .map(|name| name.to_string_lossy().to_lowercase());
            let stem = stem.unwrap_or_default();
            stem.trim_end_matches(".gz") != known.name
        });
    }
    if !set.prefix.is_empty() && own.missing().len() == 4 {
        let other = take(&mut found, "");
        if other.missing().len() < 4 {
            return Ok(other);
        }
    }
    Ok(own)
}

/// What lies in a folder, by path and name.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, String)>, Fault> {
    let unreadable = |error: std::io::Error| Fault::Unreadable {
        reason: error.to_string(),
        kind: error.kind(),
    };
    fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Ok((entry.path(), name))
        })
        .collect()
}
