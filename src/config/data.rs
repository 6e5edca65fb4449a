//! The settings of `[data]`: which images, and how those of a user's own are read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[data]`: the images.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// `auto`, `synthetic`, the name of a known set, or a path.
    pub set: String,
    /// Where known sets lie; empty: the cache folder of the system.
    pub folder: PathBuf,
    /// The size that images are brought to.
    pub size: ImageSize,
    /// Whether images are grey or coloured.
    pub colour: Colour,
    /// How many broken images may be left out.
    pub broken: BrokenFiles,
    /// The share of each class that tests, where a set has no test images.
    pub test_fraction: f64,
    /// Draws which images those are.
    pub test_seed: u64,
    /// Images to train on; 0: all.
    pub train_limit: usize,
    /// Training images that validate.
    pub validation_size: usize,
    /// A whole number; empty: the seed of the run.
    pub split_seed: String,
    /// A whole number; empty: the seed of the run.
    pub synthetic_seed: String,
}

impl DataConfig {
    /// The number that draws which images are held out, where the run has this seed.
    pub fn split_seed(&self, seed: u64) -> u64 {
        self.split_seed.parse().unwrap_or(seed)
    }

    /// The number that draws the built-in digits, where the run has this seed.
    pub fn synthetic_seed(&self, seed: u64) -> u64 {
        self.synthetic_seed.parse().unwrap_or(seed)
    }
}

/// The size that images are brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
#[serde(expecting = "must be auto, the pixels of a side, or [height, width], each from 8 to 128")]
pub enum ImageSize {
    /// By a word.
    Named(AutoSize),
    /// Height and width.
    Square(usize),
    /// Height, width.
    Sides([usize; 2]),
}

/// The word for a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AutoSize {
    /// That of the images themselves, where they share one.
    Auto,
}

impl ImageSize {
    /// Follows the images.
    pub const AUTO: Self = Self::Named(AutoSize::Auto);

    /// Height and width; `None` where they follow the images.
    pub fn sides(self) -> Option<[usize; 2]> {
        match self {
            Self::Named(AutoSize::Auto) => None,
            Self::Square(side) => Some([side, side]),
            Self::Sides(sides) => Some(sides),
        }
    }
}

/// The channels that images are brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// Grey where every pixel of every image is
    Auto,
    /// One channel
    Grey,
    /// Red, green and blue
    Rgb,
}

/// How many broken files, or rows of a table, a set may hold and still be read without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokenFiles {
    /// None: one is an error.
    None,
    /// Ten, or one in twenty; fewer than half in any case
    Few,
    /// As many as there are.
    Any,
}
