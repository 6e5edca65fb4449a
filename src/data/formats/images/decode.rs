//! Image files decoded on all cores and brought to one size, as `predict` reads them.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::check_memory;
use crate::config::Colour;
use crate::data::error::DataError;
use crate::data::formats::Reading;
use crate::data::formats::broken::Broken;
use crate::data::formats::tree::Tree;
use crate::data::image_set::{Background, Framing, ImageShape, SIDES};
use crate::data::open_set::{USUAL_SIDE, is_grey, sides};
use crate::picture::{self, Count, PictureError, Target};

/// Endings of names that images have, of kinds too that are not read.
const ENDINGS: [&str; 12] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "bmp", "gif", "webp", "tif", "tiff", "heic", "avif",
];

pub struct Decoded {
    pub shape: ImageShape,
    /// Images one after another.
    pub images: Vec<u8>,
    /// Of each wanted file, which image it is; `None` where it is none.
    pub places: Vec<Option<usize>>,
    pub broken: Broken,
    /// Files that are no images.
    others: usize,
    /// Shortest and longest heights and widths of the files.
    heights: Span,
    widths: Span,
}

/// What came of a file.
enum Outcome {
    Image { pixels: Vec<u8>, size: (u32, u32) },
    Other,
    Broken(String),
}

/// Decodes the files of a tree at `wanted`, in ascending order.
///
/// # Errors
/// [`DataError::Unfit`] for an archive that cannot be read and a set that is too large,
/// [`DataError::Cancelled`].
pub fn decode(
    path: &Path,
    tree: &Tree,
    wanted: &[usize],
    reading: &Reading,
) -> Result<Decoded, DataError> {
    let work = Work {
        path,
        tree,
        wanted,
        reading,
        channels: match reading.options.colour {
            Colour::Grey => 1,
            Colour::Auto | Colour::Rgb => 3,
        },
    };
    let usual = [USUAL_SIDE; 2];
    let mut decoded = match reading.options.size.sides() {
        Some(sides) => work.all(sides, false)?,
        None => match work.first_size()? {
            // Most sets share a size, and then one pass is enough.
            Some((width, height)) => {
                let first = [height as usize, width as usize];
                let common = sides(reading.options.size, first);
                match work.all(common, common == first)? {
                    None => work.all(usual, false)?,
                    decoded => decoded,
                }
            }
            None => work.all(usual, false)?,
        },
    }
    .expect("images of any size were asked for");
    if reading.options.colour == Colour::Auto && is_grey(&decoded.images, 3) {
        decoded.images = decoded
            .images
            .chunks_exact(3)
            .map(|pixel| pixel[0])
            .collect();
        decoded.shape.channels = 1;
    }
    Ok(decoded)
}

impl Decoded {
    /// What a person should know of how the files became images.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let brought = |span: Span, side: usize| span != Span(Some([side as u32; 2]));
        if brought(self.heights, self.shape.height) || brought(self.widths, self.shape.width) {
            notes.push(format!(
                "images {} high and {} wide brought to {}x{}",
                self.heights.pixels(),
                self.widths,
                self.shape.height,
                self.shape.width
            ));
        }
        if self.others > 0 {
            notes.push(match self.others {
                1 => "1 file that is not an image is left out".into(),
                others => format!("{others} files that are not images are left out"),
            });
        }
        notes
    }
}

struct Work<'a> {
    path: &'a Path,
    tree: &'a Tree,
    wanted: &'a [usize],
    reading: &'a Reading<'a>,
    channels: usize,
}

impl Work<'_> {
    /// Width and height of the first file that is an image.
    fn first_size(&self) -> Result<Option<(u32, u32)>, DataError> {
        let mut found = None;
        let shape = ImageShape::grey(*SIDES.start(), *SIDES.start());
        for batch in self.wanted.chunks(64) {
            self.each(batch, shape, &mut |outcomes| {
                found = outcomes.into_iter().find_map(|outcome| match outcome {
                    Outcome::Image { size, .. } => Some(size),
                    _ => None,
                });
                Ok(())
            })?;
            if found.is_some() {
                break;
            }
        }
        Ok(found)
    }

    /// Decodes all files; `None` where `same` is asked for and one has another size.
    fn all(&self, [height, width]: [usize; 2], same: bool) -> Result<Option<Decoded>, DataError> {
        let shape = ImageShape {
            height,
            width,
            channels: self.channels,
        };
        check_memory(self.path, self.wanted.len(), shape)?;
        let mut decoded = Decoded {
            shape,
            images: Vec::new(),
            places: Vec::with_capacity(self.wanted.len()),
            broken: Broken::default(),
            others: 0,
            heights: Span::default(),
            widths: Span::default(),
        };
        let mut mixed = false;
        let count = self.wanted.len();
        self.each(self.wanted, shape, &mut |outcomes| {
            for outcome in outcomes {
                let file = self.wanted[decoded.places.len()];
                decoded.places.push(None);
                match outcome {
                    Outcome::Image { pixels, size } => {
                        mixed |= same && size != (width as u32, height as u32);
                        let at = decoded.images.len() / shape.bytes();
                        *decoded.places.last_mut().expect("pushed") = Some(at);
                        decoded.images.extend_from_slice(&pixels);
                        decoded.widths.take_in(size.0);
                        decoded.heights.take_in(size.1);
                    }
                    Outcome::Other => decoded.others += 1,
                    Outcome::Broken(reason) => {
                        let path = &self.tree.files[file].path;
                        decoded.broken.add(|| format!("{path}: {reason}"));
                    }
                }
            }
            (self.reading.progress)(decoded.places.len(), count);
            match mixed {
                true => Err(None),
                false => Ok(()),
            }
        })?;
        Ok((!mixed).then_some(decoded))
    }

    /// Has `take` get what came of some files at a time; it ends the work with `None` or an error.
    fn each(
        &self,
        wanted: &[usize],
        shape: ImageShape,
        take: &mut dyn FnMut(Vec<Outcome>) -> Result<(), Stop>,
    ) -> Result<(), DataError> {
        let target = Target {
            shape,
            framing: Framing::Crop,
            background: Background::Varied,
        };
        let work = |file: usize, read| outcome(&self.tree.files[file].path, read, &target);
        let mut error = None;
        let read = self
            .tree
            .each(wanted, picture::MOST_BYTES, &work, &mut |outcomes| {
                let taken = match (self.reading.cancelled)() {
                    true => Err(Some(DataError::Cancelled {
                        path: self.path.to_owned(),
                    })),
                    false => take(outcomes),
                };
                match taken {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(stop) => {
                        error = stop;
                        ControlFlow::Break(())
                    }
                }
            });
        read.map_err(|error| DataError::unread(self.path, "cannot be read to its end", &error))?;
        error.map_or(Ok(()), Err)
    }
}

/// Why work ends early: an error, or nothing more is wanted.
type Stop = Option<DataError>;

fn outcome(path: &str, read: io::Result<Vec<u8>>, target: &Target) -> Outcome {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let named_so = ENDINGS.contains(&&ending.to_lowercase()[..]);
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) if named_so => return Outcome::Broken(error.to_string()),
        Err(_) => return Outcome::Other,
    };
    match picture::prepare(&bytes, target, Count::One) {
        Ok(mut drawings) => {
            let drawing = drawings.swap_remove(0);
            Outcome::Image {
                pixels: drawing.pixels,
                size: drawing.picture,
            }
        }
        Err(PictureError::UnknownFormat | PictureError::Empty) if !named_so => Outcome::Other,
        Err(PictureError::Empty) => Outcome::Broken("empty (0 bytes)".into()),
        Err(error) => {
            // What to do with one picture is not what to do with a set of them.
            let text = error.to_string();
            let reason = text.split([';', '\n']).next();
            Outcome::Broken(reason.unwrap_or_default().to_owned())
        }
    }
}

/// The least and the greatest of some numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span(Option<[u32; 2]>);

impl Span {
    fn take_in(&mut self, value: u32) {
        let [least, most] = self.0.unwrap_or([value; 2]);
        self.0 = Some([least.min(value), most.max(value)]);
    }

    fn pixels(&self) -> String {
        match self.0 {
            Some([1, 1]) => "1 pixel".into(),
            _ => format!("{self} pixels"),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some([least, most]) if least != most => write!(f, "{least} to {most}"),
            Some([value, _]) => write!(f, "{value}"),
            None => f.write_str("no"),
        }
    }
}
