//! What is drawn for one image: where its pixels come from, as numbers on the host.

use super::random::{below, signed, threefry, threefry_lanes};
use super::{Augmentation, Stream};
use crate::kernels::images::ImageShape;

/// Blocks of four words before those of the control points.
pub(super) const FIRST_CONTROL_BLOCK: u32 = 3;
/// Blocks that are drawn side by side.
const LANES: usize = 16;
/// Numbers of control points are rounded up to this, so that blocks can be drawn side by side.
pub(super) const CONTROL_ROUNDING: usize = 2 * LANES;

/// The drawn numbers of one image, the control points aside.
///
/// The pixel `p` of the output, relative to the centre, is the pixel `matrix * p + shift` of the source, plus the
/// elastic displacement there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distortion {
    /// Row-major: what x and y of the source take of x and y. `rotation * [[scale x, shear], [0, scale y]]`, the first
    /// row negative where the image is flipped.
    pub matrix: [f32; 4],
    /// Pixels to the right and down.
    pub shift: [f32; 2],
    /// -1 where the image is flipped, else 1.
    pub mirror: f32,
    /// Left column and top row of the square that is cut out; both may lie outside.
    pub hole: [i32; 2],
    /// What is added to bytes, and what multiplies their distance from the middle grey, and that of a channel from the
    /// pixel's grey.
    pub brightness: f32,
    pub contrast: f32,
    pub saturation: f32,
}

impl Distortion {
    /// The distortion of image `sample`.
    ///
    /// Words of the stream: rotation, scale x, scale y, shear; shift x, shift y, hole x, hole y; flip,
    /// contrast, brightness, saturation; from the twelfth on x and y of each control point.
    pub fn draw(
        augmentation: &Augmentation,
        stream: Stream,
        sample: u32,
        shape: ImageShape,
    ) -> Self {
        let key = stream.key(sample);
        let [affine, places, rest] = [0, 1, 2].map(|block| threefry(key, [block, 0, 0, 0]));
        let [sine, cosine] = rotation(augmentation.quarter_angle() * signed(affine[0]));
        let scale_x = 1.0 + augmentation.scale * signed(affine[1]);
        let scale_y = 1.0 + augmentation.scale * signed(affine[2]);
        let shear = augmentation.shear * signed(affine[3]);
        let mirror = match augmentation.flip && rest[0] >> 31 == 1 {
            true => -1.0,
            false => 1.0,
        };
        let half = (augmentation.cutout / 2) as i32;
        let hole = |word, side: usize| below(word, side as u32) as i32 - half;
        Self {
            matrix: [
                mirror * (cosine * scale_x),
                mirror * (cosine * shear - sine * scale_y),
                sine * scale_x,
                sine * shear + cosine * scale_y,
            ],
            shift: [
                mirror * (augmentation.shift * signed(places[0])),
                augmentation.shift * signed(places[1]),
            ],
            mirror,
            hole: [hole(places[2], shape.width), hole(places[3], shape.height)],
            contrast: 1.0 + augmentation.contrast * signed(rest[1]),
            brightness: 255.0 * (augmentation.brightness * signed(rest[2])),
            saturation: 1.0 + augmentation.saturation * signed(rest[3]),
        }
    }
}

/// Displacements in pixels of the control points of image `sample`, row by row, into `x` and `y`, whose length is
/// their number rounded up to [`CONTROL_ROUNDING`].
#[inline(always)]
pub(super) fn draw_controls(
    augmentation: &Augmentation,
    stream: Stream,
    sample: u32,
    mirror: f32,
    x: &mut [f32],
    y: &mut [f32],
) {
    let key = stream.key(sample);
    let amplitude = augmentation.elastic;
    let pairs = x
        .chunks_exact_mut(CONTROL_ROUNDING)
        .zip(y.chunks_exact_mut(CONTROL_ROUNDING));
    let mut counters = [[0; LANES]; 4];
    for (lane, counter) in counters[0].iter_mut().enumerate() {
        *counter = FIRST_CONTROL_BLOCK + lane as u32;
    }
    for (x, y) in pairs {
        let words = threefry_lanes(key, counters);
        for lane in 0..LANES {
            // Two control points a block.
            x[2 * lane] = mirror * (amplitude * signed(words[0][lane]));
            y[2 * lane] = amplitude * signed(words[1][lane]);
            x[2 * lane + 1] = mirror * (amplitude * signed(words[2][lane]));
            y[2 * lane + 1] = amplitude * signed(words[3][lane]);
        }
        for counter in &mut counters[0] {
            *counter += LANES as u32;
        }
    }
}

/// Sine and cosine of four times `quarter`, itself within an eighth of a turn, by polynomials and doubling: no two
/// devices have the same sine.
fn rotation(quarter: f32) -> [f32; 2] {
    let square = quarter * quarter;
    let sine = quarter
        * (1.0
            + square
                * (-1.0 / 6.0
                    + square * (1.0 / 120.0 + square * (-1.0 / 5040.0 + square / 362_880.0))));
    let cosine = 1.0
        + square
            * (-0.5
                + square
                    * (1.0 / 24.0
                        + square
                            * (-1.0 / 720.0 + square * (1.0 / 40_320.0 - square / 3_628_800.0))));
    let double = |[sine, cosine]: [f32; 2]| [2.0 * sine * cosine, 1.0 - 2.0 * sine * sine];
    double(double([sine, cosine]))
}
