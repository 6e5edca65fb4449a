//! What is drawn for an image, and how far it distorts.

use crate::kernels::images::ImageShape;

/// How far images are distorted at most; all zero or `false` leaves them as they are. Every number is drawn evenly.
///
/// `source = rotation * [[scale x, shear], [0, scale y]] * p + shift + elastic(p)` in pixels relative to the centre,
/// read with linear interpolation; outside lies `fill`.
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
    /// Pixels a side of a square around a random pixel that becomes `fill` (DeVries & Taylor, arXiv:1708.04552).
    pub cutout: u32,
    /// Whether the source is mirrored left to right half of the time.
    pub flip: bool,
    /// Share of the range of bytes that is added, either way.
    pub brightness: f32,
    /// Differences from the middle grey are multiplied by a number in 1 ± this.
    pub contrast: f32,
    /// Differences of each channel from the pixel's grey are multiplied by a number in 1 ± this; of coloured images
    /// alone, before the contrast.
    pub saturation: f32,
    /// The byte of each channel that comes in from outside and where a square is cut out, as the images' background
    /// has it; grey uses the first.
    pub fill: [u8; 3],
}

/// Whose numbers are drawn. An image is a function of these, its own number and the [`Augmentation`] alone, whatever
/// the batch or the device; devices differ by rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Of the run.
    pub seed: u64,
    /// Which epoch it is.
    pub epoch: u32,
}

impl Augmentation {
    /// The highest rotation as radians, divided by four.
    pub(super) fn quarter_angle(&self) -> f32 {
        (f64::from(self.rotation).to_radians() / 4.0) as f32
    }

    /// Control points a side, at least the spline's four.
    pub(super) fn controls(&self) -> usize {
        self.elastic_cells.max(1) as usize + 3
    }

    /// Whether light or colours change.
    pub(super) fn recolours(&self) -> bool {
        [self.brightness, self.contrast, self.saturation] != [0.0; 3]
    }

    /// What fills the four bytes of a word.
    pub(super) fn fill_of_word(&self, shape: ImageShape) -> [u8; 4] {
        let [first, second, third] = self.fill;
        match shape.channels {
            1 => [first; 4],
            _ => [first, second, third, 0],
        }
    }
}

impl Stream {
    pub(super) fn key(self, sample: u32) -> [u32; 4] {
        [
            self.seed as u32,
            (self.seed >> 32) as u32,
            self.epoch,
            sample,
        ]
    }
}
