//! Settings that may follow the data set: a word of their own stands for that until the set is known.

use serde::{Deserialize, Deserializer};

/// The word that lets a setting follow the set.
pub const AUTO: &str = "auto";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Auto,
}

/// `training.epochs`; as many as can be where they follow the set.
pub fn epochs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    #[serde(expecting = "must be a whole number from 1 to 1000000, or auto")]
    enum Written {
        Word(Word),
        Number(usize),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Word(Word::Auto) => MOST_EPOCHS,
        Written::Number(number) => number,
    })
}

/// `augment.flip`; not where it follows the set.
pub fn flip<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    #[serde(expecting = "must be true, false or auto")]
    enum Written {
        Word(Word),
        Bool(bool),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Word(Word::Auto) => false,
        Written::Bool(flip) => flip,
    })
}

/// Passes over the training images of `epochs = "auto"`, so many images of so many pixels: as many as
/// `auto_images` of 32x32 pixels take.
pub fn most_epochs(auto_images: usize, images: usize, pixels: usize) -> usize {
    let work = auto_images as f64 * (32.0 * 32.0) / pixels as f64;
    ((work / images.max(1) as f64).round() as usize).clamp(FEWEST_EPOCHS, MOST_EPOCHS)
}

const FEWEST_EPOCHS: usize = 4;
const MOST_EPOCHS: usize = 100;
