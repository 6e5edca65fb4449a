//! A data set as a value: its images with their shape, its classes, and what is known of them.
//! Nothing is asked of a name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Split;
use super::test_split::TestSplit;
pub use crate::kernels::images::{ImageShape, SIDES};
use crate::picture::Target;
pub use crate::picture::{Background, Framing};
use crate::wording::{count, listed};

/// The most classes a set may have.
pub const MOST_CLASSES: usize = 1000;

/// Checks that images of this shape can be trained on.
///
/// # Errors
/// What cannot be, to follow the name of the set.
pub fn check_shape(shape: ImageShape) -> Result<(), String> {
    let ImageShape {
        height,
        width,
        channels,
    } = shape;
    if !SIDES.contains(&height) || !SIDES.contains(&width) {
        return Err(format!(
            "images of {height}x{width} pixels; sides from {} to {} can be trained on",
            SIDES.start(),
            SIDES.end()
        ));
    }
    match channels {
        1 | 3 => Ok(()),
        _ => Err(format!(
            "images of {channels} channels; 1 (grey) or 3 (red, green, blue) can be trained on"
        )),
    }
}

/// Everything of a set but its images and labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDescription {
    /// What it is called: that of a known set, or of the folder or file it was read from. Said to
    /// people, never compared.
    pub name: String,
    /// Of every image.
    pub shape: ImageShape,
    /// One name a class; labels are below their number.
    pub class_names: Vec<String>,
    /// How the things shown are framed.
    pub framing: Framing,
    /// What surrounds them.
    pub background: Background,
    /// Whether a mirrored image keeps its class; `None` where only its owner can say.
    pub mirrorable: Option<bool>,
    /// XXH3 (128 bits, hexadecimal) of shape, images, labels and class names.
    pub fingerprint: String,
}

/// A training and a test split of images with everything that is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSet {
    /// All but its images and labels.
    pub description: SetDescription,
    /// To train on, and to hold out validation images from.
    pub train: Split,
    /// Where the set itself says which images validate; never trained on.
    pub valid: Option<Split>,
    /// To be looked at once, at the end.
    pub test: TestSplit,
    /// Where each image is a file of its own.
    pub sources: Option<Arc<Sources>>,
}

/// The file of each image, in the order of the splits: its path below the set, parted by `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// Of the images to train on.
    pub train: Vec<String>,
    /// Of the images that validate.
    pub valid: Vec<String>,
    /// Of the images that test.
    pub test: Vec<String>,
}

impl SetDescription {
    /// What an image of a user's own is brought to before the network sees it.
    pub fn target(&self) -> Target {
        Target {
            shape: self.shape,
            framing: self.framing,
            background: self.background,
        }
    }

    /// What tells `other` from this set, to follow "not the same images: "; `None` where both hold
    /// the same images, labels and class names, whatever they are called and wherever they lie. A
    /// description from a file that knows no fingerprint is taken at its classes and shape.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if let Some(difference) = self.other_classes(other) {
            return Some(difference);
        }
        let known = !self.fingerprint.is_empty() && !other.fingerprint.is_empty();
        (known && self.fingerprint != other.fingerprint).then(|| {
            format!(
                "its images or labels differ (fingerprint {}, here {})",
                &short(&self.fingerprint),
                &short(&other.fingerprint)
            )
        })
    }

    /// Why a network for this set can say nothing about `other`; `None` where shape and classes
    /// are the same.
    pub fn other_classes(&self, other: &Self) -> Option<String> {
        if self.shape != other.shape {
            return Some(format!(
                "its images are {}, here they are {}",
                self.shape, other.shape
            ));
        }
        if self.class_names != other.class_names {
            return Some(format!(
                "its classes are {}; here they are {}",
                names_of(&self.class_names),
                names_of(&other.class_names)
            ));
        }
        None
    }
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..8).unwrap_or(fingerprint)
}

/// The names of the classes; of many, the first ones and how many more.
fn names_of(classes: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<_> = classes
        .iter()
        .take(SHOWN)
        .map(|name| listed(name))
        .collect();
    let shown = shown.join(", ");
    match classes.len() {
        0..=SHOWN => shown,
        count => format!("{shown} and {} more", count - SHOWN),
    }
}

impl ImageSet {
    /// Puts a set together and takes its fingerprint; `description.fingerprint` is overwritten.
    pub fn new(description: SetDescription, train: Split, test: TestSplit) -> Self {
        Self::with_validation(description, train, None, test)
    }

    /// As [`Self::new`], of a set that says which images validate.
    pub fn with_validation(
        mut description: SetDescription,
        train: Split,
        valid: Option<Split>,
        test: TestSplit,
    ) -> Self {
        description.fingerprint =
            test.fingerprint_with(&train, valid.as_ref(), &description.class_names);
        Self {
            description,
            train,
            valid,
            test,
            sources: None,
        }
    }
}

impl ImageSet {
    /// What it holds, in a line: `500 images to train on, 100 to test, 32x32x3, 2 classes: cat 250,
    /// dog 250`, with the images to train on of each of a few classes.
    pub fn summary(&self) -> String {
        const SHOWN: usize = 12;
        let names = &self.description.class_names;
        let counts = self.train.class_counts();
        let each = match names.len() {
            0..=SHOWN => {
                let each = names.iter().zip(&counts);
                let each: Vec<String> = each
                    .map(|(name, n)| format!("{} {n}", listed(name)))
                    .collect();
                each.join(", ")
            }
            _ => {
                let least = counts.iter().min().copied().unwrap_or(0);
                let most = counts.iter().max().copied().unwrap_or(0);
                match least == most {
                    true => format!("{} each", count(most, "image")),
                    false => format!("{least} to {} each", count(most, "image")),
                }
            }
        };
        let valid = self.valid.as_ref();
        let valid = valid.map_or(String::new(), |valid| {
            format!("{} to validate, ", valid.len())
        });
        format!(
            "{} to train on, {valid}{} to test, {}, {}: {each}",
            count(self.train.len(), "image"),
            self.test.len(),
            self.description.shape,
            count(names.len(), "class")
        )
    }
}

/// The description of a set of handwritten digits as MNIST has them, without a fingerprint.
pub fn digits(name: &str) -> SetDescription {
    SetDescription {
        name: name.into(),
        shape: ImageShape::grey(28, 28),
        class_names: (0..10).map(|digit: u8| digit.to_string()).collect(),
        framing: Framing::CentreOfMass,
        background: Background::Dark,
        mirrorable: Some(false),
        fingerprint: String::new(),
    }
}

impl Background {
    /// The byte of every channel that stands for nothing.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Light => 255,
            Self::Dark | Self::Varied => 0,
        }
    }
}
