//! Ink -> 28x28 bytes, framed as the data set frames its pictures.

use std::collections::VecDeque;

use image::imageops::{self, FilterType};

use super::ink::Ink;
use super::{PIXELS, SIDE};

/// How a data set places what is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// MNIST: fitted to 20x20, then centred by mass in 28x28
    /// (<https://yann.lecun.org/exdb/mnist/>).
    CentreOfMass,
    /// Fashion-MNIST: fitted to 28x28 and centred (arXiv:1708.07747).
    Whole,
}

/// Side of the box a digit of MNIST is fitted to.
const DIGIT_SIDE: u32 = 20;
/// Ink from here on belongs to the drawing.
const EDGE: f32 = 0.1;
/// Components are found at this ink.
const MARK: f32 = 0.3;
/// A component smaller than this share of the largest is a speck.
const SPECK: f32 = 0.02;
/// Larger drawings are scaled down to this side before their components are found.
const WORKING_SIDE: u32 = 280;

impl Framing {
    /// The framing of the data set of this name.
    pub fn of(dataset: &str) -> Self {
        match dataset {
            "fashion-mnist" => Self::Whole,
            _ => Self::CentreOfMass,
        }
    }
}

/// Crops to what is drawn, fits it to its box, stretches it to full strength and places it.
pub fn frame(ink: &Ink, framing: Framing) -> [u8; PIXELS] {
    let ink = reduced(ink);
    let [left, top, right, bottom] = drawn(&ink);
    let (width, height) = (right - left, bottom - top);
    let side = match framing {
        Framing::CentreOfMass => DIGIT_SIDE,
        Framing::Whole => SIDE as u32,
    };
    let fitted = |length: u32| {
        let scaled = f64::from(length * side) / f64::from(width.max(height));
        (scaled.round() as u32).max(1)
    };
    let (fitted_width, fitted_height) = (fitted(width), fitted(height));
    let cropped = imageops::crop_imm(&ink, left, top, width, height).to_image();
    let small = imageops::resize(&cropped, fitted_width, fitted_height, FilterType::Triangle);
    let full = small
        .pixels()
        .map(|v| v.0[0])
        .fold(f32::MIN_POSITIVE, f32::max);
    let (x, y) = match framing {
        Framing::CentreOfMass => (
            offset(fitted_width, centre(&small, |x, _| x)),
            offset(fitted_height, centre(&small, |_, y| y)),
        ),
        Framing::Whole => ((side - fitted_width) / 2, (side - fitted_height) / 2),
    };
    let mut placed = [0; PIXELS];
    for (column, row, value) in small.enumerate_pixels() {
        let grey = (value.0[0] / full * 255.0).round().clamp(0.0, 255.0);
        placed[(y + row) as usize * SIDE + (x + column) as usize] = grey as u8;
    }
    placed
}

fn reduced(ink: &Ink) -> Ink {
    let longest = ink.width().max(ink.height());
    if longest <= WORKING_SIDE {
        return ink.clone();
    }
    let scaled = |length: u32| {
        let scaled = u64::from(length) * u64::from(WORKING_SIDE) / u64::from(longest);
        (scaled as u32).max(1)
    };
    let mut small = imageops::resize(
        ink,
        scaled(ink.width()),
        scaled(ink.height()),
        FilterType::Triangle,
    );
    // A hairline fades when it is scaled down; what is drawn decides by its own strength.
    let full = small
        .pixels()
        .map(|v| v.0[0])
        .fold(f32::MIN_POSITIVE, f32::max);
    for value in small.pixels_mut() {
        value.0[0] /= full;
    }
    small
}

/// Left, top, right and bottom (the last two exclusive) of everything but specks.
fn drawn(ink: &Ink) -> [u32; 4] {
    let components = components(ink);
    let largest = components.iter().map(Vec::len).max().unwrap_or(0);
    let kept = components
        .iter()
        .filter(|component| component.len() as f32 >= largest as f32 * SPECK);
    let mut bounds = [u32::MAX, u32::MAX, 0, 0];
    for &(x, y) in kept.flatten() {
        bounds = [
            bounds[0].min(x),
            bounds[1].min(y),
            bounds[2].max(x + 1),
            bounds[3].max(y + 1),
        ];
    }
    if bounds[0] == u32::MAX {
        return [0, 0, ink.width(), ink.height()];
    }
    bounds
}

/// Pixels of at least [`EDGE`] that touch, sides or corners, around at least one [`MARK`].
fn components(ink: &Ink) -> Vec<Vec<(u32, u32)>> {
    let (width, height) = ink.dimensions();
    let mut seen = vec![false; (width * height) as usize];
    let mut found = Vec::new();
    for (x, y, value) in ink.enumerate_pixels() {
        if value.0[0] < MARK || seen[(y * width + x) as usize] {
            continue;
        }
        seen[(y * width + x) as usize] = true;
        let mut component = Vec::new();
        let mut open = VecDeque::from([(x, y)]);
        while let Some((x, y)) = open.pop_front() {
            component.push((x, y));
            for near_y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for near_x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let place = (near_y * width + near_x) as usize;
                    if !seen[place] && ink.get_pixel(near_x, near_y).0[0] >= EDGE {
                        seen[place] = true;
                        open.push_back((near_x, near_y));
                    }
                }
            }
        }
        found.push(component);
    }
    found
}

/// Where a box starts so that its centre of mass falls on the picture's, kept inside it.
fn offset(length: u32, centre: f64) -> u32 {
    let start = (SIDE as f64 / 2.0 - centre).round();
    start.clamp(0.0, f64::from(SIDE as u32 - length)) as u32
}

/// The mean coordinate of the ink, in pixels from 0.
fn centre(ink: &Ink, coordinate: fn(u32, u32) -> u32) -> f64 {
    let (mut sum, mut mass) = (0.0, 0.0);
    for (x, y, value) in ink.enumerate_pixels() {
        let value = f64::from(value.0[0]);
        sum += value * f64::from(coordinate(x, y));
        mass += value;
    }
    sum / mass.max(f64::MIN_POSITIVE)
}
