//! The images of a training: those it learns from, those that validate each epoch, and those that
//! say at its end how good it is.

use std::borrow::Cow;

use crate::config::{Architecture, Config, ConfigError, Layers};
use crate::data::batches::Normalisation;
use crate::data::image_set::{SetDescription, Sources};
use crate::data::split::{Division, divide};
use crate::data::test_split::TestSplit;
use crate::data::{ImageSet, Split};
use crate::evaluation::description::Description;
use crate::wording::listed;

/// A class with fewer images to train on is named: hardly anything can be learnt from them.
const FEW: usize = 5;
/// So many classes are named at most where something is said of several.
const NAMED: usize = 10;

/// A data set, its training images divided.
#[derive(Debug)]
pub struct TrainingImages {
    /// All of the set but its images and labels.
    pub set: SetDescription,
    /// To train on.
    pub train: Split,
    /// Those that validate.
    pub valid: Split,
    /// Where the images of `valid` stand in the split of the set that they were taken from.
    pub held_out: Vec<usize>,
    /// To be looked at once, at the end.
    pub test: TestSplit,
    /// The file of each image, where each is a file of its own.
    pub sources: Option<Sources>,
    /// Whether fewer images are trained on than there are.
    pub limited: bool,
    /// Where the set was found, for the record; empty where nobody said.
    pub found_in: String,
}

impl TrainingImages {
    /// Checks that the network and the settings suit the set.
    ///
    /// # Errors
    /// Settings that the data set does not allow.
    pub fn check(set: &ImageSet, config: &Config, layers: &Layers) -> Result<(), ConfigError> {
        let name = &set.description.name;
        if set.description.class_names.len() < 2 {
            return Err(layers.invalid(
                "data.set",
                format!("{name} has a single class: there is nothing to tell apart; give it images of another class"),
            ));
        }
        let all = set.train.len();
        let held_out = config.data.validation_size;
        if held_out >= all && set.valid.is_none() {
            return Err(layers.invalid(
                "data.validation_size",
                format!(
                    "{name} has only {all} training images: hold out fewer, --set data.validation_size={}",
                    all / 10
                ),
            ));
        }
        if held_out == 0 && config.training.target_accuracy > 0.0 {
            return Err(layers.invalid(
                "training.target_accuracy",
                "needs a validation split: data.validation_size is 0",
            ));
        }
        if config.augment.flip && set.description.mirrorable == Some(false) {
            return Err(layers.invalid(
                "augment.flip",
                format!(
                    "a mirrored image of {name} no longer shows its class: set augment.flip=false"
                ),
            ));
        }
        if let Err(reason) = config
            .training
            .class_weights
            .of_classes(&set.train.class_counts())
        {
            return Err(layers.invalid("training.class_weights", reason));
        }
        let classes = set.description.class_names.len();
        if let Err(reason) = config
            .model
            .network(set.description.shape, classes)
            .places()
        {
            return Err(layers.invalid(
                "model.layers",
                format!(
                    "for the {classes} classes of {name}, images of {}: {reason}; --set model.layers=plain makes a network that suits them",
                    set.description.shape
                ),
            ));
        }
        Ok(())
    }

    /// Holds training images out for validation, stratified and drawn by the seed, as the settings
    /// say, after [`Self::check`]. A set that has validation images validates on so many of those.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn divide(set: &ImageSet, config: &Config, layers: &Layers) -> Result<Self, ConfigError> {
        Self::check(set, config, layers)?;
        let seed = config.data.split_seed(config.seed);
        let wanted = config.data.validation_size;
        let part = |split: &Split, validation, limit| {
            divide(&split.labels, split.classes, validation, limit, seed)
        };
        let limit = config.data.train_limit;
        let Some(valid) = &set.valid else {
            return Ok(Self::by_division(set, &part(&set.train, wanted, limit)));
        };
        let chosen = match wanted < valid.len() {
            true => part(valid, wanted, 0).valid,
            false => (0..valid.len()).collect(),
        };
        let mut images = Self::by_division(set, &part(&set.train, 0, limit));
        images.valid = valid.pick(&chosen);
        images.held_out.clone_from(&chosen);
        if let (Some(of_images), Some(of_set)) = (&mut images.sources, &set.sources) {
            of_images.valid = picked(&of_set.valid, &chosen);
        }
        Ok(images)
    }

    /// The images of a set, divided so.
    pub fn by_division(set: &ImageSet, division: &Division) -> Self {
        Self {
            train: set.train.pick(&division.train),
            valid: set.train.pick(&division.valid),
            held_out: division.valid.clone(),
            test: set.test.clone(),
            set: set.description.clone(),
            sources: set.sources.as_ref().map(|sources| Sources {
                train: picked(&sources.train, &division.train),
                valid: picked(&sources.train, &division.valid),
                test: sources.test.clone(),
            }),
            limited: division.train.len() + division.valid.len() < set.train.len(),
            found_in: String::new(),
        }
    }

    /// The network of the settings for these images.
    pub fn network(&self, config: &Config) -> Architecture {
        config
            .model
            .network(self.set.shape, self.set.class_names.len())
    }

    /// What is needed to use weights trained on these images.
    pub fn describe(&self, config: &Config) -> Description {
        Description {
            model: config.model.clone(),
            normalisation: Normalisation::measure(&self.train),
            set: self.set.clone(),
            familiarity: None,
        }
    }

    /// What a person should know of the classes before training: those without an image to train
    /// on, those with hardly any, and those without a test image.
    pub fn remarks(&self) -> Vec<String> {
        let (train, test) = (self.train.class_counts(), self.test.class_counts());
        let valid = self.valid.class_counts();
        let names = &self.set.class_names;
        let named = |wanted: &dyn Fn(usize) -> bool| {
            let classes = (0..names.len()).filter(|&class| wanted(class));
            let found: Vec<_> = classes.map(|class| listed(&names[class])).collect();
            (!found.is_empty()).then_some(found)
        };
        let mut remarks = Vec::new();
        let tested = |class: usize| train[class] == 0 && test[class] > 0;
        let only_validated =
            |class: usize| train[class] == 0 && test[class] == 0 && valid[class] > 0;
        for (classes, others) in [
            (named(&tested), "test"),
            (named(&only_validated), "validation"),
        ] {
            let Some(classes) = classes else { continue };
            let list = list(&classes);
            remarks.push(match self.limited {
                true => format!("data.train_limit leaves no training image of {list}, but there are {others} images"),
                false => format!(
                    "no training image of {list}, but {others} images: the network cannot learn {}",
                    either(&classes, "it", "them")
                ),
            });
        }
        let absent = |class: usize| train[class] == 0 && test[class] == 0 && valid[class] == 0;
        if let Some(classes) = named(&absent) {
            let list = list(&classes);
            remarks.push(match self.limited {
                true => format!("data.train_limit leaves no image of {list} to train on"),
                false => format!("no image at all of {list}"),
            });
        }
        let few = |class: usize| (1..FEW).contains(&train[class]);
        if let Some(classes) = named(&few) {
            let list = list(&classes);
            remarks.push(format!("fewer than {FEW} training images of {list}"));
        }
        let untested = |class: usize| train[class] > 0 && test[class] == 0;
        if let Some(classes) = named(&untested) {
            remarks.push(format!(
                "no test image of {}: nothing is known of how well {} told apart",
                list(&classes),
                either(&classes, "it is", "they are")
            ));
        }
        remarks
    }
}

fn picked(files: &[String], places: &[usize]) -> Vec<String> {
    places.iter().map(|&place| files[place].clone()).collect()
}

/// The word for a single class, or that for several.
fn either<'w>(classes: &[Cow<'_, str>], one: &'w str, several: &'w str) -> &'w str {
    match classes {
        [_] => one,
        _ => several,
    }
}

/// `a, b and c`; of many, the first and how many more.
fn list(names: &[Cow<'_, str>]) -> String {
    match names {
        [only] => format!("class {only}"),
        names if names.len() > NAMED => format!(
            "{} classes ({} and {} more)",
            names.len(),
            names[..NAMED].join(", "),
            names.len() - NAMED
        ),
        [others @ .., last] => format!("classes {} and {last}", others.join(", ")),
        [] => String::new(),
    }
}
