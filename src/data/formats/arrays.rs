//! Splits of images and labels as tables and archives hold them, made into a set.

use std::collections::HashMap;
use std::path::Path;

use super::tree::as_people_count;
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
                    "save one label for each image",
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

/// The classes' names, where labels are no numbers.
///
/// # Errors
/// [`DataError::Unfit`] where there are too many.
pub fn class_names(path: &Path, texts: &[&Vec<String>]) -> Result<Option<Vec<String>>, DataError> {
    let mut names: Vec<&String> = texts.iter().copied().flatten().collect();
    if names.iter().all(|text| text.parse::<f64>().is_ok()) {
        return Ok(None);
    }
    names.sort_by(|a, b| as_people_count(a, b));
    names.dedup();
    match names.len() {
        0..=MOST_CLASSES => Ok(Some(names.into_iter().cloned().collect())),
        found => Err(DataError::unfit(
            path,
            format!("{found} labels that differ"),
            format!(
                "at most {MOST_CLASSES} classes can be told apart: check which column holds the labels"
            ),
        )),
    }
}

/// Labels as numbers; with `names`, where each stands in them.
///
/// # Errors
/// [`DataError::Unfit`].
pub fn numbers(
    path: &Path,
    texts: &[String],
    names: Option<&[String]>,
) -> Result<Vec<u16>, DataError> {
    let number: HashMap<&String, u16> = names.unwrap_or_default().iter().zip(0..).collect();
    let as_number = |text: &String| match number.get(text) {
        Some(&number) => Ok(number),
        None => {
            let label = label(text.parse().unwrap_or(f64::NAN));
            label.map_err(|reason| {
                DataError::unfit(path, format!("a row has {reason}"), "correct the labels")
            })
        }
    };
    texts.iter().map(as_number).collect()
}
