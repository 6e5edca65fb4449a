//! Files of a data set: opened with the guards that need the file system.

use std::fs::File;
use std::path::Path;

use super::error::Fault;
use super::formats::idx::unreadable;
pub(crate) use crate::files::{PARTIAL_SUFFIX, temporary};

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
