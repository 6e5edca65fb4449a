//! Where a known set lies below a data folder: in a folder of its name, or where other programs
//! keep it.

use std::path::{Path, PathBuf};

use super::{KnownSet, Source};
use crate::config::Origin;
use crate::data::error::{DataError, Published};
use crate::data::formats::folders::{folders_in, listing};
use crate::data::formats::idx::{self, Group};
use crate::wording::quoted;

/// Folders that hold a set's files below one of its name: torchvision's, and EMNIST's archive.
const BELOW: [&str; 2] = ["raw", "gzip"];

/// A folder that holds files of the set, or the file that is the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its path.
    pub path: PathBuf,
    /// The four files; `None` of a set that does not lie in four.
    pub files: Option<Group>,
}

impl Place {
    /// Whether all files of the set are there.
    pub fn is_complete(&self) -> bool {
        let files = self.files.as_ref();
        files.is_none_or(|files| files.missing().is_empty())
    }
}

/// The folder whose files are read as `set`: the first that holds all four, else the first that
/// holds any; `None` where there is not a file. Of a set that does not lie in four, the first file
/// or folder of its name.
///
/// Looked at are `data_dir/<id>`, folders called alike or as other programs call them
/// (`FashionMNIST`), `raw` and `gzip` in those, and `data_dir` itself.
pub fn find(data_dir: &Path, set: &KnownSet) -> Option<Place> {
    let mut first = None;
    for folder in candidates(data_dir, set) {
        if let Some(whole) = set.whole {
            let path = whole
                .names
                .iter()
                .map(|name| folder.join(name))
                .find(|path| path.exists());
            match path {
                Some(path) => return Some(Place { path, files: None }),
                None => continue,
            }
        }
        let Ok(files) = idx::of_known(&folder, set) else {
            continue;
        };
        let missing = files.missing().len();
        let place = Place {
            path: folder,
            files: Some(files),
        };
        if missing == 0 {
            return Some(place);
        }
        if missing < 4 && first.is_none() {
            first = Some(place);
        }
    }
    first
}

/// As [`find`], but with an error that says what lies there instead.
///
/// # Errors
/// [`DataError::NotThere`] or [`DataError::Missing`].
pub fn require(data_dir: &Path, set: &'static KnownSet) -> Result<Place, DataError> {
    if let Some(place) = find(data_dir, set) {
        return Ok(place);
    }
    if !data_dir.is_dir() {
        return Err(DataError::NotThere {
            path: data_dir.to_owned(),
            next: format!(
                "check {}, or {}",
                named_by(data_dir),
                how_to_get(data_dir, set)
            ),
        });
    }
    let own = data_dir.join(set.id);
    let folder = match own.is_dir() {
        true => own,
        false => data_dir.to_owned(),
    };
    Err(DataError::Missing {
        there: Some(listing(&folder)),
        folder,
        missing: set.file_names(),
        set: Some(Box::new(Published {
            id: set.id,
            data_dir: Some(data_dir.into()),
        })),
    })
}

/// What to look at where the folder that was named is not there.
fn named_by(data_dir: &Path) -> String {
    match Origin::of_data_folder(data_dir) {
        Origin::Environment(variable) => format!("{variable}, which names it"),
        _ => "the spelling of --data-dir or data.folder".into(),
    }
}

fn how_to_get(data_dir: &Path, set: &KnownSet) -> String {
    match set.source {
        Source::Archive { .. } => format!("`gpu-mnist data fetch {set}` says where to get the set"),
        Source::Mirrors(_) => format!(
            "run `gpu-mnist data fetch {set} --data-dir {}` to download the set there",
            quoted(data_dir.display())
        ),
    }
}

/// Folders that may hold the set, in the order in which they are looked at.
fn candidates(data_dir: &Path, set: &KnownSet) -> Vec<PathBuf> {
    let called_so = |folder: &PathBuf| {
        let name = folder.file_name().map(|name| name.to_string_lossy());
        let name = plain(&name.unwrap_or_default());
        set.folders.contains(&&name[..])
    };
    let mut tops = vec![data_dir.join(set.id)];
    tops.extend(folders_in(data_dir).into_iter().filter(called_so));
    let mut found = Vec::new();
    for top in tops {
        let below = folders_in(&top).into_iter().filter(|folder| {
            let name = folder.file_name().map(|name| name.to_string_lossy());
            called_so(folder) || BELOW.contains(&&plain(&name.unwrap_or_default())[..])
        });
        let deeper: Vec<PathBuf> = below
            .flat_map(|folder| {
                let raw = folder.join(BELOW[0]);
                [folder, raw]
            })
            .collect();
        found.push(top);
        found.extend(deeper);
    }
    found.push(data_dir.to_owned());
    found.extend(BELOW.map(|name| data_dir.join(name)));
    found.retain(|folder| folder.is_dir());
    let mut seen = std::collections::HashSet::new();
    found.retain(|folder| seen.insert(folder.clone()));
    found
}

/// Letters and digits alone, in lower case.
fn plain(name: &str) -> String {
    let kept = name.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}
