//! The pass of `augment_batch`.

use super::{Augmentation, Stream};
use crate::kernels::shader::{Pass, binding};

/// Sizes and normalisation of one batch, and what is drawn for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augment {
    /// Pictures in the data set.
    pub pictures: usize,
    /// Pictures in the batch.
    pub batch: usize,
    /// Pixels a side of a picture, even.
    pub side: usize,
    /// See [`Augmentation`].
    pub augmentation: Augmentation,
    /// See [`Stream`].
    pub stream: Stream,
    /// A byte becomes `value * scale + shift`.
    pub scale: f32,
    /// See `scale`.
    pub shift: f32,
}

/// Bindings: images as little-endian words `[N, side * side / 4]`, indices i32 `[n]` (each below N), batch images f32
/// `[n, side * side]`. A workgroup takes a picture.
pub fn augment(augment: &Augment) -> Pass {
    let words = augment.side * augment.side / 4;
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
    let height = augment.batch.div_ceil(65_535).max(1);
    Pass {
        name: "augment_batch",
        template: include_str!("../../../shaders/augment_batch.wgsl"),
        constants: vec![
            ("SIDE", augment.side as u32),
            ("CELLS", augment.augmentation.elastic_cells.max(1)),
        ],
        bindings: vec![
            binding("images", augment.pictures * words),
            binding("indices", augment.batch),
            binding("batch_images", augment.batch * words * 4),
        ],
        uniform: vec![
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
            0,
            augment.scale.to_bits(),
            augment.shift.to_bits(),
            0,
            0,
        ],
        workgroups: [augment.batch.div_ceil(height) as u32, height as u32, 1],
        workgroup_size: [64, 1, 1],
    }
}
