//! A split held on the device as bytes, four pixels a word; batches are gathered, unpacked and
//! normalised there.

use burn::tensor::{DType, Int, Tensor, TensorData};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};

use super::augment::Augment;
use super::{SIDE, Split};
use crate::config::Kernels;
use crate::device::Device;
use crate::kernels::augment_batch::{self, augment_batch};
use crate::kernels::gather_batch::{self, gather_batch};
use crate::kernels::images::{ChannelScale, ImageShape};

const SHAPE: ImageShape = ImageShape::grey(SIDE, SIDE);
const WORDS: usize = SHAPE.words();

/// Mean and standard deviation of the pixels of the training pictures, in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    pub mean: f32,
    pub standard_deviation: f32,
}

impl Normalisation {
    /// Measures a split; a split of one grey has deviation 1, so that nothing divides by 0.
    pub fn measure(split: &Split) -> Self {
        let mut counts = [0u64; 256];
        for &pixel in &split.images {
            counts[pixel as usize] += 1;
        }
        let total = split.images.len().max(1) as f64;
        let moment = |power: i32| {
            let sum: f64 = (0..256)
                .map(|grey| counts[grey] as f64 * (grey as f64 / 255.0).powi(power))
                .sum();
            sum / total
        };
        let mean = moment(1);
        let deviation = (moment(2) - mean * mean).max(0.0).sqrt();
        Self {
            mean: mean as f32,
            standard_deviation: if deviation > 0.0 {
                deviation as f32
            } else {
                1.0
            },
        }
    }
}

/// Pictures and labels on a device.
#[derive(Clone, Debug)]
pub struct DeviceSplit {
    /// `[n, 196]`: four pixels a word, the first in the lowest byte.
    words: Tensor<2, Int>,
    /// `[n]`
    labels: Tensor<1, Int>,
    length: usize,
    normalisation: Normalisation,
}

/// What one step works on.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Normalised pictures `[n, 28, 28, 1]`.
    pub pictures: Tensor<4>,
    /// Classes `[n]`.
    pub labels: Tensor<1, Int>,
}

impl DeviceSplit {
    /// Copies a split to `device`.
    pub fn upload(split: &Split, normalisation: Normalisation, device: &Device) -> Self {
        let words = SHAPE.pack(&split.images);
        let labels: Vec<i32> = split.labels.iter().map(|&label| label.into()).collect();
        let length = labels.len();
        let options = || (device.burn(), DType::I32);
        Self {
            words: Tensor::from_data(TensorData::new(words, [length, WORDS]), options()),
            labels: Tensor::from_data(TensorData::new(labels, [length]), options()),
            length,
            normalisation,
        }
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The pictures at `indices` `[n]`, normalised.
    pub fn gather(&self, indices: Tensor<1, Int>, kernels: Kernels) -> Batch {
        let (words, picked) = (self.words.clone(), indices.clone());
        let pictures = match kernels {
            Kernels::Fused => gather_batch(words, picked, SHAPE, self.scale()),
            Kernels::Stock => gather_batch::general(words, picked, SHAPE, self.scale()),
        };
        self.batch(pictures, indices)
    }

    /// The pictures at `indices` `[n]`, distorted and normalised; `numbers` are the same indices on the host, from
    /// which Burn's own operations are told what is drawn.
    pub fn gather_augmented(
        &self,
        indices: Tensor<1, Int>,
        numbers: &[i32],
        augment: &Augment,
        kernels: Kernels,
    ) -> Batch {
        let Augment {
            augmentation,
            stream,
        } = *augment;
        let (words, scale) = (self.words.clone(), self.scale());
        let pictures = match kernels {
            Kernels::Fused => {
                let picked = indices.clone();
                augment_batch(words, picked, SHAPE, scale, augmentation, stream)
            }
            Kernels::Stock => {
                let picked = (indices.clone(), numbers);
                augment_batch::general(words, picked, SHAPE, scale, &augmentation, stream)
            }
        };
        self.batch(pictures, indices)
    }

    fn scale(&self) -> ChannelScale {
        let Normalisation {
            mean,
            standard_deviation,
        } = self.normalisation;
        ChannelScale {
            mean: [mean; 3],
            deviation: [standard_deviation; 3],
        }
    }

    fn batch(&self, pictures: Tensor<4>, indices: Tensor<1, Int>) -> Batch {
        Batch {
            pictures,
            labels: self.labels.clone().select(0, indices),
        }
    }
}

/// A row of picture numbers on the device, `[n]`.
pub fn upload_indices(indices: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(
        TensorData::new(indices.to_vec(), [indices.len()]),
        (device.burn(), DType::I32),
    )
}

/// The order of `count` pictures in `epoch`, the same on every device.
pub fn order(seed: u64, epoch: usize, count: usize) -> Vec<i32> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    random.set_stream(1 + epoch as u64);
    let mut order: Vec<i32> = (0..count as i32).collect();
    order.shuffle(&mut random);
    order
}
