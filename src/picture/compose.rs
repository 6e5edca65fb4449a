//! Pixels with transparency -> opaque colours.

use image::{ImageBuffer, Rgba};
use imageproc::geometry::{contour_area, convex_hull};
use imageproc::point::Point;

use super::planes::quantile;

/// Colours and opacity, 0 to 1.
pub type Pixels = ImageBuffer<Rgba<f32>, Vec<f32>>;

/// Opacity from which a pixel counts as shown.
const SHOWN: f32 = 0.5;
/// An opaque area that fills this share of its convex hull is a card; strokes fill less.
const CARD: f64 = 0.85;
/// Something is drawn on a card where colours differ by this much.
const DRAWN: f32 = 0.15;

/// Lays the pixels over what they were meant to lie on: a card in a transparent margin over its
/// own colour, and what was cut out of its background over white or black, whichever is farther
/// from it.
pub fn compose(pixels: &Pixels) -> Vec<[f32; 3]> {
    let shown: Vec<[f32; 3]> = pixels
        .pixels()
        .filter(|pixel| pixel.0[3] >= SHOWN)
        .map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2]])
        .collect();
    let under = match shown.len() == pixels.pixels().len() || shown.is_empty() {
        true => [1.0; 3],
        false => under(pixels, &shown),
    };
    pixels
        .pixels()
        .map(|pixel| {
            let opacity = pixel.0[3];
            [0, 1, 2].map(|c| opacity * pixel.0[c] + (1.0 - opacity) * under[c])
        })
        .collect()
}

fn under(pixels: &Pixels, shown: &[[f32; 3]]) -> [f32; 3] {
    let common = [0, 1, 2].map(|c| {
        let channel: Vec<f32> = shown.iter().map(|colour| colour[c]).collect();
        quantile(&channel, 0.5)
    });
    let far = shown.iter().filter(|colour| {
        let differs = |c: usize| (colour[c] - common[c]).abs() > DRAWN;
        (0..3).any(differs)
    });
    // A drawing takes some of its card.
    let drawn = far.count() as f64 / shown.len() as f64;
    if drawn > 0.002 && solidity(pixels) > CARD {
        return common;
    }
    let bright = common.iter().sum::<f32>() > 1.5;
    match bright {
        true => [0.0; 3],
        false => [1.0; 3],
    }
}

/// The share of its convex hull that the shown area fills.
fn solidity(pixels: &Pixels) -> f64 {
    let width = pixels.width() as usize;
    let mut ends = Vec::new();
    let mut count = 0;
    for (y, row) in pixels.chunks(4 * width).enumerate() {
        let shown = |x: &usize| row[4 * x + 3] >= SHOWN;
        count += (0..width).filter(shown).count();
        let (first, last) = ((0..width).find(shown), (0..width).rev().find(shown));
        if let (Some(first), Some(last)) = (first, last) {
            // The corners of the pixels.
            for y in [y, y + 1] {
                ends.push(Point::new(first as i32, y as i32));
                ends.push(Point::new(last as i32 + 1, y as i32));
            }
        }
    }
    count as f64 / contour_area(&convex_hull(ends)).max(1.0)
}
