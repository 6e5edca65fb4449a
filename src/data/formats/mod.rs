//! The formats that data sets are read from, told apart by what lies at a path, never by what
//! the path is called; file names count only where contents cannot tell. A new one is a file here and
//! a line in [`FORMATS`].

#[cfg(not(target_family = "wasm"))]
mod arrays;
#[cfg(not(target_family = "wasm"))]
mod broken;
#[cfg(not(target_family = "wasm"))]
mod cifar;
#[cfg(not(target_family = "wasm"))]
mod csv;
#[cfg(not(target_family = "wasm"))]
pub(in crate::data) mod folders;
pub mod idx;
#[cfg(not(target_family = "wasm"))]
mod images;
#[cfg(not(target_family = "wasm"))]
mod npz;
pub(crate) mod packed;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod tree;

#[cfg(not(target_family = "wasm"))]
use std::path::{Path, PathBuf};

#[cfg(not(target_family = "wasm"))]
use self::folders::{entries_in, listing, name_of};
#[cfg(not(target_family = "wasm"))]
use super::catalog::{KnownSet, locate::Place};
#[cfg(not(target_family = "wasm"))]
use super::error::DataError;
#[cfg(not(target_family = "wasm"))]
use super::open_set::{Loaded, OpenSet, ReadOptions};

/// The name of the format of MNIST's own files.
pub const IDX: &str = "IDX";

/// The most bytes that the images of a set may take, brought to its size.
pub const MOST_SET_BYTES: u64 = 2 << 30;

/// A way in which data sets lie on disk.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug)]
pub struct Format {
    /// What it is called in messages.
    pub name: &'static str,
    /// Looks at names and first bytes alone.
    pub holds: fn(&Path) -> Holds,
    /// Reads what `holds` found whole, as a set of the given name; says what is missing or wrong.
    pub(in crate::data) read: fn(&Path, &str, &Reading) -> Result<OpenSet, DataError>,
}

/// How a set is read.
#[cfg(not(target_family = "wasm"))]
pub struct Reading<'a> {
    /// The settings of the set.
    pub options: ReadOptions,
    /// Where decoded images are kept for the next time.
    pub cache: Option<PathBuf>,
    /// Told how many of how many files were decoded.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
    /// Reading ends soon after this is true.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

#[cfg(not(target_family = "wasm"))]
impl Default for Reading<'_> {
    /// By the default settings, keeping nothing.
    fn default() -> Self {
        Self {
            options: ReadOptions::default(),
            cache: None,
            progress: &|_, _| {},
            cancelled: &|| false,
        }
    }
}

/// How much of a data set lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// None of it.
    Nothing,
    /// Some of its files.
    Part,
    /// All of it.
    Whole,
}

/// Every format, in the order in which they are tried.
#[cfg(not(target_family = "wasm"))]
pub static FORMATS: &[Format] = &[
    idx::FORMAT,
    cifar::FORMAT,
    npz::FORMAT,
    csv::FORMAT,
    images::FORMAT,
];

/// How far below a named folder sets are looked for, and how many folders and files are looked at.
#[cfg(not(target_family = "wasm"))]
const DEPTH: usize = 2;
#[cfg(not(target_family = "wasm"))]
const MOST_LOOKED_AT: usize = 500;

/// A data set that was read, and where it was found.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug)]
pub struct Found {
    /// What was read.
    pub loaded: Loaded,
    /// The path itself, or a folder or file below it.
    pub path: PathBuf,
    /// The format it is in.
    pub format: &'static Format,
}

/// Reads the data set at `path`: it, or the only folder or file below it that holds one whole, as
/// torchvision keeps MNIST in `MNIST/raw`. The set bears the last part of `path` as its name.
///
/// # Errors
/// [`DataError::NotThere`], [`DataError::NoSet`], [`DataError::Several`], [`DataError::Missing`],
/// [`DataError::Damaged`] and [`DataError::Unfit`] for a file that cannot be used,
/// [`DataError::Cancelled`].
#[cfg(not(target_family = "wasm"))]
pub fn read(path: &Path, reading: &Reading) -> Result<Found, DataError> {
    let (format, path_of_set) = find(path)?;
    let open = open(format, &path_of_set, &name_of(path), reading)?;
    Ok(Found {
        loaded: open.seal(&reading.options),
        path: path_of_set,
        format,
    })
}

/// Reads the set that a format holds, whose names can be printed and read again.
#[cfg(not(target_family = "wasm"))]
pub(super) fn open(
    format: &Format,
    path: &Path,
    name: &str,
    reading: &Reading,
) -> Result<OpenSet, DataError> {
    let set = (format.read)(path, name, reading)?;
    let odd = |name: &&String| name.chars().any(char::is_control);
    if let Some(name) = set.class_names.iter().find(odd) {
        return Err(DataError::unfit(
            path,
            format!(
                "the name of the class `{}` holds control characters",
                name.escape_debug()
            ),
            "give the class another name",
        ));
    }
    if odd(&&set.name) {
        return Err(DataError::unfit(
            path,
            "its name holds control characters",
            "give it another name",
        ));
    }
    Ok(set)
}

/// Reads a known set where it was located.
///
/// # Errors
/// As [`read`]; [`DataError::Damaged`] for files that are not the published ones, as far as that
/// can be told.
#[cfg(not(target_family = "wasm"))]
pub fn read_known(
    place: &Place,
    set: &'static KnownSet,
    reading: &Reading,
) -> Result<Loaded, DataError> {
    let (_, open) = open_known(place, set, reading)?;
    Ok(open.seal(&reading.options))
}

/// The same before the settings make anything of it, and its format.
#[cfg(not(target_family = "wasm"))]
pub(super) fn open_known(
    place: &Place,
    set: &'static KnownSet,
    reading: &Reading,
) -> Result<(&'static Format, OpenSet), DataError> {
    let Some(whole) = set.whole else {
        return Ok((&idx::FORMAT, idx::read_known(&place.path, set)?));
    };
    let (format, path) = find(&place.path)?;
    let open = open(format, &path, set.id, reading)?;
    whole
        .check(set, &open)
        .map_err(|reason| DataError::Damaged {
            path,
            fault: super::Fault::NotOfSet {
                set: set.id,
                reason,
            },
            set: Some(set.id.into()),
        })?;
    Ok((format, open.known_as(set)))
}

/// The format that reads what lies at `path`, and the path itself or what lies below it.
///
/// # Errors
/// Those of [`read`], but for what only reading shows.
#[cfg(not(target_family = "wasm"))]
pub fn find(path: &Path) -> Result<(&'static Format, PathBuf), DataError> {
    let exists = path.try_exists();
    if matches!(exists, Ok(false)) {
        return Err(DataError::NotThere {
            path: path.to_owned(),
            next: "check its spelling, or give the folder that holds the files".to_owned(),
        });
    }
    let (format, holds) = best(path);
    if holds == Holds::Whole {
        return Ok((format, path.to_owned()));
    }
    let below = wholes_below(path);
    match &below[..] {
        [(format, only)] => Ok((format, only.clone())),
        [] if holds == Holds::Part => Ok((format, path.to_owned())),
        [] => Err(why_none(path).unwrap_or(DataError::NoSet {
            path: path.to_owned(),
            next: match path.is_dir() {
                true => {
                    "give a folder with a folder of images for each class, or an NPZ, CSV, CIFAR or IDX set (docs/data.md)"
                }
                false => {
                    "give an NPZ or CSV file with images and labels, or a .zip or .tar.gz of folders of images (docs/data.md)"
                }
            },
            there: path.is_dir().then(|| listing(path)),
        })),
        several => Err(DataError::Several {
            path: path.to_owned(),
            sets: several
                .iter()
                .map(|(_, folder)| folder.strip_prefix(path).unwrap_or(folder))
                .map(|folder| folder.display().to_string())
                .collect(),
            next: "name one of them with --dataset",
        }),
    }
}

/// Why nothing reads what lies at a path, where that can be told.
#[cfg(not(target_family = "wasm"))]
fn why_none(path: &Path) -> Option<DataError> {
    if path.is_dir() {
        let unread = closed(path).or_else(|| images::of_other_kinds(path));
        return unread.or_else(|| images::in_no_folder(path));
    }
    match tree::begin(path) {
        Err(error) => Some(DataError::unread(path, "cannot be read", &error)),
        Ok(begin) if tree::is_zip(&begin) => {
            let whole = tree::Tree::open(path).and_then(|_| tree::can_be_unpacked(path));
            whole.err()
        }
        Ok(_) if path.is_file() && tree::open_zip(path).is_ok_and(|zip| !zip.is_empty()) => {
            Some(DataError::unfit(
                path,
                "other bytes stand before its .zip archive",
                "pack the archive again, without them",
            ))
        }
        Ok(_) => None,
    }
}

/// What says that a folder, or something in it, may not be read.
#[cfg(not(target_family = "wasm"))]
fn closed(folder: &Path) -> Option<DataError> {
    let refused = |path: &Path| {
        let error = match path.is_dir() {
            true => std::fs::read_dir(path).err(),
            false if path.is_file() => std::fs::File::open(path).err(),
            false => None,
        }?;
        let denied = error.kind() == std::io::ErrorKind::PermissionDenied;
        denied.then(|| DataError::unread(path, "cannot be read", &error))
    };
    let below = entries_in(folder);
    refused(folder).or_else(|| below.iter().find_map(|path| refused(path)))
}

/// The format that holds the most at a path.
#[cfg(not(target_family = "wasm"))]
fn best(path: &Path) -> (&'static Format, Holds) {
    let mut best = (&FORMATS[0], Holds::Nothing);
    for format in FORMATS {
        let holds = (format.holds)(path);
        if holds > best.1 {
            best = (format, holds);
        }
        // Nothing holds more, and looking further may unpack an archive.
        if holds == Holds::Whole {
            break;
        }
    }
    best
}

/// Folders and files below `path` that hold a whole set, with its format.
#[cfg(not(target_family = "wasm"))]
fn wholes_below(path: &Path) -> Vec<(&'static Format, PathBuf)> {
    let mut wholes = Vec::new();
    let mut level = vec![path.to_owned()];
    let mut looked = 0;
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for below in level.iter().flat_map(|folder| entries_in(folder)) {
            looked += 1;
            if looked > MOST_LOOKED_AT {
                return wholes;
            }
            let (format, holds) = best(&below);
            match holds {
                Holds::Whole => wholes.push((format, below)),
                _ if below.is_dir() => next.push(below),
                _ => {}
            }
        }
        level = next;
    }
    wholes
}

/// Checks that `what`, so many bytes of images, are no more than are held.
#[cfg(not(target_family = "wasm"))]
fn check_memory(path: &Path, bytes: u64, what: &str, next: &str) -> Result<(), DataError> {
    if bytes <= MOST_SET_BYTES {
        return Ok(());
    }
    let [bytes, most] = [bytes, MOST_SET_BYTES].map(|bytes| bytes as f64 / 1e9);
    let reason = format!("{what} take {bytes:.1} GB, and at most {most:.1} GB are held");
    Err(DataError::unfit(path, reason, next))
}
