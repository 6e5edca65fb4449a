//! Four checked files made into a data set, wherever they come from.

use super::Split;
use super::catalog::{self, KnownSet};
use super::error::Fault;
use super::formats::idx::{FileRole, Items, Summary};
use super::image_set::ImageShape;
use super::open_set::OpenSet;
use super::published::{Published, recognise, recognise_labels};
use crate::wording::count;

/// The items of one file, and what was found of it.
pub type Checked = (Items, Summary);

/// Which set the files should be of.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// The user named it: other files are refused.
    Set(&'static KnownSet),
    /// The files are called as those of this set: they are taken for it where they can be.
    Likely(&'static KnownSet),
    /// Whatever the contents say.
    Any,
}

impl Expected {
    /// By what the names of the files begin with.
    pub fn of_prefix(prefix: &str) -> Self {
        catalog::of_prefix(prefix).map_or(Self::Any, Self::Likely)
    }
}

/// Images and labels of the two splits, as they were in the files.
pub(super) struct Parts {
    pub shape: ImageShape,
    /// Of training and of test.
    pub images: [Vec<u8>; 2],
    pub labels: [Vec<u16>; 2],
}

impl Parts {
    /// The training and the test split.
    pub fn into_splits(self, classes: usize) -> (Split, Split) {
        let Self {
            shape,
            images: [train_images, test_images],
            labels: [train_labels, test_labels],
        } = self;
        let split = |images, labels| Split {
            shape,
            classes,
            images,
            labels,
        };
        (
            split(train_images, train_labels),
            split(test_images, test_labels),
        )
    }
}

/// A set of images to train on alone, and their labels.
///
/// # Errors
/// What is wrong with the labels.
pub(super) fn untested(name: &str, images: Checked, labels: Checked) -> Result<OpenSet, Fault> {
    let (Items::Images { shape, bytes }, Items::Labels(mut found)) = (images.0, labels.0) else {
        unreachable!("each file was read as its role says");
    };
    let (images, labels) = (images.1.count, labels.1.count);
    if images != labels {
        return Err(Fault::CountMismatch { images, labels });
    }
    let mut notes = Vec::new();
    let class_names = numbered_classes([&mut found], &mut notes);
    Ok(OpenSet {
        name: name.to_owned(),
        train: Split {
            shape,
            classes: class_names.len(),
            images: bytes,
            labels: found,
        },
        class_names,
        valid: None,
        test: None,
        sources: None,
        known: None,
        notes,
        warnings: Vec::new(),
    })
}

/// Checks that the files of a set, in the order of [`FileRole::ALL`], fit together.
///
/// # Errors
/// The role of a file, and its fault.
pub(super) fn take_apart(files: [Checked; 4]) -> Result<(Parts, [Summary; 4]), (FileRole, Fault)> {
    let mut images = Vec::new();
    let mut labels = Vec::new();
    let mut shapes = Vec::new();
    let summaries = files.map(|(items, summary)| {
        match items {
            Items::Images { shape, bytes } => {
                shapes.push(shape);
                images.push(bytes);
            }
            Items::Labels(found) => labels.push(found),
        }
        summary
    });
    let (Ok(images), Ok(labels), [shape, test_shape]) = (
        <[Vec<u8>; 2]>::try_from(images),
        <[Vec<u16>; 2]>::try_from(labels),
        &shapes[..],
    ) else {
        unreachable!("each file was read as its role says");
    };
    for (role, images, labels) in [
        (FileRole::TrainLabels, &summaries[0], &summaries[1]),
        (FileRole::TestLabels, &summaries[2], &summaries[3]),
    ] {
        let (images, labels) = (images.count, labels.count);
        if images != labels {
            return Err((role, Fault::CountMismatch { images, labels }));
        }
    }
    if shape != test_shape {
        let fault = Fault::ShapeMismatch {
            found: test_shape.to_string(),
            expected: shape.to_string(),
        };
        return Err((FileRole::TestImages, fault));
    }
    let shape = *shape;
    let parts = Parts {
        shape,
        images,
        labels,
    };
    Ok((parts, summaries))
}

/// Finds out what the set is, and describes it.
///
/// # Errors
/// The role of a file, and its fault.
pub(super) fn finish(
    name: &str,
    mut parts: Parts,
    summaries: &[Summary; 4],
    expected: Expected,
) -> Result<OpenSet, (FileRole, Fault)> {
    let mut notes = Vec::new();
    let known = match expected {
        Expected::Set(set) => {
            if check(set, &parts, summaries)? == Published::Likely {
                notes.push(format!(
                    "sizes and labels are those of {set}; no published hash tells for certain"
                ));
            }
            Some(set)
        }
        Expected::Likely(set) => {
            recognise(summaries.each_ref()).or_else(|| match check(set, &parts, summaries) {
                Ok(_) => {
                    notes.push(format!("read as {set}, whose names and sizes the files have"));
                    Some(set)
                }
                Err((_, fault)) => {
                    notes.push(format!(
                        "the files are called as those of {set} but are others ({fault}): their images are taken as they are"
                    ));
                    None
                }
            })
        }
        Expected::Any => recognise(summaries.each_ref()),
    };
    let class_names = match known {
        Some(set) => {
            as_published(set, &mut parts);
            if set.transposed {
                notes.push(format!(
                    "{set} is published with rows and columns swapped: its images are turned upright"
                ));
            }
            set.class_names()
        }
        None => own_class_names(&mut parts, summaries, &mut notes),
    };
    let (train, test) = parts.into_splits(class_names.len());
    Ok(OpenSet {
        name: name.to_owned(),
        class_names,
        train,
        valid: None,
        test: Some(test),
        sources: None,
        known,
        notes,
        warnings: Vec::new(),
    })
}

/// Checks that the files are, or may be, those of a known set.
fn check(
    set: &'static KnownSet,
    parts: &Parts,
    summaries: &[Summary; 4],
) -> Result<Published, (FileRole, Fault)> {
    let mut published = Published::Certain;
    for (role, summary) in FileRole::ALL.into_iter().zip(summaries) {
        let found = set.file(role).published(set.id, summary);
        if found.map_err(|fault| (role, fault))? == Published::Likely {
            published = Published::Likely;
        }
    }
    let fault = |reason| Fault::NotOfSet {
        set: set.id,
        reason,
    };
    if parts.shape != set.shape {
        let reason = format!("images of {}, expected {}", parts.shape, set.shape);
        return Err((FileRole::TrainImages, fault(reason)));
    }
    let last = set.first_label as usize + set.class_names.len() - 1;
    let right = usize::from(set.first_label)..=last;
    for (role, labels) in [FileRole::TrainLabels, FileRole::TestLabels]
        .into_iter()
        .zip(&parts.labels)
    {
        if let Some(label) = labels.iter().find(|&&label| !right.contains(&label.into())) {
            let reason = format!(
                "it has the label {label}, its labels are {} to {last}",
                set.first_label
            );
            return Err((role, fault(reason)));
        }
    }
    Ok(published)
}

/// Undoes what a set's publisher did otherwise than others.
fn as_published(set: &KnownSet, parts: &mut Parts) {
    for labels in &mut parts.labels {
        labels
            .iter_mut()
            .for_each(|label| *label -= set.first_label);
    }
    if set.transposed {
        let side = parts.shape.width;
        for image in parts
            .images
            .iter_mut()
            .flat_map(|images| images.chunks_exact_mut(side * side))
        {
            for y in 0..side {
                for x in 0..y {
                    image.swap(y * side + x, x * side + y);
                }
            }
        }
    }
}

/// The names of a set's own classes: those of the known set with the same labels, or numbers.
fn own_class_names(
    parts: &mut Parts,
    summaries: &[Summary; 4],
    notes: &mut Vec<String>,
) -> Vec<String> {
    if let Some(set) = recognise_labels(summaries.each_ref())
        && set.first_label == 0
    {
        notes.push(format!(
            "the labels are those of {set}, the images are not the published ones"
        ));
        return set.class_names();
    }
    numbered_classes(parts.labels.each_mut(), notes)
}

/// The names of classes that are numbers: from 0, or from 1 where no label is 0, which are then
/// counted from 0.
pub(super) fn numbered_classes<'a>(
    labels: impl IntoIterator<Item = &'a mut Vec<u16>>,
    notes: &mut Vec<String>,
) -> Vec<String> {
    let mut labels: Vec<&mut u16> = labels.into_iter().flatten().collect();
    let all = || labels.iter().map(|label| **label);
    let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
    if least != 1 {
        return (0..=most).map(|class| class.to_string()).collect();
    }
    notes.push(format!(
        "the labels are counted from 1: {}, named 1 to {most}",
        count(most, "class")
    ));
    labels.iter_mut().for_each(|label| **label -= 1);
    (1..=most).map(|class| class.to_string()).collect()
}
