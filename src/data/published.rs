//! Whether what was read is a set that is known by name.

#[cfg(not(target_family = "wasm"))]
use super::catalog::KnownWhole;
use super::catalog::{CATALOG, KnownFile, KnownSet, to_hex};
use super::error::Fault;
use super::formats::idx::{FileRole, Summary};
#[cfg(not(target_family = "wasm"))]
use super::open_set::OpenSet;

#[cfg(not(target_family = "wasm"))]
impl KnownWhole {
    /// Checks that a set may be the known one: nobody publishes a hash of its contents.
    ///
    /// # Errors
    /// What it is instead.
    pub(in crate::data) fn check(&self, set: &KnownSet, found: &OpenSet) -> Result<(), String> {
        let counts = found.counts();
        if counts != self.counts {
            return Err(format!(
                "{counts:?} images to train on, to validate and to test, expected {:?}",
                self.counts
            ));
        }
        let shape = found.train.shape;
        if shape != set.shape {
            return Err(format!("images of {shape}, expected {}", set.shape));
        }
        match (found.class_names.len(), set.class_names.len()) {
            (found, classes) if found != classes => {
                Err(format!("{found} classes, expected {classes}"))
            }
            _ => Ok(()),
        }
    }
}

/// How a file was told to be the published one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// A hash is the published one.
    Certain,
    /// Its size is; no hash of it is known.
    Likely,
}

impl KnownFile {
    /// Checks that a file is the published one of set `id`.
    ///
    /// # Errors
    /// The fault of another file.
    pub(in crate::data) fn published(
        &self,
        id: &'static str,
        found: &Summary,
    ) -> Result<Published, Fault> {
        if self.archive_sha256.is_some() && found.archive_sha256 == self.archive_sha256 {
            return Ok(Published::Certain);
        }
        if let Some(expected) = self.count
            && found.count != expected
        {
            return Err(Fault::WrongCount {
                set: id,
                found: found.count,
                expected,
            });
        }
        match (self.unpacked_sha256, found.unpacked_sha256) {
            (Some(expected), Some(found)) if expected == found => Ok(Published::Certain),
            (Some(expected), found) => Err(Fault::WrongHash {
                set: id,
                found: found.map_or_else(|| "another".to_owned(), |hash| to_hex(&hash)),
                expected: to_hex(&expected),
            }),
            (None, _) => Ok(Published::Likely),
        }
    }
}

/// The set whose published files these are, so that a copy of it is known wherever it lies.
pub(super) fn recognise(files: [&Summary; 4]) -> Option<&'static KnownSet> {
    certain(files, &FileRole::ALL)
}

/// The set whose published labels these are.
pub(super) fn recognise_labels(files: [&Summary; 4]) -> Option<&'static KnownSet> {
    certain(files, &[FileRole::TrainLabels, FileRole::TestLabels])
}

fn certain(files: [&Summary; 4], roles: &[FileRole]) -> Option<&'static KnownSet> {
    CATALOG.iter().copied().find(|set| {
        roles.iter().all(|&role| {
            let found = set.file(role).published(set.id, files[role as usize]);
            found == Ok(Published::Certain)
        })
    })
}
