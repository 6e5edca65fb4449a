//! The launch of `augment_batch`.

use super::{Augmentation, Stream};
use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::shader::{Pass, binding};

/// Workgroup memory that every adapter has.
const ROOM: usize = 16 << 10;

/// Sizes and normalisation of one batch, and what is drawn for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augment {
    /// Images in the data set.
    pub images: usize,
    /// Images in the batch.
    pub batch: usize,
    pub shape: ImageShape,
    pub scale: ChannelScale,
    /// See [`Augmentation`].
    pub augmentation: Augmentation,
    /// See [`Stream`].
    pub stream: Stream,
    /// The number of the first image.
    pub first: u32,
}

/// Bindings: images as little-endian words `[N, words]`, indices i32 `[n]` (each below N), batch f32 `[n, 4 * words]`.
/// A workgroup takes an image; what of it does not fit workgroup memory is read where it lies.
pub fn augment(augment: &Augment) -> Pass {
    let shape = augment.shape;
    let words = shape.words();
    let Augmentation {
        scale,
        shear,
        shift,
        elastic,
        cutout,
        flip,
        ..
    } = augment.augmentation;
    let Stream { seed, epoch } = augment.stream;
    let controls = augment.augmentation.controls();
    let points = size_of::<[f32; 2]>() * controls * controls;
    let sums = size_of::<[f32; 2]>() * controls * shape.width;
    let is_summed = points + sums <= ROOM;
    let taken = points + if is_summed { sums } else { 0 };
    let is_staged = taken + size_of::<u32>() * words <= ROOM;
    let mut uniform = vec![
        seed as u32,
        (seed >> 32) as u32,
        epoch,
        augment.batch as u32,
        augment.augmentation.quarter_angle().to_bits(),
        scale.to_bits(),
        shear.to_bits(),
        shift.to_bits(),
        elastic.to_bits(),
        cutout,
        u32::from(flip),
        augment.first,
    ];
    let fill = augment.augmentation.fill_of_word(shape).map(f32::from);
    let [factors, terms] = augment.scale.of_word(shape);
    for of_word in [factors, terms, fill] {
        uniform.extend(of_word.map(f32::to_bits));
    }
    let height = augment.batch.div_ceil(65_535).max(1);
    Pass {
        name: "augment_batch",
        template: include_str!("../../../shaders/augment_batch.wgsl"),
        constants: vec![
            ("HEIGHT", shape.height as u32),
            ("WIDTH", shape.width as u32),
            ("COLOUR", u32::from(shape.channels > 1)),
            ("CELLS", (controls - 3) as u32),
            ("STAGED", u32::from(is_staged)),
            ("SUMMED", u32::from(is_summed)),
        ],
        bindings: vec![
            binding("images", augment.images * words),
            binding("indices", augment.batch),
            binding("batch_images", augment.batch * words * 4),
        ],
        uniform,
        workgroups: [augment.batch.div_ceil(height) as u32, height as u32, 1],
        workgroup_size: [64, 1, 1],
    }
}
