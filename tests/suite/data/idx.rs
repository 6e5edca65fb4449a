//! IDX files: every fault by name, every kind of number and shape, archives as gunzip reads them.

use std::fs;

use gpu_mnist::data::idx::{self, Element, Header, Items, Kind};
use gpu_mnist::data::verify;
use gpu_mnist::data::{DataError, Fault, ImageShape};
use proptest::prelude::*;

use super::{GREY, NAMES, file_checks, file_of, gzip, idx_file, pattern, read_set, write_set};

const LABELS: &str = NAMES[1];
const IMAGES: &str = NAMES[0];

/// Loads a set whose file is replaced by `bytes`; the error must name that file, and
/// verifying must find the same fault.
#[track_caller]
fn fault_of(role: usize, name: &str, bytes: &[u8]) -> Fault {
    let folder = write_set(20, 10);
    fs::remove_file(folder.path().join(NAMES[role])).expect("removed");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("written");
    let error = read_set(folder.path()).expect_err("a damaged file was loaded");
    let text = error.to_string();
    assert!(text.contains(name), "{text}");
    let checks = file_checks(verify::verify(folder.path()).expect("the files are there"));
    match error {
        DataError::Damaged {
            path: named, fault, ..
        } => {
            assert_eq!(named, path);
            assert_eq!(
                checks[role].fault.as_ref(),
                Some(&fault),
                "verify agrees with load"
            );
            let advice = format!("{fault}; {}", fault.advice());
            assert!(text.ends_with(&advice), "says what to do: {text}");
            fault
        }
        other => panic!("{other}"),
    }
}

fn labels(bytes: &[u8]) -> Fault {
    fault_of(1, LABELS, bytes)
}

fn images(bytes: &[u8]) -> Fault {
    fault_of(0, IMAGES, bytes)
}

/// A file with this header and body.
fn file(element: Element, dimensions: &[u32], body: &[u8]) -> Vec<u8> {
    let header = Header {
        element,
        dimensions: dimensions.to_vec(),
    };
    [&header.encode(), body].concat()
}

#[test]
fn unpacked_faults_are_named() {
    let sound_labels = idx_file(Kind::Labels, 20);
    let sound_images = idx_file(Kind::Images, 20);

    assert_eq!(labels(&[]), Fault::Empty);
    let cut = |found, needed| Fault::HeaderCut { found, needed };
    assert_eq!(labels(&sound_labels[..3]), cut(3, 8));
    assert_eq!(labels(&sound_labels[..5]), cut(5, 8));
    assert_eq!(images(&sound_images[..15]), cut(15, 16));
    let short = |found, expected| Fault::TooShort { found, expected };
    assert_eq!(labels(&sound_labels[..27]), short(27, 28));
    assert_eq!(images(&sound_images[..10_000]), short(10_000, 15_696));
    assert_eq!(
        labels(&[&sound_labels[..], &[0]].concat()),
        Fault::TooLong {
            found: Some(29),
            expected: 28
        }
    );
    assert_eq!(
        labels(&idx_file(Kind::Labels, 19)),
        Fault::CountMismatch {
            images: 20,
            labels: 19
        }
    );
    assert_eq!(
        fault_of(
            2,
            NAMES[2],
            &file_of(&pattern(ImageShape::grey(28, 32), 10, 10), Kind::Images)
        ),
        Fault::ShapeMismatch {
            found: "28x32".into(),
            expected: "28x28".into()
        },
    );
    assert_eq!(
        images(&file(Element::U8, &[0, 28, 28], &[])),
        Fault::NoItems
    );
    assert_eq!(
        images(&file(Element::U8, &[u32::MAX, 28, 28], &[])),
        short(16, 16 + u64::from(u32::MAX) * 784)
    );
    // More than any memory: the header alone says so.
    let most = [u32::MAX, 128, 128, 3];
    let huge = file(Element::I32, &most, &[]);
    let Fault::TooShort { expected, .. } = images(&huge) else {
        panic!("{:?}", images(&huge));
    };
    assert_eq!(expected, 20 + u64::from(u32::MAX) * 128 * 128 * 3 * 4);
}

#[test]
fn archive_faults_are_named() {
    let labels = |bytes: &[u8]| fault_of(1, "train-labels-idx1-ubyte.gz", bytes);
    let sound = gzip(&idx_file(Kind::Labels, 20));

    assert_eq!(labels(&[]), Fault::Empty);
    assert_eq!(labels(&sound[..6]), Fault::GzipCut);
    assert_eq!(labels(&sound[..sound.len() - 12]), Fault::GzipCut);
    assert_eq!(labels(&sound[..sound.len() - 3]), Fault::GzipCut);
    let mut checksum = sound.clone();
    let place = checksum.len() - 8;
    checksum[place] ^= 1;
    assert_eq!(labels(&checksum), Fault::GzipChecksum);
    let mut corrupt = sound.clone();
    corrupt[10] = 0xff;
    assert!(matches!(labels(&corrupt), Fault::GzipCorrupt { .. }));
    assert_eq!(labels(&[&sound[..], b"more"].concat()), Fault::GzipTrailing);
    let half = [&sound[..], &sound[..9]].concat();
    assert_eq!(labels(&half), Fault::GzipCut);
    let mut longer = idx_file(Kind::Labels, 20);
    longer.push(0);
    assert_eq!(
        labels(&gzip(&longer)),
        Fault::TooLong {
            found: None,
            expected: 28
        }
    );
}

/// As gunzip: all members, an empty one at the end, zeros that fill a block of a tape.
#[test]
fn all_members_of_an_archive_are_read() {
    let sound = idx_file(Kind::Images, 20);
    let members: Vec<u8> = sound.chunks(3000).flat_map(gzip).collect();
    let plain = idx::parse(&sound, Kind::Images, &|_, _| true).expect("sound");
    for (what, archive) in [
        ("one", gzip(&sound)),
        ("many", members.clone()),
        ("an empty last one", [members.clone(), gzip(&[])].concat()),
        ("an empty first one", [gzip(&[]), members.clone()].concat()),
        ("zeros at the end", [members, vec![0; 512]].concat()),
    ] {
        let (items, summary) = idx::parse(&archive, Kind::Images, &|_, _| true)
            .unwrap_or_else(|fault| panic!("{what}: {fault}"));
        assert_eq!(items, plain.0, "{what}");
        assert_eq!(summary.unpacked_sha256, plain.1.unpacked_sha256, "{what}");
        assert!(summary.packed);
    }
}

#[test]
fn a_flood_is_not_unpacked_to_its_end() {
    // 200 MB of zeros behind a header of one image: unpacking stops at the promised size + 1.
    let mut flood = file(Element::U8, &[1, 28, 28], &[]);
    flood.resize(200 << 20, 0);
    let flood = gzip(&flood);
    let begin = std::time::Instant::now();
    let fault = idx::parse(&flood, Kind::Images, &|_, _| false).expect_err("a flood was read");
    assert!(begin.elapsed().as_millis() < 100, "{:?}", begin.elapsed());
    assert!(matches!(fault, Fault::TooLong { .. }), "{fault}");
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_read() {
    let folder = write_set(20, 10);
    let path = folder.path().join(LABELS);
    fs::remove_file(&path).expect("removed");
    std::os::unix::fs::symlink("/dev/zero", &path).expect("linked");
    let error = read_set(folder.path()).expect_err("a device was read");
    assert!(error.to_string().contains("not a regular file"), "{error}");
}

/// Types and dimensions in words, with what would be right.
#[test]
fn contents_that_cannot_be_read_are_said_in_words() {
    for (what, fault) in [
        (
            "holds 20x28x28 32-bit floats",
            images(&file(Element::F32, &[20, 28, 28], &[0; 20 * 784 * 4])),
        ),
        (
            "holds 20x784 unsigned bytes; images have a height and a width",
            images(&file(Element::U8, &[20, 784], &[0; 20 * 784])),
        ),
        (
            "count x height x width x 3",
            images(&file(Element::U8, &[20, 28, 28, 2], &[0; 20 * 784 * 2])),
        ),
        (
            "holds 20 64-bit floats; labels are whole numbers",
            labels(&file(Element::F64, &[20], &[0; 160])),
        ),
        (
            "holds 20x10 unsigned bytes; labels are one whole number for each image",
            labels(&file(Element::U8, &[20, 10], &[0; 200])),
        ),
        (
            "images of 7x28 pixels; sides from 8 to 128",
            images(&file(Element::U8, &[20, 7, 28], &[0; 20 * 7 * 28])),
        ),
        (
            "images of 129x28 pixels",
            images(&file(Element::U8, &[20, 129, 28], &[0; 20 * 129 * 28])),
        ),
        (
            "little-endian",
            images(&[3, 8, 0, 0, 20, 0, 0, 0, 28, 0, 0, 0, 28, 0, 0, 0]),
        ),
        (
            "item 13 has the label 1000; labels are whole numbers from 0 to 999",
            labels(&file(Element::I16, &[20], &at_13(1000, 2))),
        ),
        (
            "item 13 has the label -1",
            labels(&file(Element::I32, &[20], &at_13(-1, 4))),
        ),
        (
            "has a pixel of 256; pixels are whole numbers from 0 to 255",
            images(&file(
                Element::I16,
                &[20, 28, 28],
                &[&[1, 0][..], &[0; 20 * 784 * 2 - 2]].concat(),
            )),
        ),
    ] {
        let text = fault.to_string();
        assert!(text.contains(what), "{what}: {text}");
    }
}

/// Twenty big-endian numbers: zeros but for one.
fn at_13(number: i32, bytes: usize) -> Vec<u8> {
    let mut body = vec![0; 20 * bytes];
    body[13 * bytes..14 * bytes].copy_from_slice(&number.to_be_bytes()[4 - bytes..]);
    body
}

#[test]
fn what_a_file_is_instead_is_said() {
    let page =
        b"<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head></html>\n";
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:abab\nsize 47040016\n";
    for (begin, what) in [
        (&page[..], "a web page"),
        (b"  \n<HTML><body>404</body></HTML>", "a web page"),
        (pointer, "a Git LFS pointer, not the file itself"),
        (b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0", "a zip archive"),
        (b"\xfd7zXZ\0\0\x04\0\0\0\0\0\0\0\0", "an xz archive"),
        (b"\x93NUMPY\x01\0\x76\0{'descr': '|u1'}", "a NumPy array"),
        (b"5,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n", "a text file"),
        (
            b"\x12\x34\x56\x78 something else",
            "begins with 12 34 56 78",
        ),
    ] {
        for bytes in [begin.to_vec(), gzip(begin)] {
            let text = images(&bytes).to_string();
            assert!(text.contains(what), "{what}: {text}");
        }
    }
    let text = images(&idx_file(Kind::Labels, 20)).to_string();
    assert!(
        text.contains("20 unsigned bytes, which are not images"),
        "{text}"
    );
    assert!(text.contains("may be swapped"), "{text}");
    let text = labels(&idx_file(Kind::Images, 20)).to_string();
    assert!(
        text.contains("20x28x28 unsigned bytes, which are not labels"),
        "{text}"
    );
}

#[test]
fn labels_of_every_whole_number_are_read() {
    let body = |numbers: &[i32], bytes: usize| -> Vec<u8> {
        let big = numbers.iter().map(|number| number.to_be_bytes());
        big.flat_map(|big| big[4 - bytes..].to_vec()).collect()
    };
    let numbers = [0, 127, 5];
    for (element, bytes) in [
        (Element::U8, 1),
        (Element::I8, 1),
        (Element::I16, 2),
        (Element::I32, 4),
    ] {
        for dimensions in [&[3][..], &[3, 1]] {
            let file = file(element, dimensions, &body(&numbers, bytes));
            let (items, summary) = idx::parse(&file, Kind::Labels, &|_, _| false).expect("sound");
            assert_eq!(items, Items::Labels(vec![0, 127, 5]));
            assert_eq!(summary.count, 3);
        }
    }
    let wide = file(Element::I16, &[2], &body(&[999, 256], 2));
    let read = idx::parse(&wide, Kind::Labels, &|_, _| false)
        .expect("sound")
        .0;
    assert_eq!(read, Items::Labels(vec![999, 256]));
    assert_eq!(idx::labels_file(&[999, 256]), wide, "written as it is read");
    // As QMNIST has them: the class, then seven numbers about the image.
    let rows = [
        [7, 4, 100, 37, 1, 278_748, 0, 0],
        [2, 4, -5, 37, 2, 9, 0, 0],
    ]
    .concat();
    let qmnist = file(Element::I32, &[2, 8], &body(&rows, 4));
    let read = idx::parse(&qmnist, Kind::Labels, &|_, _| false)
        .expect("sound")
        .0;
    assert_eq!(read, Items::Labels(vec![7, 2]));
}

#[test]
fn images_of_every_shape_are_read() {
    for shape in [
        ImageShape::grey(8, 8),
        ImageShape::grey(14, 14),
        ImageShape::grey(32, 20),
        ImageShape::grey(128, 9),
        ImageShape::rgb(28, 28),
        ImageShape::rgb(32, 20),
    ] {
        let split = pattern(shape, 3, 5);
        let read = idx::parse(&file_of(&split, Kind::Images), Kind::Images, &|_, _| false);
        let bytes = split.images.clone();
        assert_eq!(read.expect("sound").0, Items::Images { shape, bytes });
    }
    // Other programs' ways to write the same: a last or first side of 1, wide numbers, channels
    // one after another.
    let grey = pattern(GREY, 3, 5);
    let wide: Vec<u8> = grey.images.iter().flat_map(|&byte| [0, byte]).collect();
    for same in [
        file(Element::U8, &[5, 28, 28, 1], &grey.images),
        file(Element::U8, &[5, 1, 28, 28], &grey.images),
        file(Element::I16, &[5, 28, 28], &wide),
    ] {
        let read = idx::parse(&same, Kind::Images, &|_, _| false)
            .expect("sound")
            .0;
        let bytes = grey.images.clone();
        assert_eq!(read, Items::Images { shape: GREY, bytes });
    }
    let shape = ImageShape::rgb(10, 12);
    let colour = pattern(shape, 3, 2);
    let mut planes = Vec::new();
    for image in colour.images.chunks_exact(shape.bytes()) {
        for channel in 0..3 {
            planes.extend(image[channel..].iter().step_by(3));
        }
    }
    let planar = file(Element::U8, &[2, 3, 10, 12], &planes);
    let read = idx::parse(&planar, Kind::Images, &|_, _| false)
        .expect("sound")
        .0;
    let bytes = colour.images;
    assert_eq!(read, Items::Images { shape, bytes });
}

#[test]
fn writing_refuses_what_reading_would() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("new/train-labels-idx1-ubyte");
    let error = idx::write_labels(&path, &[3, 1000]).expect_err("label 1000 was written");
    assert!(error.to_string().contains("label 1000"), "{error}");
    assert!(!path.exists());
    idx::write_labels(&path, &[3, 7]).expect("written");
    idx::write_labels(&path, &[4, 5, 600]).expect("replaced");
    let (items, summary) = idx::read(&path, Kind::Labels).expect("sound");
    assert_eq!((items, summary.count), (Items::Labels(vec![4, 5, 600]), 3));
    let names = fs::read_dir(folder.path().join("new"))
        .expect("read")
        .count();
    assert_eq!(names, 1, "no temporary file is left");
    let odd = idx::write_images(&path, GREY, &[0; 785]);
    assert!(odd.is_err(), "an image and a byte was written");
    let thin = idx::write_images(&path, ImageShape::grey(28, 4), &[0; 112]);
    assert!(thin.is_err(), "too narrow an image was written");
}

proptest! {
    /// Whatever the bytes, plain or as an archive: an answer, never a panic.
    #[test]
    fn any_bytes_are_judged(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        kind in prop_oneof![Just(Kind::Images), Just(Kind::Labels)],
        keep in 0..4_usize,
    ) {
        let header = idx_file(kind, 3);
        let kept = header.len().min(keep * 4);
        let file = [&header[..kept], &bytes].concat();
        if let Ok((_, summary)) = idx::parse(&file, kind, &|_, _| true) {
            let body = summary.header.body_bytes().expect("it was read");
            prop_assert_eq!(file.len(), summary.header.bytes() + body);
        }
    }

    /// One byte changed anywhere in a sound archive is noticed, or changes nothing that is read.
    #[test]
    fn a_changed_byte_is_noticed(place in 0..60_usize, value in any::<u8>()) {
        let sound = idx_file(Kind::Labels, 40);
        let mut archive = gzip(&sound);
        let place = place % archive.len();
        archive[place] = value;
        if let Ok((labels, _)) = idx::parse(&archive, Kind::Labels, &|_, _| false) {
            let expected = sound[8..].iter().map(|&label| label.into()).collect();
            prop_assert_eq!(labels, Items::Labels(expected));
        }
    }
}
