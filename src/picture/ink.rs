//! Pixels -> ink: how far each pixel is from the background, whatever the two colours are.

use image::{ImageBuffer, Luma, RgbaImage};

use super::PictureError;

/// Ink of each pixel, 0 (background) to 1.
pub type Ink = ImageBuffer<Luma<f32>, Vec<f32>>;

type Colour = [f32; 3];

/// A drawing whose strongest mark is nearer to the background than this is blank.
const LEAST_CONTRAST: f32 = 0.04;
/// Nor is anything drawn where no pixel has this much ink.
const LEAST_INK: f32 = 0.01;
/// Marks count from this share of the strongest one when the ink's colour is measured.
const STRONG: f32 = 0.5;
/// Grain of the background up to this many median deviations is no ink.
const GRAIN: f32 = 3.0;

/// Finds the background in the border, dark or light, and measures every pixel's distance
/// from it along the colour of the marks.
///
/// # Errors
/// [`PictureError::Blank`].
pub fn ink(picture: &RgbaImage) -> Result<Ink, PictureError> {
    let (width, height) = picture.dimensions();
    let border = border(width, height);
    let background = background(picture, &border);
    let differences: Vec<Colour> = picture
        .pixels()
        .map(|pixel| difference(pixel.0, background))
        .collect();
    let lengths: Vec<f32> = differences.iter().map(length).collect();
    let strongest = upper_end(&lengths);
    if strongest < LEAST_CONTRAST {
        return Err(PictureError::Blank);
    }
    let direction = direction(&differences, &lengths, strongest * STRONG);
    let deviations = border.iter().map(|&index| lengths[index]).collect();
    let grain = (GRAIN * median(deviations) / strongest).min(0.5);
    let values: Vec<f32> = differences
        .iter()
        .map(|difference| {
            let along: f32 = (0..3).map(|c| difference[c] * direction[c]).sum();
            ((along / strongest - grain) / (1.0 - grain)).clamp(0.0, 1.0)
        })
        .collect();
    // Marks of opposite colours can cancel each other out.
    if !values.iter().any(|&value| value >= LEAST_INK) {
        return Err(PictureError::Blank);
    }
    Ok(ImageBuffer::from_vec(width, height, values).expect("a value for every pixel"))
}

/// Positions of the outermost pixels, a fiftieth of the shorter side wide.
fn border(width: u32, height: u32) -> Vec<usize> {
    let thickness = (width.min(height) / 50).max(1);
    let inside = |at: u32, side: u32| at >= thickness && at + thickness < side;
    (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .filter(|&(x, y)| !(inside(x, width) && inside(y, height)))
        .map(|(x, y)| (y * width + x) as usize)
        .collect()
}

/// The border's median colour; a drawing cut out of a transparent one gets white or black,
/// whichever is farther from its marks.
fn background(picture: &RgbaImage, border: &[usize]) -> Colour {
    let (pixels, _) = picture.as_raw().as_chunks::<4>();
    let opaque: Vec<[u8; 4]> = border
        .iter()
        .map(|&index| pixels[index])
        .filter(|pixel| pixel[3] >= 128)
        .collect();
    if opaque.len() * 2 >= border.len() {
        return [0, 1, 2].map(|c| {
            median(
                opaque
                    .iter()
                    .map(|pixel| f32::from(pixel[c]) / 255.0)
                    .collect(),
            )
        });
    }
    let (mut brightness, mut weight) = (0.0, 0.0);
    for pixel in pixels {
        let alpha = f64::from(pixel[3]);
        brightness += alpha * pixel[..3].iter().map(|&v| f64::from(v)).sum::<f64>() / (3.0 * 255.0);
        weight += alpha;
    }
    match brightness > weight * 0.5 {
        true => [0.0; 3],
        false => [1.0; 3],
    }
}

/// The pixel laid over the background, less the background; its length is at most 1.
fn difference(pixel: [u8; 4], background: Colour) -> Colour {
    let alpha = f32::from(pixel[3]) / 255.0;
    [0, 1, 2].map(|c| alpha * (f32::from(pixel[c]) / 255.0 - background[c]) / 3f32.sqrt())
}

fn length(colour: &Colour) -> f32 {
    colour.iter().map(|v| v * v).sum::<f32>().sqrt()
}

/// The mean direction of the marks at least `least` long, of length 1.
fn direction(differences: &[Colour], lengths: &[f32], least: f32) -> Colour {
    let mut sum = [0.0; 3];
    for (difference, &length) in differences.iter().zip(lengths) {
        if length >= least {
            for c in 0..3 {
                sum[c] += difference[c];
            }
        }
    }
    let total = length(&sum).max(f32::MIN_POSITIVE);
    sum.map(|v| v / total)
}

/// The largest value, after leaving out one in 2,000 as specks.
fn upper_end(values: &[f32]) -> f32 {
    let mut values = values.to_vec();
    let place = values.len() - 1 - values.len() / 2000;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}

fn median(mut values: Vec<f32>) -> f32 {
    let place = values.len() / 2;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}
