//! IDX (<http://yann.lecun.com/exdb/mnist/>): big-endian header, then numbers. Reading trusts
//! nothing: what a header promises must be there before memory is taken for it.

mod class_names;
mod contents;
#[cfg(not(target_family = "wasm"))]
mod disk;
mod element;
#[cfg(not(target_family = "wasm"))]
mod folder;
mod header;
#[cfg(not(target_family = "wasm"))]
mod load;
mod names;
mod other;
mod write;

use std::fmt;

pub(in crate::data) use class_names::name_classes;
#[cfg(not(target_family = "wasm"))]
pub(in crate::data) use class_names::name_classes_in;
pub use class_names::{CLASSES_FILE, class_names};
#[cfg(not(target_family = "wasm"))]
pub(in crate::data::formats) use contents::interleave;
#[cfg(not(target_family = "wasm"))]
pub(in crate::data) use contents::unreadable;
pub use contents::{Items, Summary, parse};
#[cfg(not(target_family = "wasm"))]
pub use disk::{check, read, write_images, write_labels, write_split};
#[cfg(not(target_family = "wasm"))]
pub(in crate::data) use disk::{count_by_length, read_hashed};
pub use element::Element;
#[cfg(not(target_family = "wasm"))]
pub use folder::{Files, Group, groups, of_known};
pub use header::Header;
#[cfg(not(target_family = "wasm"))]
pub(in crate::data::formats) use header::Layout;
#[cfg(not(target_family = "wasm"))]
pub(in crate::data) use load::read_known;
#[cfg(not(target_family = "wasm"))]
pub use load::{FORMAT, read_splits};
pub use names::{FileName, role_of};
pub use write::{images_file, labels_file};

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::data::files::temporary;

/// Whether a file is of the training or of the test split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Training.
    Train,
    /// Test.
    Test,
}

/// What the items of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Images.
    Images,
    /// Labels.
    Labels,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Images => "images",
            Self::Labels => "labels",
        })
    }
}

/// The four files of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileRole {
    /// Images of the training split.
    TrainImages,
    /// Their labels.
    TrainLabels,
    /// Images of the test split.
    TestImages,
    /// Their labels.
    TestLabels,
}

impl FileRole {
    /// All four, each split's images before its labels.
    pub const ALL: [Self; 4] = [
        Self::TrainImages,
        Self::TrainLabels,
        Self::TestImages,
        Self::TestLabels,
    ];

    /// What MNIST calls the unpacked file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images-idx3-ubyte",
            Self::TrainLabels => "train-labels-idx1-ubyte",
            Self::TestImages => "t10k-images-idx3-ubyte",
            Self::TestLabels => "t10k-labels-idx1-ubyte",
        }
    }

    /// Whether it holds images or labels.
    pub const fn kind(self) -> Kind {
        match self {
            Self::TrainImages | Self::TestImages => Kind::Images,
            Self::TrainLabels | Self::TestLabels => Kind::Labels,
        }
    }

    /// Whether it is of the images to train on or of those to test on.
    pub const fn part(self) -> Part {
        match self {
            Self::TrainImages | Self::TrainLabels => Part::Train,
            Self::TestImages | Self::TestLabels => Part::Test,
        }
    }

    const fn of(part: Part, kind: Kind) -> Self {
        match (part, kind) {
            (Part::Train, Kind::Images) => Self::TrainImages,
            (Part::Train, Kind::Labels) => Self::TrainLabels,
            (Part::Test, Kind::Images) => Self::TestImages,
            (Part::Test, Kind::Labels) => Self::TestLabels,
        }
    }
}
