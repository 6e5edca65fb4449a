//! Whether a file ends where its format says that it ends. Decoders show what they have of a cut
//! file, and a half picture of a digit is another digit.

use image::ImageFormat;

/// What is missing of a file, from its own structure.
pub fn missing(bytes: &[u8], format: ImageFormat) -> Option<&'static str> {
    let whole = match format {
        ImageFormat::Jpeg => jpeg(bytes),
        ImageFormat::Png => png(bytes),
        ImageFormat::Gif => gif(bytes),
        ImageFormat::WebP => webp(bytes),
        ImageFormat::Bmp => bmp(bytes),
        _ => Some(()),
    };
    match whole {
        Some(()) => None,
        None => Some("the file ends early"),
    }
}

/// Little-endian or big-endian number at a place.
fn number<const BIG: bool, const BYTES: usize>(bytes: &[u8], at: usize) -> Option<usize> {
    let part = bytes.get(at..at.checked_add(BYTES)?)?;
    let fold = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
    Some(match BIG {
        true => part.iter().fold(0, fold),
        false => part.iter().rev().fold(0, fold),
    })
}

/// Segments up to the end of the image (EOI), which entropy-coded data cannot contain. Telephones
/// append more images and name their ends: those are there, or were all left out.
fn jpeg(bytes: &[u8]) -> Option<()> {
    let mut at = 2;
    let mut last = 0;
    loop {
        // Anything between segments is filling.
        while *bytes.get(at)? != 0xFF {
            at += 1;
        }
        while *bytes.get(at)? == 0xFF {
            at += 1;
        }
        match bytes[at] {
            0xD9 => {
                let more = bytes.len() > at + 1;
                return (!more || bytes.len() >= last).then_some(());
            }
            // Stuffed zeros, restarts and markers without a length.
            0x00 | 0x01 | 0xD0..=0xD8 => at += 1,
            marker => {
                let content = at + 3;
                at += 1;
                at += number::<true, 2>(bytes, at)?.max(2);
                if marker == 0xE2 && bytes.get(content..content + 4) == Some(b"MPF\0") {
                    last = last.max(end_of_images(bytes, content + 4).unwrap_or(0));
                }
            }
        }
    }
}

/// Where the last of several images ends, as the index of a multi-picture file (CIPA DC-007), which
/// starts at `start`, says.
fn end_of_images(bytes: &[u8], start: usize) -> Option<usize> {
    /// The tag of the list of images, and the bytes that each takes there.
    const ENTRIES: usize = 0xB002;
    const ENTRY: usize = 16;
    let big = bytes.get(start..start + 2)? == b"MM";
    let short = |at: usize| match big {
        true => number::<true, 2>(bytes, at),
        false => number::<false, 2>(bytes, at),
    };
    let long = |at: usize| match big {
        true => number::<true, 4>(bytes, at),
        false => number::<false, 4>(bytes, at),
    };
    let directory = start.checked_add(long(start + 4)?)?;
    let fields = (0..short(directory)?).map(|field| directory + 2 + 12 * field);
    let mut last = 0;
    for field in fields {
        if short(field)? != ENTRIES {
            continue;
        }
        let (length, list) = (long(field + 4)?, start.checked_add(long(field + 8)?)?);
        for entry in (0..length / ENTRY).map(|at| list.saturating_add(ENTRY * at)) {
            let (size, offset) = (long(entry + 4)?, long(entry + 8)?);
            // The first image's is 0: it starts the file.
            let from = if offset == 0 { 0 } else { start + offset };
            last = last.max(from.checked_add(size)?);
        }
    }
    Some(last)
}

/// Chunks up to IEND, whose own checksum is there.
fn png(bytes: &[u8]) -> Option<()> {
    let mut at = 8;
    loop {
        let length = number::<true, 4>(bytes, at)?;
        let name = bytes.get(at + 4..at + 8)?;
        at = at.checked_add(length)?.checked_add(12)?;
        if at > bytes.len() {
            return None;
        }
        if name == b"IEND" {
            return Some(());
        }
    }
}

/// Blocks up to the trailer.
fn gif(bytes: &[u8]) -> Option<()> {
    let colours = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3 << (1 + (flags & 7)),
    };
    let mut at = 13 + colours(*bytes.get(10)?);
    loop {
        match *bytes.get(at)? {
            0x3B => return Some(()),
            0x21 => at += 2,
            0x2C => at += 11 + colours(*bytes.get(at + 9)?),
            // Some programs fill with zeros between blocks.
            0x00 => {
                at += 1;
                continue;
            }
            // No block starts so: decoders stop at the first frame and do not see it.
            _ => return None,
        }
        // Sub-blocks up to an empty one.
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1 + length;
            if length == 0 {
                break;
            }
        }
    }
}

/// As long as its RIFF header says.
fn webp(bytes: &[u8]) -> Option<()> {
    let length = number::<false, 4>(bytes, 4)?;
    (bytes.len() >= length.checked_add(8)?).then_some(())
}

/// Uncompressed rows, all of them, after the place where the header says that they start.
fn bmp(bytes: &[u8]) -> Option<()> {
    let start = number::<false, 4>(bytes, 10)?;
    let header = number::<false, 4>(bytes, 14)?;
    if header < 40 {
        let (width, height) = (
            number::<false, 2>(bytes, 18)?,
            number::<false, 2>(bytes, 20)?,
        );
        let bits = number::<false, 2>(bytes, 24)?;
        return (bytes.len() >= start + rows(width, height, bits)?).then_some(());
    }
    let width = number::<false, 4>(bytes, 18)?;
    let height = (number::<false, 4>(bytes, 22)? as u32 as i32).unsigned_abs() as usize;
    let bits = number::<false, 2>(bytes, 28)?;
    let compressed = matches!(number::<false, 4>(bytes, 30)?, 1 | 2);
    let length = match compressed {
        true => number::<false, 4>(bytes, 34)?,
        false => rows(width, height, bits)?,
    };
    (bytes.len() >= start.checked_add(length)?).then_some(())
}

/// Bytes of rows that are filled up to four bytes each.
fn rows(width: usize, height: usize, bits: usize) -> Option<usize> {
    let row = width.checked_mul(bits)?.div_ceil(32) * 4;
    row.checked_mul(height)
}
