//! Bytes of a picture file -> pixels, within bounds that hold for hostile files too.

use std::error::Error;
use std::io::{Cursor, ErrorKind};

use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::compose::Pixels;
use super::{MOST_BYTES, PictureError, damage};

/// Above what telephones take, below what a small machine cannot hold as RGBA.
const MOST_PIXELS: u64 = 64_000_000;
const MOST_MEMORY: u64 = 512 << 20;

/// What files begin with that people take for images which are read here.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"%PDF", "a PDF document"),
    (b"II*\0", "a TIFF or raw image"),
    (b"MM\0*", "a TIFF or raw image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"8BPS", "a Photoshop document"),
    (b"qoif", "a QOI image"),
    (b"\0\0\x01\0", "an icon"),
    (b"P5\n", "a PNM image"),
    (b"P6\n", "a PNM image"),
    (b"PK\x03\x04", "a ZIP archive"),
    (
        b"version https://git-lfs",
        "a Git LFS pointer in place of the image",
    ),
];

/// A picture as it is looked at.
pub struct Decoded {
    /// Scaled down where the file's are many.
    pub pixels: Pixels,
    /// Width and height of the file's picture, turned as its EXIF says.
    pub size: (u32, u32),
}

/// Decodes the first picture of a PNG, JPEG, BMP, GIF or WebP file, turned as its EXIF says, with
/// the longer side at most `longest`.
///
/// # Errors
/// [`PictureError`]; the size is read from the header, before anything is decoded.
pub fn decode(bytes: &[u8], longest: u32) -> Result<Decoded, PictureError> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err(PictureError::FileTooLarge);
    }
    if bytes.is_empty() {
        return Err(PictureError::Empty);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(PictureError::Read)?;
    let Some(format) = reader.format() else {
        return Err(unknown(bytes));
    };
    reader.limits(limits);
    let describe = |error| describe(error, bytes, format);
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
    if let Some(missing) = damage::missing(bytes, format) {
        return Err(PictureError::Damaged(missing.into()));
    }
    if width.max(height) > longest {
        image = image.thumbnail(longest, longest);
    }
    image.apply_orientation(orientation);
    let turned = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    Ok(Decoded {
        pixels: image.into_rgba32f(),
        size: if turned {
            (height, width)
        } else {
            (width, height)
        },
    })
}

fn describe(error: ImageError, bytes: &[u8], format: ImageFormat) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooMuchMemory,
        ImageError::Unsupported(_) => unknown(bytes),
        ImageError::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => {
            PictureError::Read(error)
        }
        // The file itself tells more plainly than a decoder that it was cut.
        error => {
            let missing = damage::missing(bytes, format).filter(|_| misses_bytes(&error, format));
            PictureError::Damaged(match missing {
                Some(missing) => missing.into(),
                None => format!("its contents cannot be decoded ({})", reason(&error)),
            })
        }
    }
}

/// Whether a decoder stopped for want of bytes. A GIF may have a block that nobody knows instead: there its words tell.
fn misses_bytes(error: &ImageError, format: ImageFormat) -> bool {
    let said = reason(error).to_lowercase();
    let words = [
        "end of file",
        "eof",
        "not enough",
        "unexpected end",
        "too short",
        "fill whole buffer",
    ];
    let is_gif = format == ImageFormat::Gif;
    !is_gif
        || matches!(error, ImageError::IoError(_))
        || words.iter().any(|word| said.contains(word))
}

/// A decoder's own words, in one line.
fn reason(error: &ImageError) -> String {
    let said = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    said.lines().next().unwrap_or_default().to_owned()
}

/// What a file is that cannot be read, where its first bytes tell.
fn unknown(bytes: &[u8]) -> PictureError {
    let brand = match bytes.get(4..8) == Some(b"ftyp") {
        true => bytes.get(8..12).unwrap_or_default(),
        false => &[],
    };
    let holds = |first: usize, name: &[u8]| {
        let first = &bytes[..bytes.len().min(first)];
        let mut parts = first.windows(name.len());
        parts.any(|part| part.eq_ignore_ascii_case(name))
    };
    // Many brands are of either: the compatible ones after them tell.
    let is_avif = holds(64, b"avif");
    let found = match brand {
        b"avif" | b"avis" => "an AVIF image",
        b"mif1" | b"msf1" if is_avif => "an AVIF image",
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"hevm" | b"hevs" | b"mif1"
        | b"msf1" => "a HEIC image, as iPhones take them",
        b"crx " => "a raw image of a camera",
        _ if !brand.is_empty() => "a film",
        _ => match SIGNATURES
            .iter()
            .find(|(start, _)| bytes.starts_with(start))
        {
            Some((_, name)) => name,
            // Comments and declarations come first.
            None if holds(1024, b"<svg") => "an SVG drawing",
            None if holds(1024, b"<html") => "a web page",
            None => return PictureError::UnknownFormat,
        },
    };
    PictureError::OtherFormat(found)
}
