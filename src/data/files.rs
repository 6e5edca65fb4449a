//! Files on disk: opened with the guards that need the file system, written under a temporary name.

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::Fault;
use super::formats::idx::unreadable;

/// Ends the name of every file that is not complete yet; no reader looks for it.
pub(crate) const PARTIAL_SUFFIX: &str = ".part";

/// A temporary file that, once renamed, others may read as far as the umask lets them.
pub(crate) fn temporary(folder: &Path, prefix: &str) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(PARTIAL_SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
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
