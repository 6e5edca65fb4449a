//! What can be wrong with data: each error names the file, the fault and what to do next.

use std::io;
use std::path::{Path, PathBuf};

use super::catalog;
use super::formats::idx::Kind;
use super::image_set::MOST_CLASSES;
use crate::exit::{Code, Exit};
use crate::wording::{count, printable, quoted};

/// Why data could not be read, written or fetched.
#[derive(thiserror::Error, Debug)]
pub enum DataError {
    /// A file is there but cannot be used.
    #[error("{}: {fault}; {}", shown(path), mend(fault, set.as_deref()))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
        /// The known set the folder should hold.
        set: Option<Box<Published>>,
    },
    /// Something is there but cannot be used, and what to do is not the same for every fault.
    #[error("{}: {}; {}", shown(path), printable(reason), printable(next))]
    Unfit {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        next: String,
    },
    /// The caller asked to stop while images were read.
    #[error("{}: reading was interrupted; nothing was written", shown(path))]
    Cancelled {
        /// What was being read.
        path: PathBuf,
    },
    /// Files of a set are not there.
    #[error("{}: no complete data set here, missing {}{}; {}", shown(folder), missing.join(", "), holds(there), complete(set.as_deref()))]
    Missing {
        /// Where they should be.
        folder: PathBuf,
        /// Names of the unpacked files.
        missing: Vec<String>,
        /// What lies in the folder instead; `None` where there is no folder.
        there: Option<Vec<String>>,
        /// The known set that they are of.
        set: Option<Box<Published>>,
    },
    /// What the user named is there, and no format reads it.
    #[error("{}: no data set here{}; {next}", shown(path), holds(there))]
    NoSet {
        /// What was named.
        path: PathBuf,
        /// What to do.
        next: &'static str,
        /// What lies in the folder; `None` of a file.
        there: Option<Vec<String>>,
    },
    /// A folder holds several sets.
    #[error("{}: several data sets here: {}; {next}", shown(path), some(sets))]
    Several {
        /// The folder.
        path: PathBuf,
        /// Those in it.
        sets: Vec<String>,
        /// What to do.
        next: &'static str,
    },
    /// What the user named is not there.
    #[error("{}: no such folder or file; {next}", shown(path))]
    NotThere {
        /// What was named.
        path: PathBuf,
        /// What to do.
        next: String,
    },
    /// A file whose name is none of those that a set has.
    #[error(
        "{name}: not one of the four files of a data set: they are called {}, packed as .gz or not, and {} names their classes",
        four_files(),
        super::formats::idx::CLASSES_FILE
    )]
    NotAPart {
        /// The name of the file.
        name: String,
    },
    /// A file could not be written.
    #[error(
        "{}: could not {action}: {source}; check permissions and free space, or choose another folder with --data-dir",
        shown(path)
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What was to be done, such as `create`.
        action: &'static str,
        /// The file system's words.
        source: io::Error,
    },
    /// The address given as a mirror cannot be used.
    #[error(
        "mirror `{mirror}`: {reason}; give an https address of a folder (http works for this machine only, as in http://127.0.0.1:8000/)"
    )]
    Mirror {
        /// The address.
        mirror: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A set that is published as one archive, which this program does not fetch.
    #[error(
        "{set} is published in one archive that this program does not fetch: download {url} ({}{hash}), {}",
        size(*bytes),
        match unpacked {
            true => "unpack it, and name the folder it makes with --data-dir",
            false => "and name the folder you keep it in with --data-dir",
        }
    )]
    ByHand {
        /// The set.
        set: &'static str,
        /// Where the archive is.
        url: &'static str,
        /// 0 where its publisher does not say.
        bytes: u64,
        /// What it can be checked against.
        hash: catalog::Hash,
        /// Whether its files have to be taken out of it.
        unpacked: bool,
    },
    /// No mirror gave the file.
    #[error(
        "{}: could not be downloaded{}\nCheck {}, or put the files there by hand",
        shown(path),
        tries(mirrors),
        other_mirror(set, *given)
    )]
    Download {
        /// The set.
        set: &'static str,
        /// Where the file would have been put.
        path: PathBuf,
        /// Those that were tried.
        mirrors: Vec<FailedMirror>,
        /// Whether the caller named them.
        given: bool,
    },
    /// The caller asked to stop.
    #[error(
        "the download of {set} was interrupted; `gpu-mnist data fetch {set}` fetches what is missing"
    )]
    Interrupted {
        /// The set.
        set: &'static str,
    },
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
            set: set.map(Into::into),
        }
    }

    pub(super) fn unfit(
        path: impl Into<PathBuf>,
        reason: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self::Unfit {
            path: path.into(),
            reason: reason.into(),
            next: next.into(),
        }
    }

    /// What could not be read, named by `reason` up to the system's own words.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn unread(
        path: impl Into<PathBuf>,
        reason: impl std::fmt::Display,
        error: &io::Error,
    ) -> Self {
        Self::unfit(path, format!("{reason} ({error})"), after(error.kind()))
    }

    #[cfg(not(target_family = "wasm"))]
    pub(super) fn write(path: impl Into<PathBuf>, action: &'static str, source: io::Error) -> Self {
        Self::Write {
            path: path.into(),
            action,
            source,
        }
    }

    /// Lets the advice name the set that should be there.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn for_set(mut self, id: &'static str) -> Self {
        if let Self::Damaged { set, .. } | Self::Missing { set, .. } = &mut self {
            *set = Some(id.into());
        }
        self
    }

    /// Lets the advice put the set into the folder that was named with `--data-dir`.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn below(mut self, data_dir: &Path) -> Self {
        if let Self::Damaged { set: Some(set), .. } | Self::Missing { set: Some(set), .. } =
            &mut self
        {
            set.data_dir = Some(data_dir.into());
        }
        self
    }
}

/// A known set, and how it is got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name in the catalogue.
    pub id: &'static str,
    /// The folder that was named for it; `None`: the cache.
    pub data_dir: Option<PathBuf>,
}

impl From<&'static str> for Box<Published> {
    fn from(id: &'static str) -> Self {
        Self::new(Published { id, data_dir: None })
    }
}

/// A mirror that did not give a file, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FailedMirror {
    /// The address.
    pub url: String,
    /// Why it failed.
    pub reason: String,
}

/// What is wrong with one file.
#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No bytes.
    #[error("the file is empty (0 bytes)")]
    Empty,
    /// A folder, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// The system does not let it be read.
    #[error("cannot be read ({reason})")]
    Unreadable {
        /// The system's words.
        reason: String,
        /// The system's error.
        kind: io::ErrorKind,
    },
    /// An archive that ends too early.
    #[error("the gzip stream is cut short")]
    GzipCut,
    /// An archive that cannot be unpacked.
    #[error("the gzip stream is corrupt ({reason})")]
    GzipCorrupt {
        /// The unpacker's words.
        reason: String,
    },
    /// An archive whose bytes have changed.
    #[error("the unpacked bytes do not match the gzip checksum")]
    GzipChecksum,
    /// An archive with something after it.
    #[error("bytes follow the end of the gzip stream")]
    GzipTrailing,
    /// Too short for a header.
    #[error("ends within the header: {found} of {needed} bytes")]
    HeaderCut {
        /// Bytes there are.
        found: usize,
        /// Bytes of the header.
        needed: usize,
    },
    /// Another kind of file.
    #[error("{what}")]
    NotIdx {
        /// What it is instead, as a sentence.
        what: String,
        /// What to do.
        next: &'static str,
    },
    /// Its numbers have their bytes in the other order.
    #[error("its header is little-endian, IDX is big-endian")]
    LittleEndian,
    /// A file of images where labels belong, or the reverse.
    #[error("holds {found}, which are not {expected}: images and labels may be swapped")]
    Swapped {
        /// What it holds.
        found: String,
        /// What belongs there.
        expected: Kind,
    },
    /// Numbers or dimensions that cannot be read.
    #[error("holds {found}; {needed}")]
    OtherContents {
        /// What it holds.
        found: String,
        /// What it should hold.
        needed: &'static str,
        /// What to do.
        next: &'static str,
    },
    /// No images, or no labels.
    #[error("the header promises no items")]
    NoItems,
    /// Images of a size that is not taken.
    #[error("{reason}")]
    Shape {
        /// What is wrong with it.
        reason: String,
    },
    /// More than memory holds.
    #[error("needs {:.1} GB of memory, more than there is", *bytes as f64 / 1e9)]
    TooLarge {
        /// What it would take.
        bytes: u128,
    },
    /// Fewer bytes than its header says.
    #[error("too short: {found} bytes, the header promises {expected}")]
    TooShort {
        /// Bytes there are.
        found: u64,
        /// Bytes there should be.
        expected: u64,
    },
    /// More bytes than its header says.
    #[error("too long: {}, the header promises {expected}", longer(*found))]
    TooLong {
        /// `None` in an archive: unpacking stops at the first byte too many.
        found: Option<u64>,
        /// Bytes there should be.
        expected: u64,
    },
    /// A label that names no class.
    #[error("item {index} has the label {label}; labels are whole numbers from 0 to {}", MOST_CLASSES - 1)]
    BadLabel {
        /// The place of the label.
        index: usize,
        /// The label.
        label: i64,
    },
    /// A pixel that is no byte.
    #[error("image {index} has a pixel of {value}; pixels are whole numbers from 0 to 255")]
    BadPixel {
        /// The place of the image.
        index: usize,
        /// The pixel.
        value: i64,
    },
    /// Not as many labels as images.
    #[error("{} for {}", count(*labels, "label"), count(*images, "image"))]
    CountMismatch {
        /// Images there are.
        images: usize,
        /// Labels there are.
        labels: usize,
    },
    /// Test images of another shape.
    #[error("images of {found}, those to train on are {expected}")]
    ShapeMismatch {
        /// Their shape.
        found: String,
        /// That of the images to train on.
        expected: String,
    },
    /// Hashes in hexadecimal digits.
    #[error(
        "not the published file of {set}: SHA-256 of the unpacked bytes is {found}, expected {expected}"
    )]
    WrongHash {
        /// The known set.
        set: &'static str,
        /// The file's hash.
        found: String,
        /// The published one.
        expected: String,
    },
    /// Not as many items as the published file has.
    #[error("not the published file of {set}: {found} items, the published file has {expected}")]
    WrongCount {
        /// The known set.
        set: &'static str,
        /// Items there are.
        found: usize,
        /// Items there should be.
        expected: usize,
    },
    /// Contents that a known set cannot have.
    #[error("not the published file of {set}: {reason}")]
    NotOfSet {
        /// The known set.
        set: &'static str,
        /// What cannot be.
        reason: String,
    },
    /// Another program wrote to it meanwhile.
    #[error("changed while it was read ({reason})")]
    Changed {
        /// What changed.
        reason: String,
    },
}

impl serde::Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What to do where a copy was cut or changed on its way.
pub(super) const COPY_AGAIN: &str = "copy it again from its source";

impl Fault {
    /// What to do about it in a set that nobody publishes.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NotAFile => "put the file itself in its place",
            Self::Unreadable { kind, .. } => after(*kind),
            Self::NotIdx { next, .. } | Self::OtherContents { next, .. } => next,
            Self::LittleEndian => "write its numbers with the highest byte first",
            Self::Swapped { .. } => "give each file the name of what it holds",
            Self::NoItems => "write it with the items, or remove it",
            Self::Shape { .. } => "bring the images to a size that can be trained on",
            Self::TooLarge { .. } => "write a smaller set",
            Self::BadLabel { .. } => "number the classes from 0 on",
            Self::BadPixel { .. } => "scale the pixels to 0 to 255",
            Self::CountMismatch { .. } => "write one label for each image",
            Self::ShapeMismatch { .. } => "write all images in one shape",
            Self::Empty
            | Self::GzipCut
            | Self::GzipCorrupt { .. }
            | Self::GzipChecksum
            | Self::GzipTrailing
            | Self::HeaderCut { .. }
            | Self::TooShort { .. }
            | Self::TooLong { .. }
            | Self::WrongHash { .. }
            | Self::WrongCount { .. }
            | Self::NotOfSet { .. } => COPY_AGAIN,
            Self::Changed { .. } => "leave it alone while it is read, and try again",
        }
    }
}

/// What to do where the system could not read a file.
fn after(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "give yourself permission to read it",
        io::ErrorKind::NotFound => "it has just gone: put it back, or try again",
        io::ErrorKind::OutOfMemory => "close other programs, or choose a smaller set",
        io::ErrorKind::FileTooLarge => "make it smaller, or remove it",
        _ => COPY_AGAIN,
    }
}

fn mend(fault: &Fault, set: Option<&Published>) -> String {
    match (set, fault) {
        (None, fault) => fault.advice().into(),
        // Nothing can be put in place of a folder.
        (Some(set), Fault::NotAFile) => format!("move it away, then {}", set.get()),
        (Some(set), _) => set.get(),
    }
}

fn complete(set: Option<&Published>) -> String {
    match set {
        None => "put the missing ones there: the four belong together".into(),
        Some(set) => set.get(),
    }
}

impl Published {
    /// How to get it.
    fn get(&self) -> String {
        let id = self.id;
        let by_hand = catalog::named(id)
            .is_ok_and(|set| matches!(set.source, catalog::Source::Archive { .. }));
        let into = self.data_dir.as_ref().filter(|_| !by_hand);
        let into = into.map_or_else(String::new, |folder| {
            format!(" --data-dir {}", quoted(folder.display()))
        });
        let get = match by_hand {
            true => format!("`gpu-mnist data fetch {id}` says where to get it"),
            false => format!("run `gpu-mnist data fetch {id}{into}`"),
        };
        let other = self.data_dir.as_ref().map_or("a", |_| "another");
        format!("{get}, or name {other} folder that holds {id}/ with --data-dir")
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        bytes => format!("{:.0} MB, ", bytes as f64 / 1e6),
    }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// How many names of a folder's contents are shown.
const SHOWN: usize = 12;

fn holds(there: &Option<Vec<String>>) -> String {
    match there.as_deref() {
        None => String::new(),
        Some([]) => "; the folder is empty".to_owned(),
        Some(names) => format!("; it holds {}", some(names)),
    }
}

/// The first of many names.
fn some(names: &[String]) -> String {
    printable(&match names.get(..SHOWN) {
        Some(first) if names.len() > SHOWN => {
            format!("{} and {} more", first.join(", "), names.len() - SHOWN)
        }
        _ => names.join(", "),
    })
}

fn four_files() -> String {
    let names = super::formats::idx::FileRole::ALL.map(super::formats::idx::FileRole::name);
    names.join(", ")
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

/// What to look at, and where else a set may be had from, after mirrors that were `given` or its own.
fn other_mirror(set: &str, given: bool) -> String {
    match given {
        true => {
            "the address and the network, leave --mirror out to use the set's own mirrors".into()
        }
        false => format!("the network, try `gpu-mnist data fetch {set} --mirror URL`"),
    }
}

impl Exit for DataError {
    fn code(&self) -> Code {
        match self {
            Self::Interrupted { .. } | Self::Cancelled { .. } => Code::Interrupted,
            Self::Write { .. } => Code::Failed,
            Self::Mirror { .. } => Code::Usage,
            _ => Code::Data,
        }
    }
}
