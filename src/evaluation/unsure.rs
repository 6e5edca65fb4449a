//! Whether a network knows what an image shows: how far its answer is from those it gives to the
//! images of its own set, measured once after training.

mod subspace;

use serde::{Deserialize, Serialize};

use self::subspace::Subspace;
use super::inference::{Answer, answers, best};
use crate::config::Config;
use crate::data::Split;
use crate::data::batches::Normalisation;
use crate::device::{Device, DeviceError};
use crate::model::Model;

/// The share of validation images that are above the threshold: below the twentieth of test images
/// that may be.
const ABOVE: f64 = 0.038;
/// The same of images that the network was trained on, which it knows better.
const ABOVE_TRAINED: f64 = 0.02;
/// Fewer images tell no threshold.
const LEAST_IMAGES: usize = 100;
/// Answers from this score on are unsure.
pub const THRESHOLD: f32 = 1.0;
/// Directions that the features of a class vary along.
const DIRECTIONS: usize = 20;
/// Training images of a class that its directions are taken from, at most.
const IMAGES_OF_CLASS: usize = 500;
/// Measured are so many images of a split at most.
const MOST_IMAGES: usize = 10_000;
/// Numbers that all directions may have together: more are not kept with the weights.
const MOST_NUMBERS: usize = 1 << 19;

/// What a network answers to images of its own set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Familiarity {
    energy: Scale,
    /// `None` where the features are too many to keep.
    features: Option<Features>,
}

/// Where the features of each class lie, and how far from there they usually are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Features {
    distance: Scale,
    /// One a class; `None` without training images of it.
    classes: Vec<Option<Subspace>>,
}

/// 0 is the median of images of the set, 1 is what nearly all of them stay below.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Scale {
    median: f32,
    limit: f32,
}

impl Scale {
    fn of(&self, value: f32) -> f32 {
        (value - self.median) / (self.limit - self.median).max(f32::MIN_POSITIVE)
    }

    fn is_sound(&self) -> bool {
        self.median.is_finite() && self.limit.is_finite() && self.limit > self.median
    }
}

/// What a network answers to images of its set, measured on those it was not trained on where there
/// are enough; `None` where there are too few of either.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn familiarity(
    model: &Model,
    train: &Split,
    valid: &Split,
    normalisation: Normalisation,
    config: &Config,
    device: &Device,
) -> Result<Option<Familiarity>, DeviceError> {
    let known = train.first(MOST_IMAGES);
    let found = answers(model, &known, normalisation, config, device).await?;
    if valid.len() < LEAST_IMAGES {
        return Ok(Familiarity::measure(
            &found,
            &known.labels,
            &found,
            ABOVE_TRAINED,
        ));
    }
    let held_out = answers(
        model,
        &valid.first(MOST_IMAGES),
        normalisation,
        config,
        device,
    )
    .await?;
    Ok(Familiarity::measure(
        &found,
        &known.labels,
        &held_out,
        ABOVE,
    ))
}

impl Familiarity {
    /// Measures what `known` answers (labels beside them) have in common, and how far `held_out`
    /// ones are from that; at most the share `above` of these gets a score above [`THRESHOLD`].
    /// `None` where there are too few.
    pub fn measure(
        known: &[Answer],
        labels: &[u16],
        held_out: &[Answer],
        above: f64,
    ) -> Option<Self> {
        if held_out.len() < LEAST_IMAGES {
            return None;
        }
        let energies: Vec<f32> = held_out
            .iter()
            .map(|answer| energy(&answer.logits))
            .collect();
        let classes = subspaces(known, labels);
        let distances: Option<Vec<f32>> = classes.as_ref().map(|classes| {
            held_out
                .iter()
                .map(|answer| distance(classes, answer))
                .collect()
        });
        // Either limit flags some: both together must keep to the share.
        let (mut low, mut high) = (0.0, above);
        for _ in 0..24 {
            let each = (low + high) / 2.0;
            let energy = limit(&energies, each);
            let far = distances.as_ref().map(|distances| limit(distances, each));
            let flagged = (0..held_out.len()).filter(|&at| {
                energies[at] > energy
                    || far.is_some_and(|far| distances.as_ref().is_some_and(|all| all[at] > far))
            });
            match flagged.count() as f64 > above * held_out.len() as f64 {
                true => high = each,
                false => low = each,
            }
        }
        let scale = |values: &[f32]| Scale {
            median: limit(values, 0.5),
            limit: limit(values, low),
        };
        let found = Self {
            energy: scale(&energies),
            features: classes.zip(distances).map(|(classes, distances)| Features {
                distance: scale(&distances),
                classes,
            }),
        };
        found.is_sound().then_some(found)
    }

    /// How unfamiliar an answer is: 0 is usual, above [`THRESHOLD`] it is unsure.
    pub fn score(&self, answer: &Answer) -> f32 {
        let energy = self.energy.of(energy(&answer.logits));
        match &self.features {
            Some(features) => energy.max(features.distance.of(distance(&features.classes, answer))),
            None => energy,
        }
    }

    /// Whether it can be used with answers of so many classes and features.
    pub fn is_sound(&self) -> bool {
        self.energy.is_sound()
            && self
                .features
                .as_ref()
                .is_none_or(|features| features.distance.is_sound())
    }
}

/// The free energy of an answer (Liu et al., arXiv:2010.03759): the negative logarithm of the sum of
/// the exponentials of its logits. It is high where no class finds what it looks for.
fn energy(logits: &[f32]) -> f32 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    -(highest + sum.ln())
}

/// How far the features are from those of the class that is answered: the part of them that its
/// directions cannot make (as in ViM, arXiv:2203.10807, a class at a time).
fn distance(classes: &[Option<Subspace>], answer: &Answer) -> f32 {
    let class = classes.get(best(&answer.logits)).and_then(Option::as_ref);
    class.map_or(0.0, |class| class.residual(&answer.features))
}

fn subspaces(known: &[Answer], labels: &[u16]) -> Option<Vec<Option<Subspace>>> {
    let first = known.first()?;
    let (classes, width) = (first.logits.len(), first.features.len());
    if classes * width * (DIRECTIONS + 1) > MOST_NUMBERS {
        return None;
    }
    let of_class = |class: usize| {
        let members = known
            .iter()
            .zip(labels)
            .filter(|(_, label)| usize::from(**label) == class);
        let members: Vec<&[f32]> = members
            .map(|(answer, _)| answer.features.as_slice())
            .take(IMAGES_OF_CLASS)
            .collect();
        let count = DIRECTIONS.min(members.len() / 4).min(width / 2);
        (count > 0).then(|| Subspace::of(&members, count))
    };
    Some((0..classes).map(of_class).collect())
}

/// The value that the share `above` of all is above, or fewer.
fn limit(values: &[f32], above: f64) -> f32 {
    let mut values = values.to_vec();
    let place = ((1.0 - above) * (values.len() - 1) as f64).ceil() as usize;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}
