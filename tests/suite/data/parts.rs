//! Splits by the names of folders, and files in them that cannot be read.

use std::fs;
use std::path::Path;

use super::own_images::{photograph, said, save_png, write_classes};
use super::tables::{refused, table};
use super::{GREY, pattern, read_set, verify_says};
use crate::support::program;

/// Images to train on, to validate and to test, of two classes.
fn counts(at: &Path) -> [usize; 3] {
    let set = read_set(at).expect("a set").loaded.set;
    assert_eq!(
        set.description.class_names,
        ["cat", "dog"],
        "{}",
        at.display()
    );
    let valid = set.valid.as_ref().map_or(0, |valid| valid.len());
    [set.train.len(), valid, set.test.len()]
}

#[test]
fn splits_are_known_by_a_word_of_their_names() {
    for names in [
        ["training_set", "test_set"],
        ["train_images", "test_images"],
        ["seg_train", "seg_test"],
        ["train", "eval"],
        ["train", "tests"],
        ["x_train", "x_test"],
        ["Pets Train", "Pets-Test"],
        ["training_set/training_set", "test_set/test_set"],
        ["seg_train/seg_train", "seg_test/seg_test"],
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        write_classes(&at.join(names[0]), &["cat", "dog"], 4);
        write_classes(&at.join(names[1]), &["cat", "dog"], 2);
        assert_eq!(counts(at), [8, 0, 4], "{names:?}");
    }
}

#[test]
fn images_to_train_on_may_lie_beside_what_is_no_split() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_classes(&at.join("train"), &["cat", "dog"], 5);
    fs::create_dir(at.join("annotations")).expect("made");
    fs::write(at.join("annotations/list.xml"), "<list/>").expect("written");
    save_png(&at.join("unsup/1.png"), photograph(0, 90, 12));
    assert_eq!(counts(at), [8, 0, 2]);
    assert!(said(at).contains("2 files lie beside train/ and test/"));
}

#[test]
fn classes_may_be_called_as_splits_are() {
    for classes in [
        &["bus", "train"][..],
        &["crash test", "test tube"],
        &["bus stop", "train station"],
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        write_classes(folder.path(), classes, 3);
        let set = read_set(folder.path()).expect("a set").loaded.set;
        assert_eq!(set.description.class_names, classes);
    }
    // The name of a set is no split.
    let folder = tempfile::tempdir().expect("a folder");
    write_classes(&folder.path().join("test data"), &["cat", "dog"], 5);
    assert_eq!(counts(folder.path()), [8, 0, 2]);
}

#[cfg(target_os = "linux")]
#[test]
fn links_that_lead_nowhere_and_pipes_are_images_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_classes(at, &["cat", "dog"], 10);
    std::os::unix::fs::symlink("nowhere.png", at.join("cat/link.png")).expect("linked");
    let made = std::process::Command::new("mkfifo")
        .arg(at.join("dog/pipe.png"))
        .status();
    assert!(made.expect("there").success());
    let said = said(at);
    for words in [
        "2 of 22 image files cannot be read and are left out",
        "cat/link.png: No such file",
        "dog/pipe.png: not a regular file",
    ] {
        assert!(said.contains(words), "`{words}` in {said}");
    }
    assert!(verify_says(at).contains("2 of 22 image files cannot be read"));
}

#[test]
fn images_of_both_splits_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_classes(&at.join("train"), &["cat", "dog"], 4);
    save_png(&at.join("test/cat/again.png"), photograph(0, 1, 12));
    save_png(&at.join("test/dog/other.png"), photograph(1, 50, 12));
    assert!(
        said(at).contains("1 of the 2 test images is also among those to train on"),
        "{}",
        said(at)
    );
    fs::remove_file(at.join("test/cat/again.png")).expect("removed");
    assert!(!said(at).contains("also among"));
}

#[test]
fn images_of_other_kinds_are_said_to_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    for name in ["cat/1.tif", "cat/2.TIFF", "dog/1.avif"] {
        fs::create_dir_all(at.join(name).parent().expect("below")).expect("made");
        fs::write(at.join(name), b"II*\0").expect("written");
    }
    assert!(
        refused(at).contains(
            "its images are of kinds that are not read: AVIF, TIF, TIFF; convert them to PNG or JPEG"
        ),
        "{}",
        refused(at)
    );
}

#[test]
fn several_sets_are_named_as_the_command_takes_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::create_dir(at.join("sets")).expect("made");
    let rows = table(&pattern(GREY, 2, 10), "", |label, row| {
        format!("{label},{row}")
    });
    for set in ["one.csv", "two.csv"] {
        fs::write(at.join("sets").join(set), &rows).expect("written");
    }
    let output = program(at).args(["data", "verify", "sets"]).output();
    let output = output.expect("ran");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(
        text.contains("name one of them in place of the folder") && !text.contains("--dataset"),
        "{text}"
    );
}

#[test]
fn archives_that_cannot_be_unpacked_say_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_classes(&at.join("set"), &["a", "b"], 3);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["a/0.png", "a/1.png", "b/0.png"] {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        zip.start_file(name, options).expect("packed");
        let bytes = fs::read(at.join("set").join(name)).expect("there");
        std::io::Write::write_all(&mut zip, &bytes).expect("packed");
    }
    let zip = zip.finish().expect("packed").into_inner();
    let path = at.join("before.zip");
    fs::write(&path, [&b"#!/bin/sh\n"[..], &zip].concat()).expect("written");
    assert!(
        refused(&path).contains("other bytes stand before its .zip archive"),
        "{}",
        refused(&path)
    );
    // The number of a method that nobody has, in both lists of the archive.
    let mut odd = zip;
    for begin in 0..odd.len() - 12 {
        let method = match &odd[begin..begin + 4] {
            b"PK\x03\x04" => 8,
            b"PK\x01\x02" => 10,
            _ => continue,
        };
        odd[begin + method] = 77;
    }
    fs::write(&path, odd).expect("written");
    assert!(
        refused(&path).contains("a/0.png cannot be unpacked"),
        "{}",
        refused(&path)
    );
}
