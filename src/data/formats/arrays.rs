//! Splits of images and labels as tables and archives hold them, made into a set.

use std::path::Path;

use crate::data::Split;
use crate::data::assembly::numbered_classes;
use crate::data::catalog::{CATALOG, KnownSet};
use crate::data::error::DataError;
use crate::data::image_set::{ImageShape, MOST_CLASSES};
use crate::data::open_set::OpenSet;
use crate::wording::count;

/// Images of one shape, one after another, with their labels.
#[derive(Debug)]
pub struct Labelled {
    pub shape: ImageShape,
    pub images: Vec<u8>,
    pub labels: Vec<u16>,
}

/// What a format found of a set.
#[derive(Debug)]
pub struct Arrays {
    pub train: Labelled,
    pub valid: Option<Labelled>,
    pub test: Option<Labelled>,
    /// `None` where labels are numbers without names.
    pub class_names: Option<Vec<String>>,
    pub notes: Vec<String>,
    pub warnings: Vec<String>,
}

impl Arrays {
    /// The set called `name`; that of the catalogue with the same counts, shape and labels, where
    /// there is one.
    ///
    /// # Errors
    /// [`DataError::Unfit`] where shapes differ, labels and images do not match, or there are none.
    pub fn into_set(mut self, path: &Path, name: &str) -> Result<OpenSet, DataError> {
        let unfit = |reason: String, next: &str| Err(DataError::unfit(path, reason, next));
        let shape = self.train.shape;
        if self.train.labels.is_empty() {
            return unfit(
                "no images to train on".into(),
                "save some under the names for training",
            );
        }
        let mut all = vec![("to train on", &mut self.train)];
        all.extend(self.valid.as_mut().map(|split| ("to validate", split)));
        all.extend(self.test.as_mut().map(|split| ("to test", split)));
        for (what, split) in &all {
            let (images, labels) = (split.images.len() / split.shape.bytes(), split.labels.len());
            if split.shape != shape {
                return unfit(
                    format!("images {what} are {}, others {shape}", split.shape),
                    "save all of them in one shape",
                );
            }
            if images != labels {
                return unfit(
                    format!(
                        "{} for {} {what}",
                        count(labels, "label"),
                        count(images, "image")
                    ),
                    "save one label an image",
                );
            }
        }
        let mut notes = self.notes;
        let class_names = match self.class_names {
            Some(names) => names,
            None => numbered_classes(
                all.into_iter().map(|(_, split)| &mut split.labels),
                &mut notes,
            ),
        };
        let classes = class_names.len();
        let split = |labelled: Labelled| Split {
            shape,
            classes,
            images: labelled.images,
            labels: labelled.labels,
        };
        let set = OpenSet {
            name: name.to_owned(),
            class_names,
            train: split(self.train),
            valid: self.valid.map(split),
            test: self.test.map(split),
            sources: None,
            known: None,
            notes,
            warnings: self.warnings,
        };
        Ok(match known(&set) {
            Some(known) => {
                let mut set = set.known_as(known);
                set.notes.push(format!(
                    "read as {known}, whose counts, sizes and labels it has"
                ));
                set
            }
            None => set,
        })
    }
}

/// The set of the catalogue that a set cannot but be, by its counts.
fn known(set: &OpenSet) -> Option<&'static KnownSet> {
    CATALOG.iter().copied().find(|known| {
        let whole = known.whole.as_ref();
        whole.is_some_and(|whole| whole.check(known, set).is_ok())
    })
}

/// A number as a label.
///
/// # Errors
/// What is wrong with it, to follow its place.
pub fn label(value: f64) -> Result<u16, String> {
    let whole = value.fract() == 0.0 && (0.0..MOST_CLASSES as f64).contains(&value);
    match whole {
        true => Ok(value as u16),
        false => Err(format!(
            "the label {value}; labels are whole numbers from 0 to {}",
            MOST_CLASSES - 1
        )),
    }
}

/// Checks that so many bytes of images are no more than are held.
///
/// # Errors
/// [`DataError::Unfit`].
pub fn check_memory(path: &Path, bytes: u64) -> Result<(), DataError> {
    super::check_memory(
        path,
        bytes,
        "its images",
        "save fewer images, or smaller ones",
    )
}
