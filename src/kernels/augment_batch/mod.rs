//! Picks pictures by number out of a split of bytes, distorts each by what a random stream draws for it, and
//! normalises them.

pub mod cpu;
pub mod distortion;
pub mod gpu;
pub mod passes;
pub mod random;
mod spline;
mod stock;

pub use stock::distort;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Int, Tensor};

use super::flex::Fresh;
use super::gather_batch::cpu::Normalisation;
use super::images::{ChannelScale, ImageShape};
use super::simd;

/// How far pictures are distorted at most; all zero or `false` leaves them as they are. Every number is drawn evenly.
///
/// `source = rotation * [[scale x, shear], [0, scale y]] * p + shift + elastic(p)` relative to the centre, read with
/// linear interpolation; outside lies ground (byte 0).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augmentation {
    /// Degrees either way, at most 180.
    pub rotation: f32,
    /// `scale x` and `scale y` lie in 1 ± this, drawn apart: pixels of the source a pixel, so above 1 shrinks.
    pub scale: f32,
    /// Pixels of x a pixel of y, either way.
    pub shear: f32,
    /// Pixels either way, in x and y.
    pub shift: f32,
    /// Pixels either way that each control point moves in x and y. The cubic B-spline over them (Rueckert et al., IEEE
    /// TMI 1999) smooths: pixels move by some 0.3 of it (standard deviation).
    pub elastic: f32,
    /// Cells a side of that spline's grid, at least 1; `cells + 3` control points a side.
    pub elastic_cells: u32,
    /// Pixels a side of a square around a random pixel that becomes ground (DeVries & Taylor, arXiv:1708.04552).
    pub cutout: u32,
    /// Whether the source is mirrored left to right half of the time.
    pub flip: bool,
}

/// Whose numbers are drawn. A picture is a function of these, its own number and the [`Augmentation`] alone, whatever
/// the batch or the device; devices differ by rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    pub seed: u64,
    pub epoch: u32,
}

impl Augmentation {
    /// The highest rotation as radians, divided by four.
    fn quarter_angle(&self) -> f32 {
        (f64::from(self.rotation).to_radians() / 4.0) as f32
    }

    /// Control points a side, at least the spline's four.
    fn controls(&self) -> usize {
        self.elastic_cells.max(1) as usize + 3
    }
}

impl Stream {
    fn key(self, sample: u32) -> [u32; 4] {
        [
            self.seed as u32,
            (self.seed >> 32) as u32,
            self.epoch,
            sample,
        ]
    }
}

/// Images of `shape` `[n, height, width, channels]`, distorted and normalised, of the rows
/// `indices` `[n]` of `words` `[images, shape.words()]`.
pub fn augment_batch(
    words: Tensor<2, Int>,
    indices: Tensor<1, Int>,
    shape: ImageShape,
    scale: ChannelScale,
    augmentation: Augmentation,
    stream: Stream,
) -> Tensor<4> {
    let [count] = indices.dims();
    let found: Tensor<2> = Tensor::from_dispatch(Dispatch::augment_batch(
        words.into_dispatch(),
        indices.into_dispatch(),
        augmentation,
        stream,
        scale.mean[0],
        scale.deviation[0],
    ));
    found.reshape([count, shape.height, shape.width, shape.device_channels()])
}

/// The operation as Burn dispatches it; it records no gradients.
#[backend_extension(Cube, Flex)]
pub trait AugmentBatch: Backend {
    fn augment_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        augmentation: Augmentation,
        stream: Stream,
        mean: f32,
        deviation: f32,
    ) -> FloatTensor<Self>;
}

impl AugmentBatch for Flex {
    fn augment_batch(
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        augmentation: Augmentation,
        stream: Stream,
        mean: f32,
        deviation: f32,
    ) -> FloatTensor<Self> {
        let (words, indices) = (words.to_contiguous(), indices.to_contiguous());
        let pixels = words.layout().shape()[1] * 4;
        // Little-endian words in memory are the bytes in order; other machines turn them.
        let turned: Vec<i32>;
        let mut bytes: &[i32] = words.as_slice().expect("i32 words in order");
        if cfg!(target_endian = "big") {
            turned = bytes.iter().map(|word| word.swap_bytes()).collect();
            bytes = &turned;
        }
        let indices: &[i32] = indices.as_slice().expect("i32 numbers in order");
        let dims = [indices.len(), pixels];
        let mut pictures = Fresh::new(&dims);
        let normalisation = Normalisation { mean, deviation };
        let plan = cpu::Plan::new(side(pixels), augmentation, stream, normalisation);
        plan.run(
            simd::detect(),
            bytemuck::cast_slice(bytes),
            indices,
            pictures.floats(),
        )
        .expect("indices are numbers of pictures");
        pictures.into_tensor(dims)
    }
}

/// Pixels a side of a square picture.
fn side(pixels: usize) -> usize {
    let side = pixels.isqrt();
    assert_eq!(side * side, pixels, "a square picture");
    side
}
