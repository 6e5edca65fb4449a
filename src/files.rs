//! Files: written whole under a temporary name and renamed, so that no half-written file bears a
//! final name, and read within bounds.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

/// Begins the names of files that are not complete yet.
pub(crate) const TEMPORARY: &str = ".tmp-";
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

/// Writes a temporary file beside `path`, then renames it.
///
/// # Errors
/// Those of the file system; `path` is then as it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = temporary(folder, TEMPORARY)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The most bytes that a record, or a file of settings, may have.
pub const MOST_RECORD: u64 = 64 << 20;

/// Reads a regular file of at most `most` bytes: a pipe would block, and a device never end.
///
/// # Errors
/// Those of the file system, and that of a file that is none such.
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        let reason = "not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    read_bounded(File::open(path)?, metadata.len(), most)
}

/// The same as text.
///
/// # Errors
/// As above, and that of bytes that are no UTF-8.
pub fn read_record(path: &Path) -> io::Result<String> {
    into_text(read_file(path, MOST_RECORD)?)
}

/// Settings as text; they may come through a pipe, as from a shell's `<(...)`.
///
/// # Errors
/// As above.
pub fn read_settings(path: &Path) -> io::Result<String> {
    into_text(read_bounded(File::open(path)?, 0, MOST_RECORD)?)
}

/// Reads to the end of a file that should have `expected` bytes, and may grow meanwhile.
fn read_bounded(file: File, expected: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if expected <= most {
        bytes.reserve_exact(usize::try_from(expected).unwrap_or(0) + 1);
        file.take(most + 1).read_to_end(&mut bytes)?;
    }
    match expected.max(bytes.len() as u64) > most {
        true => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("more than {} MiB are too many", most >> 20),
        )),
        false => Ok(bytes),
    }
}

fn into_text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not text in UTF-8"))
}

/// The folder of the system for what the program keeps; `None` where there is no home.
pub fn cache_folder() -> Option<PathBuf> {
    ProjectDirs::from("", "", "gpu-mnist").map(|folders| folders.cache_dir().to_path_buf())
}
