//! What is in a data folder: a quick list, and a check of every byte.

use std::path::{Path, PathBuf};

use super::error::{DataError, Fault};
use super::idx::{self, Kind};
use super::known::{FileRole, KnownSet, SetFiles};
use super::source;

/// In which form a file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    Unpacked,
    Gzip,
    Missing,
}

/// The state of one file of a set.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FileCheck {
    pub role: FileRole,
    /// The file that is read for this role, or where its archive would be put.
    pub path: PathBuf,
    pub form: Form,
    /// Size on disk.
    pub bytes: u64,
    /// Pictures or labels in it, when it is sound.
    pub count: Option<usize>,
    /// Whether the SHA-256 is the published one; `None` without a known set or a sound file.
    pub hash_matches: Option<bool>,
    pub fault: Option<Fault>,
}

impl FileCheck {
    pub fn is_sound(&self) -> bool {
        self.form != Form::Missing && self.fault.is_none()
    }
}

/// Checks every byte of the files that [`super::mnist::load`] would read from `folder`, in the
/// order of [`FileRole::ALL`]; writes nothing.
pub fn verify(folder: &Path, known: Option<&SetFiles>) -> Vec<FileCheck> {
    let mut checks = FileRole::ALL.map(|role| check_file(folder, role, known));
    let mut images = None;
    for check in &mut checks {
        match (check.role.kind(), check.count) {
            (Kind::Images, count) => images = count,
            (Kind::Labels, Some(labels)) => {
                if let Some(images) = images.filter(|&images| images != labels) {
                    check
                        .fault
                        .get_or_insert(Fault::CountMismatch { images, labels });
                }
            }
            (Kind::Labels, None) => {}
        }
    }
    checks.to_vec()
}

/// A known set as it lies under a data folder.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SetListing {
    pub id: &'static str,
    pub folder: PathBuf,
    /// The files there, in the order of [`FileRole::ALL`]; their content is not looked at.
    pub found: Vec<PathBuf>,
    pub missing: Vec<&'static str>,
    pub bytes: u64,
    /// What a fetch would download if nothing were there.
    pub archive_bytes: u64,
}

impl SetListing {
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Lists the known sets under `data_dir` by name and size alone.
pub fn list(data_dir: &Path) -> Vec<SetListing> {
    KnownSet::ALL
        .into_iter()
        .map(|set| listing(data_dir, set.files()))
        .collect()
}

fn listing(data_dir: &Path, set: &SetFiles) -> SetListing {
    let folder = data_dir.join(set.id);
    let mut listing = SetListing {
        id: set.id,
        found: Vec::new(),
        missing: Vec::new(),
        bytes: 0,
        archive_bytes: set.files.iter().map(|file| file.archive_bytes).sum(),
        folder,
    };
    for role in FileRole::ALL {
        match source::find(&listing.folder, role) {
            Some(source) => {
                listing.bytes += size(&source.path);
                listing.found.push(source.path);
            }
            None => listing.missing.push(role.name()),
        }
    }
    listing
}

fn check_file(folder: &Path, role: FileRole, known: Option<&SetFiles>) -> FileCheck {
    let Some(source) = source::find(folder, role) else {
        return FileCheck {
            role,
            path: folder.join(role.archive_name()),
            form: Form::Missing,
            bytes: 0,
            count: None,
            hash_matches: None,
            fault: None,
        };
    };
    let mut check = FileCheck {
        role,
        bytes: size(&source.path),
        form: if source.packed {
            Form::Gzip
        } else {
            Form::Unpacked
        },
        count: None,
        hash_matches: None,
        fault: None,
        path: source.path,
    };
    match idx::check(&check.path, role.kind()) {
        Ok(summary) => {
            check.count = Some(summary.count);
            if let Some(set) = known {
                let expected = &set.file(role).unpacked_sha256;
                check.fault = Fault::of_hash(set.id, &summary.sha256, expected);
                check.hash_matches = Some(check.fault.is_none());
            }
        }
        Err(DataError::Damaged { fault, .. }) => check.fault = Some(fault),
        Err(other) => {
            check.fault = Some(Fault::Unreadable {
                reason: other.to_string(),
            });
        }
    }
    check
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
