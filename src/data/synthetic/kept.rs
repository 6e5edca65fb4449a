//! The built-in digits, kept in the cache folder as IDX files for a few seeds.

use std::path::{Path, PathBuf};

use super::{TEST_IMAGES, TRAIN_IMAGES};
use crate::data::files::{forget_old, mark_used};
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
        && (train.len(), test.len()) == (TRAIN_IMAGES, TEST_IMAGES)
        && (train.shape, test.shape) == (synthetic::SHAPE, synthetic::SHAPE)
    {
        tracing::info!("data: built-in digits from {}", folder.display());
        mark_used(&stamp(folder));
        return set(train, test);
    }
    tracing::info!(
        "data: drawing {} built-in digits",
        TRAIN_IMAGES + TEST_IMAGES
    );
    let train = synthetic::draw(seed, 0, TRAIN_IMAGES);
    let test = synthetic::draw(seed, 1, TEST_IMAGES);
    if let Some(folder) = folder {
        if let Err(error) = keep(&folder, &train, &test) {
            tracing::debug!("the built-in digits are not kept: {error}");
        }
        if let Some(cache) = cache {
            forget_old(cache, PREFIX, KEPT, stamp);
        }
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
