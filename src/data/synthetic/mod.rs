//! The built-in digits: handwritten-like images drawn from stroke models, for machines
//! without a data set. The same seed gives the same bytes on every machine.

mod glyphs;
mod hand;
#[cfg(not(target_family = "wasm"))]
pub(super) mod kept;
mod raster;
mod sketch;
mod warp;

use std::ops::Range;

use super::{ImageShape, Split};
use crate::config::{Architecture, ModelConfig};
use hand::Hand;
use rayon::prelude::*;
use sketch::Sketch;

/// The shape of the images.
pub const SHAPE: ImageShape = ImageShape::grey(raster::SIDE, raster::SIDE);
/// Pixels of an image.
pub const PIXELS: usize = SHAPE.pixels();
/// Classes: the digits.
pub const CLASSES: usize = 10;

/// The network of these layers for the built-in digits.
pub fn network(model: &ModelConfig) -> Architecture {
    model.network(SHAPE, CLASSES)
}

/// Bumped whenever the images change: part of the cache key.
pub const VERSION: u32 = 1;

/// Images of the training split, and of the test split.
pub const TRAIN_IMAGES: usize = 60_000;
/// Images of the test split.
pub const TEST_IMAGES: usize = 10_000;

/// Draws `count` images with their labels, balanced within one and shuffled.
///
/// `stream` 0 is the training split, 1 the test split. Each image depends on (seed, stream,
/// index, count) alone, not on the threads.
pub fn draw(seed: u64, stream: u64, count: usize) -> Split {
    draw_part(seed, stream, count, 0..count)
}

/// Draws those of the images of [`draw`] that are in `range`, which ends at `count` or before.
pub fn draw_part(seed: u64, stream: u64, count: usize, range: Range<usize>) -> Split {
    draw_at(seed, stream, count, &range.collect::<Vec<_>>())
}

/// Draws those of the images of [`draw`] that are at `indices`, which are below `count`.
pub fn draw_at(seed: u64, stream: u64, count: usize, indices: &[usize]) -> Split {
    let all = labels(seed, stream, count);
    let labels: Vec<u16> = indices.iter().map(|&index| all[index]).collect();
    let mut images = vec![0; indices.len() * PIXELS];
    images
        .par_chunks_mut(PIXELS)
        .zip(labels.par_iter().zip(indices))
        .with_min_len(64)
        .for_each(|(image, (label, &index))| {
            let hand = Hand::new(seed, stream, index as u64);
            image_of(*label as u8, hand, image);
        });
    Split {
        shape: SHAPE,
        classes: CLASSES,
        images,
        labels,
    }
}

/// The labels of the images of [`draw`]: 0 to 9 over and over, shuffled (Fisher-Yates).
pub fn labels(seed: u64, stream: u64, count: usize) -> Vec<u16> {
    let mut labels: Vec<u16> = (0..count).map(|index| (index % CLASSES) as u16).collect();
    let mut hand = Hand::new(seed, stream, u64::MAX);
    for last in (1..count).rev() {
        labels.swap(last, hand.below(last + 1));
    }
    labels
}

fn image_of(label: u8, mut hand: Hand, image: &mut [u8]) {
    let mut sketch = Sketch::default();
    glyphs::write(label, &mut hand, &mut sketch);
    let sloppiness = hand.between(0.4, 1.5);
    sketch.tremble(&mut hand, 0.015 * sloppiness);
    let mut points = sketch.flatten(0.045);
    warp::bend(&mut points, label, sloppiness, &mut hand);
    let (radii, ramp) = warp::press(&points, label, &mut hand);
    raster::render(&mut points, &radii, ramp, image);
}
