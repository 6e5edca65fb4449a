//! Files of MNIST's counts go through the `mnist` crate, which panics on anything unexpected and
//! knows no other counts: so every file is checked first, and other sets are read without it.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use mnist::{Mnist, MnistBuilder};

use super::assembly::Parts;
use super::error::{DataError, Fault};
use super::formats::idx::{Element, FileRole, Files, Summary};
use super::image_set::ImageShape;

const TRAIN: usize = 60_000;
const TEST: usize = 10_000;
const SHAPE: ImageShape = ImageShape::grey(28, 28);
const CLASSES: u16 = 10;

/// Whether files could be MNIST's: unsigned bytes, so many of them, of its classes.
pub(super) fn is_of_its_size(parts: &Parts, summaries: &[Summary; 4]) -> bool {
    let [_, train, _, test] = summaries;
    let bytes = summaries
        .iter()
        .all(|summary| summary.header.element == Element::U8);
    let dimensions = summaries
        .iter()
        .map(|summary| summary.header.dimensions.len())
        .eq([3, 1, 3, 1]);
    let labels = || parts.labels.iter().flatten();
    bytes
        && dimensions
        && (train.count, test.count) == (TRAIN, TEST)
        && parts.shape == SHAPE
        && labels().all(|&label| label < CLASSES)
}

/// Reads checked files with the crate, or gives back what was read of them where it cannot: it
/// takes paths as text, and archives only unpacked.
pub(super) fn through_crate(
    files: &Files,
    summaries: &[Summary; 4],
    parts: Parts,
) -> Result<Parts, DataError> {
    match paths_for_crate(files, summaries, &parts) {
        Ok((paths, _guard)) => {
            drop(parts);
            read(&files[0], &paths)
        }
        Err(reason) => {
            tracing::debug!(%reason, "the checked bytes are used without the mnist crate");
            Ok(parts)
        }
    }
}

/// Paths of unpacked files; archives are unpacked into a folder that lives as long as its guard.
fn paths_for_crate(
    files: &Files,
    summaries: &[Summary; 4],
    parts: &Parts,
) -> Result<([String; 4], Option<tempfile::TempDir>), String> {
    let mut folder = None;
    let mut paths = [const { String::new() }; 4];
    for role in FileRole::ALL {
        let index = role as usize;
        let readable = if summaries[index].packed {
            let folder = match &folder {
                Some(folder) => folder,
                None => folder.insert(tempfile::tempdir().map_err(|error| error.to_string())?),
            };
            unpack(folder.path(), role, &summaries[index], parts)
                .map_err(|error| error.to_string())?
        } else {
            files[index].clone()
        };
        paths[index] = readable
            .into_os_string()
            .into_string()
            .map_err(|path| format!("{} is not UTF-8", path.display()))?;
    }
    Ok((paths, folder))
}

fn unpack(
    folder: &Path,
    role: FileRole,
    summary: &Summary,
    parts: &Parts,
) -> std::io::Result<PathBuf> {
    let path = folder.join(role.name());
    let mut unpacked = std::fs::File::create_new(&path)?;
    unpacked.write_all(&summary.header.encode())?;
    let narrow = |labels: &[u16]| -> Vec<u8> { labels.iter().map(|&label| label as u8).collect() };
    match role {
        FileRole::TrainImages => unpacked.write_all(&parts.images[0])?,
        FileRole::TrainLabels => unpacked.write_all(&narrow(&parts.labels[0]))?,
        FileRole::TestImages => unpacked.write_all(&parts.images[1])?,
        FileRole::TestLabels => unpacked.write_all(&narrow(&parts.labels[1]))?,
    }
    Ok(path)
}

/// The crate cuts one list of all 70,000 images into three parts: any other lengths than these
/// would move images to train on into the test split.
fn read(path: &Path, paths: &[String; 4]) -> Result<Parts, DataError> {
    let changed = |reason: String| DataError::damaged(path, Fault::Changed { reason }, None);
    let [train_images, train_labels, test_images, test_labels] = paths;
    let loaded: Mnist = catch_unwind(AssertUnwindSafe(|| {
        MnistBuilder::new()
            .base_path("")
            .training_images_filename(train_images)
            .training_labels_filename(train_labels)
            .test_images_filename(test_images)
            .test_labels_filename(test_labels)
            .label_format_digit()
            .training_set_length(TRAIN as u32)
            .validation_set_length(0)
            .test_set_length(TEST as u32)
            .finalize()
    }))
    .map_err(|payload| changed(panic_text(payload.as_ref())))?;

    let parts = Parts {
        shape: SHAPE,
        images: [loaded.trn_img, loaded.tst_img],
        labels: [loaded.trn_lbl, loaded.tst_lbl]
            .map(|labels| labels.into_iter().map(u16::from).collect()),
    };
    // The files were sound a moment ago; the crate itself checks neither length nor labels.
    for (part, count) in [TRAIN, TEST].into_iter().enumerate() {
        let labels = &parts.labels[part];
        let sound = labels.len() == count
            && parts.images[part].len() == count * SHAPE.bytes()
            && labels.iter().all(|&label| label < CLASSES);
        if !sound {
            return Err(changed("lengths or labels differ".to_owned()));
        }
    }
    Ok(parts)
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
