//! Files of a data set: opened with the guards that need the file system.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::Fault;
use super::formats::idx::unreadable;
#[cfg(feature = "cli")]
pub(crate) use crate::files::{PARTIAL_SUFFIX, rename};
pub(crate) use crate::files::{persist, temporary};

/// Makes a kept file, or the file that stands for a kept folder, the last one used. A cache that
/// cannot be written to keeps its dates.
pub(crate) fn mark_used(stamp: &Path) {
    let file = File::options().write(true).open(stamp);
    let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}

/// Removes of what a cache keeps under names that begin with `prefix` all but the `kept` used last;
/// `stamp` gives the file whose date counts. What cannot be removed stays.
pub(crate) fn forget_old(
    cache: &Path,
    prefix: &str,
    kept: usize,
    stamp: impl Fn(&Path) -> PathBuf,
) {
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .map(|path| {
            let used = fs::metadata(stamp(&path)).and_then(|file| file.modified());
            (used.unwrap_or(SystemTime::UNIX_EPOCH), path)
        })
        .collect();
    found.sort();
    found.reverse();
    for (_, path) in found.into_iter().skip(kept) {
        tracing::debug!("removing {}", path.display());
        let _ = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
    }
}

/// Opens a regular file that is not empty. A pipe or a device would block or never end.
pub(crate) fn regular_file(path: &Path) -> Result<(File, u64), Fault> {
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Fault::NotAFile);
    }
    if metadata.len() == 0 {
        return Err(Fault::Empty);
    }
    let file = File::open(path).map_err(unreadable)?;
    Ok((file, metadata.len()))
}

/// A path as text for a record: bytes that are no UTF-8 are replaced, not refused.
pub(crate) fn as_text<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// As [`as_text`], of several.
pub(crate) fn all_as_text<S: serde::Serializer>(
    paths: &[std::path::PathBuf],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.display().to_string()))
}
