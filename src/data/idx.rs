//! IDX files (the format of <http://yann.lecun.com/exdb/mnist/>): big-endian header, then bytes.
//! Reading trusts nothing and holds at most the largest set in memory.

#[cfg(not(target_family = "wasm"))]
mod files;

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

#[cfg(not(target_family = "wasm"))]
pub(crate) use files::{PARTIAL_SUFFIX, regular_file, temporary};
#[cfg(not(target_family = "wasm"))]
pub use files::{check, read, write};

use super::error::Fault;

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const CLASSES: usize = 10;

/// The most items a file may hold: the size of MNIST's training set.
pub const MOST_ITEMS: usize = 60_000;

/// An archive larger than this is refused: stored without compression, the largest set needs 47 MB.
const MOST_ARCHIVE_BYTES: u64 = 64 << 20;
/// Deflate cannot expand more than this, so it bounds what is set aside before unpacking.
const DEFLATE_RATIO: u64 = 1032;
const CHUNK: usize = 64 << 10;
/// What every gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What the items of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Images,
    Labels,
}

impl Kind {
    /// Two zero bytes, the type (8: unsigned byte), the number of dimensions.
    pub const fn magic(self) -> u32 {
        match self {
            Self::Images => 0x0803,
            Self::Labels => 0x0801,
        }
    }

    pub const fn header_bytes(self) -> usize {
        match self {
            Self::Images => 16,
            Self::Labels => 8,
        }
    }

    pub const fn item_bytes(self) -> usize {
        match self {
            Self::Images => PIXELS,
            Self::Labels => 1,
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Images => "pictures",
            Self::Labels => "labels",
        }
    }

    /// The header of a file of `count` items.
    pub fn header(self, count: u32) -> Vec<u8> {
        let mut header = Vec::with_capacity(self.header_bytes());
        header.extend_from_slice(&self.magic().to_be_bytes());
        header.extend_from_slice(&count.to_be_bytes());
        if self == Self::Images {
            header.extend_from_slice(&(SIDE as u32).to_be_bytes());
            header.extend_from_slice(&(SIDE as u32).to_be_bytes());
        }
        header
    }
}

/// What a file was found to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub count: usize,
    /// Of the unpacked bytes, header included.
    pub sha256: [u8; 32],
}

/// Reads the items of a whole file in memory, unpacking it where it is gzip.
///
/// # Errors
/// Every way in which the file differs from a sound one of `kind`.
pub fn parse(file: &[u8], kind: Kind) -> Result<(Vec<u8>, Summary), Fault> {
    if file.is_empty() {
        return Err(Fault::Empty);
    }
    let length = file.len() as u64;
    let mut items = Vec::new();
    let summary = match file.starts_with(&GZIP) {
        true => scan_gzip(file, length, kind, &mut keep_in(&mut items)),
        false => scan_plain(file, length, kind, &mut keep_in(&mut items)),
    }?;
    Ok((items, summary))
}

/// Checks a stream of unpacked IDX bytes to its end and hands its items over in pieces:
/// `visitor(size of all items, piece)`.
///
/// # Errors
/// The first fault found; the pieces handed over until then mean nothing.
pub fn scan(
    reader: &mut dyn Read,
    kind: Kind,
    visitor: &mut dyn FnMut(usize, &[u8]),
) -> Result<Summary, Fault> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];

    let header = &mut chunk[..kind.header_bytes()];
    let found = fill(reader, header)?;
    let count = parse_header(kind, &header[..found])?;
    hasher.update(header);

    let size = count * kind.item_bytes();
    let expected = (kind.header_bytes() + size) as u64;
    let mut done = 0;
    while done < size {
        let piece = (size - done).min(CHUNK);
        let piece = &mut chunk[..piece];
        let found = fill(reader, piece)?;
        if found < piece.len() {
            return Err(Fault::TooShort {
                found: (kind.header_bytes() + done + found) as u64,
                expected,
            });
        }
        if kind == Kind::Labels
            && let Some(index) = piece
                .iter()
                .position(|&label| usize::from(label) >= CLASSES)
        {
            return Err(Fault::BadLabel {
                index: done + index,
                label: piece[index],
            });
        }
        hasher.update(&*piece);
        visitor(size, piece);
        done += found;
    }
    // The end of a gzip stream, where its checksum is compared, is met only by reading past it.
    if fill(reader, &mut chunk[..1])? != 0 {
        return Err(Fault::TooLong {
            found: None,
            expected,
        });
    }
    Ok(Summary {
        count,
        sha256: hasher.finalize().into(),
    })
}

/// A visitor that keeps all items.
fn keep_in(items: &mut Vec<u8>) -> impl FnMut(usize, &[u8]) {
    |expected, piece| {
        items.reserve_exact(expected.saturating_sub(items.len()));
        items.extend_from_slice(piece);
    }
}

/// Scans an unpacked file of `length` bytes.
fn scan_plain(
    mut file: impl Read,
    length: u64,
    kind: Kind,
    visitor: &mut dyn FnMut(usize, &[u8]),
) -> Result<Summary, Fault> {
    let room = usize::try_from(length).unwrap_or(usize::MAX);
    scan(&mut file, kind, &mut |size, piece| {
        visitor(size.min(room), piece)
    })
    .map_err(|fault| match fault {
        Fault::TooLong { expected, .. } => Fault::TooLong {
            found: Some(length),
            expected,
        },
        other => other,
    })
}

/// Scans an archive of `length` bytes.
fn scan_gzip(
    file: impl Read,
    length: u64,
    kind: Kind,
    visitor: &mut dyn FnMut(usize, &[u8]),
) -> Result<Summary, Fault> {
    let mut archive = BufReader::with_capacity(CHUNK, file.take(MOST_ARCHIVE_BYTES));
    let start = archive.fill_buf().map_err(unreadable)?;
    if !start.starts_with(&GZIP) {
        return Err(Fault::NotGzip {
            found: start[..start.len().min(2)].to_vec(),
        });
    }
    let room = usize::try_from(length.saturating_mul(DEFLATE_RATIO)).unwrap_or(usize::MAX);
    let mut decoder = Unpacker(GzDecoder::new(archive));
    let summary = scan(&mut decoder, kind, &mut |size, piece| {
        visitor(size.min(room), piece);
    })?;
    let mut rest = decoder.0.into_inner();
    if rest.fill_buf().map_err(unreadable)?.is_empty() {
        Ok(summary)
    } else {
        Err(Fault::GzipTrailing)
    }
}

/// Tells the decoder's own errors from those of the file beneath it.
struct Unpacker<R>(GzDecoder<R>);

impl<R: BufRead> Read for Unpacker<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let fault = match error.kind() {
                io::ErrorKind::UnexpectedEof => Fault::GzipCut,
                // flate2 gives both the same kind; a test pins the word.
                io::ErrorKind::InvalidInput if error.to_string().contains("checksum") => {
                    Fault::GzipChecksum
                }
                io::ErrorKind::InvalidInput => Fault::GzipCorrupt {
                    reason: error.to_string(),
                },
                _ => return error,
            };
            io::Error::other(fault)
        })
    }
}

fn parse_header(kind: Kind, header: &[u8]) -> Result<usize, Fault> {
    let field = |index: usize| {
        header
            .get(4 * index..4 * index + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u32::from_be_bytes)
            .ok_or(Fault::HeaderCut {
                found: header.len(),
                needed: kind.header_bytes(),
            })
    };
    let magic = field(0)?;
    if magic != kind.magic() {
        return Err(Fault::WrongMagic {
            found: magic,
            expected: kind.magic(),
            what: kind.what(),
        });
    }
    let count = field(1)?;
    if kind == Kind::Images {
        let (rows, columns) = (field(2)?, field(3)?);
        if (rows, columns) != (SIDE as u32, SIDE as u32) {
            return Err(Fault::WrongSize { rows, columns });
        }
    }
    match usize::try_from(count) {
        Ok(0) => Err(Fault::NoItems),
        Ok(items) if items <= MOST_ITEMS => Ok(items),
        _ => Err(Fault::TooMany {
            found: count,
            most: MOST_ITEMS,
        }),
    }
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

fn unreadable(error: io::Error) -> Fault {
    match error.downcast::<Fault>() {
        Ok(fault) => fault,
        Err(error) => Fault::Unreadable {
            reason: error.to_string(),
        },
    }
}
