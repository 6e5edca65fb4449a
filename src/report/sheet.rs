//! Pictures side by side in one PNG, large enough to be looked at.

use std::io::Cursor;

use image::{GrayImage, ImageFormat, Luma};

use crate::data::SIDE;

/// Pixels of the sheet a pixel.
const SCALE: u32 = 3;
/// Around pictures; twice that behind the first of a row.
const GAP: u32 = 6;
const PAPER: u8 = 96;

/// A PNG of rows of 28x28 pictures; the first column, the originals, stands a little apart.
///
/// # Errors
/// When the sheet cannot be encoded.
pub fn sheet(rows: &[Vec<&[u8]>]) -> Result<Vec<u8>, image::ImageError> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let cell = SIDE as u32 * SCALE + GAP;
    let width = columns * cell + 2 * GAP;
    let mut paper = GrayImage::from_pixel(width, rows.len() as u32 * cell + GAP, Luma([PAPER]));
    for (row, pictures) in rows.iter().enumerate() {
        for (column, picture) in pictures.iter().enumerate() {
            let left = column as u32 * cell + if column == 0 { GAP } else { 2 * GAP };
            let top = row as u32 * cell + GAP;
            for (at, &value) in picture.iter().enumerate() {
                let (x, y) = ((at % SIDE) as u32, (at / SIDE) as u32);
                for part in 0..SCALE * SCALE {
                    let (x, y) = (x * SCALE + part % SCALE, y * SCALE + part / SCALE);
                    paper.put_pixel(left + x, top + y, Luma([value]));
                }
            }
        }
    }
    let mut png = Cursor::new(Vec::new());
    paper.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}
