//! A drawing -> the bytes of an image, framed as MNIST frames its digits.

use image::imageops::{self, FilterType};

use super::components::Marks;
use super::drawings::Group;
use super::illumination::Ink;
use super::planes::{Plane, inverted, plane, quantile};
use super::target::{Background, Target};
use super::{Bounds, strokes};

/// The box a digit of MNIST is fitted to, as a share of the image's shorter side.
const BOX: f32 = 20.0 / 28.0;
/// Larger drawings are scaled down to this side before their strokes are measured.
const WORKING_SIDE: u32 = 200;
/// Ink below this share is none.
const FAINTEST: f32 = 0.12;
/// An image that is framed already has ink of this share,
const FULL: f32 = 0.9;
/// fills its box up to so many pixels,
const MOST_SHORT: f32 = 1.0;
/// and has its centre of mass no more pixels from its middle: half a pixel, and what rounding adds.
const MOST_OFF: f64 = 0.75;

/// The ink of a group alone, 0 to 1, cut to its box.
fn cut(ink: &Ink, marks: &Marks, group: &Group) -> Plane {
    let own = |label: u32| group.labels.contains(&label);
    let mut strokes = Vec::new();
    for y in group.top..group.bottom {
        for x in group.left..group.right {
            if own(marks.labels.get_pixel(x, y).0[0]) {
                strokes.push(ink.values.get_pixel(x, y).0[0]);
            }
        }
    }
    let full = quantile(&strokes, 0.98).max(f32::MIN_POSITIVE);
    let middle = (
        group.left + group.width() / 2,
        group.top + group.height() / 2,
    );
    let grain = (3.0 * ink.grain(middle.0, middle.1) / full).min(0.4);
    let (width, height) = (group.width(), group.height());
    let mut values = Vec::with_capacity((width * height) as usize);
    for y in group.top..group.bottom {
        for x in group.left..group.right {
            let value = match own(marks.labels.get_pixel(x, y).0[0]) {
                true => (ink.values.get_pixel(x, y).0[0] / full - grain) / (1.0 - grain),
                false => 0.0,
            };
            values.push(value.clamp(0.0, 1.0));
        }
    }
    plane(width, height, values)
}

fn fitted(width: u32, height: u32, side: f32) -> (u32, u32) {
    let scale = side / width.max(height) as f32;
    let scaled = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    (scaled(width), scaled(height))
}

/// Fits a drawing to its box, brings its strokes to the set's width and centres it by mass.
pub fn frame(ink: &Ink, marks: &Marks, group: &Group, target: &Target) -> Vec<u8> {
    let mut drawing = cut(ink, marks, group);
    let size = drawing.width().max(drawing.height());
    if size > WORKING_SIDE {
        let (width, height) = fitted(drawing.width(), drawing.height(), WORKING_SIDE as f32);
        drawing = imageops::resize(&drawing, width, height, FilterType::Triangle);
    }
    // Of a smaller one the widths of strokes are too few pixels to be changed.
    if size >= 40 {
        let margin = 2 + drawing.width().max(drawing.height()) / 8;
        let roomy = Plane::from_fn(
            drawing.width() + 2 * margin,
            drawing.height() + 2 * margin,
            |x, y| match (x.checked_sub(margin), y.checked_sub(margin)) {
                (Some(x), Some(y)) if x < drawing.width() && y < drawing.height() => {
                    *drawing.get_pixel(x, y)
                }
                _ => image::Luma([0.0]),
            },
        );
        drawing = trimmed(&strokes::fit_width(
            &roomy,
            drawing.width().max(drawing.height()),
        ));
    }
    place(&drawing, target)
}

/// Fits a drawing to its box and centres it by mass.
fn place(drawing: &Plane, target: &Target) -> Vec<u8> {
    let (rows, columns) = (target.shape.height as u32, target.shape.width as u32);
    let side = BOX * rows.min(columns) as f32;
    let (width, height) = fitted(drawing.width(), drawing.height(), side);
    let small = imageops::resize(drawing, width, height, FilterType::Triangle);
    let full = small.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let x = offset(columns, width, centre(&small, |x, _| x));
    let y = offset(rows, height, centre(&small, |_, y| y));
    let mut placed = Plane::new(columns, rows);
    for (column, row, value) in small.enumerate_pixels() {
        placed.put_pixel(x + column, y + row, image::Luma([value.0[0] / full]));
    }
    bytes(&placed, target)
}

/// Strokes as bytes of the set's channels, on its background.
fn bytes(strokes: &Plane, target: &Target) -> Vec<u8> {
    let byte = |stroke: &f32| {
        let grey = (stroke * 255.0).round().clamp(0.0, 255.0) as u8;
        match target.background {
            Background::Light => 255 - grey,
            _ => grey,
        }
    };
    strokes
        .iter()
        .flat_map(|stroke| std::iter::repeat_n(byte(stroke), target.shape.channels))
        .collect()
}

/// A picture that is an image of the set already, as large and framed alike: its box and its bytes as
/// they are, inverted where only the background is another. `None` where it has to be framed.
pub fn framed(pixels: &Plane, target: &Target) -> Option<(Bounds, Vec<u8>)> {
    let (rows, columns) = (target.shape.height as u32, target.shape.width as u32);
    if pixels.dimensions() != (columns, rows) {
        return None;
    }
    let mut border = pixels.enumerate_pixels().filter_map(|(x, y, value)| {
        let is_border = x == 0 || y == 0 || x + 1 == columns || y + 1 == rows;
        is_border.then_some(value.0[0])
    });
    let is_light = border.next()? >= 0.5;
    let strokes = match is_light {
        true => inverted(pixels),
        false => pixels.clone(),
    };
    // A stroke may run into the border: 4 of MNIST's 108 pixels there at most.
    let ground = f32::from(u8::from(is_light));
    let strange = border.filter(|value| (value - ground).abs() >= FAINTEST);
    let is_even = strange.count() as u32 <= (rows + columns) / 8;
    let bounds = inked(&strokes)?;
    let longest = bounds.width.max(bounds.height) as f32;
    let off = |side: u32, centre: f64| (f64::from(side) / 2.0 - centre).abs();
    let is_framed = is_even
        && (longest - BOX * rows.min(columns) as f32).abs() <= MOST_SHORT
        && off(columns, centre(&strokes, |x, _| x)) <= MOST_OFF
        && off(rows, centre(&strokes, |_, y| y)) <= MOST_OFF
        && strokes.iter().any(|&value| value >= FULL);
    is_framed.then(|| (bounds, bytes(&strokes, target)))
}

/// An image of strokes framed anew, as its set frames them; `None` where nothing is in it.
pub fn reframed(image: &[u8], target: &Target) -> Option<Vec<u8>> {
    let (rows, columns) = (target.shape.height as u32, target.shape.width as u32);
    let channels = target.shape.channels;
    let strokes = image.chunks_exact(channels).map(|pixel| {
        let mean = pixel.iter().map(|&v| f32::from(v)).sum::<f32>() / (255 * channels) as f32;
        match target.background {
            Background::Light => 1.0 - mean,
            _ => mean,
        }
    });
    let strokes = plane(columns, rows, strokes.collect());
    let any = strokes.iter().any(|&value| value >= FAINTEST);
    any.then(|| place(&trimmed(&strokes), target))
}

/// Without empty rows and columns around it.
fn trimmed(drawing: &Plane) -> Plane {
    match inked(drawing) {
        Some(Bounds {
            left,
            top,
            width,
            height,
        }) => imageops::crop_imm(drawing, left, top, width, height).to_image(),
        None => drawing.clone(),
    }
}

/// The box of the ink; `None` where there is none.
fn inked(drawing: &Plane) -> Option<Bounds> {
    let (mut right, mut bottom) = (0, 0);
    let (mut left, mut top) = drawing.dimensions();
    for (x, y, value) in drawing.enumerate_pixels() {
        if value.0[0] >= FAINTEST {
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
        }
    }
    (left < right).then(|| Bounds {
        left,
        top,
        width: right - left,
        height: bottom - top,
    })
}

/// Where a box starts so that its centre of mass falls on the image's, kept inside it.
fn offset(side: u32, length: u32, centre: f64) -> u32 {
    let start = (f64::from(side) / 2.0 - centre).round();
    start.clamp(0.0, f64::from(side - length)) as u32
}

/// The mean coordinate of the ink, in pixels from 0.
fn centre(ink: &Plane, coordinate: fn(u32, u32) -> u32) -> f64 {
    let (mut sum, mut mass) = (0.0, 0.0);
    for (x, y, value) in ink.enumerate_pixels() {
        let value = f64::from(value.0[0]);
        sum += value * f64::from(coordinate(x, y));
        mass += value;
    }
    sum / mass.max(f64::MIN_POSITIVE)
}
