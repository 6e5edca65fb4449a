//! Reading, checking and writing data sets: every fault by name, and the traps of the mnist crate.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use gpu_mnist::data::idx::{self, Kind};
use gpu_mnist::data::verify::{self, Form};
use gpu_mnist::data::{
    CLASSES, DataError, Dataset, Fault, FileRole, KnownSet, PIXELS, Split, mnist,
};
use gpu_mnist::evaluation::test_split::TestSplit;
use proptest::prelude::*;
use tempfile::TempDir;

/// The folder of the official archives, or `None` with a line that says which test was skipped.
pub fn official_data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("GPU_MNIST_DATA_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let complete = verify::list(&folder)
        .iter()
        .all(verify::SetListing::is_complete);
    if !complete {
        eprintln!(
            "SKIPPED {test}: no official archives in {}",
            folder.display()
        );
    }
    complete.then_some(folder)
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// An unpacked file of `count` items.
pub fn idx_file(kind: Kind, count: usize) -> Vec<u8> {
    let mut file = kind.header(count as u32);
    file.extend((0..count * kind.item_bytes()).map(|index| (index % CLASSES) as u8));
    file
}

/// A sound set of the given counts in a new folder.
fn write_set(train: usize, test: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for role in FileRole::ALL {
        let count = match role {
            FileRole::TrainImages | FileRole::TrainLabels => train,
            FileRole::TestImages | FileRole::TestLabels => test,
        };
        fs::write(
            folder.path().join(role.name()),
            idx_file(role.kind(), count),
        )
        .expect("written");
    }
    folder
}

/// Loads a set whose file for `role` is replaced by `bytes`; the error must name that file.
#[track_caller]
fn fault_of(role: FileRole, name: &str, bytes: &[u8]) -> Fault {
    let folder = write_set(20, 10);
    fs::remove_file(folder.path().join(role.name())).expect("removed");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("written");
    let error = mnist::load(folder.path(), None).expect_err("a damaged file was loaded");
    let text = error.to_string();
    assert!(text.contains(name), "{text}");
    assert!(text.contains("--dataset"), "says what to do: {text}");
    let checks = verify::verify(folder.path(), None);
    match error {
        DataError::Damaged {
            path: named, fault, ..
        } => {
            assert_eq!(named, path);
            let check = &checks[role as usize];
            assert_eq!(
                check.fault.as_ref(),
                Some(&fault),
                "verify agrees with load"
            );
            fault
        }
        other => panic!("{other}"),
    }
}

const LABELS: &str = "train-labels-idx1-ubyte";
const IMAGES: &str = "train-images-idx3-ubyte";

#[test]
fn unpacked_faults_are_named() {
    let labels = |bytes: &[u8]| fault_of(FileRole::TrainLabels, LABELS, bytes);
    let images = |bytes: &[u8]| fault_of(FileRole::TrainImages, IMAGES, bytes);
    let sound_labels = idx_file(Kind::Labels, 20);
    let sound_images = idx_file(Kind::Images, 20);

    assert_eq!(labels(&[]), Fault::Empty);
    assert_eq!(
        labels(&sound_labels[..5]),
        Fault::HeaderCut {
            found: 5,
            needed: 8
        }
    );
    assert_eq!(
        labels(&sound_labels[..27]),
        Fault::TooShort {
            found: 27,
            expected: 28
        }
    );
    assert_eq!(
        images(&sound_images[..10_000]),
        Fault::TooShort {
            found: 10_000,
            expected: 15_696
        }
    );
    assert_eq!(
        labels(&[&sound_labels[..], &[0]].concat()),
        Fault::TooLong {
            found: Some(29),
            expected: 28
        }
    );
    assert_eq!(
        labels(&sound_images),
        Fault::WrongMagic {
            found: 0x803,
            expected: 0x801,
            what: "labels"
        }
    );
    let mut wrong = sound_labels.clone();
    wrong[8 + 13] = 17;
    assert_eq!(
        labels(&wrong),
        Fault::BadLabel {
            index: 13,
            label: 17
        }
    );
    assert_eq!(
        labels(&idx_file(Kind::Labels, 19)),
        Fault::CountMismatch {
            images: 20,
            labels: 19
        }
    );
    let mut wide = sound_images.clone();
    wide[15] = 32;
    assert_eq!(
        images(&wide),
        Fault::WrongSize {
            rows: 28,
            columns: 32
        }
    );
    assert_eq!(images(&Kind::Images.header(0)), Fault::NoItems);
    assert_eq!(
        images(&Kind::Images.header(u32::MAX)),
        Fault::TooMany {
            found: u32::MAX,
            most: 60_000
        }
    );
}

#[test]
fn archive_faults_are_named() {
    let name = "train-labels-idx1-ubyte.gz";
    let labels = |bytes: &[u8]| fault_of(FileRole::TrainLabels, name, bytes);
    let sound = gzip(&idx_file(Kind::Labels, 20));

    assert_eq!(labels(&[]), Fault::Empty);
    assert_eq!(
        labels(b"<html>not found</html>"),
        Fault::NotGzip {
            found: b"<h".to_vec()
        }
    );
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

#[test]
fn a_small_bomb_takes_little_memory() {
    // Promises 47 MB and holds none: what is set aside follows from the archive's own size.
    let bomb = gzip(&Kind::Images.header(60_000));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bomb.gz");
    fs::write(&path, &bomb).expect("written");
    let mut largest = 0;
    let mut reader = &Kind::Images.header(60_000)[..];
    let error = idx::scan(&mut reader, Kind::Images, &mut |_, piece| {
        largest = largest.max(piece.len());
    });
    assert_eq!(
        error,
        Err(Fault::TooShort {
            found: 16,
            expected: 47_040_016
        })
    );
    assert_eq!(largest, 0);
    assert!(idx::read(&path, Kind::Images).is_err());

    // 200 MB of zeros behind a header of one picture: unpacking stops at the promised size + 1.
    let mut flood = Kind::Images.header(1);
    flood.resize(200 << 20, 0);
    fs::write(&path, gzip(&flood)).expect("written");
    let begin = std::time::Instant::now();
    let error = idx::read(&path, Kind::Images).expect_err("a flood was read");
    assert!(begin.elapsed().as_millis() < 100, "{:?}", begin.elapsed());
    assert!(error.to_string().contains("too long"), "{error}");
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_read() {
    let folder = write_set(20, 10);
    let path = folder.path().join(LABELS);
    fs::remove_file(&path).expect("removed");
    std::os::unix::fs::symlink("/dev/zero", &path).expect("linked");
    let error = mnist::load(folder.path(), None).expect_err("a device was read");
    assert!(error.to_string().contains("not a regular file"), "{error}");
}

#[test]
fn missing_files_are_all_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let error = mnist::load(folder.path(), Some(KnownSet::Mnist)).expect_err("nothing is there");
    let text = error.to_string();
    for role in FileRole::ALL {
        assert!(text.contains(role.name()), "{text}");
    }
    assert!(text.contains("gpu-mnist data fetch mnist"), "{text}");
}

#[test]
fn other_counts_load_in_every_form() {
    let folder = write_set(1_000, 200);
    let plain = mnist::load(folder.path(), None).expect("a sound set");
    assert_eq!((plain.train.len(), plain.test.len()), (1_000, 200));
    assert_eq!(plain.class_names[9], "9");

    // Archives under dotted names; an unpacked file is read before its archive.
    let packed = tempfile::tempdir().expect("a temporary folder");
    for role in FileRole::ALL {
        let bytes = fs::read(folder.path().join(role.name())).expect("read");
        let name = format!("{}.gz", role.dotted_name());
        fs::write(packed.path().join(name), gzip(&bytes)).expect("written");
    }
    fs::copy(
        folder.path().join(IMAGES),
        packed.path().join("train-images.idx3-ubyte"),
    )
    .expect("copied");
    let again = mnist::load(packed.path(), None).expect("a sound set");
    assert_eq!((&again.train, &again.test), (&plain.train, &plain.test));
    let forms: Vec<_> = verify::verify(packed.path(), None)
        .iter()
        .map(|check| check.form)
        .collect();
    assert_eq!(forms, [Form::Unpacked, Form::Gzip, Form::Gzip, Form::Gzip]);
}

#[test]
fn a_known_set_must_have_its_hash() {
    let folder = write_set(20, 10);
    let error = mnist::load(folder.path(), Some(KnownSet::FashionMnist)).expect_err("not Fashion");
    let text = error.to_string();
    assert!(
        text.contains("not the published file of fashion-mnist"),
        "{text}"
    );
    assert!(text.contains("data fetch fashion-mnist"), "{text}");
    let checks = verify::verify(folder.path(), Some(KnownSet::FashionMnist.files()));
    assert!(checks.iter().all(|check| check.hash_matches == Some(false)));
}

/// The trap: with other lengths than the official ones the crate gives training pictures as test.
#[test]
fn official_counts_pass_through_the_crate_unmixed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (role, count, value) in [
        (FileRole::TrainImages, 60_000, 1),
        (FileRole::TrainLabels, 60_000, 1),
        (FileRole::TestImages, 10_000, 2),
        (FileRole::TestLabels, 10_000, 2),
    ] {
        let items = vec![value; count * role.kind().item_bytes()];
        idx::write(&folder.path().join(role.name()), role.kind(), &items).expect("written");
    }
    let Dataset { train, test, .. } = mnist::load(folder.path(), None).expect("a sound set");
    assert_eq!(train.images.len(), 60_000 * PIXELS);
    assert!(
        train
            .images
            .iter()
            .chain(&train.labels)
            .all(|&value| value == 1)
    );
    let expected = Split {
        images: vec![2; 10_000 * PIXELS],
        labels: vec![2; 10_000],
    };
    assert!(test == TestSplit::new(expected));
}

#[test]
fn official_archives_load() {
    let Some(data) = official_data("official_archives_load") else {
        return;
    };
    for (set, counts, first) in [
        (
            KnownSet::Mnist,
            [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
            [7, 2, 1, 0, 4, 1, 4, 9, 5, 9],
        ),
        (
            KnownSet::FashionMnist,
            [1000; 10],
            [9, 2, 1, 1, 6, 1, 4, 6, 5, 7],
        ),
    ] {
        let folder = data.join(set.id());
        let loaded = mnist::load(&folder, Some(set)).expect("the official archives");
        assert_eq!((loaded.train.len(), loaded.test.len()), (60_000, 10_000));
        let mut support = [0; CLASSES];
        let label = |index| loaded.test.label(index).expect("a picture");
        for index in 0..loaded.test.len() {
            support[usize::from(label(index))] += 1;
        }
        assert_eq!(support, counts);
        assert_eq!(first, std::array::from_fn(label));
        // The crate and our own reader see the same bytes.
        let own = idx::read(
            &folder.join(FileRole::TestImages.archive_name()),
            Kind::Images,
        );
        let own = own.expect("sound").0;
        let same = |(index, image)| loaded.test.image(index) == Some(image);
        assert!(own.chunks_exact(PIXELS).enumerate().all(same));
        let plain = mnist::load(&folder, None).expect("the official archives");
        assert_eq!(plain.class_names, set.class_names(), "known by its labels");
    }
}

#[test]
fn verify_and_list_tell_complete_from_incomplete() {
    let folder = write_set(20, 10);
    fs::remove_file(folder.path().join(LABELS)).expect("removed");
    let checks = verify::verify(folder.path(), None);
    let sound: Vec<_> = checks.iter().map(verify::FileCheck::is_sound).collect();
    assert_eq!(sound, [true, false, true, true]);
    assert_eq!(checks[1].form, Form::Missing);
    assert_eq!(checks[0].count, Some(20));
    let json = serde_json::to_value(&checks).expect("serialises");
    assert_eq!(json[1]["form"], "missing");

    let data = tempfile::tempdir().expect("a temporary folder");
    fs::rename(folder.path(), data.path().join("mnist")).expect("renamed");
    let listing = &verify::list(data.path())[0];
    assert_eq!(
        (listing.id, listing.missing.as_slice()),
        ("mnist", &[LABELS][..])
    );
    assert!(!listing.is_complete());
}

#[test]
fn writing_refuses_what_reading_would() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("new/train-labels-idx1-ubyte");
    let error = idx::write(&path, Kind::Labels, &[3, 17]).expect_err("label 17 was written");
    assert!(error.to_string().contains("label 17"), "{error}");
    assert!(!path.exists());
    idx::write(&path, Kind::Labels, &[3, 7]).expect("written");
    idx::write(&path, Kind::Labels, &[4, 5, 6]).expect("replaced");
    let (labels, summary) = idx::read(&path, Kind::Labels).expect("sound");
    assert_eq!((labels, summary.count), (vec![4, 5, 6], 3));
    let names = fs::read_dir(folder.path().join("new"))
        .expect("read")
        .count();
    assert_eq!(names, 1, "no temporary file is left");
    let odd = idx::write(&path, Kind::Images, &[0; PIXELS + 1]);
    assert!(odd.is_err(), "a picture and a byte was written");
}

#[test]
fn splits_are_cut_to_what_is_there() {
    let split = Split {
        images: (0..3 * PIXELS)
            .map(|index| (index / PIXELS) as u8)
            .collect(),
        labels: vec![0, 1, 2],
    };
    assert_eq!(split.first(2).labels, [0, 1]);
    assert_eq!(split.take(1..9).labels, [1, 2]);
    assert_eq!(split.take(1..2).images, [1; PIXELS]);
    assert!(split.take(5..9).is_empty());
    assert_eq!(split.image(2), Some(&[2; PIXELS][..]));
    assert_eq!(split.image(3), None);
}

proptest! {
    /// Whatever the bytes, plain or as an archive: an answer, never a panic.
    #[test]
    fn any_bytes_are_judged(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        kind in prop_oneof![Just(Kind::Images), Just(Kind::Labels)],
        keep in 0..4_usize,
    ) {
        let header = kind.header(3);
        let file = [&header[..header.len().min(keep * 4)], &bytes].concat();
        let result = idx::scan(&mut &file[..], kind, &mut |_, _| {});
        if let Ok(summary) = result {
            prop_assert_eq!(file.len(), kind.header_bytes() + summary.count * kind.item_bytes());
        }
    }

    /// One byte changed anywhere in a sound archive is noticed, or changes nothing that is read.
    #[test]
    fn a_changed_byte_is_noticed(place in 0..60_usize, value in any::<u8>()) {
        let sound = idx_file(Kind::Labels, 40);
        let mut archive = gzip(&sound);
        let place = place % archive.len();
        archive[place] = value;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("labels.gz");
        fs::write(&path, &archive).expect("written");
        if let Ok((labels, _)) = idx::read(&path, Kind::Labels) {
            prop_assert_eq!(&labels[..], &sound[8..]);
        }
    }
}
