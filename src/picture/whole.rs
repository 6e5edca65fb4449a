//! Pictures of things rather than of strokes: what is shown, fitted or cropped to an image.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Rgb};

use super::planes::{around, difference, margin, middle_colour, quantile};
use super::target::Background;
use super::target::Target;
use super::{Bounds, PictureError};

type Colours = ImageBuffer<Rgb<f32>, Vec<f32>>;

/// What differs from the border by less than this is background, where the grain is finer.
const LEAST_DIFFERENCE: f32 = 0.04;
/// A row or column belongs to the thing where this share of it differs.
const LEAST_SHARE: f32 = 0.01;

/// The picture scaled by Catmull-Rom so that it covers the image, and cut evenly: every channel as
/// it is.
pub fn crop(picture: &Colours, target: &Target) -> Vec<u8> {
    let (rows, columns) = (target.shape.height as u32, target.shape.width as u32);
    let (width, height) = picture.dimensions();
    let scale = (f64::from(columns) / f64::from(width)).max(f64::from(rows) / f64::from(height));
    // The part of the picture that remains.
    let kept = |side: u32, length: u32| ((f64::from(side) / scale).round() as u32).clamp(1, length);
    let (kept_width, kept_height) = (kept(columns, width), kept(rows, height));
    let part = imageops::crop_imm(
        picture,
        (width - kept_width) / 2,
        (height - kept_height) / 2,
        kept_width,
        kept_height,
    );
    let small = imageops::resize(&part.to_image(), columns, rows, FilterType::CatmullRom);
    bytes(&small, target)
}

/// What is shown, without the background around it, fitted to the image and centred.
///
/// # Errors
/// [`PictureError::Blank`].
pub fn whole(picture: &Colours, target: &Target) -> Result<(Bounds, Vec<u8>), PictureError> {
    let background = border_colour(picture);
    let bounds = shown(picture, background).ok_or(PictureError::Blank)?;
    let (rows, columns) = (target.shape.height as u32, target.shape.width as u32);
    let part = imageops::crop_imm(
        picture,
        bounds.left,
        bounds.top,
        bounds.width,
        bounds.height,
    );
    let scale = (f64::from(columns) / f64::from(bounds.width))
        .min(f64::from(rows) / f64::from(bounds.height));
    let scaled =
        |length: u32, most: u32| ((f64::from(length) * scale).round() as u32).clamp(1, most);
    let (width, height) = (scaled(bounds.width, columns), scaled(bounds.height, rows));
    let mut small = imageops::resize(&part.to_image(), width, height, FilterType::Triangle);
    let mut around = background;
    orient(&mut small, &mut around, target);
    let mut image = Colours::from_pixel(columns, rows, Rgb(around));
    let (x, y) = ((columns - width) / 2, (rows - height) / 2);
    imageops::replace(&mut image, &small, i64::from(x), i64::from(y));
    Ok((bounds, bytes(&image, target)))
}

/// Turns grey things to the set's background: each pixel's distance from its own, stretched to full
/// strength. Colours and sets of any background stay as they are.
fn orient(small: &mut Colours, around: &mut [f32; 3], target: &Target) {
    let set_is_dark = match (target.background, target.shape.channels) {
        (Background::Varied, _) | (_, 3) => return,
        (background, _) => background == Background::Dark,
    };
    let difference = |pixel: [f32; 3]| -> [f32; 3] { [0, 1, 2].map(|c| pixel[c] - around[c]) };
    let length = |v: &[f32; 3]| v.iter().map(|v| v * v).sum::<f32>().sqrt();
    let lengths: Vec<f32> = small
        .pixels()
        .map(|pixel| length(&difference(pixel.0)))
        .collect();
    let strongest = quantile(&lengths, 0.995).max(f32::MIN_POSITIVE);
    let mut direction = [0.0; 3];
    for (pixel, &far) in small.pixels().zip(&lengths) {
        if far >= 0.5 * strongest {
            let difference = difference(pixel.0);
            (0..3).for_each(|c| direction[c] += difference[c]);
        }
    }
    let total = length(&direction).max(f32::MIN_POSITIVE);
    for pixel in small.pixels_mut() {
        let difference = difference(pixel.0);
        let along: f32 = (0..3).map(|c| difference[c] * direction[c] / total).sum();
        let ink = (along / strongest).clamp(0.0, 1.0);
        pixel.0 = [if set_is_dark { ink } else { 1.0 - ink }; 3];
    }
    *around = [if set_is_dark { 0.0 } else { 1.0 }; 3];
}

/// The median colour of the outermost pixels.
fn border_colour(picture: &Colours) -> [f32; 3] {
    let (width, height) = picture.dimensions();
    let colours: Vec<[f32; 3]> = picture.pixels().map(|pixel| pixel.0).collect();
    middle_colour(&around(width, height, margin(width, height), &colours))
}

/// The box of what differs from the background.
fn shown(picture: &Colours, background: [f32; 3]) -> Option<Bounds> {
    let (width, height) = picture.dimensions();
    let far: Vec<f32> = picture
        .pixels()
        .map(|pixel| difference(pixel.0, background))
        .collect();
    let strongest = quantile(&far, 0.995).max(quantile(&far, 1.0) * 0.5);
    if strongest < LEAST_DIFFERENCE {
        return None;
    }
    let least = (0.1 * strongest).max(LEAST_DIFFERENCE.min(0.5 * strongest));
    let (mut rows, mut columns) = (vec![0u32; height as usize], vec![0u32; width as usize]);
    for (at, &far) in far.iter().enumerate() {
        if far >= least {
            rows[at / width as usize] += 1;
            columns[at % width as usize] += 1;
        }
    }
    let ends = |counts: &[u32], across: u32| {
        let least = (LEAST_SHARE * across as f32).max(1.0);
        let used = |count: &u32| *count as f32 >= least;
        Some((
            counts.iter().position(used)? as u32,
            counts.iter().rposition(used)? as u32,
        ))
    };
    let ((top, bottom), (left, right)) = (ends(&rows, width)?, ends(&columns, height)?);
    Some(Bounds {
        left,
        top,
        width: right + 1 - left,
        height: bottom + 1 - top,
    })
}

/// Bytes of the set's channels.
fn bytes(image: &Colours, target: &Target) -> Vec<u8> {
    let byte = |value: f32| (value * 255.0).round().clamp(0.0, 255.0) as u8;
    match target.shape.channels {
        1 => image
            .pixels()
            // As television weighs them (BT.601).
            .map(|pixel| byte(0.299 * pixel.0[0] + 0.587 * pixel.0[1] + 0.114 * pixel.0[2]))
            .collect(),
        _ => image.pixels().flat_map(|pixel| pixel.0.map(byte)).collect(),
    }
}
