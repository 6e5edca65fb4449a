//! What can be wrong with data: each error names the file, the fault and what to do next.

use std::io;
use std::path::PathBuf;

use super::known::{FileRole, to_hex};

/// Why data could not be read, written or fetched.
#[derive(thiserror::Error, Debug)]
pub enum DataError {
    /// A file is there but cannot be used.
    #[error("{}: {fault}; {}", path.display(), advice(*set))]
    Damaged {
        path: PathBuf,
        fault: Fault,
        /// The known set the folder should hold.
        set: Option<&'static str>,
    },
    /// Files of a set are not there.
    #[error("{}: no complete data set here, missing {}; {}", folder.display(), missing.join(", "), advice(*set))]
    Missing {
        folder: PathBuf,
        /// Official names of the unpacked files.
        missing: Vec<&'static str>,
        set: Option<&'static str>,
    },
    /// A file whose name is none of those that a set has.
    #[error("{name}: no file of a data set; the four are called {}, packed as .gz or not", FileRole::ALL.map(FileRole::name).join(", "))]
    NotAPart { name: String },
    /// A file could not be written.
    #[error("{}: could not {action}: {source}; check permissions and free space, or choose another folder with --data-dir", path.display())]
    Write {
        path: PathBuf,
        action: &'static str,
        source: io::Error,
    },
    /// The address given as a mirror cannot be used.
    #[error(
        "mirror `{mirror}`: {reason}; give an https address of a folder (http works for this machine only, as in http://127.0.0.1:8000/)"
    )]
    Mirror { mirror: String, reason: String },
    /// No mirror gave the file.
    #[error("{}: could not be downloaded{}\nCheck the network, try `gpu-mnist data fetch {set} --mirror URL`, or put the files there by hand", path.display(), tries(mirrors))]
    Download {
        set: &'static str,
        /// Where the file would have been put.
        path: PathBuf,
        mirrors: Vec<FailedMirror>,
    },
    /// The caller asked to stop.
    #[error(
        "the download of {set} was interrupted; `gpu-mnist data fetch {set}` fetches what is missing"
    )]
    Interrupted { set: &'static str },
}

impl DataError {
    pub(super) fn damaged(
        path: impl Into<PathBuf>,
        fault: Fault,
        set: Option<&'static str>,
    ) -> Self {
        Self::Damaged {
            path: path.into(),
            fault,
            set,
        }
    }

    #[cfg(not(target_family = "wasm"))]
    pub(super) fn write(path: impl Into<PathBuf>, action: &'static str, source: io::Error) -> Self {
        Self::Write {
            path: path.into(),
            action,
            source,
        }
    }
}

/// A mirror that did not give a file, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FailedMirror {
    pub url: String,
    pub reason: String,
}

/// What is wrong with one file.
#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    #[error("the file is empty (0 bytes)")]
    Empty,
    #[error("not a regular file")]
    NotAFile,
    #[error("cannot be read ({reason})")]
    Unreadable { reason: String },
    #[error("named .gz but not a gzip file: it begins with {found:02x?}, gzip with [1f, 8b]")]
    NotGzip { found: Vec<u8> },
    #[error("the gzip stream is cut short")]
    GzipCut,
    #[error("the gzip stream is corrupt ({reason})")]
    GzipCorrupt { reason: String },
    #[error("the unpacked bytes do not match the gzip checksum")]
    GzipChecksum,
    #[error("bytes follow the end of the gzip stream")]
    GzipTrailing,
    #[error("ends within the header: {found} of {needed} bytes")]
    HeaderCut { found: usize, needed: usize },
    #[error("wrong magic number {found:#010x}, expected {expected:#010x} for {what}")]
    WrongMagic {
        found: u32,
        expected: u32,
        what: &'static str,
    },
    #[error("the header promises no items")]
    NoItems,
    #[error("the header promises {found} items, at most {most} can be read")]
    TooMany { found: u32, most: usize },
    #[error("pictures of {rows}x{columns} pixels, expected 28x28")]
    WrongSize { rows: u32, columns: u32 },
    #[error("too short: {found} bytes, the header promises {expected}")]
    TooShort { found: u64, expected: u64 },
    #[error("too long: {}, the header promises {expected}", longer(*found))]
    TooLong {
        /// `None` in an archive: unpacking stops at the first byte too many.
        found: Option<u64>,
        expected: u64,
    },
    #[error("item {index} has the label {label}, labels are 0 to 9")]
    BadLabel { index: usize, label: u8 },
    #[error("{labels} labels for {images} pictures")]
    CountMismatch { images: usize, labels: usize },
    /// Hashes in hexadecimal digits.
    #[error(
        "not the published file of {set}: SHA-256 of the unpacked bytes is {found}, expected {expected}"
    )]
    WrongHash {
        set: &'static str,
        found: String,
        expected: String,
    },
    #[error("changed while it was read ({reason})")]
    Changed { reason: String },
}

impl Fault {
    /// `None` when the file of `set` is the published one.
    pub(super) fn of_hash(
        set: &'static str,
        found: &[u8; 32],
        expected: &[u8; 32],
    ) -> Option<Self> {
        (found != expected).then(|| Self::WrongHash {
            set,
            found: to_hex(found),
            expected: to_hex(expected),
        })
    }
}

impl serde::Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn advice(set: Option<&str>) -> String {
    match set {
        Some(set) => format!(
            "run `gpu-mnist data fetch {set}`, or name a folder that holds {set}/ with --data-dir"
        ),
        None => "copy the set again from its source, or choose another with --dataset".to_owned(),
    }
}

fn longer(found: Option<u64>) -> String {
    found.map_or_else(
        || "there is more to unpack".to_owned(),
        |found| format!("{found} bytes"),
    )
}

fn tries(mirrors: &[FailedMirror]) -> String {
    if mirrors.is_empty() {
        return ", no mirror was given".to_owned();
    }
    mirrors
        .iter()
        .map(|mirror| format!("\n  {}: {}", mirror.url, mirror.reason))
        .collect()
}
