//! A set as a format read it, before its test images are sealed: brought to the size and colour of
//! the settings, given test images where it has none, and described.

use std::collections::HashSet;
use std::sync::Arc;

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::Split;
use super::catalog::KnownSet;
use super::image_set::{Framing, ImageSet, ImageShape, SIDES, SetDescription, Sources};
use super::split::hold_out;
use super::traits;
use crate::config::{BrokenFiles, Colour, DataConfig, ImageSize, Layers};
use crate::data::test_split::TestSplit;
use crate::picture;
use crate::wording::{count, verb};

/// The side of images that share no size that can be trained on, in pixels.
pub const USUAL_SIDE: usize = 32;

/// The settings that say how a set is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadOptions {
    /// The size that images are brought to.
    pub size: ImageSize,
    /// Whether images are grey or coloured.
    pub colour: Colour,
    /// How many broken images may be left out.
    pub broken: BrokenFiles,
    /// The share of each class that tests, where a set has no test images of its own.
    pub test_fraction: f64,
    /// Draws which images those are.
    pub test_seed: u64,
}

impl From<&DataConfig> for ReadOptions {
    fn from(config: &DataConfig) -> Self {
        Self {
            size: config.size,
            colour: config.colour,
            broken: config.broken,
            test_fraction: config.test_fraction,
            test_seed: config.test_seed,
        }
    }
}

impl Default for ReadOptions {
    fn default() -> Self {
        let config = Layers::default().resolve();
        Self::from(&config.expect("the defaults are sound").data)
    }
}

/// A data set, and what a person should know of how it was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What was read.
    pub set: ImageSet,
    /// The known set whose published files these are.
    pub known: Option<&'static KnownSet>,
    /// Sentences without an end: `the labels are counted from 1: ...`.
    pub notes: Vec<String>,
    /// As `notes`, of what was left out.
    pub warnings: Vec<String>,
}

/// A set whose test images can still be looked at.
#[derive(Debug)]
pub struct OpenSet {
    pub name: String,
    pub class_names: Vec<String>,
    /// All splits have one shape and these classes.
    pub train: Split,
    pub valid: Option<Split>,
    /// Where there is none, images to train on are held out.
    pub test: Option<Split>,
    /// Those to test are among those to train on where `test` is `None`.
    pub sources: Option<Sources>,
    pub known: Option<&'static KnownSet>,
    pub notes: Vec<String>,
    pub warnings: Vec<String>,
}

impl OpenSet {
    /// Images to train on, to validate and to test.
    #[cfg(not(target_family = "wasm"))]
    pub fn counts(&self) -> [usize; 3] {
        let count = |split: &Option<Split>| split.as_ref().map_or(0, Split::len);
        [self.train.len(), count(&self.valid), count(&self.test)]
    }

    fn splits(&self) -> impl Iterator<Item = &Split> {
        let splits = [Some(&self.train), self.valid.as_ref(), self.test.as_ref()];
        splits.into_iter().flatten()
    }

    fn splits_mut(&mut self) -> impl Iterator<Item = &mut Split> {
        let rest = [self.valid.as_mut(), self.test.as_mut()];
        [Some(&mut self.train)].into_iter().chain(rest).flatten()
    }

    /// With names for its classes, each of which was a number.
    ///
    /// # Errors
    /// Why they are not those of its labels.
    pub fn with_class_names(mut self, names: Vec<String>) -> Result<Self, String> {
        let classes = self.class_names.len();
        if names.len() != classes {
            return Err(format!(
                "{} for the {classes} classes of the labels ({} to {})",
                count(names.len(), "name"),
                self.class_names[0],
                self.class_names[classes - 1]
            ));
        }
        self.class_names = names;
        Ok(self)
    }

    /// With what is known of the set.
    #[cfg(not(target_family = "wasm"))]
    pub fn known_as(mut self, set: &'static KnownSet) -> Self {
        self.class_names = set.class_names();
        let classes = self.class_names.len();
        self.splits_mut().for_each(|split| split.classes = classes);
        self.known = Some(set);
        self
    }

    /// The set that the settings make of it.
    pub fn seal(mut self, options: &ReadOptions) -> Loaded {
        let native = self.train.shape;
        self.drop_empty_splits();
        self.bring_to_shape(options);
        self.warn_of_repeats();
        self.hold_out_test(options);
        let shape = self.train.shape;
        let resized = (shape.height, shape.width) != (native.height, native.width);
        let (framing, background, mirrorable) = match self.known {
            Some(set) => (set.framing, set.background, Some(set.mirrorable)),
            None => {
                let found = traits::measure(&self.train);
                // What is framed as digits are may well be digits.
                let digits = found.framing == Framing::CentreOfMass;
                // Files to predict are then read as these were.
                let cropped = resized || self.sources.is_some();
                let framing = match digits || !cropped {
                    true => found.framing,
                    false => Framing::Crop,
                };
                (framing, found.background, digits.then_some(false))
            }
        };
        let description = SetDescription {
            name: self.name,
            shape,
            class_names: self.class_names,
            framing,
            background,
            mirrorable,
            fingerprint: String::new(),
        };
        let test = TestSplit::new(self.test.expect("held out, if there was none"));
        let mut set = ImageSet::with_validation(description, self.train, self.valid, test);
        set.sources = self.sources.map(Arc::new);
        Loaded {
            set,
            known: self.known,
            notes: self.notes,
            warnings: self.warnings,
        }
    }

    /// A part that is there and holds nothing is no part.
    fn drop_empty_splits(&mut self) {
        self.valid = self.valid.take().filter(|split| !split.is_empty());
        self.test = self.test.take().filter(|split| !split.is_empty());
    }

    fn bring_to_shape(&mut self, options: &ReadOptions) {
        let native = self.train.shape;
        let is_coloured = native.channels > 1 && self.known.is_none();
        let grey = |split: &Split| is_grey(&split.images, split.shape.channels);
        let channels = match options.colour {
            Colour::Grey => 1,
            Colour::Rgb => 3,
            Colour::Auto if is_coloured && self.splits().all(grey) => 1,
            Colour::Auto => native.channels,
        };
        let [height, width] = sides(options.size, [native.height, native.width]);
        let shape = ImageShape {
            height,
            width,
            channels,
        };
        if shape == native {
            return;
        }
        self.notes.push(format!("{native} made into {shape}"));
        for split in self.splits_mut() {
            split.images = split
                .images
                .par_chunks_exact(native.bytes())
                .flat_map_iter(|image| picture::cropped(image, native, shape))
                .collect();
            split.shape = shape;
        }
    }

    /// Says how many images of its own to test are among those to train on, to the byte.
    fn warn_of_repeats(&mut self) {
        let Some(test) = self.test.as_ref().filter(|_| self.known.is_none()) else {
            return;
        };
        let hashes = |split: &Split| -> Vec<u128> {
            let images = split.images.par_chunks_exact(split.shape.bytes());
            images.map(xxh3_128).collect()
        };
        let trained: HashSet<u128> = hashes(&self.train).into_iter().collect();
        let tested = hashes(test);
        let repeats = tested.iter().filter(|hash| trained.contains(hash)).count();
        if repeats > 0 {
            self.warnings.push(format!(
                "{repeats} of the {} {} also among those to train on, pixel for pixel: the test accuracy will be too high",
                count(tested.len(), "test image"),
                verb(repeats, "is", "are")
            ));
        }
    }

    fn hold_out_test(&mut self, options: &ReadOptions) {
        if self.test.is_some() {
            return;
        }
        let all = &self.train;
        let (train, test) = hold_out(
            &all.labels,
            all.classes,
            options.test_fraction,
            options.test_seed,
        );
        self.notes.push(format!(
            "no test images of its own: {} of {} {} held out to test (data.test_fraction {})",
            test.len(),
            all.len(),
            verb(test.len(), "is", "are"),
            options.test_fraction
        ));
        self.test = Some(all.pick(&test));
        self.train = all.pick(&train);
        if let Some(sources) = &mut self.sources {
            let all = std::mem::take(&mut sources.train);
            let picked = |places: &[usize]| places.iter().map(|&at| all[at].clone()).collect();
            (sources.train, sources.test) = (picked(&train), picked(&test));
        }
    }
}

/// Height and width that the settings make of images that share these.
pub fn sides(size: ImageSize, native: [usize; 2]) -> [usize; 2] {
    let fits = native.iter().all(|side| SIDES.contains(side));
    size.sides().unwrap_or(match fits {
        true => native,
        false => [USUAL_SIDE; 2],
    })
}

/// Whether no pixel has a colour.
pub fn is_grey(images: &[u8], channels: usize) -> bool {
    let alike = |pixel: &[u8]| pixel.iter().all(|&value| value == pixel[0]);
    images.chunks_exact(channels).all(alike)
}
