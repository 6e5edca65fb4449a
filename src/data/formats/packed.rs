//! Gzip or not, told by the first two bytes and never by a name; all members of an archive are
//! read, as gunzip reads them.

use std::io::{self, BufRead, Cursor, Read};

use flate2::bufread::GzDecoder;

use crate::data::error::Fault;

/// What every gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Whether a file that begins so is a gzip archive.
pub fn is_gzip(begin: &[u8]) -> bool {
    begin.starts_with(&GZIP)
}

/// Reads an archive's unpacked bytes. Zeros after the last member are padding; anything else there
/// is a fault.
pub struct Unpacker<'a> {
    /// `None` once the last member has ended.
    member: Option<GzDecoder<Cursor<&'a [u8]>>>,
    /// Whether a whole member came before this one.
    later: bool,
}

impl<'a> Unpacker<'a> {
    pub fn new(archive: &'a [u8]) -> Self {
        Self {
            member: Some(GzDecoder::new(Cursor::new(archive))),
            later: false,
        }
    }

    /// Goes on to the next member, if there is one.
    fn next(&mut self, ended: GzDecoder<Cursor<&'a [u8]>>) -> io::Result<()> {
        let mut rest = ended.into_inner();
        let left = rest.fill_buf()?;
        if is_gzip(left) {
            self.later = true;
            self.member = Some(GzDecoder::new(rest));
        } else if left.iter().any(|&byte| byte != 0) {
            return Err(io::Error::other(Fault::GzipTrailing));
        }
        Ok(())
    }
}

impl Read for Unpacker<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.member.take() {
            let count = member
                .read(buffer)
                .map_err(|error| named(error, self.later))?;
            if count > 0 {
                self.member = Some(member);
                return Ok(count);
            }
            self.next(member)?;
        }
        Ok(0)
    }
}

/// Tells what is wrong with an archive by the decoder's error.
pub fn named(error: io::Error, later: bool) -> io::Error {
    let text = error.to_string();
    let fault = match error.kind() {
        io::ErrorKind::UnexpectedEof => Fault::GzipCut,
        // flate2 gives these the same kind; tests pin the words.
        io::ErrorKind::InvalidInput if text.contains("checksum") => Fault::GzipChecksum,
        io::ErrorKind::InvalidInput if later && text.contains("header") => Fault::GzipTrailing,
        io::ErrorKind::InvalidInput => Fault::GzipCorrupt { reason: text },
        _ => return error,
    };
    io::Error::other(fault)
}

/// How many bytes an archive says it unpacks to, modulo 2^32, where it has one member.
#[cfg(not(target_family = "wasm"))]
pub fn promised(archive_end: [u8; 4]) -> u32 {
    u32::from_le_bytes(archive_end)
}
