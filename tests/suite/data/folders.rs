//! Which files of a folder are read: names, archives, folders in the way, folders below.

use std::fs;
use std::path::Path;

use gpu_mnist::data::idx::{FileName, FileRole, Kind};
use gpu_mnist::data::verify::{self, Form};
use gpu_mnist::data::{DataError, ImageSet};

use super::{
    GREY, NAMES, file_checks, files_of, gzip, idx_file, names_with, pattern, read_set, write_files,
    write_set,
};

#[track_caller]
fn read(folder: &Path) -> ImageSet {
    read_set(folder).expect("a sound set").loaded.set
}

/// The set that all folders here hold.
fn files() -> [Vec<u8>; 4] {
    files_of(&pattern(GREY, 10, 100), &pattern(GREY, 10, 20))
}

fn refs(names: &[String; 4]) -> [&str; 4] {
    names.each_ref().map(String::as_str)
}

#[test]
fn names_are_understood() {
    let parsed = |name: &str| {
        let found = FileName::parse(name)?;
        Some((found.role, found.prefix, found.gz))
    };
    use FileRole::*;
    for (name, role, prefix, gz) in [
        ("train-images-idx3-ubyte", TrainImages, "", false),
        ("t10k-labels-idx1-ubyte.gz", TestLabels, "", true),
        ("t10k-images.idx3-ubyte", TestImages, "", false),
        ("train-labels.idx1-ubyte.gz", TrainLabels, "", true),
        ("TRAIN-IMAGES-IDX3-UBYTE.GZ", TrainImages, "", true),
        ("train_images.idx3_ubyte", TrainImages, "", false),
        ("train-images-idx4-ubyte", TrainImages, "", false),
        ("test-labels-idx1-int", TestLabels, "", false),
        (
            "emnist-balanced-train-images-idx3-ubyte",
            TrainImages,
            "emnist-balanced",
            false,
        ),
        (
            "emnist-byclass-test-labels-idx1-ubyte.gz",
            TestLabels,
            "emnist-byclass",
            true,
        ),
        ("qmnist-train-labels-idx2-int", TrainLabels, "qmnist", false),
        (
            "qmnist-test-images-idx3-ubyte.gz",
            TestImages,
            "qmnist",
            true,
        ),
    ] {
        assert_eq!(parsed(name), Some((role, prefix.to_owned(), gz)), "{name}");
    }
    for name in [
        "t10k-labels-idx1-ubyte.damaged",
        ".train-images-idx3-ubyte.gz.abc.part",
        "train-images.png",
        "xnist-images-idx3-ubyte.xz",
        "images-idx3-ubyte",
        "train-idx3-ubyte",
        "emnist-letters-mapping.txt",
        "",
    ] {
        assert_eq!(parsed(name), None, "{name}");
    }
}

/// Kaggle's archive: folders of the official names that hold the files, dotted files beside them.
#[test]
fn folders_in_the_way_are_looked_into() {
    let files = files();
    let expected = {
        let plain = tempfile::tempdir().expect("a folder");
        write_files(plain.path(), NAMES, &files);
        read(plain.path())
    };
    let both = tempfile::tempdir().expect("a folder");
    let dotted = NAMES.map(|name| name.replace("-idx", ".idx"));
    let nested = NAMES.map(|name| format!("{name}/{name}"));
    write_files(both.path(), refs(&dotted), &files);
    write_files(both.path(), refs(&nested), &files);
    let only = tempfile::tempdir().expect("a folder");
    write_files(only.path(), refs(&nested), &files);
    for folder in [&both, &only] {
        let found = read(folder.path());
        assert_eq!(
            (&found.train, &found.test),
            (&expected.train, &expected.test)
        );
    }
    // A sound file beside the folder is read, whatever is in the folder.
    fs::write(both.path().join(&nested[0]), b"damaged").expect("written");
    assert_eq!(read(both.path()).train, expected.train);
}

/// Browsers unpack and keep `.gz`, or lose it and do not unpack.
#[test]
fn the_first_bytes_say_what_is_packed() {
    let files = files();
    let packed = files.each_ref().map(|file| gzip(file));
    let gz = names_with("", ".gz");
    let mut found = Vec::new();
    for (names, files, form) in [
        (NAMES, &files, Form::Unpacked),
        (refs(&gz), &files, Form::Unpacked),
        (NAMES, &packed, Form::Gzip),
        (refs(&gz), &packed, Form::Gzip),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        write_files(folder.path(), names, files);
        let checks = file_checks(verify::verify(folder.path()).expect("there"));
        assert!(
            checks
                .iter()
                .all(|check| check.form == form && check.is_sound())
        );
        found.push(read(folder.path()));
    }
    assert!(
        found
            .iter()
            .all(|set| (&set.train, &set.test) == (&found[0].train, &found[0].test))
    );
}

#[test]
fn unpacked_files_are_read_before_archives() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = names_with("", ".gz").map(|name| name.replace("-idx", ".idx"));
    let packed = files().map(|file| gzip(&file));
    write_files(folder.path(), refs(&names), &packed);
    fs::write(
        folder.path().join("TRAIN-IMAGES-IDX3-UBYTE"),
        idx_file(Kind::Images, 100),
    )
    .expect("written");
    let checks = file_checks(verify::verify(folder.path()).expect("there"));
    let forms: Vec<_> = checks.iter().map(|check| check.form).collect();
    assert_eq!(forms, [Form::Unpacked, Form::Gzip, Form::Gzip, Form::Gzip]);
    assert_eq!(read(folder.path()).train.len(), 100);
}

/// torchvision keeps MNIST in `MNIST/raw`.
#[test]
fn the_only_set_below_a_folder_is_found() {
    let data = tempfile::tempdir().expect("a folder");
    let raw = data.path().join("MNIST/raw");
    write_files(&raw, NAMES, &files());
    for named in [
        data.path().to_owned(),
        data.path().join("MNIST"),
        raw.clone(),
    ] {
        let found = read_set(&named).expect("found");
        assert_eq!(found.path, raw);
        let name = named.file_name().expect("a name").to_string_lossy();
        assert_eq!(found.loaded.set.description.name, name, "as it was typed");
    }
    // Two of them: the user says which.
    write_files(&data.path().join("FashionMNIST/raw"), NAMES, &files());
    let error = read_set(data.path()).expect_err("one of two was read");
    let text = error.to_string();
    assert!(matches!(error, DataError::Several { .. }), "{text}");
    assert!(
        text.contains("FashionMNIST/raw") && text.contains("MNIST/raw"),
        "{text}"
    );
    assert!(text.contains("--dataset"), "{text}");
}

#[test]
fn what_lies_there_is_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |path: &Path| read_set(path).expect_err("nothing is there").to_string();
    assert!(text(folder.path()).contains("the folder is empty"));
    for name in ["notes.txt", "train.csv"] {
        fs::write(folder.path().join(name), b"x").expect("written");
    }
    fs::create_dir(folder.path().join("images")).expect("made");
    let found = text(folder.path());
    assert!(
        found.contains("it holds images/, notes.txt, train.csv"),
        "{found}"
    );
    assert!(
        found.contains("a folder of images for each class"),
        "{found}"
    );
    for index in 0..30 {
        fs::write(folder.path().join(format!("a{index:02}")), b"x").expect("written");
    }
    let found = text(folder.path());
    assert!(found.contains("a11 and 21 more"), "{found}");
    let found = text(&folder.path().join("notes.txt"));
    assert!(found.contains("give an NPZ or CSV file"), "{found}");
    let found = text(&folder.path().join("nothing"));
    assert!(found.contains("no such folder"), "{found}");

    // One file of four is missing: it is named, and so is what is there.
    let set = write_set(20, 10);
    fs::remove_file(set.path().join(NAMES[3])).expect("removed");
    let found = text(set.path());
    assert!(
        found.contains("missing t10k-labels-idx1-ubyte; it holds t10k-images"),
        "{found}"
    );
}

/// EMNIST's archive holds six sets in one folder.
#[test]
fn sets_in_one_folder_are_told_apart_by_their_names() {
    let folder = tempfile::tempdir().expect("a folder");
    for split in ["first-", "second-"] {
        let names = names_with(split, "");
        write_files(folder.path(), refs(&names), &files());
    }
    let error = read_set(folder.path()).expect_err("one of two was read");
    let text = error.to_string();
    assert!(
        text.contains("first-") && text.contains("second-"),
        "{text}"
    );
    let labels = folder.path().join("second-test-labels-idx1-ubyte");
    fs::remove_file(labels).expect("removed");
    assert_eq!(read(folder.path()).train.len(), 100, "the only whole one");
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_utf_8_is_read() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    let latin = folder.path().join(OsStr::from_bytes(b"latin1-caf\xe9"));
    let own = latin.join("My data, \u{e9}t\u{e9}");
    write_files(&own, NAMES, &files());
    assert_eq!(read(&own).train.len(), 100);
    let found = read_set(&latin).expect("found below");
    assert_eq!(found.path, own);
    let checks = file_checks(verify::verify(&latin).expect("there"));
    // Records are text: bytes that are none are replaced.
    let json = serde_json::to_string(&checks).expect("a record");
    assert!(json.contains("latin1-caf\u{fffd}"), "{json}");
}
