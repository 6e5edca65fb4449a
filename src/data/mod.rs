//! Data sets of 28x28 grey pictures in ten classes: reading, checking and fetching their files.

mod assembly;
pub mod augment;
pub mod batches;
mod error;
#[cfg(not(target_family = "wasm"))]
pub mod fetch;
pub mod idx;
mod known;
pub mod memory;
#[cfg(not(target_family = "wasm"))]
pub mod mnist;
pub mod pictures;
#[cfg(not(target_family = "wasm"))]
mod source;
pub mod synthetic;
#[cfg(not(target_family = "wasm"))]
pub mod verify;

pub use error::{DataError, FailedMirror, Fault};
pub use known::{FileRole, KnownFile, KnownSet, SetFiles};
#[cfg(not(target_family = "wasm"))]
pub use source::Source;

use std::ops::Range;

use crate::evaluation::test_split::TestSplit;

/// Rows, and columns, of a picture.
pub const SIDE: usize = 28;
/// Bytes of a picture.
pub const PIXELS: usize = SIDE * SIDE;
/// Classes of a data set; labels are `0..CLASSES`.
pub const CLASSES: usize = 10;

/// Pictures of 28x28 grey bytes (0 is background), row-major, one after another, with their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// `len() * PIXELS` bytes.
    pub images: Vec<u8>,
    /// `len()` labels below [`CLASSES`].
    pub labels: Vec<u8>,
}

impl Split {
    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of picture `index`, or `None` past the end.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.images.chunks_exact(PIXELS).nth(index)
    }

    /// A copy of the first `count` pictures, or of all when there are fewer.
    pub fn first(&self, count: usize) -> Self {
        self.take(0..count)
    }

    /// A copy of the pictures in `range`, cut to what is there.
    pub fn take(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        Self {
            images: self.images[start * PIXELS..end * PIXELS].to_vec(),
            labels: self.labels[start..end].to_vec(),
        }
    }
}

/// A training and a test split with the names of their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// `mnist`, `fashion-mnist`, or the name of the folder it was read from.
    pub name: String,
    /// One name per class.
    pub class_names: Vec<String>,
    pub train: Split,
    pub test: TestSplit,
}

/// The class names of a set of digits: "0" to "9".
pub fn digit_names() -> Vec<String> {
    (0..CLASSES).map(|digit| digit.to_string()).collect()
}
