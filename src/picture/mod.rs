//! Picture files made into what a network was trained on: decoded, freed from light, shadow and
//! paper, parted into drawings, and framed as the set frames its own images.

mod components;
mod compose;
#[cfg(not(target_family = "wasm"))]
mod damage;
#[cfg(not(target_family = "wasm"))]
mod decode;
mod drawings;
mod frame;
mod illumination;
mod lines;
mod planes;
mod sheet;
mod strokes;
mod target;
mod whole;

use image::{DynamicImage, ImageBuffer, RgbaImage};

use self::compose::Pixels;
pub use self::frame::reframed;
pub use self::target::{Background, Framing, Target};
use crate::kernels::images::ImageShape;
use crate::wording::count;

/// A picture file may have this many bytes.
pub const MOST_BYTES: u64 = 64 << 20;
/// Larger pictures are scaled down to this side before they are looked at.
const WORKING_SIDE: u32 = 768;
/// A picture with more drawings than this holds a pattern, or a page of writing.
const MOST_DRAWINGS: usize = 64;
/// Where nothing is found, brightness that differs by less than this many steps of 255 is why.
const LEAST_STEPS: f32 = 8.0;

/// A picture that cannot be classified, and why.
#[derive(thiserror::Error, Debug)]
pub enum PictureError {
    /// The file system's words.
    #[error("could not be read: {0}; check its name and your permission to read it")]
    Read(std::io::Error),
    /// A web address in place of a file.
    #[error("an address; download the image first")]
    Address,
    /// A folder without an image.
    #[error(
        "no PNG, JPEG, BMP, GIF or WebP image in this folder or below it; name a folder with images"
    )]
    NoImages,
    /// No bytes.
    #[error("the file is empty (0 bytes); copy it again")]
    Empty,
    /// More bytes than [`MOST_BYTES`].
    #[error("larger than {} MiB; scale the image down first", MOST_BYTES >> 20)]
    FileTooLarge,
    /// No image, as far as can be seen.
    #[error("no PNG, JPEG, BMP, GIF or WebP image; convert it to one of these first")]
    UnknownFormat,
    /// An image of a format that is not read, by its name.
    #[error("{0}, which is not read here; save it as JPEG or PNG first")]
    OtherFormat(&'static str),
    /// Larger than is decoded.
    #[error(
        "{width} x {height} pixels are more than the {most_megapixels} million that are decoded; scale the image down first"
    )]
    TooManyPixels {
        /// Its pixels in a row.
        width: u32,
        /// Its rows.
        height: u32,
        /// The most that is decoded.
        most_megapixels: u64,
    },
    /// Decoding would take more memory than is allowed.
    #[error("would need more memory than an image may take; scale it down first")]
    TooMuchMemory,
    /// Its bytes cannot be decoded, and why.
    #[error("damaged: {0}; save it again from the program that made it, or copy it anew")]
    Damaged(String),
    /// All pixels are alike.
    #[error(
        "one colour all over: blank, or no margin around the drawing; leave some background on every side"
    )]
    OneColour,
    /// Nothing is drawn on it.
    #[error("blank: nothing stands out from the background; draw larger, or with more contrast")]
    Blank,
    /// What is drawn hardly differs from the background.
    #[error(
        "too little contrast: brightness differs by {} of 255 at most; draw or light it with more contrast", count(*steps, "step")
    )]
    LowContrast {
        /// By how many of 255 steps.
        steps: u32,
    },
    /// What is drawn touches the border.
    #[error("no margin: nothing stands clear of the edges; leave a margin around what is drawn")]
    NoMargin,
    /// More marks than anyone draws.
    #[error("{0} marks, as a pattern or a page of writing has; cut out what is to be read")]
    TooManyMarks(usize),
}

/// A box of pixels of a picture as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first column.
    pub left: u32,
    /// The first row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Something drawn or shown in a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Where it is in the picture.
    pub bounds: Bounds,
    /// The bytes of an image of the target's shape.
    pub pixels: Vec<u8>,
    /// Width and height of the whole picture.
    pub picture: (u32, u32),
}

/// How many drawings a picture may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Each that stands apart is one.
    Any,
    /// All marks are one drawing.
    One,
}

/// Decodes the bytes of a picture file and prepares what is drawn on it, in reading order.
///
/// # Errors
/// [`PictureError`] says what is wrong with the picture.
#[cfg(not(target_family = "wasm"))]
pub fn prepare(bytes: &[u8], target: &Target, count: Count) -> Result<Vec<Drawing>, PictureError> {
    let decoded = decode::decode(bytes, WORKING_SIDE)?;
    prepare_scaled(&decoded.pixels, decoded.size, target, count)
}

/// Prepares pixels as [`prepare`] does.
///
/// # Errors
/// [`PictureError`], of those about what is drawn.
pub fn prepare_pixels(
    pixels: &RgbaImage,
    target: &Target,
    count: Count,
) -> Result<Vec<Drawing>, PictureError> {
    let size = pixels.dimensions();
    let image = DynamicImage::ImageRgba8(pixels.clone());
    let image = match size.0.max(size.1) > WORKING_SIDE {
        true => image.thumbnail(WORKING_SIDE, WORKING_SIDE),
        false => image,
    };
    prepare_scaled(&image.into_rgba32f(), size, target, count)
}

/// An image of a set brought to another shape, as [`prepare`] crops a file's.
pub fn cropped(image: &[u8], from: ImageShape, to: ImageShape) -> Vec<u8> {
    let share = |value: u8| f32::from(value) / 255.0;
    let values = image
        .chunks_exact(from.channels)
        .flat_map(|pixel| match pixel {
            [red, green, blue] => [*red, *green, *blue].map(share),
            pixel => [share(pixel[0]); 3],
        });
    let picture = ImageBuffer::from_vec(from.width as u32, from.height as u32, values.collect())
        .expect("three values a pixel");
    let target = Target {
        shape: to,
        framing: Framing::Crop,
        background: Background::Varied,
    };
    whole::crop(&picture, &target)
}

/// Pixels that may be fewer than the picture of this size has.
fn prepare_scaled(
    pixels: &Pixels,
    size: (u32, u32),
    target: &Target,
    count: Count,
) -> Result<Vec<Drawing>, PictureError> {
    let (width, height) = pixels.dimensions();
    let colours = compose::compose(pixels);
    let scaled = |bounds: Bounds| enlarged(bounds, (width, height), size);
    if target.framing != Framing::CentreOfMass {
        let values = colours.into_iter().flatten().collect();
        let picture = ImageBuffer::from_vec(width, height, values).expect("three values a pixel");
        let (bounds, pixels) = match target.framing {
            Framing::Crop => (
                Bounds {
                    left: 0,
                    top: 0,
                    width,
                    height,
                },
                whole::crop(&picture, target),
            ),
            _ => whole::whole(&picture, target)?,
        };
        return Ok(vec![Drawing {
            bounds: scaled(bounds),
            pixels,
            picture: size,
        }]);
    }
    if let Some((bounds, pixels)) = already_framed(width, height, &colours, target) {
        return Ok(vec![Drawing {
            bounds,
            pixels,
            picture: size,
        }]);
    }
    let (colours, steps) = stretched(colours)?;
    let colours = sheet::without_surface(width, height, colours);
    let mut ink = illumination::ink(width, height, &colours);
    let grain = ink.usual_grain();
    lines::remove_lines(&mut ink.values, grain);
    let marks = components::marks(&ink);
    // A picture of the images' own size is one of them.
    let own_size = size == (target.shape.width as u32, target.shape.height as u32);
    let groups = match count {
        Count::Any if !own_size => drawings::drawings(&marks.marks),
        _ => drawings::single(&marks.marks).into_iter().collect(),
    };
    if groups.is_empty() {
        return Err(match steps {
            steps if steps < LEAST_STEPS => PictureError::LowContrast {
                steps: steps.ceil() as u32,
            },
            _ if marks.at_border => PictureError::NoMargin,
            _ => PictureError::Blank,
        });
    }
    if groups.len() > MOST_DRAWINGS {
        return Err(PictureError::TooManyMarks(groups.len()));
    }
    let drawing = |group: &drawings::Group| Drawing {
        bounds: scaled(Bounds {
            left: group.left,
            top: group.top,
            width: group.width(),
            height: group.height(),
        }),
        pixels: frame::frame(&ink, &marks, group, target),
        picture: size,
    };
    Ok(groups.iter().map(drawing).collect())
}

/// What [`frame::framed`] finds in grey pixels.
fn already_framed(
    width: u32,
    height: u32,
    colours: &[[f32; 3]],
    target: &Target,
) -> Option<(Bounds, Vec<u8>)> {
    let grey = |colour: &[f32; 3]| {
        let [red, green, blue] = *colour;
        (red == green && green == blue).then_some(red)
    };
    let values = colours.iter().map(grey).collect::<Option<Vec<f32>>>()?;
    frame::framed(&planes::plane(width, height, values), target)
}

/// The box in the file's own pixels.
fn enlarged(bounds: Bounds, from: (u32, u32), to: (u32, u32)) -> Bounds {
    let along = |start: u32, length: u32, from: u32, to: u32| {
        let scale = f64::from(to) / f64::from(from);
        let first = (f64::from(start) * scale).floor() as u32;
        let last = (f64::from(start + length) * scale).ceil() as u32;
        (first, last.min(to) - first)
    };
    let (left, width) = along(bounds.left, bounds.width, from.0, to.0);
    let (top, height) = along(bounds.top, bounds.height, from.1, to.1);
    Bounds {
        left,
        top,
        width,
        height,
    }
}

/// Colours as shares of the brightest, for a picture of 16 bits may use few of them; and how many
/// steps of 255 the darkest is from the brightest.
fn stretched(mut colours: Vec<[f32; 3]>) -> Result<(Vec<[f32; 3]>, f32), PictureError> {
    if colours.iter().all(|colour| *colour == colours[0]) {
        return Err(PictureError::OneColour);
    }
    let brightest = colours
        .iter()
        .flatten()
        .copied()
        .fold(f32::MIN_POSITIVE, f32::max);
    let darkest = colours.iter().flatten().copied().fold(brightest, f32::min);
    for value in colours.iter_mut().flatten() {
        *value /= brightest;
    }
    Ok((colours, (brightest - darkest) * 255.0))
}
