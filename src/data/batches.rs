//! A split held on the device as bytes, four to a word; batches are gathered, unpacked and
//! normalised there.

use std::sync::Arc;

use burn::tensor::{DType, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::Split;
use super::augment::Augment;
use super::image_set::Background;
use super::image_set::ImageShape;
use super::sampling;
use crate::config::Sampling;
use crate::device::Device;
use crate::kernels::Kernels;
use crate::kernels::augment_batch::{self, Augmentation};
use crate::kernels::gather_batch;
use crate::kernels::images::ChannelScale;
use crate::kernels::step_state::StepState;

/// Mean and standard deviation of each channel of the training images, in 0..=1. All three places
/// of grey images are alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Normalisation {
    /// Of bytes divided by 255, a number a channel; grey images use the first.
    pub mean: [f32; 3],
    /// The same.
    pub standard_deviation: [f32; 3],
}

/// As files have it: one number where all channels are alike, so always of grey images.
#[derive(Serialize, Deserialize)]
struct Written {
    mean: OneOrThree,
    standard_deviation: OneOrThree,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrThree {
    One(f32),
    Three([f32; 3]),
}

impl From<OneOrThree> for [f32; 3] {
    fn from(written: OneOrThree) -> Self {
        match written {
            OneOrThree::One(number) => [number; 3],
            OneOrThree::Three(numbers) => numbers,
        }
    }
}

impl From<[f32; 3]> for OneOrThree {
    fn from(numbers: [f32; 3]) -> Self {
        match numbers {
            [first, second, third] if first == second && first == third => Self::One(first),
            numbers => Self::Three(numbers),
        }
    }
}

impl From<Written> for Normalisation {
    fn from(written: Written) -> Self {
        Self {
            mean: written.mean.into(),
            standard_deviation: written.standard_deviation.into(),
        }
    }
}

impl From<Normalisation> for Written {
    fn from(normalisation: Normalisation) -> Self {
        Self {
            mean: normalisation.mean.into(),
            standard_deviation: normalisation.standard_deviation.into(),
        }
    }
}

impl Normalisation {
    /// That of grey images.
    pub const fn grey(mean: f32, standard_deviation: f32) -> Self {
        Self {
            mean: [mean; 3],
            standard_deviation: [standard_deviation; 3],
        }
    }

    /// Measures a split; a channel of one value has deviation 1, so that nothing divides by 0.
    pub fn measure(split: &Split) -> Self {
        let channels = split.shape.channels;
        let mut counts = vec![[0u64; 256]; channels];
        match channels {
            1 => {
                for &value in &split.images {
                    counts[0][usize::from(value)] += 1;
                }
            }
            _ => {
                for pixel in split.images.chunks_exact(channels) {
                    for (counts, &value) in counts.iter_mut().zip(pixel) {
                        counts[usize::from(value)] += 1;
                    }
                }
            }
        }
        let of_channel = |place: usize| moments(&counts[place.min(channels - 1)]);
        let found = [0, 1, 2].map(of_channel);
        Self {
            mean: found.map(|(mean, _)| mean),
            standard_deviation: found.map(|(_, deviation)| deviation),
        }
    }

    /// As kernels take it.
    pub const fn scale(self) -> ChannelScale {
        ChannelScale {
            mean: self.mean,
            deviation: self.standard_deviation,
        }
    }

    /// Whether images can be normalised by it.
    pub fn is_sound(self) -> bool {
        self.mean.iter().all(|mean| mean.is_finite())
            && self
                .standard_deviation
                .iter()
                .all(|deviation| deviation.is_normal() && *deviation > 0.0)
    }
}

/// Mean and standard deviation of bytes counted by value, divided by 255.
fn moments(counts: &[u64; 256]) -> (f32, f32) {
    let total = counts.iter().sum::<u64>().max(1) as f64;
    let moment = |power: i32| {
        let sum: f64 = (0..256)
            .map(|value| counts[value] as f64 * (value as f64 / 255.0).powi(power))
            .sum();
        sum / total
    };
    let mean = moment(1);
    let deviation = (moment(2) - mean * mean).max(0.0).sqrt();
    match deviation > 0.0 {
        true => (mean as f32, deviation as f32),
        false => (mean as f32, 1.0),
    }
}

/// Images and labels on a device.
#[derive(Clone, Debug)]
pub struct DeviceSplit {
    /// `[n, shape.words()]` all together, see [`ImageShape::words`]; on an adapter several where one would be too large.
    parts: Vec<Tensor<2, Int>>,
    /// `[n]`
    labels: Tensor<1, Int>,
    /// The same on the host.
    classes: Arc<[u16]>,
    shape: ImageShape,
    /// Images of each class.
    class_counts: Vec<usize>,
    normalisation: Normalisation,
    background: Background,
    kernels: Kernels,
}

/// What one step works on.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Normalised images `[n, height, width, 1 or 4]`: the fourth channel of colour is zero.
    pub images: Tensor<4>,
    /// Classes `[n]`.
    pub labels: Tensor<1, Int>,
}

impl DeviceSplit {
    /// Copies a split to `device`, whose kernels gather it.
    pub fn upload(split: &Split, normalisation: Normalisation, device: &Device) -> Self {
        let labels: Vec<i32> = split.labels.iter().map(|&label| label.into()).collect();
        let length = labels.len();
        let options = || (device.burn(), DType::I32);
        let width = split.shape.words();
        let most = match device.is_gpu() {
            true => split.shape.most_in_a_part(),
            false => length,
        };
        let part = |words: Vec<i32>| {
            let dims = [words.len() / width, width];
            Tensor::from_data(TensorData::new(words, dims), options())
        };
        let words = split.shape.pack(&split.images);
        let parts = match length <= most {
            true => vec![part(words)],
            false => words
                .chunks(most * width)
                .map(|words| part(words.to_vec()))
                .collect(),
        };
        Self {
            parts,
            labels: Tensor::from_data(TensorData::new(labels, [length]), options()),
            classes: split.labels.as_slice().into(),
            shape: split.shape,
            class_counts: split.class_counts(),
            normalisation,
            background: Background::Dark,
            kernels: device.kernels(),
        }
    }

    /// The same with this background, which distortion fills in; it is dark unless it is said.
    #[must_use]
    pub fn with_background(self, background: Background) -> Self {
        Self { background, ..self }
    }

    /// The shape of every image.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// How many classes there are; labels are below it.
    pub fn classes(&self) -> usize {
        self.class_counts.len()
    }

    /// How many images each class has.
    pub fn class_counts(&self) -> &[usize] {
        &self.class_counts
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether it holds no image.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// The images of `epoch`, from 1, in the order in which they are trained on: as many as there are.
    pub fn order(&self, sampling: Sampling, seed: u64, epoch: usize) -> Vec<i32> {
        match sampling {
            Sampling::Once => sampling::once(seed, epoch, self.len()),
            Sampling::Balanced => sampling::balanced(seed, epoch, &self.classes, self.classes()),
        }
    }

    /// The images at `indices` `[n]`, normalised.
    pub fn gather(&self, indices: Tensor<1, Int>) -> Batch {
        let images = self.gather_images(indices.clone());
        self.batch(images, indices)
    }

    /// The images at `indices` `[n]`, distorted and normalised; `numbers` are the same indices on
    /// the host.
    pub fn gather_augmented(
        &self,
        indices: Tensor<1, Int>,
        numbers: &[i32],
        augment: &Augment,
    ) -> Batch {
        let images = self.augment_images((indices.clone(), numbers), augment);
        self.batch(images, indices)
    }

    /// The next `batch` images of `steps`, normalised; distorted as `augment` says in the epoch where they stand.
    pub fn take(&self, steps: &StepState, batch: usize, augment: Option<&Augment>) -> Batch {
        let (words, labels) = (&self.parts[0], &self.labels);
        let looks = (self.shape, self.normalisation.scale());
        let (images, labels) = match augment {
            None => gather_batch::gpu::take(steps, words, labels, looks, batch),
            Some(augment) => {
                let drawn = (self.filled(augment), augment.stream.seed);
                augment_batch::gpu::take(steps, words, labels, looks, drawn, batch)
            }
        };
        Batch { images, labels }
    }

    /// What changes from step to step of a training on these images, where kernels of ours read it on their adapter;
    /// `steps` are those of an epoch at most.
    pub fn step_state(&self, steps: usize) -> Option<StepState> {
        let is_fused = self.kernels == Kernels::Fused;
        (is_fused && self.parts.len() == 1)
            .then(|| StepState::new(self.len(), steps, &self.labels))
            .flatten()
    }

    fn gather_images(&self, indices: Tensor<1, Int>) -> Tensor<4> {
        let scale = self.normalisation.scale();
        (self.kernels).gather_batch(&self.parts, indices, self.shape, scale)
    }

    fn augment_images(&self, picked: (Tensor<1, Int>, &[i32]), augment: &Augment) -> Tensor<4> {
        let stream = augment.stream;
        let augmentation = self.filled(augment);
        let (shape, scale) = (self.shape, self.normalisation.scale());
        (self.kernels).augment_batch(&self.parts, picked, shape, scale, augmentation, stream)
    }

    /// What an epoch's distortion does to these images.
    fn filled(&self, augment: &Augment) -> Augmentation {
        Augmentation {
            fill: [self.background.byte(); 3],
            ..augment.augmentation
        }
    }

    fn batch(&self, images: Tensor<4>, indices: Tensor<1, Int>) -> Batch {
        Batch {
            images,
            labels: self.labels.clone().select(0, indices),
        }
    }
}

/// A row of image numbers on the device, `[n]`.
pub fn upload_indices(indices: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(
        TensorData::new(indices.to_vec(), [indices.len()]),
        (device.burn(), DType::I32),
    )
}
