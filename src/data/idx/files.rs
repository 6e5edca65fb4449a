//! IDX files on disk: opened with the guards that need the file system, written atomically.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::{Kind, Summary, keep_in, scan, scan_gzip, scan_plain, unreadable};
use crate::data::error::{DataError, Fault};

/// Reads the items of an IDX file, unpacking it when its name ends in `.gz`.
///
/// # Errors
/// [`DataError::Damaged`] for every way in which the file differs from a sound one of `kind`.
pub fn read(path: &Path, kind: Kind) -> Result<(Vec<u8>, Summary), DataError> {
    let mut items = Vec::new();
    let summary = visit(path, kind, &mut keep_in(&mut items))?;
    Ok((items, summary))
}

/// Checks a file as [`read`] does and keeps nothing of it.
///
/// # Errors
/// As [`read`].
pub fn check(path: &Path, kind: Kind) -> Result<Summary, DataError> {
    visit(path, kind, &mut |_, _| {})
}

/// Writes items as an IDX file: a temporary file in the same folder, then a rename.
///
/// # Errors
/// [`DataError::Damaged`] when `items` would not make a sound file, [`DataError::Write`] when the
/// folder cannot be written to.
pub fn write(path: &Path, kind: Kind, items: &[u8]) -> Result<(), DataError> {
    let count = items.len() / kind.item_bytes();
    let header = kind.header(u32::try_from(count).unwrap_or(u32::MAX));
    // What is written must be readable: the reader itself is the judge.
    scan(&mut header.chain(items), kind, &mut |_, _| {})
        .map_err(|fault| DataError::damaged(path, fault, None))?;

    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)
        .map_err(|source| DataError::write(folder, "create the folder", source))?;
    let failed = |action| move |source| DataError::write(path, action, source);
    let mut file =
        temporary(folder, ".idx-").map_err(failed("create a temporary file beside it"))?;
    file.write_all(&header)
        .and_then(|()| file.write_all(items))
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed("write"))?;
    file.persist(path)
        .map_err(|error| DataError::write(path, "put it in place", error.error))?;
    Ok(())
}

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

/// Ends the name of every file that is not complete yet; no reader looks for it.
pub(crate) const PARTIAL_SUFFIX: &str = ".part";

/// Opens `path` with the guards that need the file system, then scans it.
fn visit(
    path: &Path,
    kind: Kind,
    visitor: &mut dyn FnMut(usize, &[u8]),
) -> Result<Summary, DataError> {
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let scanned = regular_file(path).and_then(|(file, length)| {
        if packed {
            scan_gzip(file, length, kind, visitor)
        } else {
            scan_plain(file, length, kind, visitor)
        }
    });
    scanned.map_err(|fault| DataError::damaged(path, fault, None))
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
