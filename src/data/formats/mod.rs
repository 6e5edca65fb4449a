//! The formats that data sets are read from, told apart by what lies at a path and never by its
//! name. A new one is a file here and a line in [`FORMATS`].

pub mod idx;
pub(crate) mod packed;

#[cfg(not(target_family = "wasm"))]
use std::path::{Path, PathBuf};

#[cfg(not(target_family = "wasm"))]
use super::assembly::Loaded;
#[cfg(not(target_family = "wasm"))]
use super::error::DataError;

/// A way in which data sets lie on disk.
#[cfg(not(target_family = "wasm"))]
pub struct Format {
    /// What it is called in messages.
    pub name: &'static str,
    /// Looks at names and first bytes alone.
    pub holds: fn(&Path) -> Holds,
    /// Reads what `holds` found whole, as a set of the given name; says what is missing or wrong.
    pub read: fn(&Path, &str) -> Result<Loaded, DataError>,
}

/// How much of a data set lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    Nothing,
    /// Some of its files.
    Part,
    Whole,
}

/// Every format, in the order in which they are tried.
#[cfg(not(target_family = "wasm"))]
pub static FORMATS: &[Format] = &[idx::FORMAT];

/// How far below a named folder sets are looked for, and how many folders are looked at.
#[cfg(not(target_family = "wasm"))]
const DEPTH: usize = 2;
#[cfg(not(target_family = "wasm"))]
const MOST_FOLDERS: usize = 500;

/// A data set that was read, and where it was found.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug)]
pub struct Found {
    pub loaded: Loaded,
    /// The path itself, or a folder below it.
    pub path: PathBuf,
}

/// Reads the data set at `path`: in it, or in the only folder below it that holds one whole, as
/// torchvision keeps MNIST in `MNIST/raw`. The set bears the last part of `path` as its name.
///
/// # Errors
/// [`DataError::NotThere`], [`DataError::NoSet`], [`DataError::Several`], [`DataError::Missing`],
/// and [`DataError::Damaged`] for a file that cannot be used.
#[cfg(not(target_family = "wasm"))]
pub fn read(path: &Path) -> Result<Found, DataError> {
    let (format, path_of_set) = find(path)?;
    let loaded = (format.read)(&path_of_set, &name_of(path))?;
    Ok(Found {
        loaded,
        path: path_of_set,
    })
}

/// The format that reads what lies at `path`, and the path itself or the folder below it.
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
        [only] => Ok((best(only).0, only.clone())),
        [] if holds == Holds::Part => Ok((format, path.to_owned())),
        [] => Err(DataError::NoSet {
            path: path.to_owned(),
            reason: match path.is_dir() {
                true => {
                    "give a folder with four IDX files, called train-images-idx3-ubyte and so on"
                }
                false => "this is a file; give the folder that holds all files of the set",
            },
            there: path.is_dir().then(|| listing(path)),
        }),
        several => Err(DataError::Several {
            path: path.to_owned(),
            sets: several
                .iter()
                .map(|folder| folder.strip_prefix(path).unwrap_or(folder))
                .map(|folder| folder.display().to_string())
                .collect(),
            next: "name one of them with --dataset",
        }),
    }
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
    }
    best
}

/// Folders below `path` that hold a whole set.
#[cfg(not(target_family = "wasm"))]
fn wholes_below(path: &Path) -> Vec<PathBuf> {
    let mut wholes = Vec::new();
    let mut level = vec![path.to_owned()];
    let mut looked = 0;
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for folder in level.iter().flat_map(|folder| folders_in(folder)) {
            looked += 1;
            if looked > MOST_FOLDERS {
                return wholes;
            }
            match best(&folder).1 {
                Holds::Whole => wholes.push(folder),
                _ => next.push(folder),
            }
        }
        level = next;
    }
    wholes
}

/// The folders in a folder, sorted; none where it cannot be read.
#[cfg(not(target_family = "wasm"))]
pub(super) fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// What lies in a folder, sorted, for a message; folders end in a slash.
#[cfg(not(target_family = "wasm"))]
pub(super) fn listing(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            match entry.path().is_dir() {
                true => format!("{name}/"),
                false => name,
            }
        })
        .collect();
    names.sort();
    names
}

/// The last part of a path as it was typed; of `.`, that of the folder it stands for.
#[cfg(not(target_family = "wasm"))]
pub(super) fn name_of(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().or_else(|| absolute.file_name());
    name.map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
