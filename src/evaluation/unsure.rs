//! Whether a network knows what an image shows: how far its answer is from those it gives to the
//! images of its own set, measured once after training.

mod gaussian;
mod outliers;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::gaussian::Gaussian;
use super::inference::{Answer, answers, best};
use crate::config::Config;
use crate::data::Split;
use crate::data::batches::Normalisation;
use crate::device::{Device, DeviceError};
use crate::model::Model;
use crate::picture::Target;

/// The share of validation images that are above the threshold: below the twentieth of test images
/// that may be.
const ABOVE: f64 = 0.042;
/// The same of images that the network was trained on, which it knows better.
const ABOVE_TRAINED: f64 = 0.02;
/// Fewer images to train on tell no threshold.
pub const LEAST_IMAGES: usize = 100;
/// Fewer images that the network was not trained on tell none.
const LEAST_HELD_OUT: usize = 10;
/// Fewer that it was trained on tell none where too few were held out: it knows them by heart.
const LEAST_TRAINED: usize = 1000;
/// Answers from this score on are unsure.
pub const THRESHOLD: f32 = 1.0;
/// What the energy counts beside the features.
const ENERGY: f32 = 0.5;
/// Directions that the features of a class vary along.
const DIRECTIONS: usize = 20;
/// Images of a class that its directions are taken from, at most.
const IMAGES_OF_CLASS: usize = 1000;
/// A class that fewer outliers are taken for is told from all outliers.
const LEAST_OUTLIERS: usize = 80;
/// Measured are so many images of a split at most.
const MOST_IMAGES: usize = 10_000;
/// Numbers that all directions may have together: more are not kept with the weights.
const MOST_NUMBERS: usize = 1 << 19;

/// What a network answers to images of its own set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Familiarity {
    energy: Scale,
    /// `None` where the features are too many to keep, and in weights of older versions.
    #[serde(default)]
    outliers: Option<Outliers>,
}

/// What tells images of each class from outliers that are taken for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Outliers {
    ratio: Scale,
    /// What energy and ratio together are for an image at the threshold.
    limit: f32,
    /// One a class; `None` without training images of it.
    classes: Vec<Option<Class>>,
}

/// Where the features of a class lie, and those of outliers that are taken for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Class {
    own: Gaussian,
    outliers: Gaussian,
}

impl Class {
    /// Twice the logarithm of how much likelier these features are an outlier's than the class's.
    fn ratio(&self, features: &[f32]) -> f32 {
        self.own.surprise(features) - self.outliers.surprise(features)
    }
}

/// 0 is the median of images of the set, 1 is what nearly all of them stay below.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Scale {
    median: f32,
    limit: f32,
}

impl Scale {
    fn measured(values: &[f32], above: f64) -> Self {
        Self {
            median: limit(values, 0.5),
            limit: limit(values, above),
        }
    }

    fn of(&self, value: f32) -> f32 {
        (value - self.median) / (self.limit - self.median).max(f32::MIN_POSITIVE)
    }

    fn is_sound(&self) -> bool {
        self.median.is_finite() && self.limit.is_finite() && self.limit > self.median
    }
}

/// The images of a training.
pub struct Images<'a> {
    pub train: &'a Split,
    pub valid: &'a Split,
    /// How the set frames its images.
    pub target: Target,
    pub normalisation: Normalisation,
}

/// What a network answers to images of its set, measured on those it was not trained on where there
/// are enough, and to outliers made of them; `None` where there are too few.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn familiarity(
    model: &Model,
    images: &Images<'_>,
    config: &Config,
    device: &Device,
) -> Result<Option<Familiarity>, DeviceError> {
    let normalisation = images.normalisation;
    let known = images.train.first(MOST_IMAGES);
    let outliers = outliers::outliers(&known, &images.target);
    let found = answers(model, &known, normalisation, config, device).await?;
    let odd = answers(model, &outliers, normalisation, config, device).await?;
    let (held_out, above) = match images.valid.len() < LEAST_HELD_OUT {
        true => (None, ABOVE_TRAINED),
        false => {
            let valid = images.valid.first(MOST_IMAGES);
            let held_out = answers(model, &valid, normalisation, config, device).await?;
            (Some(held_out), ABOVE)
        }
    };
    if held_out.is_none() && found.len() < LEAST_TRAINED {
        return Ok(None);
    }
    let held_out = held_out.as_ref().unwrap_or(&found);
    Ok(Familiarity::measure(
        &found,
        &known.labels,
        &odd,
        held_out,
        above,
    ))
}

impl Familiarity {
    /// Measures what tells `known` answers (labels beside them) from those to outliers; at most the
    /// share `above` of `held_out` ones gets a score above 1. `None` where there are too
    /// few.
    pub fn measure(
        known: &[Answer],
        labels: &[u16],
        outliers: &[Answer],
        held_out: &[Answer],
        above: f64,
    ) -> Option<Self> {
        if known.len() < LEAST_IMAGES || held_out.len() < LEAST_HELD_OUT {
            return None;
        }
        let energies: Vec<f32> = held_out
            .iter()
            .map(|answer| energy(&answer.logits))
            .collect();
        let mut found = Self {
            energy: Scale::measured(&energies, above),
            outliers: None,
        };
        if let Some(classes) = classes(known, labels, outliers) {
            let ratios: Vec<f32> = held_out
                .par_iter()
                .filter_map(|answer| ratio(&classes, answer))
                .collect();
            if ratios.len() >= LEAST_HELD_OUT {
                found.outliers = Some(Outliers {
                    ratio: Scale::measured(&ratios, above),
                    limit: 1.0,
                    classes,
                });
                let scores: Vec<f32> = held_out
                    .par_iter()
                    .map(|answer| found.score(answer))
                    .collect();
                if let Some(outliers) = &mut found.outliers {
                    outliers.limit = limit(&scores, above);
                }
            }
        }
        found.is_sound().then_some(found)
    }

    /// How unfamiliar an answer is: 0 is usual, above 1 it is unsure.
    pub fn score(&self, answer: &Answer) -> f32 {
        let energy = self.energy.of(energy(&answer.logits));
        match &self.outliers {
            Some(Outliers {
                ratio: scale,
                limit,
                classes,
            }) => {
                let ratio = ratio(classes, answer).map_or(0.0, |ratio| scale.of(ratio));
                (ENERGY * energy + ratio) / limit
            }
            None => energy,
        }
    }

    /// Whether it can be used.
    pub fn is_sound(&self) -> bool {
        let sound = |outliers: &Outliers| {
            outliers.ratio.is_sound() && outliers.limit.is_finite() && outliers.limit > 0.0
        };
        self.energy.is_sound() && self.outliers.as_ref().is_none_or(sound)
    }
}

/// The free energy of an answer (Liu et al., arXiv:2010.03759): the negative logarithm of the sum of
/// the exponentials of its logits. It is high where no class finds what it looks for.
fn energy(logits: &[f32]) -> f32 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    -(highest + sum.ln())
}

/// How much likelier an answer is that to an outlier than to an image of the class it names; `None`
/// where nothing is known of that class.
fn ratio(classes: &[Option<Class>], answer: &Answer) -> Option<f32> {
    let class = classes.get(best(&answer.logits)).and_then(Option::as_ref)?;
    let features = rooted(answer);
    // Weights and what they know come from one file, but a file can be anything.
    (class.own.width() == features.len() && class.outliers.width() == features.len())
        .then(|| class.ratio(&features))
}

/// Features as they are compared: roots are spread more evenly than what a ReLU leaves.
fn rooted(answer: &Answer) -> Vec<f32> {
    let root = |value: &f32| value.signum() * value.abs().sqrt();
    answer.features.iter().map(root).collect()
}

fn classes(known: &[Answer], labels: &[u16], outliers: &[Answer]) -> Option<Vec<Option<Class>>> {
    let first = known.first()?;
    let (classes, width) = (first.logits.len(), first.features.len());
    if 2 * classes * width * (DIRECTIONS + 1) > MOST_NUMBERS || outliers.len() < LEAST_OUTLIERS {
        return None;
    }
    let odd: Vec<(usize, Vec<f32>)> = outliers
        .par_iter()
        .map(|answer| (best(&answer.logits), rooted(answer)))
        .collect();
    let distribution = |rows: &[&[f32]]| {
        let count = DIRECTIONS.min(rows.len() / 4).min(width / 2);
        (count > 0).then(|| Gaussian::of(rows, count)).flatten()
    };
    let of_class = |class: usize| {
        let members: Vec<Vec<f32>> = known
            .iter()
            .zip(labels)
            .filter(|(_, label)| usize::from(**label) == class)
            .map(|(answer, _)| rooted(answer))
            .take(IMAGES_OF_CLASS)
            .collect();
        let members: Vec<&[f32]> = members.iter().map(Vec::as_slice).collect();
        let own = distribution(&members)?;
        let mut taken: Vec<&[f32]> = odd
            .iter()
            .filter(|(answered, _)| *answered == class)
            .map(|(_, features)| features.as_slice())
            .take(IMAGES_OF_CLASS)
            .collect();
        if taken.len() < LEAST_OUTLIERS {
            let every = odd.len().div_ceil(IMAGES_OF_CLASS);
            taken = odd
                .iter()
                .step_by(every)
                .map(|(_, features)| features.as_slice())
                .collect();
        }
        let outliers = distribution(&taken)?;
        Some(Class { own, outliers })
    };
    Some((0..classes).into_par_iter().map(of_class).collect())
}

/// The value that the share `above` of all is above, or fewer. Where that is less than two of them, it is what half the
/// share would be above, taken beyond the highest value as if those above the median became rarer exponentially: single
/// values vary much.
fn limit(values: &[f32], above: f64) -> f32 {
    let count = values.len() as f64;
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    if above * (count + 1.0) >= 2.0 {
        // Another value is above the one at a place as often as those from there on are of all and that other.
        return sorted[(count - above * (count + 1.0)).ceil() as usize];
    }
    let halvings = |share: f64| -share.log2() - 1.0;
    let beyond = halvings(above / 2.0) / halvings(1.0 / (count + 1.0));
    let median = limit(values, 0.5);
    median + (sorted[values.len() - 1] - median) * beyond as f32
}
