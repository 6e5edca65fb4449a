//! The launches of `augment_batch` and `take_augmented_batch`.

use super::{Augmentation, Stream};
use crate::kernels::gather_batch::launches::taken;
use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::launch::Launch;
use crate::kernels::shader::{Shader, shader};

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
    /// See [`Stream`]; the epoch of a step is where its cursor is.
    pub stream: Stream,
    /// The number of the first image.
    pub first: u32,
}

/// Bindings: images as little-endian words `[N, words]`, indices i32 `[n]` (each below N), batch f32 `[n, 4 * words]`.
pub fn augment(augment: &Augment) -> Launch {
    let words = augment.shape.words();
    let bindings = [
        ("images", augment.images * words),
        ("indices", augment.batch),
        ("batch_images", augment.batch * words * 4),
    ];
    each_image(augment, shader!("augment_batch"), bindings)
}

/// Bindings: see [`taken`].
pub fn take(augment: &Augment) -> Launch {
    let bindings = taken(augment.images, augment.batch, augment.shape);
    each_image(augment, shader!("take_augmented_batch"), bindings)
}

/// A workgroup takes an image; what of it does not fit workgroup memory is read where it lies.
fn each_image<const N: usize>(
    augment: &Augment,
    shader: Shader,
    bindings: [(&'static str, usize); N],
) -> Launch {
    let shape = augment.shape;
    let words = shape.words();
    let Augmentation {
        scale,
        shear,
        shift,
        elastic,
        cutout,
        flip,
        brightness,
        contrast,
        saturation,
        ..
    } = augment.augmentation;
    let Stream { seed, epoch } = augment.stream;
    let controls = augment.augmentation.controls();
    let points = size_of::<[f32; 2]>() * controls * controls;
    let sums = size_of::<[f32; 2]>() * controls * shape.width;
    let is_summed = points + sums <= ROOM;
    let taken = points + if is_summed { sums } else { 0 };
    let is_staged = taken + size_of::<u32>() * words <= ROOM;
    let fill = augment.augmentation.fill_of_word(shape).map(f32::from);
    let [factors, terms] = augment.scale.of_word(shape);
    Launch::workgroup_each(shader, augment.batch, 64)
        .constants([
            ("HEIGHT", shape.height),
            ("WIDTH", shape.width),
            ("COLOUR", usize::from(shape.channels > 1)),
            ("CELLS", controls - 3),
            ("STAGED", usize::from(is_staged)),
            ("SUMMED", usize::from(is_summed)),
        ])
        .bind(bindings)
        .words([seed as u32, (seed >> 32) as u32, epoch])
        .sizes([augment.batch])
        .numbers([augment.augmentation.quarter_angle()])
        .numbers([scale, shear, shift, elastic])
        .words([cutout, u32::from(flip), augment.first])
        .numbers([factors, terms, fill].into_iter().flatten())
        .numbers([contrast, brightness, saturation, 0.0])
}
