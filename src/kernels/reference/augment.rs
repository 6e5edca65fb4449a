//! Augmentation in float64, straight from its definition: true sines, every control point, every pixel alone.

use crate::kernels::augment_batch::random::threefry;
use crate::kernels::augment_batch::{Augmentation, Stream};
use crate::kernels::images::ImageShape;

/// An image's numbers as they are drawn; each `unit` lies from -1 to below 1.
pub struct Draws {
    key: [u32; 4],
}

impl Draws {
    /// Those of an image, `sample`, in an epoch's stream.
    pub fn new(stream: Stream, sample: u32) -> Self {
        let Stream { seed, epoch } = stream;
        Self {
            key: [seed as u32, (seed >> 32) as u32, epoch, sample],
        }
    }

    /// Word `at` of the image's stream.
    pub fn word(&self, at: usize) -> u32 {
        threefry(self.key, [(at / 4) as u32, 0, 0, 0])[at % 4]
    }

    /// The 24 highest bits of that word, evenly from -1 to below 1.
    pub fn unit(&self, at: usize) -> f64 {
        f64::from(self.word(at) >> 8) / f64::from(1 << 23) - 1.0
    }
}

/// The bytes `[height, width, channels]` of `image`, number `sample`, distorted.
pub fn augment(
    image: &[u8],
    shape: ImageShape,
    augmentation: &Augmentation,
    stream: Stream,
    sample: u32,
) -> Vec<f64> {
    let draws = Draws::new(stream, sample);
    let unit = |at| draws.unit(at);
    let most = |number: f32| f64::from(number);
    let (sine, cosine) = (most(augmentation.rotation).to_radians() * unit(0)).sin_cos();
    let stretch = [1, 2].map(|at| 1.0 + most(augmentation.scale) * unit(at));
    let shear = most(augmentation.shear) * unit(3);
    let shift = [4, 5].map(|at| most(augmentation.shift) * unit(at));
    let place = |at, side: usize| {
        let pixel = (u64::from(draws.word(at) >> 8) * side as u64) >> 24;
        pixel as i64 - i64::from(augmentation.cutout) / 2
    };
    let hole = [place(6, shape.width), place(7, shape.height)];
    let mirrored = augmentation.flip && draws.word(8) >= 1 << 31;
    let controls = augmentation.elastic_cells as usize + 3;
    let points: Vec<[f64; 2]> = match augmentation.elastic > 0.0 {
        true => (0..controls * controls)
            .map(|point| [12 + 2 * point, 13 + 2 * point])
            .map(|places| places.map(|at| most(augmentation.elastic) * unit(at)))
            .collect(),
        false => Vec::new(),
    };

    let centre = |side: usize| (side as f64 - 1.0) / 2.0;
    let centre = [centre(shape.width), centre(shape.height)];
    let mut bytes = Vec::with_capacity(shape.bytes());
    for row in 0..shape.height {
        for column in 0..shape.width {
            let cut = |at: usize, start: i64| {
                (start..start + i64::from(augmentation.cutout)).contains(&(at as i64))
            };
            if cut(row, hole[1]) && cut(column, hole[0]) {
                bytes.extend(
                    augmentation.fill[..shape.channels]
                        .iter()
                        .map(|&byte| f64::from(byte)),
                );
                continue;
            }
            let (x, y) = (column as f64 - centre[0], row as f64 - centre[1]);
            let (x, y) = (stretch[0] * x + shear * y, stretch[1] * y);
            let elastic = displacement(&points, controls, shape, row, column);
            let mut source_x = cosine * x - sine * y + shift[0] + elastic[0];
            let source_y = sine * x + cosine * y + shift[1] + elastic[1];
            if mirrored {
                source_x = -source_x;
            }
            let source = [source_x + centre[0], source_y + centre[1]];
            bytes.extend(
                (0..shape.channels).map(|channel| {
                    read((image, shape, channel), augmentation.fill[channel], source)
                }),
            );
        }
    }
    recoloured(bytes, shape.channels, augmentation, &draws)
}

/// Other light and colours.
fn recoloured(
    bytes: Vec<f64>,
    channels: usize,
    augmentation: &Augmentation,
    draws: &Draws,
) -> Vec<f64> {
    let drawn = |most: f32, at| f64::from(most) * draws.unit(at);
    let contrast = 1.0 + drawn(augmentation.contrast, 9);
    let brightness = 255.0 * drawn(augmentation.brightness, 10);
    let saturation = 1.0 + drawn(augmentation.saturation, 11);
    let lit = |byte: f64| (byte - 127.5) * contrast + 127.5 + brightness;
    if channels == 1 {
        return bytes.into_iter().map(lit).collect();
    }
    let pixels = bytes.chunks_exact(3).flat_map(|pixel| {
        let grey = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
        let new = |channel: usize| lit(grey + saturation * (pixel[channel] - grey));
        [new(0), new(1), new(2)]
    });
    pixels.collect()
}

/// A channel of an image at a column and a row, by linear interpolation; `fill` outside.
fn read((image, shape, channel): (&[u8], ImageShape, usize), fill: u8, [x, y]: [f64; 2]) -> f64 {
    let byte = |column: f64, row: f64| {
        let inside = |at: f64, side: usize| at >= 0.0 && at < side as f64;
        f64::from(
            match inside(column, shape.width) && inside(row, shape.height) {
                true => {
                    let pixel = row as usize * shape.width + column as usize;
                    image[pixel * shape.channels + channel]
                }
                false => fill,
            },
        )
    };
    let (left, top) = (x.floor(), y.floor());
    let (x, y) = (x - left, y - top);
    let row = |row: f64| byte(left, row) * (1.0 - x) + byte(left + 1.0, row) * x;
    row(top) * (1.0 - y) + row(top + 1.0) * y
}

/// How far the spline over the displacements `points` moves a pixel: the sum over all of them, each as far as the cubic
/// B-spline around it reaches.
fn displacement(
    points: &[[f64; 2]],
    controls: usize,
    shape: ImageShape,
    row: usize,
    column: usize,
) -> [f64; 2] {
    // In cells from the left or upper edge; control point `k` stands at cell `k - 1`.
    let place = |at: usize, side: usize| (at as f64 + 0.5) * (controls - 3) as f64 / side as f64;
    let weight = |at: f64, control: usize| bump(at - (control as f64 - 1.0));
    let (row, column) = (place(row, shape.height), place(column, shape.width));
    let mut moved = [0.0; 2];
    for (at, point) in points.iter().enumerate() {
        let weight = weight(row, at / controls) * weight(column, at % controls);
        moved[0] += weight * point[0];
        moved[1] += weight * point[1];
    }
    moved
}

/// The cubic B-spline's basis function, in cells from its control point.
fn bump(distance: f64) -> f64 {
    let distance = distance.abs();
    match distance {
        ..1.0 => 2.0 / 3.0 - distance * distance + distance.powi(3) / 2.0,
        ..2.0 => (2.0 - distance).powi(3) / 6.0,
        _ => 0.0,
    }
}
