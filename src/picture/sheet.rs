//! A sheet on an even surface -> the sheet alone: what lies around it gets the sheet's colour.

use image::{GrayImage, Luma};
use imageproc::distance_transform::Norm;
use imageproc::geometry::min_area_rect;
use imageproc::morphology::erode;
use imageproc::point::Point;
use imageproc::region_labelling::{Connectivity, connected_components};

use super::planes::{around, difference, margin, middle_colour};

type Colour = [f32; 3];

/// Colours that differ by no more in any channel are one surface.
const ALIKE: f32 = 0.1;
/// So much of the picture's border shows the surface.
const AROUND: f32 = 0.95;
/// A sheet is wider than this share of the picture's shorter side, as no stroke is,
const LEAST_SIDE: f64 = 0.3;
/// fills this share of the rectangle around it,
const FILLED: f64 = 0.9;
/// and most of it has its colour.
const PLAIN: f64 = 0.7;

/// The colours of a picture, with a sheet's own in place of the surface that it lies on; as they are where there is none.
pub fn without_surface(width: u32, height: u32, mut colours: Vec<Colour>) -> Vec<Colour> {
    let Some((sheet, inside)) = sheet(width, height, &colours) else {
        return colours;
    };
    // Its edge is no stroke.
    let inside = erode(&inside, Norm::LInf, (1 + width.min(height) / 100) as u8);
    for (colour, inside) in colours.iter_mut().zip(inside.pixels()) {
        if inside.0[0] == 0 {
            *colour = sheet;
        }
    }
    colours
}

/// A sheet's colour, and where it is.
fn sheet(width: u32, height: u32, colours: &[Colour]) -> Option<(Colour, GrayImage)> {
    let surface = surface(width, height, colours)?;
    let other = GrayImage::from_fn(width, height, |x, y| {
        let colour = colours[(y * width + x) as usize];
        Luma([255 * u8::from(difference(colour, surface) > ALIKE)])
    });
    let inside = largest(&other)?;
    let covered: Vec<Colour> = (inside.pixels().zip(colours))
        .filter_map(|(inside, colour)| (inside.0[0] > 0).then_some(*colour))
        .collect();
    let sheet = middle_colour(&covered);
    let plain = covered
        .iter()
        .filter(|&&colour| difference(colour, sheet) < difference(colour, surface));
    let is_plain = plain.count() as f64 >= PLAIN * covered.len() as f64;
    (is_plain && difference(sheet, surface) > 2.0 * ALIKE).then_some((sheet, inside))
}

/// The colour all around the picture, where it is one.
fn surface(width: u32, height: u32, colours: &[Colour]) -> Option<Colour> {
    let around = around(width, height, margin(width, height), colours);
    let surface = middle_colour(&around);
    let alike = around
        .iter()
        .filter(|&&colour| difference(colour, surface) <= ALIKE);
    (alike.count() as f32 >= AROUND * around.len() as f32).then_some(surface)
}

/// The largest part of what is not black, without gaps in its rows, if it is a rectangle that is wider than any stroke.
fn largest(other: &GrayImage) -> Option<GrayImage> {
    let (width, height) = other.dimensions();
    let labels = connected_components(other, Connectivity::Four, Luma([0]));
    let mut areas = vec![0u32; labels.iter().copied().max()? as usize + 1];
    for label in labels.iter().filter(|label| **label > 0) {
        areas[*label as usize] += 1;
    }
    let (label, area) = (areas.iter().enumerate()).max_by_key(|(_, area)| **area)?;
    if *area == 0 {
        return None;
    }
    let mut inside = GrayImage::new(width, height);
    let mut ends = Vec::new();
    let mut filled = 0;
    for y in 0..height {
        let own = |x: &u32| labels.get_pixel(*x, y).0[0] as usize == label;
        let (Some(left), Some(right)) = ((0..width).find(own), (0..width).rev().find(own)) else {
            continue;
        };
        (left..=right).for_each(|x| inside.put_pixel(x, y, Luma([255])));
        filled += right - left + 1;
        ends.extend([
            Point::new(left as i32, y as i32),
            Point::new(right as i32, y as i32),
        ]);
    }
    if ends.len() < 4 {
        return None;
    }
    let [one, two, three, _] = min_area_rect(&ends);
    let side =
        |a: Point<i32>, b: Point<i32>| f64::from(a.x - b.x).hypot(f64::from(a.y - b.y)) + 1.0;
    let (long, wide) = (side(one, two), side(two, three));
    let is_sheet = long.min(wide) >= LEAST_SIDE * f64::from(width.min(height))
        && f64::from(filled) >= FILLED * long * wide;
    is_sheet.then_some(inside)
}
