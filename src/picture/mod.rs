//! Picture files made into what the network was trained on: decoded, reduced to ink on an empty
//! background, framed as the data set frames its own pictures.

#[cfg(not(target_family = "wasm"))]
mod decode;
mod frame;
mod ink;

#[cfg(not(target_family = "wasm"))]
pub use decode::decode;
pub use frame::{Framing, frame};
pub use ink::{Ink, ink};

use image::RgbaImage;

use crate::data::synthetic::SHAPE;

/// A picture file may have this many bytes.
pub const MOST_BYTES: u64 = 64 << 20;

/// A picture that cannot be classified, and why.
#[derive(thiserror::Error, Debug)]
pub enum PictureError {
    #[error("could not be read: {0}")]
    Read(std::io::Error),
    #[error("larger than {} MiB; scale the picture down first", MOST_BYTES >> 20)]
    FileTooLarge,
    #[error("no PNG, JPEG, BMP, GIF or WebP picture; convert it to one of these first")]
    UnknownFormat,
    #[error(
        "{width} x {height} pixels are more than the {most_megapixels} million that are decoded; scale the picture down first"
    )]
    TooManyPixels {
        width: u32,
        height: u32,
        most_megapixels: u64,
    },
    #[error("would need more memory than a picture may take; scale the picture down first")]
    TooMuchMemory,
    #[error("damaged: {0}; save it again from the program that made it")]
    Damaged(String),
    #[error(
        "one colour all over: nothing is drawn on it; draw with more contrast to the background"
    )]
    Blank,
}

/// Rows, and columns, of what is prepared.
pub(crate) const SIDE: usize = SHAPE.height;
pub(crate) const PIXELS: usize = SHAPE.pixels();

/// Decodes the bytes of a picture file and prepares it: 28x28 grey bytes, 0 is background.
///
/// # Errors
/// [`PictureError`] says what is wrong with the picture.
#[cfg(not(target_family = "wasm"))]
pub fn prepare(bytes: &[u8], framing: Framing) -> Result<[u8; PIXELS], PictureError> {
    prepare_pixels(&decode(bytes)?, framing)
}

/// Prepares pixels as [`prepare`] does.
///
/// # Errors
/// [`PictureError::Blank`].
pub fn prepare_pixels(pixels: &RgbaImage, framing: Framing) -> Result<[u8; PIXELS], PictureError> {
    Ok(frame(&ink(pixels)?, framing))
}
