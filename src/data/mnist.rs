//! Loads a data set. Files of the official counts go through the `mnist` crate, which panics on
//! anything unexpected and knows no other counts: so every file is checked first, and the rest is
//! read by [`idx`].

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use mnist::{Mnist, MnistBuilder};

use super::assembly::{Checked, published, recognise, same_counts, splits};
use super::error::{DataError, Fault};
use super::idx;
use super::image_set::digits;
use super::known::{FileRole, KnownSet};
use super::source::{self, Source};
use super::{ImageSet, Split};
use crate::evaluation::test_split::TestSplit;

const OFFICIAL_TRAIN: usize = 60_000;
const OFFICIAL_TEST: usize = 10_000;

/// Loads the four files in `folder`, `.gz` or unpacked; needs no right to write there.
///
/// With `known`, the files must be the published ones (SHA-256 of the unpacked bytes, so that an
/// archive packed anew passes). Without, any counts up to [`idx::MOST_ITEMS`] are read; the class
/// names are digits unless the labels are those of a known set.
///
/// # Errors
/// [`DataError::Missing`] or [`DataError::Damaged`], naming folder or file.
pub fn load(folder: &Path, known: Option<KnownSet>) -> Result<ImageSet, DataError> {
    let set = known.map(KnownSet::id);
    let files = read_files(folder, known).map_err(|error| for_set(error, set))?;
    let checked = files.each_ref().map(|file| &file.checked);
    let mut description = known
        .or_else(|| recognise(checked))
        .map_or_else(|| digits(""), KnownSet::description);
    description.name = set.map_or_else(|| folder_name(folder), str::to_owned);
    let [_, train_labels, _, test_labels] = checked;
    let counts = (train_labels.summary.count, test_labels.summary.count);

    let (train, test) = if counts == (OFFICIAL_TRAIN, OFFICIAL_TEST) {
        match paths_for_crate(&files) {
            Ok((paths, _guard)) => {
                drop(files);
                through_crate(folder, &paths).map_err(|error| for_set(error, set))?
            }
            Err(reason) => {
                tracing::debug!(%reason, "the checked bytes are used without the mnist crate");
                splits(files.map(|file| file.checked.items))
            }
        }
    } else {
        splits(files.map(|file| file.checked.items))
    };
    Ok(ImageSet::new(description, train, TestSplit::new(test)))
}

/// A checked file and where it was.
struct Found {
    source: Source,
    checked: Checked,
}

/// Reads and checks the files in the order of [`FileRole::ALL`].
fn read_files(folder: &Path, known: Option<KnownSet>) -> Result<[Found; 4], DataError> {
    let found = FileRole::ALL.map(|role| source::find(folder, role));
    let missing: Vec<_> = FileRole::ALL
        .into_iter()
        .zip(&found)
        .filter(|(_, source)| source.is_none())
        .map(|(role, _)| role.name())
        .collect();
    let [
        Some(train_images),
        Some(train_labels),
        Some(test_images),
        Some(test_labels),
    ] = found
    else {
        return Err(DataError::Missing {
            folder: folder.to_owned(),
            missing,
            set: None,
        });
    };
    let checked = |role, source| read_file(role, source, known);
    let files = [
        checked(FileRole::TrainImages, train_images)?,
        checked(FileRole::TrainLabels, train_labels)?,
        checked(FileRole::TestImages, test_images)?,
        checked(FileRole::TestLabels, test_labels)?,
    ];
    same_counts(files.each_ref().map(|file| &file.checked)).map_err(|(role, fault)| {
        DataError::damaged(&files[role as usize].source.path, fault, None)
    })?;
    Ok(files)
}

fn read_file(role: FileRole, source: Source, known: Option<KnownSet>) -> Result<Found, DataError> {
    let (items, summary) = idx::read(&source.path, role.kind())?;
    if let Some(set) = known {
        published(set, role, &summary)
            .map_err(|fault| DataError::damaged(&source.path, fault, None))?;
    }
    Ok(Found {
        source,
        checked: Checked { items, summary },
    })
}

/// Paths of unpacked files for the crate, which takes text; archives are unpacked into a folder
/// that lives as long as its guard.
fn paths_for_crate(files: &[Found; 4]) -> Result<([String; 4], Option<tempfile::TempDir>), String> {
    let mut folder = None;
    let mut paths = [const { String::new() }; 4];
    for ((role, file), path) in FileRole::ALL.into_iter().zip(files).zip(&mut paths) {
        let readable = if file.source.packed {
            let folder = match &folder {
                Some(folder) => folder,
                None => folder.insert(tempfile::tempdir().map_err(|error| error.to_string())?),
            };
            unpack(folder.path(), role, file).map_err(|error| error.to_string())?
        } else {
            file.source.path.clone()
        };
        *path = readable
            .into_os_string()
            .into_string()
            .map_err(|path| format!("{} is not UTF-8", path.display()))?;
    }
    Ok((paths, folder))
}

fn unpack(folder: &Path, role: FileRole, file: &Found) -> std::io::Result<PathBuf> {
    let path = folder.join(role.name());
    let count = u32::try_from(file.checked.summary.count).map_err(std::io::Error::other)?;
    let mut unpacked = std::fs::File::create_new(&path)?;
    unpacked.write_all(&role.kind().header(count))?;
    unpacked.write_all(&file.checked.items)?;
    Ok(path)
}

/// Reads the official counts with the crate. It cuts one list of all 70,000 pictures into three
/// parts: any other lengths than these would move training pictures into the test split.
fn through_crate(folder: &Path, paths: &[String; 4]) -> Result<(Split, Split), DataError> {
    let changed = |reason: String| DataError::damaged(folder, Fault::Changed { reason }, None);
    let [train_images, train_labels, test_images, test_labels] = paths;
    let loaded: Mnist = catch_unwind(AssertUnwindSafe(|| {
        MnistBuilder::new()
            .base_path("")
            .training_images_filename(train_images)
            .training_labels_filename(train_labels)
            .test_images_filename(test_images)
            .test_labels_filename(test_labels)
            .label_format_digit()
            .training_set_length(OFFICIAL_TRAIN as u32)
            .validation_set_length(0)
            .test_set_length(OFFICIAL_TEST as u32)
            .finalize()
    }))
    .map_err(|payload| changed(panic_text(payload.as_ref())))?;

    let train = super::assembly::split(loaded.trn_img, loaded.trn_lbl);
    let test = super::assembly::split(loaded.tst_img, loaded.tst_lbl);
    // The files were sound a moment ago; the crate itself checks neither length nor labels.
    for (split, count) in [(&train, OFFICIAL_TRAIN), (&test, OFFICIAL_TEST)] {
        let sound = split.len() == count
            && split.images.len() == count * split.shape.bytes()
            && split
                .labels
                .iter()
                .all(|&label| usize::from(label) < split.classes);
        if !sound {
            return Err(changed("lengths or labels differ".to_owned()));
        }
    }
    Ok((train, test))
}

/// Lets the advice of an error name the set.
pub(super) fn for_set(mut error: DataError, id: Option<&'static str>) -> DataError {
    if let DataError::Damaged { set, .. } | DataError::Missing { set, .. } = &mut error {
        *set = id;
    }
    error
}

fn folder_name(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.file_name().map_or_else(
        || folder.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| {
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
        })
        .unwrap_or_else(|| "the mnist crate refused it".to_owned())
}
