//! `classes.txt` beside four IDX files, on disk and in memory; sets in memory without test images.

use std::fs;

use gpu_mnist::data::idx::class_names;
use gpu_mnist::data::test_split::TestSplit;
use gpu_mnist::data::{DataError, ImageSet, ImageShape, memory, verify};

use super::{GREY, NAMES, files_of, pattern, read_set, write_files};

const COLOUR: ImageShape = ImageShape::rgb(12, 9);

/// The files of a set of three classes, with their names.
fn files(classes: &str) -> Vec<(String, Vec<u8>)> {
    let files = files_of(&pattern(COLOUR, 3, 30), &pattern(COLOUR, 3, 12));
    let mut named: Vec<_> = NAMES.map(str::to_owned).into_iter().zip(files).collect();
    named.push(("classes.txt".to_owned(), classes.as_bytes().to_vec()));
    named
}

/// Both ways in which such files are read.
fn read(files: &[(String, Vec<u8>)]) -> [Result<ImageSet, DataError>; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    [
        read_set(folder.path()).map(|found| found.loaded.set),
        memory::load("own", files).map(|loaded| loaded.set),
    ]
}

#[test]
fn a_file_beside_the_four_names_the_classes() {
    for text in [
        "cat\nblack dog\n猫\n",
        "cat\r\nblack dog\r\n猫",
        "\u{feff}cat\nblack dog\n猫\n",
    ] {
        let sets = read(&files(text)).map(|read| read.expect("sound").description);
        for set in &sets {
            assert_eq!(set.class_names, ["cat", "black dog", "猫"], "{text:?}");
        }
        // Their names are part of what a set is.
        let numbers = read(&files("0\n1\n2\n")).map(|read| read.expect("sound").description);
        assert_eq!(sets[0].fingerprint, sets[1].fingerprint);
        assert_ne!(sets[0].fingerprint, numbers[0].fingerprint);
    }
}

#[test]
fn labels_counted_from_1_take_names_too() {
    let mut split = pattern(GREY, 4, 40);
    split.labels.iter_mut().for_each(|label| *label += 1);
    let files = files_of(&split, &split);
    let folder = tempfile::tempdir().expect("a folder");
    write_files(folder.path(), NAMES, &files);
    fs::write(folder.path().join("classes.txt"), "a\nb\nc\nd\n").expect("written");
    let set = read_set(folder.path()).expect("sound").loaded.set;
    assert_eq!(set.description.class_names, ["a", "b", "c", "d"]);
    assert_eq!(set.train.labels[..5], [0, 1, 2, 3, 0]);
}

#[test]
fn names_that_are_not_those_of_the_labels_are_refused() {
    for (text, reason) in [
        (
            "cat\ndog\n",
            "2 names for the 3 classes of the labels (0 to 2)",
        ),
        ("a\nb\nc\nd\n", "4 names for the 3 classes"),
        ("", "0 names for the 3 classes"),
        ("cat\n\ndog\nfox\n", "line 2 is empty"),
        ("cat\ndog\n \n", "line 3 is empty"),
        ("cat\ndog\ncat\n", "line 3 names `cat` again"),
        ("cat\ndo\u{7}g\nfox\n", "line 2 holds '\\u{7}'"),
    ] {
        for refused in read(&files(text)) {
            let error = refused.expect_err(text).to_string();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains("classes.txt: "), "{error}");
            assert!(error.ends_with("in the order of the labels"), "{error}");
        }
    }
    let error = class_names(b"cat\n\xff\xfe\n").expect_err("no UTF-8");
    assert_eq!(error, "line 2 is not UTF-8");
    let many = "x\n".repeat(1001).replace("x", "y");
    assert!(class_names(many.as_bytes()).is_err());
    let many: String = (0..1001).map(|name| format!("{name}\n")).collect();
    assert_eq!(
        class_names(many.as_bytes()).expect_err("too many"),
        "more than 1000 lines"
    );
}

#[test]
fn a_check_of_every_byte_reads_the_names_too() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files("cat\ndog\nfox\n") {
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    verify::verify(folder.path()).expect("sound");
    fs::write(folder.path().join("classes.txt"), "cat\n").expect("written");
    let error = verify::verify(folder.path())
        .expect_err("one name")
        .to_string();
    assert!(error.contains("1 name for the 3 classes"), "{error}");
    fs::remove_file(folder.path().join("classes.txt")).expect("removed");
    fs::create_dir(folder.path().join("classes.txt")).expect("made");
    let error = read_set(folder.path()).expect_err("a folder").to_string();
    assert!(error.contains("not a regular file"), "{error}");
}

/// As a folder of images without a test folder comes from the page: held out as the command does.
#[test]
fn without_test_images_in_memory_a_fifth_of_each_class_is_held_out() {
    let mut files = files("cat\ndog\nfox\n");
    files.retain(|(name, _)| !name.starts_with("t10k"));
    let [_, in_memory] = read(&files);
    let set = in_memory.expect("sound");
    assert_eq!(set.train.class_counts(), [8, 8, 8]);
    assert_eq!(set.test.len(), 6);
    let again = memory::load("other", &files).expect("sound").set;
    assert_eq!(again.description.fingerprint, set.description.fingerprint);
    let notes = memory::load("own", &files).expect("sound").notes.join("; ");
    assert!(notes.contains("6 of 30 are held out to test"), "{notes}");
    let all = pattern(COLOUR, 3, 30);
    let (train, test) = gpu_mnist::data::split::hold_out(&all.labels, 3, 0.2, default_seed());
    assert_eq!(set.train, all.pick(&train));
    assert_eq!(set.test, TestSplit::new(all.pick(&test)));
    // One test file without the other is a loss, and a known set is whole.
    let mut half = files.clone();
    half.push((
        "t10k-labels-idx1-ubyte".into(),
        vec![0, 0, 8, 1, 0, 0, 0, 1, 0],
    ));
    let error = memory::load("own", &half).expect_err("incomplete");
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
    let known = memory::load("mnist", &files[..2]).expect_err("incomplete");
    assert!(matches!(known, DataError::Missing { .. }), "{known}");
    // Labels that are fewer than the images.
    files[1].1 = vec![0, 0, 8, 1, 0, 0, 0, 1, 0];
    let error = memory::load("own", &files).expect_err("few").to_string();
    assert!(error.contains("1 label for 30 images"), "{error}");
}

fn default_seed() -> u64 {
    gpu_mnist::data::ReadOptions::default().test_seed
}
