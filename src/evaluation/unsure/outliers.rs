//! Images that belong to no class, made of a set's own: mixed, turned, and put together anew. What
//! tells them from the set's images also tells others (outlier exposure, Hendrycks et al.,
//! arXiv:1812.04606), though nothing of those is known.

use std::ops::RangeInclusive;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rayon::prelude::*;

use crate::data::Split;
use crate::data::image_set::ImageShape;
use crate::picture::{self, Background, Framing, Target};

/// Of each kind so many.
const OF_KIND: usize = 600;
const MOST_BYTES: usize = 64 << 20;
/// A second image is laid on the first as far off as this share of the sides.
const SHIFT: f32 = 0.21;

/// An outline is filled where that makes its area at least so many times as large.
const GROWTH: f32 = 1.5;

/// What is done to an image, or to two.
#[derive(Clone, Copy)]
enum Kind {
    Over,
    OverShifted,
    OverTwo,
    OverTurned,
    OverItsTurned,
    OverItsMirrored,
    Turned,
    Mirrored,
    Halves,
    Quarters,
    MirroredQuarters,
    Mean,
    Filled,
}

const KINDS: [Kind; 13] = [
    Kind::Over,
    Kind::OverShifted,
    Kind::OverTwo,
    Kind::OverTurned,
    Kind::OverItsTurned,
    Kind::OverItsMirrored,
    Kind::Turned,
    Kind::Mirrored,
    Kind::Halves,
    Kind::Quarters,
    Kind::MirroredQuarters,
    Kind::Mean,
    Kind::Filled,
];

/// Outliers made of these images, framed as they are; fewer where images are large.
pub fn outliers(images: &Split, target: &Target) -> Split {
    let shape = images.shape;
    let count = (KINDS.len() * OF_KIND).min(MOST_BYTES / shape.bytes().max(1));
    let count = if images.len() < 2 { 0 } else { count };
    let made: Vec<Vec<u8>> = (0..count)
        .into_par_iter()
        .map(|index| {
            let mut maker = Maker {
                images,
                shape,
                background: target.background,
                random: ChaCha12Rng::seed_from_u64(index as u64),
            };
            let image = maker.make(KINDS[index % KINDS.len()]);
            match target.framing {
                Framing::CentreOfMass => picture::reframed(&image, target).unwrap_or(image),
                _ => image,
            }
        })
        .collect();
    Split {
        shape,
        classes: images.classes,
        images: made.concat(),
        labels: vec![0; count],
    }
}

struct Maker<'a> {
    images: &'a Split,
    shape: ImageShape,
    background: Background,
    random: ChaCha12Rng,
}

impl Maker<'_> {
    fn make(&mut self, kind: Kind) -> Vec<u8> {
        let (first, second) = self.two();
        let (height, width) = (self.shape.height, self.shape.width);
        match kind {
            Kind::Over => self.over(&first, &second),
            Kind::OverShifted => {
                let shifted = self.shifted(&second);
                self.over(&first, &shifted)
            }
            Kind::OverTwo => {
                let (third, _) = self.two();
                let both = self.over(&first, &second);
                self.over(&both, &third)
            }
            Kind::OverTurned => {
                let turned = self.turned(&second);
                self.over(&first, &turned)
            }
            Kind::OverItsTurned => {
                let turned = self.turned(&first);
                self.over(&first, &turned)
            }
            Kind::OverItsMirrored => {
                let mirrored = self.mirrored(&first, true, false);
                self.over(&first, &mirrored)
            }
            Kind::Turned => self.turned(&first),
            Kind::Mirrored => {
                let across = self.random.random_bool(0.5);
                self.mirrored(&first, across, !across)
            }
            Kind::Halves => {
                let across = self.random.random_bool(0.5);
                self.moved(|y, x| match across {
                    true => (if 2 * x < width { &first[..] } else { &second }, y, x),
                    false => (if 2 * y < height { &first[..] } else { &second }, y, x),
                })
            }
            Kind::Quarters => self.quarters(&first, &first, false),
            Kind::MirroredQuarters => self.quarters(&first, &second, true),
            Kind::Mean => self.mean(first),
            Kind::Filled => {
                let outline = match self.random.random_bool(0.5) {
                    true => self.over(&first, &second),
                    false => first,
                };
                match self.filled(&outline, &second) {
                    Some(filled) => filled,
                    None => self.over(&outline, &second),
                }
            }
        }
    }

    /// The mean of an image and up to four others.
    fn mean(&mut self, first: Vec<u8>) -> Vec<u8> {
        let mut sums: Vec<u32> = first.into_iter().map(u32::from).collect();
        let more = self.random.random_range(1..5u32);
        for _ in 0..more {
            let (other, _) = self.two();
            sums.iter_mut()
                .zip(&other)
                .for_each(|(sum, &value)| *sum += u32::from(value));
        }
        let mean = |sum: u32| (sum / (more + 1)) as u8;
        sums.into_iter().map(mean).collect()
    }

    /// What lies between the marks of an image, in one shade, with a second image for a pattern; `None` where that is
    /// little, or no background tells marks from it.
    fn filled(&mut self, image: &[u8], pattern: &[u8]) -> Option<Vec<u8>> {
        let ImageShape {
            height,
            width,
            channels,
        } = self.shape;
        let is_light = match self.background {
            Background::Dark => false,
            Background::Light => true,
            Background::Varied => return None,
        };
        let level = |value: u8| if is_light { 255 - value } else { value };
        let is_mark = |y: usize, x: usize| {
            let at = (y * width + x) * channels;
            image[at..at + channels]
                .iter()
                .any(|&value| level(value) >= 128)
        };
        let rows: Vec<_> = (0..height)
            .map(|y| span(width, |x| is_mark(y, x)))
            .collect();
        let columns: Vec<_> = (0..width)
            .map(|x| span(height, |y| is_mark(y, x)))
            .collect();
        let within = |span: &Option<RangeInclusive<usize>>, at: usize| {
            span.as_ref().is_some_and(|span| span.contains(&at))
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        let inside: Vec<bool> = (places.clone())
            .map(|(y, x)| within(&rows[y], x) || within(&columns[x], y))
            .collect();
        let area = inside.iter().filter(|&&inside| inside).count();
        let marks = places.filter(|&(y, x)| is_mark(y, x)).count();
        if (area as f32) < GROWTH * marks as f32 {
            return None;
        }
        let shade = self.random.random_range(60..=255u32);
        let painted = image
            .iter()
            .zip(pattern)
            .enumerate()
            .map(|(at, (&value, &over))| {
                if !inside[at / channels] {
                    return value;
                }
                let painted = (shade * (160 + 95 * u32::from(level(over)) / 255) / 255) as u8;
                level(painted)
            });
        Some(painted.collect())
    }

    /// Two images, of different classes where chance finds such.
    fn two(&mut self) -> (Vec<u8>, Vec<u8>) {
        let count = self.images.len();
        let first = self.random.random_range(0..count);
        let mut second = first;
        for _ in 0..8 {
            second = self.random.random_range(0..count);
            if self.images.labels[first] != self.images.labels[second] {
                break;
            }
        }
        let image = |at: usize| self.images.image(at).unwrap_or_default().to_vec();
        (image(first), image(second))
    }

    /// Both seen: the subject's side of each pixel, or the mean where any background is.
    fn over(&self, a: &[u8], b: &[u8]) -> Vec<u8> {
        let both = |(&a, &b): (&u8, &u8)| match self.background {
            Background::Dark => a.max(b),
            Background::Light => a.min(b),
            Background::Varied => a.midpoint(b),
        };
        a.iter().zip(b).map(both).collect()
    }

    /// An image whose pixels each come from a place in another.
    fn moved<'a>(&self, from: impl Fn(usize, usize) -> (&'a [u8], usize, usize)) -> Vec<u8> {
        let ImageShape {
            height,
            width,
            channels,
        } = self.shape;
        let mut image = Vec::with_capacity(self.shape.bytes());
        for y in 0..height {
            for x in 0..width {
                let (source, y, x) = from(y, x);
                let at = (y * width + x) * channels;
                image.extend_from_slice(&source[at..at + channels]);
            }
        }
        image
    }

    fn mirrored(&self, image: &[u8], across: bool, down: bool) -> Vec<u8> {
        let (height, width) = (self.shape.height, self.shape.width);
        let turn = |mirror: bool, at: usize, side: usize| if mirror { side - 1 - at } else { at };
        self.moved(|y, x| (image, turn(down, y, height), turn(across, x, width)))
    }

    /// A quarter turn either way; half a turn where the sides differ.
    fn turned(&mut self, image: &[u8]) -> Vec<u8> {
        let (height, width) = (self.shape.height, self.shape.width);
        let left = self.random.random_bool(0.5);
        self.moved(|y, x| match (height == width, left) {
            (true, true) => (image, x, width - 1 - y),
            (true, false) => (image, height - 1 - x, y),
            _ => (image, height - 1 - y, width - 1 - x),
        })
    }

    /// Moved around its edges.
    fn shifted(&mut self, image: &[u8]) -> Vec<u8> {
        let (height, width) = (self.shape.height, self.shape.width);
        let mut shift = |side: usize| {
            let most = (SHIFT * side as f32) as usize;
            side + self.random.random_range(0..=2 * most) - most
        };
        let (down, across) = (shift(height), shift(width));
        self.moved(|y, x| (image, (y + down) % height, (x + across) % width))
    }

    /// Quarters in another order, the lower ones from `below`, each perhaps mirrored.
    fn quarters(&mut self, above: &[u8], below: &[u8], mirrored: bool) -> Vec<u8> {
        let (rows, columns) = (self.shape.height / 2, self.shape.width / 2);
        let mut order = [0, 1, 2, 3];
        for last in (1..4).rev() {
            order.swap(last, self.random.random_range(0..=last));
        }
        let flips: [[bool; 2]; 4] =
            std::array::from_fn(|_| [(); 2].map(|()| mirrored && self.random.random_bool(0.5)));
        self.moved(|y, x| {
            let place = 2 * usize::from(y >= rows) + usize::from(x >= columns);
            let (from, [down, across]) = (order[place], flips[place]);
            let within = |at: usize, half: usize, mirror: bool| {
                let at = (at % half).min(half - 1);
                if mirror { half - 1 - at } else { at }
            };
            let y = within(y, rows, down) + rows * (from / 2);
            let x = within(x, columns, across) + columns * (from % 2);
            (if from < 2 { above } else { below }, y, x)
        })
    }
}

/// From the first mark of a row or a column to its last.
fn span(length: usize, is_mark: impl Fn(usize) -> bool) -> Option<RangeInclusive<usize>> {
    let first = (0..length).find(|&at| is_mark(at))?;
    let last = (first..length).rfind(|&at| is_mark(at))?;
    Some(first..=last)
}
