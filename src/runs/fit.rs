//! Settings that follow the data set get their values once it is known.

use serde::Serialize;
use toml_edit::Value;
use toml_edit::ser::ValueSerializer;

use crate::config::followed::{AUTO, most_epochs};
use crate::config::{ConfigError, Layers, Origin};
use crate::data::ImageSet;
use crate::data::image_set::{Background, ImageShape};
use crate::model::family::Family;
use crate::wording::{count, verb};

/// The preset for sets that are unlike MNIST.
const SMALL: &str = "small";
/// Grey images of this size suit the default recipe, in MNIST's own kind of files or where there are so many to
/// train on.
const LIKE_MNIST: ImageShape = ImageShape::grey(28, 28);
const AS_MANY: usize = 10_000;

/// Epochs without a lower validation loss after which the rate falls, where nobody said how many: a tenth of
/// the most there may be, at least these.
const LEAST_PATIENCE: usize = 5;

const EPOCHS: &str = "training.epochs";
const FLIP: &str = "augment.flip";
const LAYERS: &str = "model.layers";
const PATIENCE: &str = "training.patience";
const SCHEDULE: &str = "training.schedule";
const TEST: &str = "evaluation.test";
const VALIDATION: &str = "data.validation_size";

/// Gives every setting that follows the set its value, and has defaults that suit MNIST give way: `is_idx` says that it lies in
/// MNIST's kind of files. Returns what a person should know of it.
///
/// # Errors
/// Settings that do not go together.
pub fn fit(set: &ImageSet, is_idx: bool, layers: &mut Layers) -> Result<Vec<String>, ConfigError> {
    let mut remarks = Vec::new();
    let suits = is_idx || set.train.len() >= AS_MANY;
    let like_mnist = set.description.shape == LIKE_MNIST && suits;
    if !layers.has_recipe() && !like_mnist {
        layers.underlay(SMALL)?;
        remarks.push(format!(
            "{} is unlike MNIST: the preset {SMALL} (for the reference network, --config default)",
            set.description.name
        ));
    }
    remarks.extend(validation(set, layers)?);
    remarks.extend(test(set, layers)?);
    remarks.extend(follow(set, layers)?);
    Ok(remarks)
}

/// The part of that for what was left to the set by a word.
///
/// # Errors
/// As [`fit`].
pub fn follow(set: &ImageSet, layers: &mut Layers) -> Result<Option<String>, ConfigError> {
    network(set, layers)?;
    mirrors(set, layers)?;
    epochs(set, layers)
}

/// At most a tenth of a set is held out, and no image that is the only one of its class, unless somebody said how
/// many.
fn validation(set: &ImageSet, layers: &mut Layers) -> Result<Option<String>, ConfigError> {
    let counts = set.train.class_counts();
    let spare: usize = counts.iter().map(|count| count.saturating_sub(1)).sum();
    let tenth = (set.train.len() / 10).min(spare);
    let given = set.valid.is_some() || layers.origin(VALIDATION) != Origin::Default;
    if given || layers.resolve()?.data.validation_size <= tenth {
        return Ok(None);
    }
    layers.set(VALIDATION, tenth as i64, Origin::Data)?;
    Ok(Some(format!(
        "{tenth} of the {} of {} {} held out for validation ({VALIDATION})",
        count(set.train.len(), "training image"),
        set.description.name,
        verb(tenth, "is", "are")
    )))
}

/// A set without images to test is not tested.
fn test(set: &ImageSet, layers: &mut Layers) -> Result<Option<String>, ConfigError> {
    if !set.test.is_empty() || !layers.resolve()?.evaluation.test {
        return Ok(None);
    }
    layers.set(TEST, false, Origin::Data)?;
    Ok(Some(format!(
        "{} has no image to test, and none to spare: no test accuracy is measured ({TEST})",
        set.description.name
    )))
}

/// The layers of a family, for images of this size.
fn network(set: &ImageSet, layers: &mut Layers) -> Result<(), ConfigError> {
    let ImageShape { height, width, .. } = set.description.shape;
    let Some(family) = Family::named(&layers.word(LAYERS)) else {
        return Ok(());
    };
    let list = family.layers([height, width]);
    let mut list = (list.serialize(ValueSerializer::new())).expect("layers are plain data");
    if let Value::Array(list) = &mut list {
        list.iter_mut()
            .for_each(|entry| entry.decor_mut().set_prefix("\n    "));
        list.set_trailing_comma(true);
        list.set_trailing("\n");
    }
    layers.set(LAYERS, list, Origin::Data)
}

/// Mirrors where the set is known to allow it, and where it holds photographs.
fn mirrors(set: &ImageSet, layers: &mut Layers) -> Result<(), ConfigError> {
    if layers.word(FLIP) != AUTO {
        return Ok(());
    }
    let photographs = set.description.background == Background::Varied;
    let flip = set.description.mirrorable.unwrap_or(photographs);
    layers.set(FLIP, flip, Origin::Data)
}

/// Epochs until the validation loss stops falling, or so many as the settings have work for.
fn epochs(set: &ImageSet, layers: &mut Layers) -> Result<Option<String>, ConfigError> {
    if layers.word(EPOCHS) != AUTO {
        return Ok(None);
    }
    let config = layers.resolve()?;
    let held_out = match set.valid {
        Some(_) => 0,
        None => config.data.validation_size,
    };
    let left = set.train.len().saturating_sub(held_out);
    let images = match config.data.train_limit {
        0 => left,
        limit => left.min(limit),
    };
    let pixels = set.description.shape.pixels();
    let most = most_epochs(config.training.auto_images, images, pixels);
    layers.set(EPOCHS, most as i64, Origin::Data)?;
    if config.data.validation_size == 0 {
        return Ok(Some(format!(
            "{}: without validation images, training cannot tell when to end earlier",
            count(most, "epoch")
        )));
    }
    if layers.origin(PATIENCE) == Origin::Default {
        let patience = (most / 10).max(LEAST_PATIENCE);
        layers.set(PATIENCE, patience as i64, Origin::Data)?;
    }
    if layers.origin(SCHEDULE) == Origin::Default {
        layers.set(SCHEDULE, "plateau", Origin::Data)?;
    }
    Ok(Some(format!(
        "at most {}, fewer where the validation loss stops falling",
        count(most, "epoch")
    )))
}
