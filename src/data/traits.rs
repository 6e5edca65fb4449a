//! What is measured on the training images of a set that nothing else is known of.

use super::Split;
use super::image_set::{Background, Framing, ImageShape};

/// Images looked at, spread evenly over the split.
const SAMPLE: usize = 1000;
/// A byte this near to 0 or 255 belongs to a plain background.
const NEAR: u8 = 32;
/// Of the images that are measured of a set.
const MOST: f64 = 0.95;
/// MNIST's digits fill 20 of 28 pixels, and their mass is centred to the pixel.
const BOX: f64 = 20.0 / 28.0;
const OFF_CENTRE: f64 = 2.0 / 28.0;

/// How a set's images look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// How the things shown are framed.
    pub framing: Framing,
    /// What surrounds them.
    pub background: Background,
}

/// Measures a sample of the images, the same whatever the machine.
///
/// The background is dark or light where most of the border of nearly every image is; what differs
/// from it is the subject. Where that fills a box as MNIST's does and is centred by its mass, so
/// should other images be framed; where it does not, by their whole subject. Images of other
/// backgrounds, and those in colour, are cropped.
pub fn measure(split: &Split) -> Traits {
    let stride = split.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<Grey> = (0..split.len())
        .step_by(stride)
        .map(|index| Grey::of(&split.images[index * split.shape.bytes()..], split.shape))
        .collect();
    let background = background(&sample);
    let framing = match background {
        // A drawing is framed by its strokes, whose colour is lost: what is told by its colour is not.
        _ if 2 * sample.iter().filter(|image| image.is_coloured).count() > sample.len() => {
            Framing::Crop
        }
        Background::Varied => Framing::Crop,
        plain if share(&sample, |image| image.is_centred(plain)) >= MOST => Framing::CentreOfMass,
        _ => Framing::Whole,
    };
    Traits {
        framing,
        background,
    }
}

fn background(sample: &[Grey]) -> Background {
    let mostly = |plain: fn(u8) -> bool| {
        share(sample, |image| {
            let border = image.border();
            2 * border.iter().filter(|&&value| plain(value)).count() > border.len()
        })
    };
    if sample.is_empty() || mostly(|value| value <= NEAR) >= MOST {
        Background::Dark
    } else if mostly(|value| value >= 255 - NEAR) >= MOST {
        Background::Light
    } else {
        Background::Varied
    }
}

fn share(sample: &[Grey], holds: impl Fn(&Grey) -> bool) -> f64 {
    sample.iter().filter(|image| holds(image)).count() as f64 / sample.len().max(1) as f64
}

/// An image in grey.
struct Grey {
    height: usize,
    width: usize,
    values: Vec<u8>,
    /// Whether channels of a pixel differ.
    is_coloured: bool,
}

impl Grey {
    fn of(bytes: &[u8], shape: ImageShape) -> Self {
        let pixels = || bytes[..shape.bytes()].chunks_exact(shape.channels);
        let values = pixels()
            .map(|pixel| {
                let sum: usize = pixel.iter().copied().map(usize::from).sum();
                (sum / pixel.len()) as u8
            })
            .collect();
        Self {
            height: shape.height,
            width: shape.width,
            values,
            is_coloured: pixels().any(|pixel| {
                let (least, most) = (pixel.iter().min(), pixel.iter().max());
                most.zip(least)
                    .is_some_and(|(most, least)| most - least > NEAR)
            }),
        }
    }

    /// The outermost pixels.
    fn border(&self) -> Vec<u8> {
        let rows = self.values.chunks_exact(self.width).enumerate();
        rows.flat_map(|(y, row)| {
            let whole = y == 0 || y == self.height - 1;
            let step = if whole { 1 } else { self.width - 1 };
            row.iter().copied().step_by(step)
        })
        .collect()
    }

    /// Whether the subject fits MNIST's box and its mass lies in the middle; an empty image does.
    fn is_centred(&self, background: Background) -> bool {
        let (mut mass, mut down, mut right) = (0.0, 0.0, 0.0);
        let (mut rows, mut columns) = (Range::default(), Range::default());
        for (y, row) in self.values.chunks_exact(self.width).enumerate() {
            for (x, &value) in row.iter().enumerate() {
                let ink = match background {
                    Background::Light => 255 - value,
                    _ => value,
                };
                let weight = f64::from(ink);
                mass += weight;
                down += weight * y as f64;
                right += weight * x as f64;
                if ink > NEAR {
                    rows.take_in(y);
                    columns.take_in(x);
                }
            }
        }
        if mass == 0.0 {
            return true;
        }
        let side = self.height.max(self.width) as f64;
        // A box that is no whole number of pixels may reach into one more.
        let fits = rows.length().max(columns.length()) as f64 <= (BOX * side).round() + 1.0;
        let off = |place: f64, length: usize| place / mass - (length as f64 - 1.0) / 2.0;
        let off = off(down, self.height).hypot(off(right, self.width));
        fits && off <= OFF_CENTRE * side
    }
}

/// From the first to the last place taken in.
#[derive(Default)]
struct Range(Option<(usize, usize)>);

impl Range {
    fn take_in(&mut self, place: usize) {
        let (first, last) = self.0.unwrap_or((place, place));
        self.0 = Some((first.min(place), last.max(place)));
    }

    fn length(&self) -> usize {
        self.0.map_or(0, |(first, last)| last - first + 1)
    }
}
