//! What a file is that is no IDX file, told by its first bytes.

use super::element::Element;
use crate::data::error::{COPY_AGAIN, Fault};

/// The fault of a file that begins so.
pub(super) fn what_else(begin: &[u8]) -> Fault {
    if is_little_endian(begin) {
        return Fault::LittleEndian;
    }
    match guess(begin) {
        Some((what, next)) => Fault::NotIdx {
            what: what.into(),
            next,
        },
        None => {
            let shown: Vec<String> = begin.iter().take(4).map(|b| format!("{b:02x}")).collect();
            let what = format!("no IDX file: it begins with {}", shown.join(" "));
            let next = COPY_AGAIN;
            Fault::NotIdx { what, next }
        }
    }
}

/// The first number, `00 00 TYPE DIMENSIONS`, with its bytes in the order of most processors.
fn is_little_endian(begin: &[u8]) -> bool {
    matches!(*begin, [dimensions @ 1..=8, code, 0, 0, ..] if dimensions > 0 && Element::of_code(code).is_some())
}

/// What it is, and what to do.
fn guess(begin: &[u8]) -> Option<(&'static str, &'static str)> {
    const UNPACK: &str = "unpack it first";
    const OTHER_NAME: &str = "only IDX files may bear this name: put the right one there";
    const SIGNS: [(&[u8], &str, &str); 9] = [
        (b"PK\x03\x04", "a zip archive", UNPACK),
        (b"\xfd7zXZ", "an xz archive", UNPACK),
        (b"BZh", "a bzip2 archive", UNPACK),
        (b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
        (b"\x93NUMPY", "a NumPy array, not an IDX file", OTHER_NAME),
        (b"\x89PNG", "a PNG image, not an IDX file", OTHER_NAME),
        (b"\xff\xd8\xff", "a JPEG image, not an IDX file", OTHER_NAME),
        (
            b"version https://git-lfs",
            "a Git LFS pointer, not the file itself",
            "run `git lfs pull` where it was cloned",
        ),
        (b"\x1f\x9d", "a compress (.Z) archive", UNPACK),
    ];
    if let Some((_, what, next)) = SIGNS.iter().find(|(sign, ..)| begin.starts_with(sign)) {
        return Some((what, next));
    }
    let text = String::from_utf8_lossy(begin).to_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let page = ["<!doctype", "<html", "<head", "<?xml", "<!--"];
    if page.iter().any(|sign| text.starts_with(sign)) {
        return Some((
            "a web page, not a data file",
            "the download went wrong, so fetch it again",
        ));
    }
    let printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    (begin.len() >= 16 && begin.iter().all(printable))
        .then_some(("a text file, not an IDX file", OTHER_NAME))
}
