//! Four checked files made into a data set, wherever they come from.

use super::Split;
use super::error::Fault;
use super::idx::Summary;
use super::image_set::ImageShape;
use super::known::{FileRole, KnownSet};

/// The items of one file, and what was found of it.
pub(super) struct Checked {
    pub items: Vec<u8>,
    pub summary: Summary,
}

/// Checks that each split has as many labels as pictures; the files are in the order of
/// [`FileRole::ALL`].
///
/// # Errors
/// The role of the file of labels, and its fault.
pub(super) fn same_counts(files: [&Checked; 4]) -> Result<(), (FileRole, Fault)> {
    let [train_images, train_labels, test_images, test_labels] =
        files.map(|file| file.summary.count);
    for (role, images, labels) in [
        (FileRole::TrainLabels, train_images, train_labels),
        (FileRole::TestLabels, test_images, test_labels),
    ] {
        if images != labels {
            return Err((role, Fault::CountMismatch { images, labels }));
        }
    }
    Ok(())
}

/// Checks that a file of `set` is the published one.
///
/// # Errors
/// The fault of another file.
pub(super) fn published(set: KnownSet, role: FileRole, summary: &Summary) -> Result<(), Fault> {
    let expected = &set.files().file(role).unpacked_sha256;
    Fault::of_hash(set.id(), &summary.sha256, expected).map_or(Ok(()), Err)
}

/// The known set that has these labels, so that a copy of it keeps its class names.
pub(super) fn recognise(files: [&Checked; 4]) -> Option<KnownSet> {
    let labels = [FileRole::TrainLabels, FileRole::TestLabels];
    let has =
        |set: KnownSet, role: FileRole| published(set, role, &files[role as usize].summary).is_ok();
    KnownSet::ALL
        .into_iter()
        .find(|&set| labels.into_iter().all(|role| has(set, role)))
}

/// The training and the test split of the items in the order of [`FileRole::ALL`].
pub(super) fn splits(items: [Vec<u8>; 4]) -> (Split, Split) {
    let [train_images, train_labels, test_images, test_labels] = items;
    (
        split(train_images, train_labels),
        split(test_images, test_labels),
    )
}

pub(super) fn split(images: Vec<u8>, labels: Vec<u8>) -> Split {
    Split {
        shape: ImageShape::grey(28, 28),
        classes: 10,
        images,
        labels: labels.into_iter().map(u16::from).collect(),
    }
}
