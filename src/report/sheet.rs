//! Images side by side in one PNG, large enough to be looked at.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

use crate::data::ImageShape;

/// Pixels of the sheet a pixel.
const SCALE: u32 = 3;
/// Around images; twice that behind the first of a row.
const GAP: u32 = 6;
const PAPER: Rgb<u8> = Rgb([96; 3]);

/// A PNG of rows of images of `shape`; the first column, the originals, stands a little apart.
///
/// # Errors
/// When the sheet cannot be encoded.
pub fn sheet(shape: ImageShape, rows: &[Vec<&[u8]>]) -> Result<Vec<u8>, image::ImageError> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let cell = [shape.width, shape.height].map(|side| side as u32 * SCALE + GAP);
    let size = [
        columns * cell[0] + 2 * GAP,
        rows.len() as u32 * cell[1] + GAP,
    ];
    let mut paper = RgbImage::from_pixel(size[0], size[1], PAPER);
    for (row, images) in rows.iter().enumerate() {
        for (column, image) in images.iter().enumerate() {
            let left = column as u32 * cell[0] + if column == 0 { GAP } else { 2 * GAP };
            let top = row as u32 * cell[1] + GAP;
            for (at, pixel) in image.chunks_exact(shape.channels).enumerate() {
                let (x, y) = ((at % shape.width) as u32, (at / shape.width) as u32);
                for part in 0..SCALE * SCALE {
                    let (x, y) = (x * SCALE + part % SCALE, y * SCALE + part / SCALE);
                    paper.put_pixel(left + x, top + y, colour(pixel));
                }
            }
        }
    }
    let mut png = Cursor::new(Vec::new());
    paper.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

/// One grey channel, or three.
fn colour(pixel: &[u8]) -> Rgb<u8> {
    match *pixel {
        [red, green, blue] => Rgb([red, green, blue]),
        _ => Rgb([pixel.first().copied().unwrap_or(0); 3]),
    }
}
