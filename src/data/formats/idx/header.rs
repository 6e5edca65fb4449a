//! The header: what kind of number, and how many along each dimension.

use std::fmt;

use super::element::Element;
use super::{Kind, other};
use crate::data::error::Fault;
use crate::data::image_set::{ImageShape, check_shape};

/// The most dimensions that images have.
const MOST_DIMENSIONS: usize = 4;

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the numbers are.
    pub element: Element,
    /// Outermost first; never empty.
    pub dimensions: Vec<u32>,
}

/// How the bytes of an image lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data::formats) struct Layout {
    pub shape: ImageShape,
    /// Channels one after another, as PyTorch has them, and not together at each pixel.
    pub planar: bool,
}

impl Layout {
    /// That of an array of images of these sides, the first of which counts the images.
    pub fn of(sides: &[usize]) -> Option<Self> {
        let (height, width, channels, planar) = match *sides {
            [_, height, width] => (height, width, 1, false),
            [_, height, width, channels @ (1 | 3)] => (height, width, channels, false),
            [_, channels @ (1 | 3), height, width] => (height, width, channels, true),
            _ => return None,
        };
        Some(Self {
            shape: ImageShape {
                height,
                width,
                channels,
            },
            planar: planar && channels > 1,
        })
    }
}

impl fmt::Display for Header {
    /// `60000x28x28 unsigned bytes`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides: Vec<String> = self.dimensions.iter().map(u32::to_string).collect();
        write!(f, "{} {}", sides.join("x"), self.element)
    }
}

impl Header {
    /// The bytes of the header in a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0, 0, self.element.code(), self.dimensions.len() as u8];
        for side in &self.dimensions {
            bytes.extend_from_slice(&side.to_be_bytes());
        }
        bytes
    }

    /// The length of the header in a file.
    pub fn bytes(&self) -> usize {
        4 + 4 * self.dimensions.len()
    }

    /// Number of images or labels.
    pub fn count(&self) -> usize {
        self.dimensions[0] as usize
    }

    /// Bytes that follow the header.
    ///
    /// # Errors
    /// When no memory could hold so many.
    pub fn body_bytes(&self) -> Result<usize, Fault> {
        let bytes = self
            .dimensions
            .iter()
            .try_fold(self.element.bytes() as u128, |product, &side| {
                product.checked_mul(side.into())
            })
            .unwrap_or(u128::MAX);
        match usize::try_from(bytes) {
            Ok(bytes) if bytes <= isize::MAX as usize => Ok(bytes),
            _ => Err(Fault::TooLarge { bytes }),
        }
    }

    /// How many dimensions a file has that begins with `magic`; `rest` is what follows, for the
    /// fault of a file that is none.
    pub(super) fn begin(magic: [u8; 4], rest: &[u8]) -> Result<(Element, usize), Fault> {
        let [first, second, code, dimensions] = magic;
        if (first, second) == (0, 0)
            && let Some(element) = Element::of_code(code)
            && dimensions > 0
        {
            return Ok((element, dimensions.into()));
        }
        Err(other::what_else(&[&magic, rest].concat()))
    }

    /// Checks that labels or images can be read from such a file.
    pub(super) fn check(&self, kind: Kind) -> Result<(), Fault> {
        match kind {
            Kind::Labels => self.check_labels(),
            Kind::Images => self.layout().map(|_| ()),
        }
    }

    fn check_labels(&self) -> Result<(), Fault> {
        if self.looks_like(Kind::Images) {
            return Err(self.swapped(Kind::Labels));
        }
        if self.element.is_float() {
            return Err(self.other("labels are whole numbers", "save them as unsigned bytes"));
        }
        match self.dimensions[..] {
            [_] | [_, 1] => {}
            // As QMNIST has them: the class, and seven numbers about the image.
            [_, 8] if self.element == Element::I32 => {}
            _ => {
                return Err(self.other(
                    "labels are one whole number for each image",
                    "write one number for each label, not a row of them",
                ));
            }
        }
        self.some()
    }

    /// How images lie in the file.
    pub(super) fn layout(&self) -> Result<Layout, Fault> {
        if self.looks_like(Kind::Labels) {
            return Err(self.swapped(Kind::Images));
        }
        if self.element.is_float() {
            return Err(self.other(
                "images are whole numbers from 0 to 255",
                "scale them to that and save them as unsigned bytes",
            ));
        }
        let sides: Vec<usize> = self.dimensions.iter().map(|&side| side as usize).collect();
        let layout = Layout::of(&sides).ok_or_else(|| {
            self.other(
                match sides.len() {
                    2 => "images have a height and a width",
                    _ => "images are count x height x width, in colour count x height x width x 3",
                },
                "write them as count x height x width",
            )
        })?;
        check_shape(layout.shape).map_err(|reason| Fault::Shape { reason })?;
        self.some()?;
        Ok(layout)
    }

    fn some(&self) -> Result<(), Fault> {
        match self.count() {
            0 => Err(Fault::NoItems),
            _ => Ok(()),
        }
    }

    /// Whether this is what files of `kind` hold, and no files of the other.
    fn looks_like(&self, kind: Kind) -> bool {
        match kind {
            Kind::Images => (3..=MOST_DIMENSIONS).contains(&self.dimensions.len()),
            Kind::Labels => self.dimensions.len() == 1,
        }
    }

    fn swapped(&self, expected: Kind) -> Fault {
        Fault::Swapped {
            found: self.to_string(),
            expected,
        }
    }

    fn other(&self, needed: &'static str, next: &'static str) -> Fault {
        Fault::OtherContents {
            found: self.to_string(),
            needed,
            next,
        }
    }
}
