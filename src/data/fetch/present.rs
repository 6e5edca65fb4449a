//! What is in the folder already: kept when right, set aside when wrong.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::data::catalog::{KnownFile, KnownSet};
use crate::data::error::{DataError, Fault};
use crate::data::files::{PARTIAL_SUFFIX, regular_file, rename};
use crate::data::formats::idx;

/// A partial file untouched for this long belongs to a fetch that was killed.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// The files found for one role.
pub(super) struct Present {
    pub right: Option<PathBuf>,
    /// Files a reader would take before the right one, with what is wrong with them.
    pub wrong: Vec<(PathBuf, String)>,
}

/// Looks for the published file in the order in which a reader would.
pub(super) fn inspect(folder: &Path, file: &KnownFile, set: &KnownSet) -> Present {
    let mut wrong = Vec::new();
    let mut group = idx::of_known(folder, set).unwrap_or_default();
    for path in std::mem::take(&mut group.files[file.role as usize]) {
        match judge(&path, file, set.id) {
            Ok(()) => {
                return Present {
                    right: Some(path),
                    wrong,
                };
            }
            Err(fault) => wrong.push((path, fault.to_string())),
        }
    }
    Present { right: None, wrong }
}

/// Renames a wrong file to `NAME.damaged`, unless the download has replaced it.
pub(super) fn set_aside(path: &Path, target: &Path) -> Result<(), DataError> {
    if path == target {
        return Ok(());
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    rename(path, Path::new(&name))
        .map_err(|source| DataError::write(path, "rename it to NAME.damaged", source))
}

/// Removes what killed fetches left; failing to is no fault of this one.
pub(super) fn remove_stale(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let stale = || {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > STALE))
        };
        if name.starts_with('.') && name.ends_with(PARTIAL_SUFFIX) && stale() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn judge(path: &Path, file: &KnownFile, id: &'static str) -> Result<(), Fault> {
    if archive_matches(path, file)? {
        return Ok(());
    }
    // An archive packed anew, or an unpacked file.
    let hashed = |_, _| file.unpacked_sha256.is_some();
    match idx::read_hashed(path, file.role.kind(), &hashed) {
        Ok((_, summary)) => file.published(id, &summary).map(|_| ()),
        Err(DataError::Damaged { fault, .. }) => Err(fault),
        Err(other) => Err(Fault::Unreadable {
            reason: other.to_string(),
            kind: io::ErrorKind::Other,
        }),
    }
}

/// Whether this is the published archive, by its length and hash, so that nothing is unpacked.
fn archive_matches(path: &Path, file: &KnownFile) -> Result<bool, Fault> {
    let (archive, length) = regular_file(path)?;
    let (Some(bytes), Some(hash)) = (file.archive_bytes, file.archive_sha256) else {
        return Ok(false);
    };
    if length != bytes {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    archive
        .take(length)
        .read_to_end(&mut bytes)
        .map_err(|error| Fault::Unreadable {
            reason: error.to_string(),
            kind: error.kind(),
        })?;
    let found = Sha256::digest(&bytes);
    Ok(found[..] == hash)
}
