//! What a set is found to be: its classes, its identity, and the known sets by their contents.

use std::fs;

use gpu_mnist::data::catalog::{EMNIST_LETTERS, FASHION_MNIST, KnownFile, KnownSet, MNIST, QMNIST};
use gpu_mnist::data::formats::Found;
use gpu_mnist::data::idx::{self, FileRole, Kind, Part};
use gpu_mnist::data::image_set::{Background, Framing};
use gpu_mnist::data::test_split::TestSplit;
use gpu_mnist::data::{DataError, Fault, ImageShape, Split, memory};
use sha2::{Digest, Sha256};

use super::{
    GREY, NAMES, file_of, files_of, gzip, names_with, official_data, pattern, read_known, read_set,
    write_files, write_set,
};

/// Writes a set under MNIST's names and reads it.
fn through_disk(train: &Split, test: &Split) -> Found {
    let folder = tempfile::tempdir().expect("a folder");
    write_files(folder.path(), NAMES, &files_of(train, test));
    read_set(folder.path()).expect("sound")
}

#[test]
fn classes_go_to_the_highest_label_of_either_split() {
    let (train, test) = (pattern(GREY, 20, 100), pattern(GREY, 47, 94));
    let found = through_disk(&train, &test).loaded;
    assert_eq!(found.set.description.class_names.len(), 47);
    assert_eq!(found.set.description.class_names[46], "46");
    assert_eq!(found.set.train.classes, 47);
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    let wide = pattern(ImageShape::rgb(9, 12), 1000, 1000);
    let found = through_disk(&wide, &wide).loaded.set;
    assert_eq!(found.description.class_names.len(), 1000);
    assert_eq!(found.description.shape, ImageShape::rgb(9, 12));
    assert_eq!(found.train, wide, "bytes and labels as they were");
}

/// Labels from 1 keep their meaning: the class called 7 is that of the label 7.
#[test]
fn labels_counted_from_1_are_said_and_named_so() {
    let mut train = pattern(GREY, 26, 260);
    train.labels.iter_mut().for_each(|label| *label += 1);
    let found = through_disk(&train, &train).loaded;
    let names = &found.set.description.class_names;
    assert_eq!(
        (names.len(), &names[0][..], &names[25][..]),
        (26, "1", "26")
    );
    assert_eq!(found.set.train.labels[..3], [0, 1, 2]);
    assert!(
        found.notes[0].contains("counted from 1: 26 classes"),
        "{:?}",
        found.notes
    );
    // A 0 in the test split alone, and the labels are what they seem.
    let mut test = train.clone();
    test.labels[0] = 0;
    let found = through_disk(&train, &test).loaded;
    assert_eq!(found.set.description.class_names.len(), 27);
}

#[test]
fn a_set_is_the_same_wherever_it_lies_and_however_it_is_packed() {
    let (train, test) = (pattern(GREY, 10, 50), pattern(GREY, 10, 20));
    let files = files_of(&train, &test);
    let packed = files.each_ref().map(|file| gzip(file));
    let home = tempfile::tempdir().expect("a folder");
    let mut described = Vec::new();
    for (name, files) in [
        ("mnist", &files),
        ("fashion-mnist", &packed),
        ("raw", &files),
    ] {
        let folder = home.path().join(name);
        write_files(&folder, NAMES, files);
        let set = read_set(&folder).expect("sound").loaded.set;
        assert_eq!(set.description.name, name);
        let mut description = set.description;
        description.name.clear();
        described.push(description);
    }
    assert_eq!(described[0], described[1]);
    assert_eq!(described[0], described[2]);
    // A changed pixel, label or name makes another set.
    let mut other = train.clone();
    other.images[777] ^= 1;
    let changed = through_disk(&other, &test).loaded.set.description;
    assert_ne!(changed.fingerprint, described[0].fingerprint);
    let mut other = test.clone();
    other.labels[3] = 0;
    let changed = through_disk(&train, &other).loaded.set.description;
    assert_ne!(changed.fingerprint, described[0].fingerprint);
    // In memory, as a page has it, it is the same again.
    let named = NAMES
        .map(str::to_owned)
        .into_iter()
        .zip(packed)
        .collect::<Vec<_>>();
    let in_memory = memory::load("own", &named).expect("sound").set.description;
    assert_eq!(in_memory.fingerprint, described[0].fingerprint);
}

/// A small set that stands for a known one, with hashes of its archives where `hashed`.
fn stand_in(of: &KnownSet, files: &[Vec<u8>; 4], hashed: bool) -> &'static KnownSet {
    let known = FileRole::ALL.map(|role| KnownFile {
        count: None,
        archive_bytes: None,
        archive_sha256: hashed.then(|| Sha256::digest(gzip(&files[role as usize])).into()),
        unpacked_sha256: None,
        ..*of.file(role)
    });
    Box::leak(Box::new(KnownSet {
        files: known,
        ..*of
    }))
}

fn turned(split: &Split) -> Split {
    let side = split.shape.width;
    let mut turned = split.clone();
    for image in turned.images.chunks_exact_mut(side * side) {
        let before = image.to_vec();
        for (place, value) in image.iter_mut().enumerate() {
            *value = before[place % side * side + place / side];
        }
    }
    turned
}

/// As EMNIST is published: rows and columns swapped, letters counted from 1, names of its own.
#[test]
fn emnist_is_turned_upright_and_its_letters_are_named() {
    let upright = pattern(GREY, 26, 104);
    let mut published = turned(&upright);
    published.labels.iter_mut().for_each(|label| *label += 1);
    let files = files_of(&published, &published);
    let letters = stand_in(&EMNIST_LETTERS, &files, false);
    let folder = tempfile::tempdir().expect("a folder");
    let names = names_with("emnist-letters-", "");
    write_files(folder.path(), names.each_ref().map(String::as_str), &files);
    let found = read_known(folder.path(), letters).expect("sound");
    assert_eq!(found.set.train.images, upright.images);
    assert_eq!(found.set.train.labels, upright.labels);
    let description = &found.set.description;
    assert_eq!(description.class_names[..2], ["A", "B"]);
    assert_eq!(
        (description.framing, description.background),
        (Framing::Whole, Background::Dark)
    );
    assert_eq!(description.mirrorable, Some(false));
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.contains("turned upright")),
        "{:?}",
        found.notes
    );

    // The catalogue's own entry gives no count for the letters: their names and labels tell them
    // in any folder.
    let in_any_folder = read_set(folder.path()).expect("sound").loaded;
    assert_eq!(in_any_folder.known, Some(letters));
    assert_eq!(in_any_folder.set.train, found.set.train);
    // Labels that EMNIST's letters cannot have: other images under their names, read as they are.
    let mut other = published.clone();
    other.labels[5] = 0;
    write_files(
        folder.path(),
        names.each_ref().map(String::as_str),
        &files_of(&other, &other),
    );
    let found = read_set(folder.path()).expect("sound").loaded;
    assert_eq!(found.set.train.images, published.images);
    assert!(
        found.notes[0].contains("are taken as they are"),
        "{:?}",
        found.notes
    );
    let error = read_known(folder.path(), letters).expect_err("other labels");
    let text = error.to_string();
    assert!(
        text.contains("it has the label 0, its labels are 1 to 26"),
        "{text}"
    );
    assert!(
        text.contains("data fetch emnist-letters` says where"),
        "{text}"
    );
}

#[test]
fn an_archive_with_the_published_hash_is_certain() {
    let set = pattern(GREY, 26, 104);
    let mut published = set.clone();
    published.labels.iter_mut().for_each(|label| *label += 1);
    let files = files_of(&published, &published);
    let letters = stand_in(&EMNIST_LETTERS, &files, true);
    let folder = tempfile::tempdir().expect("a folder");
    let names = names_with("emnist-letters-", ".gz");
    let packed = files.each_ref().map(|file| gzip(file));
    write_files(folder.path(), names.each_ref().map(String::as_str), &packed);
    let found = read_known(folder.path(), letters).expect("sound");
    assert_eq!(
        found.notes.len(),
        1,
        "turned, and nothing doubtful: {:?}",
        found.notes
    );
    // Unpacked, or packed anew, no hash tells.
    let mut anew = packed.clone();
    anew[0][9] ^= 1;
    write_files(folder.path(), names.each_ref().map(String::as_str), &anew);
    let found = read_known(folder.path(), letters).expect("sound");
    assert!(
        found.notes[0].contains("no published hash"),
        "{:?}",
        found.notes
    );
}

#[test]
fn qmnist_is_read_with_its_eight_columns() {
    let set = pattern(GREY, 10, 40);
    let rows = set.labels.iter().flat_map(|&label| {
        let row = [i32::from(label), 4, 2154, 59, 35, 229_421, 0, 0];
        row.map(i32::to_be_bytes).concat()
    });
    let header = [[0, 0, 0x0c, 2], [0, 0, 0, 40], [0, 0, 0, 8]].concat();
    let labels = [header, rows.collect()].concat();
    let images = file_of(&set, Kind::Images);
    let files = [images.clone(), labels.clone(), images, labels];
    let folder = tempfile::tempdir().expect("a folder");
    let names = QMNIST.files.map(|file| file.name);
    write_files(folder.path(), names, &files);
    // The test labels are published a second time, as bytes: those with all columns are read.
    fs::write(
        folder.path().join("qmnist-test-labels-idx1-ubyte"),
        b"something else",
    )
    .expect("written");
    let found = read_known(folder.path(), stand_in(&QMNIST, &files, false)).expect("sound");
    assert_eq!(found.set.train, set);
    assert_eq!(found.set.description.framing, Framing::CentreOfMass);
}

#[test]
fn a_known_set_must_be_the_published_one() {
    let folder = write_set(20, 10);
    let error = read_known(folder.path(), &FASHION_MNIST).expect_err("not Fashion");
    let text = error.to_string();
    assert!(
        text.contains("not the published file of fashion-mnist"),
        "{text}"
    );
    assert!(text.contains("data fetch fashion-mnist"), "{text}");
    // With the right counts, hashes tell.
    let folder = write_set(60_000, 10_000);
    let error = read_known(folder.path(), &MNIST).expect_err("not MNIST");
    assert!(
        matches!(
            error,
            DataError::Damaged {
                fault: Fault::WrongHash { .. },
                ..
            }
        ),
        "{error}"
    );
}

/// The trap: with other lengths than the official ones the crate gives training images as test.
#[test]
fn mnists_counts_pass_through_the_crate_unmixed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let split = |count, value| Split {
        shape: GREY,
        classes: 10,
        images: vec![value; count * GREY.bytes()],
        labels: vec![value.into(); count],
    };
    let (train, test) = (split(60_000, 0), split(10_000, 2));
    idx::write_split(folder.path(), Part::Train, &train).expect("written");
    idx::write_split(folder.path(), Part::Test, &test).expect("written");
    let set = read_set(folder.path()).expect("a sound set").loaded.set;
    let classes = set.train.classes;
    assert_eq!(classes, 3);
    assert!(set.train == Split { classes, ..train });
    assert!(set.test == TestSplit::new(Split { classes, ..test }));
}

#[test]
fn official_archives_load() {
    let Some(data) = official_data("official_archives_load") else {
        return;
    };
    for (set, counts, first) in [
        (
            &MNIST,
            [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
            [7, 2, 1, 0, 4, 1, 4, 9, 5, 9],
        ),
        (&FASHION_MNIST, [1000; 10], [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]),
    ] {
        let folder = data.join(set.id);
        let loaded = read_known(&folder, set).expect("the official archives");
        assert_eq!(loaded.notes, [""; 0]);
        let loaded = loaded.set;
        assert_eq!((loaded.train.len(), loaded.test.len()), (60_000, 10_000));
        let mut support = [0; 10];
        let label = |index| loaded.test.label(index).expect("an image");
        for index in 0..loaded.test.len() {
            support[usize::from(label(index))] += 1;
        }
        assert_eq!(support, counts);
        assert_eq!(first, std::array::from_fn(label));
        // The crate and our own reader see the same bytes.
        let archive = folder.join(set.file(FileRole::TestImages).archive_name());
        let own = idx::read(&archive, Kind::Images).expect("sound").0;
        let idx::Items::Images { bytes, .. } = own else {
            panic!("images");
        };
        let same = |(index, image)| loaded.test.image(index) == Some(image);
        assert!(bytes.chunks_exact(784).enumerate().all(same));
        // Known by its contents under any name: what is known of it comes along.
        let home = tempfile::tempdir().expect("a folder");
        let raw = home.path().join("raw");
        fs::create_dir(&raw).expect("made");
        for file in &set.files {
            let name = file.archive_name();
            fs::copy(folder.join(&name), raw.join(&name)).expect("copied");
        }
        let copy = read_set(&raw).expect("a copy").loaded;
        assert_eq!(copy.known, Some(set));
        let mut description = copy.set.description;
        assert_eq!(description.name, "raw");
        description.name = set.id.to_owned();
        assert_eq!(description, loaded.description);
    }
}
