//! Bytes of a picture file -> pixels, within bounds that hold for hostile files too.

use std::io::Cursor;

use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbaImage};

use super::{MOST_BYTES, PictureError};

/// Above what telephones take, below what a small machine cannot hold as RGBA.
const MOST_PIXELS: u64 = 64_000_000;
const LONGEST_SIDE: u32 = 32_768;
const MOST_MEMORY: u64 = 512 << 20;
/// Larger pictures are scaled down to this side at once: 28 pixels remain in the end.
const WORKING_SIDE: u32 = 1024;

/// Decodes the first picture of a PNG, JPEG, BMP, GIF or WebP file, turned as its EXIF says.
///
/// # Errors
/// [`PictureError`]; the size is judged by the header, before anything is decoded.
pub fn decode(bytes: &[u8]) -> Result<RgbaImage, PictureError> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err(PictureError::FileTooLarge);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(PictureError::Read)?;
    if reader.format().is_none() {
        return Err(PictureError::UnknownFormat);
    }
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(describe)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(PictureError::TooManyPixels {
            width,
            height,
            most_megapixels: MOST_PIXELS / 1_000_000,
        });
    }
    if decoder.total_bytes() > MOST_MEMORY {
        return Err(PictureError::TooMuchMemory);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(describe)?;
    if width.max(height) > WORKING_SIDE {
        image = image.thumbnail(WORKING_SIDE, WORKING_SIDE);
    }
    image.apply_orientation(orientation);
    Ok(image.into_rgba8())
}

fn describe(error: ImageError) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooMuchMemory,
        ImageError::Unsupported(_) => PictureError::UnknownFormat,
        ImageError::IoError(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            PictureError::Read(error)
        }
        error => PictureError::Damaged(error.to_string()),
    }
}
