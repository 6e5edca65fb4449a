//! The built-in digits, kept in the cache folder as IDX files for a few seeds.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{TEST_PICTURES, TRAIN_PICTURES};
use crate::data::idx::{self, FileRole, Part};
use crate::data::image_set::digits;
use crate::data::test_split::TestSplit;
use crate::data::{DataError, ImageSet, Split, synthetic};

/// Seeds whose digits are kept, some 55 MB each: those used last.
const KEPT: usize = 4;
/// What the names of their folders begin with.
const PREFIX: &str = "synthetic-v";

/// The digits of a seed, from the cache folder or drawn; nothing but time is lost where the cache
/// cannot be used.
pub fn load(cache: Option<&Path>, seed: u64) -> ImageSet {
    let folder = cache.map(|cache| cache.join(format!("{PREFIX}{}-{seed}", synthetic::VERSION)));
    if let Some(folder) = &folder
        && folder.is_dir()
        && let Ok((train, test)) = idx::read_splits(folder, synthetic::CLASSES)
        && (train.len(), test.len()) == (TRAIN_PICTURES, TEST_PICTURES)
        && (train.shape, test.shape) == (synthetic::SHAPE, synthetic::SHAPE)
    {
        tracing::info!("data: built-in digits from {}", folder.display());
        mark_used(folder);
        return set(train, test);
    }
    tracing::info!(
        "data: drawing {} built-in digits",
        TRAIN_PICTURES + TEST_PICTURES
    );
    let train = synthetic::draw(seed, 0, TRAIN_PICTURES);
    let test = synthetic::draw(seed, 1, TEST_PICTURES);
    if let Some(folder) = folder {
        if let Err(error) = keep(&folder, &train, &test) {
            tracing::debug!("the built-in digits are not kept: {error}");
        }
        forget_old(cache);
    }
    set(train, test)
}

fn set(train: Split, test: Split) -> ImageSet {
    ImageSet::new(digits("synthetic"), train, TestSplit::new(test))
}

fn keep(folder: &Path, train: &Split, test: &Split) -> Result<(), DataError> {
    idx::write_split(folder, Part::Test, test)?;
    idx::write_split(folder, Part::Train, train)
}

/// The file whose date says when a folder was last used: the one that is written last.
fn stamp(folder: &Path) -> PathBuf {
    folder.join(FileRole::TrainLabels.name())
}

fn mark_used(folder: &Path) {
    let file = fs::File::options().write(true).open(stamp(folder));
    // A cache that cannot be written to keeps its dates.
    let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}

/// Removes all but the seeds used last; what cannot be removed stays.
fn forget_old(cache: Option<&Path>) {
    let entries = cache.and_then(|cache| fs::read_dir(cache).ok());
    let mut kept: Vec<(SystemTime, PathBuf)> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .map(|folder| {
            let used = fs::metadata(stamp(&folder)).and_then(|file| file.modified());
            (used.unwrap_or(SystemTime::UNIX_EPOCH), folder)
        })
        .collect();
    kept.sort();
    kept.reverse();
    for (_, folder) in kept.into_iter().skip(KEPT) {
        tracing::debug!("removing {}", folder.display());
        let _ = fs::remove_dir_all(folder);
    }
}
