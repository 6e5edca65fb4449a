//! IDX files (the format of <http://yann.lecun.com/exdb/mnist/>): big-endian header, then bytes.
//! Reading trusts nothing and holds at most the largest set in memory; writing is atomic.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

use super::error::{DataError, Fault};
use super::{CLASSES, PIXELS, SIDE};

/// The most items a file may hold: the size of MNIST's training set.
pub const MOST_ITEMS: usize = 60_000;

/// An archive larger than this is refused: stored without compression, the largest set needs 47 MB.
const MOST_ARCHIVE_BYTES: u64 = 64 << 20;
/// Deflate cannot expand more than this, so it bounds what is set aside before unpacking.
const DEFLATE_RATIO: u64 = 1032;
const CHUNK: usize = 64 << 10;

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

/// Reads the items of an IDX file, unpacking it when its name ends in `.gz`.
///
/// # Errors
/// [`DataError::Damaged`] for every way in which the file differs from a sound one of `kind`.
pub fn read(path: &Path, kind: Kind) -> Result<(Vec<u8>, Summary), DataError> {
    let mut items = Vec::new();
    let summary = visit(path, kind, &mut |expected, chunk| {
        items.reserve_exact(expected.saturating_sub(items.len()));
        items.extend_from_slice(chunk);
    })?;
    Ok((items, summary))
}

/// Checks a file as [`read`] does and keeps nothing of it.
///
/// # Errors
/// As [`read`].
pub fn check(path: &Path, kind: Kind) -> Result<Summary, DataError> {
    visit(path, kind, &mut |_, _| {})
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

/// Writes items as an IDX file: a temporary file in the same folder, then a rename.
///
/// # Errors
/// [`DataError::Damaged`] when `items` would not make a sound file, [`DataError::Write`] when the
/// folder cannot be written to.
pub fn write(path: &Path, kind: Kind, items: &[u8]) -> Result<(), DataError> {
    let count = items.len() / kind.item_bytes();
    let header = kind.header(u32::try_from(count).unwrap_or(u32::MAX));
    // What is written must be readable: the reader itself is the judge.
    scan(&mut header.chain(items), kind, &mut |_, _| {})
        .map_err(|fault| DataError::damaged(path, fault, None))?;

    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)
        .map_err(|source| DataError::write(folder, "create the folder", source))?;
    let failed = |action| move |source| DataError::write(path, action, source);
    let mut file =
        temporary(folder, ".idx-").map_err(failed("create a temporary file beside it"))?;
    file.write_all(&header)
        .and_then(|()| file.write_all(items))
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed("write"))?;
    file.persist(path)
        .map_err(|error| DataError::write(path, "put it in place", error.error))?;
    Ok(())
}

/// A temporary file that, once renamed, others may read as far as the umask lets them.
pub(crate) fn temporary(folder: &Path, prefix: &str) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(PARTIAL_SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Ends the name of every file that is not complete yet; no reader looks for it.
pub(super) const PARTIAL_SUFFIX: &str = ".part";

/// Opens `path` with the guards that need the file system, then scans it.
fn visit(
    path: &Path,
    kind: Kind,
    visitor: &mut dyn FnMut(usize, &[u8]),
) -> Result<Summary, DataError> {
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let scanned = regular_file(path).and_then(|(file, length)| {
        if packed {
            scan_gzip(file, length, kind, visitor)
        } else {
            scan_plain(file, length, kind, visitor)
        }
    });
    scanned.map_err(|fault| DataError::damaged(path, fault, None))
}

/// Opens a regular file that is not empty. A pipe or a device would block or never end.
pub(super) fn regular_file(path: &Path) -> Result<(File, u64), Fault> {
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Fault::NotAFile);
    }
    if metadata.len() == 0 {
        return Err(Fault::Empty);
    }
    let file = File::open(path).map_err(unreadable)?;
    Ok((file, metadata.len()))
}

fn scan_plain(
    mut file: File,
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

fn scan_gzip(
    file: File,
    length: u64,
    kind: Kind,
    visitor: &mut dyn FnMut(usize, &[u8]),
) -> Result<Summary, Fault> {
    let mut archive = BufReader::with_capacity(CHUNK, file.take(MOST_ARCHIVE_BYTES));
    let start = archive.fill_buf().map_err(unreadable)?;
    if !start.starts_with(&[0x1f, 0x8b]) {
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
