//! Strokes thinned (or thickened) to the width that a set's images have.

use image::{GrayImage, Luma};
use imageproc::distance_transform::euclidean_squared_distance_transform;

use super::planes::Plane;

/// Widths of MNIST's strokes as shares of the box their digits are fitted to: one in twenty
/// training images lies below the first, one in twenty above the last.
const WIDTHS: std::ops::RangeInclusive<f32> = 0.078..=0.19;
/// What others are brought to: widths that one in four is below and above.
const BROUGHT_TO: std::ops::RangeInclusive<f32> = 0.1..=0.142;

/// The mean width of the strokes, in pixels: 0 where there are none.
pub fn width(ink: &Plane) -> f32 {
    let distances = inner_distances(ink);
    let (mut sum, mut count) = (0.0f64, 0);
    for &distance in distances.iter().filter(|distance| **distance > 0.0) {
        // A pixel's middle is half a pixel from its edge.
        sum += f64::from(distance) - 0.5;
        count += 1;
    }
    // In a stroke of half width h the mean distance from its edge is h / 2.
    (4.0 * sum / f64::from(count.max(1))) as f32
}

/// How far each pixel of a stroke is from the nearest outside.
fn inner_distances(ink: &Plane) -> Vec<f32> {
    let (width, height) = ink.dimensions();
    // What is measured is the distance to the nearest pixel that is not 0.
    let outside = GrayImage::from_fn(width + 2, height + 2, |x, y| {
        let inside = (1..=width).contains(&x)
            && (1..=height).contains(&y)
            && ink.get_pixel(x - 1, y - 1).0[0] >= 0.5;
        Luma([u8::from(!inside)])
    });
    let squares = euclidean_squared_distance_transform(&outside);
    let mut distances = Vec::with_capacity((width * height) as usize);
    for y in 1..=height {
        for x in 1..=width {
            distances.push(squares.get_pixel(x, y).0[0].sqrt() as f32);
        }
    }
    distances
}

/// Brings strokes to the widths of the set, where the longer side of the drawing is `size` pixels.
pub fn fit_width(ink: &Plane, size: u32) -> Plane {
    let box_side = size as f32;
    let found = width(ink);
    if found == 0.0 {
        return ink.clone();
    }
    if WIDTHS.contains(&(found / box_side)) {
        return ink.clone();
    }
    let wanted = found.clamp(BROUGHT_TO.start() * box_side, BROUGHT_TO.end() * box_side);
    let change = (found - wanted) / 2.0;
    match change {
        change if change >= 0.75 => thinned(ink, change, wanted),
        change if change <= -0.75 => thickened(ink, -change),
        _ => ink.clone(),
    }
}

/// Takes `by` pixels from each side of the strokes; what is thinner keeps its middle.
fn thinned(ink: &Plane, by: f32, wanted: f32) -> Plane {
    let (width, height) = ink.dimensions();
    let distances = inner_distances(ink);
    let at = |x: i64, y: i64| -> f32 {
        match (0..i64::from(width)).contains(&x) && (0..i64::from(height)).contains(&y) {
            true => distances[(y * i64::from(width) + x) as usize],
            false => 0.0,
        }
    };
    // Middles of strokes: farther from the edge than pixels on either side, in one direction.
    let middle = |x: u32, y: u32| {
        let (x, y) = (i64::from(x), i64::from(y));
        let here = at(x, y);
        here > 0.0
            && [(1, 0), (0, 1), (1, 1), (1, -1)].iter().any(|&(dx, dy)| {
                let step = ((dx * dx + dy * dy) as f32).sqrt();
                let (before, after) = (at(x - dx, y - dy), at(x + dx, y + dy));
                // Both sides slope towards the edge.
                here - before > 0.4 * step && here - after > 0.4 * step
                    || here - before > 0.4 * step
                        && (here - after).abs() < 1e-3
                        && here - at(x + 2 * dx, y + 2 * dy) > 0.4 * step
            })
    };
    let middles = GrayImage::from_fn(width, height, |x, y| Luma([u8::from(middle(x, y))]));
    let any = middles.iter().any(|&value| value > 0);
    let near = any.then(|| euclidean_squared_distance_transform(&middles));
    Plane::from_fn(width, height, |x, y| {
        let distance = at(i64::from(x), i64::from(y));
        let eroded = (distance - by).clamp(0.0, 1.0);
        let kept = near.as_ref().map_or(0.0, |near| {
            let far = near.get_pixel(x, y).0[0].sqrt() as f32;
            (wanted / 2.0 * 0.8 + 0.5 - far).clamp(0.0, 1.0)
        });
        let inside = if distance > 0.0 { 1.0 } else { 0.0 };
        Luma([eroded.max(kept * inside)])
    })
}

/// Adds `by` pixels to each side of the strokes.
fn thickened(ink: &Plane, by: f32) -> Plane {
    let (width, height) = ink.dimensions();
    let strokes = GrayImage::from_fn(width, height, |x, y| {
        Luma([u8::from(ink.get_pixel(x, y).0[0] >= 0.5)])
    });
    let squares = euclidean_squared_distance_transform(&strokes);
    Plane::from_fn(width, height, |x, y| {
        let far = squares.get_pixel(x, y).0[0].sqrt() as f32;
        let value = (by + 0.5 - far).clamp(0.0, 1.0);
        Luma([value.max(ink.get_pixel(x, y).0[0])])
    })
}
