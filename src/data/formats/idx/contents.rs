//! The items of a file, read within the bounds of what is there and checked one by one.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::header::{Header, Layout};
use super::{Element, Kind};
use crate::data::error::Fault;
use crate::data::formats::packed::{self, Unpacker};
use crate::data::image_set::{ImageShape, MOST_CLASSES};

const CHUNK: usize = 64 << 10;
/// Of an archive's own size: what is set aside before unpacking. More is taken as it comes.
const LIKELY_RATIO: usize = 16;
/// Enough of a file to tell what it is.
const BEGIN: usize = 512;

/// Images or labels of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Items {
    /// Rows from the top, pixels from the left, channels together.
    Images {
        /// Of every image.
        shape: ImageShape,
        /// All images, one after another.
        bytes: Vec<u8>,
    },
    /// A number an item.
    Labels(Vec<u16>),
}

/// What a file was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What it says of itself.
    pub header: Header,
    /// Images or labels.
    pub count: usize,
    /// Whether it is an archive.
    pub packed: bool,
    /// Of the file as it lies there, where that is an archive.
    pub archive_sha256: Option<[u8; 32]>,
    /// Of the unpacked bytes, header included, where it was asked for.
    pub unpacked_sha256: Option<[u8; 32]>,
}

/// Reads a whole file in memory, unpacking it where it is gzip. `hashed` says from the SHA-256 of
/// an archive and the number of items whether the unpacked bytes are hashed too.
///
/// # Errors
/// Every way in which the file differs from a sound one of `kind`.
pub fn parse(
    file: &[u8],
    kind: Kind,
    hashed: &dyn Fn(Option<[u8; 32]>, usize) -> bool,
) -> Result<(Items, Summary), Fault> {
    if file.is_empty() {
        return Err(Fault::Empty);
    }
    if packed::is_gzip(file) {
        let archive: [u8; 32] = Sha256::digest(file).into();
        let room = file.len().saturating_mul(LIKELY_RATIO);
        let source = &mut Unpacker::new(file);
        let hashed = |count| hashed(Some(archive), count);
        let (items, mut summary) = scan(source, Length::Unknown { room }, kind, &hashed)?;
        summary.packed = true;
        summary.archive_sha256 = Some(archive);
        return Ok((items, summary));
    }
    let length = Length::Known(file.len() as u64);
    scan(&mut &*file, length, kind, &|count| hashed(None, count))
}

/// What is known of the length of what is read.
#[derive(Clone, Copy)]
pub(super) enum Length {
    Known(u64),
    /// Only reading tells; `room` bytes may be set aside before.
    Unknown {
        room: usize,
    },
}

/// The begin of a stream of unpacked bytes, and what follows from it.
struct Begin {
    header: Header,
    /// The header as it was written.
    encoded: Vec<u8>,
    /// Bytes that follow it.
    size: usize,
    /// Bytes of the whole file.
    expected: u64,
}

impl Begin {
    fn read(reader: &mut dyn Read, length: Length, kind: Kind) -> Result<Self, Fault> {
        let (header, encoded) = read_header(reader)?;
        header.check(kind)?;
        let size = header.body_bytes()?;
        let expected = encoded.len() as u64 + size as u64;
        match length {
            Length::Known(found) if found < expected => Err(Fault::TooShort { found, expected }),
            Length::Known(found) if found > expected => Err(Fault::TooLong {
                found: Some(found),
                expected,
            }),
            _ => Ok(Self {
                header,
                encoded,
                size,
                expected,
            }),
        }
    }
}

/// Checks the header of an unpacked file of `length` bytes, and that its items are there.
#[cfg(not(target_family = "wasm"))]
pub(super) fn check_length(
    reader: &mut dyn Read,
    length: u64,
    kind: Kind,
) -> Result<Header, Fault> {
    Begin::read(reader, Length::Known(length), kind).map(|begin| begin.header)
}

/// Reads a stream of unpacked bytes to its end.
pub(super) fn scan(
    reader: &mut dyn Read,
    length: Length,
    kind: Kind,
    hashed: &dyn Fn(usize) -> bool,
) -> Result<(Items, Summary), Fault> {
    let Begin {
        header,
        encoded,
        size,
        expected,
    } = Begin::read(reader, length, kind)?;
    let room = match length {
        Length::Known(_) => size,
        Length::Unknown { room } => size.min(room),
    };
    let mut hasher = hashed(header.count()).then(Sha256::new);
    if let Some(hasher) = &mut hasher {
        hasher.update(&encoded);
    }
    let mut bytes = Vec::new();
    let too_large = |_| Fault::TooLarge {
        bytes: size as u128,
    };
    bytes.try_reserve_exact(room).map_err(too_large)?;
    while bytes.len() < size {
        let before = bytes.len();
        let piece = (size - before).min(CHUNK);
        if bytes.capacity() - before < piece {
            let more = before.max(piece).min(size - before);
            bytes.try_reserve_exact(more).map_err(too_large)?;
        }
        let count = (&mut *reader)
            .take(piece as u64)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if count < piece {
            return Err(Fault::TooShort {
                found: (encoded.len() + bytes.len()) as u64,
                expected,
            });
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&bytes[before..]);
        }
    }
    // The end of a gzip stream, where its checksum is compared, is met only by reading past it.
    if fill(reader, &mut [0])? != 0 {
        return Err(Fault::TooLong {
            found: None,
            expected,
        });
    }
    let summary = Summary {
        count: header.count(),
        packed: false,
        archive_sha256: None,
        unpacked_sha256: hasher.map(|hasher| hasher.finalize().into()),
        header,
    };
    let items = match kind {
        Kind::Images => images(bytes, &summary.header)?,
        Kind::Labels => Items::Labels(labels(&bytes, &summary.header)?),
    };
    Ok((items, summary))
}

/// The header, decoded and as it was written.
fn read_header(reader: &mut dyn Read) -> Result<(Header, Vec<u8>), Fault> {
    let mut begin = vec![0; 4];
    let found = fill(reader, &mut begin)?;
    let magic: [u8; 4] = begin[..found]
        .try_into()
        .map_err(|_| Fault::HeaderCut { found, needed: 8 })?;
    let (element, dimensions) = match Header::begin(magic, &[]) {
        Ok(begin) => begin,
        Err(_) => {
            let mut rest = vec![0; BEGIN];
            let found = fill(reader, &mut rest)?;
            return Err(match Header::begin(magic, &rest[..found]) {
                Err(fault) => fault,
                Ok(_) => Fault::HeaderCut { found, needed: 8 },
            });
        }
    };
    let needed = 4 + 4 * dimensions;
    begin.resize(needed, 0);
    let found = 4 + fill(reader, &mut begin[4..])?;
    if found < needed {
        return Err(Fault::HeaderCut { found, needed });
    }
    let number = |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let header = Header {
        element,
        dimensions: begin[4..].chunks_exact(4).map(number).collect(),
    };
    Ok((header, begin))
}

fn images(bytes: Vec<u8>, header: &Header) -> Result<Items, Fault> {
    let Layout { shape, planar } = header.layout()?;
    let bytes = match header.element {
        Element::U8 => bytes,
        element => {
            let narrow = |(index, value): (usize, i64)| {
                u8::try_from(value).map_err(|_| Fault::BadPixel {
                    index: index / shape.bytes(),
                    value,
                })
            };
            numbers(&bytes, element)
                .enumerate()
                .map(narrow)
                .collect::<Result<_, _>>()?
        }
    };
    let bytes = match planar {
        true => interleave(&bytes, shape),
        false => bytes,
    };
    Ok(Items::Images { shape, bytes })
}

/// Channels that lie one after another, together at each pixel.
pub(in crate::data::formats) fn interleave(planes: &[u8], shape: ImageShape) -> Vec<u8> {
    let (pixels, channels) = (shape.pixels(), shape.channels);
    let mut bytes = vec![0; planes.len()];
    let images = bytes.chunks_exact_mut(pixels * channels);
    for (image, planes) in images.zip(planes.chunks_exact(pixels * channels)) {
        for (channel, plane) in planes.chunks_exact(pixels).enumerate() {
            let places = image[channel..].iter_mut().step_by(channels);
            places.zip(plane).for_each(|(place, &value)| *place = value);
        }
    }
    bytes
}

/// The first number of each row.
fn labels(bytes: &[u8], header: &Header) -> Result<Vec<u16>, Fault> {
    let columns = header
        .dimensions
        .get(1)
        .map_or(1, |&columns| columns as usize);
    let narrow = |(index, label): (usize, i64)| match u16::try_from(label) {
        Ok(narrow) if usize::from(narrow) < MOST_CLASSES => Ok(narrow),
        _ => Err(Fault::BadLabel { index, label }),
    };
    numbers(bytes, header.element)
        .step_by(columns)
        .enumerate()
        .map(narrow)
        .collect()
}

/// The whole numbers of a body.
fn numbers(bytes: &[u8], element: Element) -> impl Iterator<Item = i64> {
    bytes.chunks_exact(element.bytes()).map(move |number| {
        let first = number[0].cast_signed();
        match (element, number) {
            (Element::U8, _) => number[0].into(),
            // The sign is in the first byte.
            _ => number[1..].iter().fold(i64::from(first), |value, &byte| {
                value << 8 | i64::from(byte)
            }),
        }
    })
}

/// Reads until `buffer` is full or the stream ends; gives the bytes read.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, Fault> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    Ok(filled)
}

pub(in crate::data) fn unreadable(error: io::Error) -> Fault {
    match error.downcast::<Fault>() {
        Ok(fault) => fault,
        Err(error) => Fault::Unreadable {
            reason: error.to_string(),
            kind: error.kind(),
        },
    }
}
