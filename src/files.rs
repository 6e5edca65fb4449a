//! Files: written whole under a temporary name and renamed, so that no half-written file bears a
//! final name, and read within bounds.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use directories::ProjectDirs;
use tempfile::NamedTempFile;

/// Begins the names of files that are not complete yet.
pub(crate) const TEMPORARY: &str = ".tmp-";
/// Ends the name of every file that is not complete yet; no reader looks for it.
pub(crate) const PARTIAL_SUFFIX: &str = ".part";

/// Milliseconds before another attempt on what another program holds open: some three seconds in all.
const PAUSES: [u64; 8] = [10, 20, 50, 100, 200, 400, 800, 1600];

/// A temporary file that, once renamed, others may read as far as the umask lets them.
pub(crate) fn temporary(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    // Opened here, because tempfile gives nobody else a right on Unix, and on Windows an attribute that tells backups and
    // OneDrive to leave the file out.
    tempfile::Builder::new()
        .prefix(prefix)
        .suffix(PARTIAL_SUFFIX)
        .make_in(folder, |path| options.open(path))
}

/// Gives a temporary file its name, in place of the file that bears it.
///
/// # Errors
/// Those of the file system; the temporary file is then removed.
pub(crate) fn persist(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
    // Not tempfile's own: it refuses paths of more than 260 characters on Windows.
    rename(file.path(), path)?;
    file.disable_cleanup(true);
    Ok(())
}

/// Renames, in place of the file that bears the name. On Windows neither file can be renamed while a virus scanner or
/// OneDrive looks into it, as they do with new files: then it is tried again for three seconds.
///
/// # Errors
/// Those of the file system.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    // Access denied, sharing violation, lock violation.
    let is_held =
        |error: &io::Error| cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32 | 33));
    again_while(is_held, &PAUSES.map(Duration::from_millis), || {
        fs::rename(from, to)
    })
}

/// What `attempt` gives; after an error that `may_pass` it is made again after each of `pauses`.
///
/// # Errors
/// That of the last attempt.
pub fn again_while<T>(
    may_pass: impl Fn(&io::Error) -> bool,
    pauses: &[Duration],
    mut attempt: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    for pause in pauses {
        match attempt() {
            Err(error) if may_pass(&error) => thread::sleep(*pause),
            done => return done,
        }
    }
    attempt()
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
    persist(file, path)
}

/// Where a path leads, links followed, as people write it.
///
/// # Errors
/// Those of the file system; the file must be there.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    let real = path.canonicalize()?;
    let plain = real.to_str().and_then(without_prefix);
    Ok(plain.map_or(real, PathBuf::from))
}

/// A path of Windows without the `\\?\` that its system puts before it, which few other programs take; `None` where there is
/// none, or where it has to stay, before a path of more than 259 characters, say.
pub fn without_prefix(path: &str) -> Option<String> {
    let rest = path.strip_prefix(r"\\?\")?;
    let plain = match rest.strip_prefix(r"UNC\") {
        Some(share) => format!(r"\\{share}"),
        None if rest.as_bytes().get(1) == Some(&b':') => rest.into(),
        None => return None,
    };
    // Without the prefix, dots and spaces at the end of a name are lost.
    let is_kept = |name: &str| !name.ends_with(['.', ' ']);
    let fits = plain.encode_utf16().count() < 260;
    (fits && plain.split('\\').all(is_kept)).then_some(plain)
}

/// What is said where a file that a person named could not be written, and what to do.
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub(crate) fn unwritten(
    what: &impl std::fmt::Display,
    error: &io::Error,
    next: &str,
) -> anyhow::Error {
    anyhow::anyhow!("{what}: could not be written ({error}); {next}")
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
    let text = String::from_utf8(bytes).ok();
    // A terminal is not to be sent what no text holds.
    let text = text.filter(|text| !text.contains('\0'));
    text.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not text in UTF-8"))
}

/// The folder of the system for what the program keeps; `None` where there is no home.
pub fn cache_folder() -> Option<PathBuf> {
    ProjectDirs::from("", "", "gpu-mnist").map(|folders| folders.cache_dir().to_path_buf())
}
