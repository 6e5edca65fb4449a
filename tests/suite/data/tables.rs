//! NPZ archives, CSV tables and CIFAR's binary files, written here and read back.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use gpu_mnist::config::{BrokenFiles, ImageSize, Origin};
use gpu_mnist::data::formats::{self, Reading};
use gpu_mnist::data::verify::{self, Check};
use gpu_mnist::data::{ImageSet, ImageShape, Split};
use gpu_mnist::runs::fit::fit;
use gpu_mnist::runs::training_images::TrainingImages;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use tempfile::TempDir;

use super::{GREY, pattern, read_set};
use crate::support::program;

pub const COLOUR: ImageShape = ImageShape {
    height: 32,
    width: 32,
    channels: 3,
};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub fn read(path: &Path) -> ImageSet {
    match read_set(path) {
        Ok(found) => found.loaded.set,
        Err(error) => panic!("{error}"),
    }
}

pub fn refused(path: &Path) -> String {
    read_set(path).expect_err("read").to_string()
}

/// An array of NumPy as a file.
pub fn npy(descr: &str, order: bool, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let sides: Vec<String> = shape.iter().map(|side| format!("{side},")).collect();
    let order = if order { "True" } else { "False" };
    let mut header = format!(
        "{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({}), }}",
        sides.join(" ")
    );
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), bytes].concat()
}

pub fn npz(folder: &Path, name: &str, arrays: &[(&str, Vec<u8>)]) -> PathBuf {
    let path = folder.join(name);
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).expect("made"));
    for (name, array) in arrays {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(format!("{name}.npy"), options)
            .expect("packed");
        zip.write_all(array).expect("packed");
    }
    zip.finish().expect("packed");
    path
}

fn bytes_of(labels: &[u16]) -> Vec<u8> {
    labels.iter().map(|&label| label as u8).collect()
}

pub fn images(split: &Split) -> Vec<u8> {
    let ImageShape {
        height,
        width,
        channels,
    } = split.shape;
    let shape = [split.len(), height, width, channels];
    let sides = if channels == 1 { &shape[..3] } else { &shape };
    npy("|u1", false, sides, &split.images)
}

pub fn labels(split: &Split) -> Vec<u8> {
    npy("|u1", false, &[split.len(), 1], &bytes_of(&split.labels))
}

#[test]
fn npz_is_read_as_medmnist_and_keras_write_it() {
    let folder = folder();
    let (train, valid, test) = (
        pattern(GREY, 3, 60),
        pattern(GREY, 3, 9),
        pattern(GREY, 3, 12),
    );
    let med = npz(
        folder.path(),
        "med",
        &[
            ("train_images", images(&train)),
            ("train_labels", labels(&train)),
            ("val_images", images(&valid)),
            ("val_labels", labels(&valid)),
            ("test_images", images(&test)),
            ("test_labels", labels(&test)),
        ],
    );
    let set = read(&med);
    assert_eq!((&set.train, set.valid.as_ref()), (&train, Some(&valid)));
    assert_eq!((set.test.len(), set.test.image(5)), (12, test.image(5)));
    assert_eq!(set.description.class_names, ["0", "1", "2"]);

    // Keras' names, labels [n] of 64 bits, no validation; a folder that holds nothing else.
    let wide: Vec<u8> = train
        .labels
        .iter()
        .flat_map(|&l| i64::from(l).to_le_bytes())
        .collect();
    let below = folder.path().join("below");
    fs::create_dir(&below).expect("made");
    npz(
        &below,
        "keras.any",
        &[
            ("x_train", images(&train)),
            ("y_train", npy("<i8", false, &[60], &wide)),
            ("x_test", images(&test)),
            ("y_test", labels(&test)),
        ],
    );
    let keras = read(&below);
    assert_eq!((&keras.train, keras.valid), (&train, None));
    assert_ne!(keras.description.fingerprint, set.description.fingerprint);
}

#[test]
fn parts_without_an_image_are_no_parts() {
    let folder = folder();
    let (train, none) = (pattern(GREY, 3, 60), pattern(GREY, 3, 0));
    let arrays = [
        ("train_images", images(&train)),
        ("train_labels", labels(&train)),
        ("val_images", images(&none)),
        ("val_labels", labels(&none)),
        ("test_images", images(&none)),
        ("test_labels", labels(&none)),
    ];
    let whole = read(&npz(folder.path(), "empty", &arrays));
    let alone = read(&npz(folder.path(), "none", &arrays[..2]));
    assert_eq!((&whole.train, &whole.valid), (&alone.train, &None));
    assert_eq!(whole.test.len(), alone.test.len());
    assert!(!whole.test.is_empty());
}

#[test]
fn arrays_of_other_types_and_orders_are_read_or_refused() {
    let folder = folder();
    let split = pattern(GREY, 2, 20);
    let written = |name: &str, array: Vec<u8>| {
        npz(folder.path(), name, &[("x", array), ("y", labels(&split))])
    };
    let sides = [20, 28, 28];
    let same = |name: &str, array: Vec<u8>| {
        let set = read(&written(name, array));
        let all: Vec<u8> = (0..set.test.len())
            .flat_map(|i| set.test.image(i).expect("there").to_vec())
            .collect();
        let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        assert_eq!(
            sum(&set.train.images) + sum(&all),
            sum(&split.images),
            "{name}"
        );
        let originals: Vec<&[u8]> = split.images.chunks(784).collect();
        assert!(
            set.train
                .images
                .chunks(784)
                .all(|image| originals.contains(&image)),
            "{name}"
        );
    };
    let each = |bytes: &dyn Fn(u8) -> Vec<u8>| -> Vec<u8> {
        split
            .images
            .iter()
            .flat_map(|&value| bytes(value))
            .collect()
    };
    same(
        "i16",
        npy(
            ">i2",
            false,
            &sides,
            &each(&|v| i16::from(v).to_be_bytes().to_vec()),
        ),
    );
    same(
        "i32",
        npy(
            "<i4",
            false,
            &sides,
            &each(&|v| i32::from(v).to_le_bytes().to_vec()),
        ),
    );
    same(
        "f32",
        npy(
            "<f4",
            false,
            &sides,
            &each(&|v| f32::from(v).to_le_bytes().to_vec()),
        ),
    );
    same(
        "f64",
        npy(
            ">f8",
            false,
            &sides,
            &each(&|v| (f64::from(v) / 255.0).to_be_bytes().to_vec()),
        ),
    );
    let fortran: Vec<u8> = (0..28 * 28)
        .flat_map(|place| (0..20).map(move |n| (n, place)))
        .map(|(n, place)| split.images[n * 784 + (place % 28) * 28 + place / 28])
        .collect();
    same("fortran", npy("|u1", true, &sides, &fortran));

    let with = |value: f32| {
        let mut values = vec![0.25f32; 20 * 784];
        values[7] = value;
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        refused(&written("odd", npy("<f4", false, &sides, &bytes)))
    };
    assert!(with(f32::NAN).contains("pixels that are NaN or infinite"));
    for value in [-1.0, 1.5, 300.0, f32::NAN] {
        assert!(
            with(value).contains("pixels are whole numbers from 0 to 255"),
            "{value}"
        );
    }
    let text = refused(&written(
        "flat",
        npy("|u1", false, &[20, 784], &split.images),
    ));
    assert!(
        text.contains("[20, 784]") && text.contains("[n, height, width]"),
        "{text}"
    );
    let text = refused(&written("object", npy("|O", false, &sides, &split.images)));
    assert!(text.contains("values of type"), "{text}");
    let text = refused(&written(
        "short",
        npy("|u1", false, &sides, &split.images[1..]),
    ));
    assert!(text.contains("cannot be read"), "{text}");
    let lying = npy("|u1", false, &[1 << 40, 28, 28], &split.images);
    assert!(refused(&written("lying", lying)).contains("at most 2.1 GB are held"));
    let several = npz(
        folder.path(),
        "several",
        &[
            ("x", images(&split)),
            ("y", npy("|u1", false, &[20, 14], &[0; 280])),
        ],
    );
    assert!(refused(&several).contains("one whole number for each image"));
    let fewer = npz(
        folder.path(),
        "fewer",
        &[("x", images(&split)), ("y", labels(&pattern(GREY, 2, 19)))],
    );
    assert!(refused(&fewer).contains("19 labels for 20 images"));
    let unnamed = npz(folder.path(), "unnamed", &[("arr_0", images(&split))]);
    assert!(refused(&unnamed).contains("holds the arrays arr_0"));
}

/// Images that a set says validate are never trained on.
#[test]
fn given_validation_images_validate() {
    let folder = folder();
    let (train, test) = (pattern(GREY, 3, 60), pattern(GREY, 3, 12));
    let mut valid = pattern(GREY, 3, 30);
    valid.images.fill(200);
    let path = npz(
        folder.path(),
        "set",
        &[
            ("train_images", images(&train)),
            ("train_labels", labels(&train)),
            ("val_images", images(&valid)),
            ("val_labels", labels(&valid)),
            ("test_images", images(&test)),
            ("test_labels", labels(&test)),
        ],
    );
    let set = read(&path);
    let divided = |size: Option<i64>, limit: i64| {
        let mut layers = gpu_mnist::config::Layers::default();
        let mut give = |key: &str, value| layers.set(key, value, Origin::Set).expect("known");
        size.into_iter()
            .for_each(|size| give("data.validation_size", size));
        give("data.train_limit", limit);
        layers.preset("default").expect("there");
        let remarks = fit(&set, false, &mut layers).expect("known");
        assert_eq!(remarks, [""; 0], "the set says which");
        let config = layers.resolve().expect("in range");
        TrainingImages::divide(&set, &config, &layers).expect("they suit")
    };
    let all = divided(None, 0);
    assert_eq!(
        (all.train.len(), all.valid.len(), all.test.len()),
        (60, 30, 12)
    );
    assert_eq!((&all.train.images, &all.valid), (&train.images, &valid));
    let some = divided(Some(9), 12);
    assert_eq!((some.train.len(), some.valid.len()), (12, 9));
    assert_eq!(some.valid.class_counts(), [3, 3, 3]);
    assert!(some.valid.images.iter().all(|&value| value == 200));
    assert!(divided(Some(0), 0).valid.is_empty());
}

#[test]
fn the_packed_breastmnist_is_known_by_its_contents() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/breastmnist.npz");
    if !path.exists() {
        eprintln!(
            "SKIPPED the_packed_breastmnist_is_known_by_its_contents: no {}",
            path.display()
        );
        return;
    }
    let set = read(&path);
    assert_eq!(set.description.class_names, ["malignant", "normal, benign"]);
    assert_eq!(set.train.class_counts(), [147, 399]);
    assert_eq!(
        set.valid.as_ref().map(Split::class_counts),
        Some(vec![21, 57])
    );
    assert_eq!(set.test.class_counts(), [42, 114]);
    let known = gpu_mnist::data::catalog::named("breastmnist").expect("known");
    let (place, check) =
        verify::verify_known(path.parent().expect("a folder"), known).expect("sound");
    assert_eq!(place.file_name(), path.file_name());
    assert!(matches!(check, Check::Whole(_)));
}

pub fn row(split: &Split, index: usize) -> String {
    let image = split.image(index).expect("there");
    let pixels: Vec<String> = image.iter().map(u8::to_string).collect();
    pixels.join(",")
}

pub fn table(split: &Split, header: &str, mut line: impl FnMut(u16, String) -> String) -> String {
    let rows = (0..split.len()).map(|index| line(split.labels[index], row(split, index)));
    let rows: Vec<String> = rows.collect();
    format!("{header}{}\n", rows.join("\n"))
}

#[test]
fn csv_is_read_as_kaggle_writes_it() {
    let folder = folder();
    let at = folder.path();
    let (train, test) = (pattern(GREY, 4, 40), pattern(GREY, 4, 12));
    let names: Vec<String> = (0..784).map(|pixel| format!("pixel{pixel}")).collect();
    let header = format!("label,{}\n", names.join(","));
    let first = |label: u16, row: String| format!("{label},{row}");
    fs::write(at.join("train.csv"), table(&train, &header, first)).expect("written");
    fs::write(at.join("test.csv"), table(&test, &header, first)).expect("written");
    let set = read(at);
    assert_eq!((&set.train, set.test.image(3)), (&train, test.image(3)));
    assert_eq!(set.test.len(), 12);

    // Kaggle's own test.csv has no labels.
    let unlabelled = format!("{}\n", names.join(","));
    fs::write(at.join("test.csv"), table(&test, &unlabelled, |_, row| row)).expect("written");
    let loaded = read_set(at).expect("a set").loaded;
    assert_eq!((loaded.set.train.len(), loaded.set.test.len()), (32, 8));
    assert!(
        loaded.notes[0].contains("test.csv has no labels"),
        "{:?}",
        loaded.notes
    );

    // Without a header; with the label last and in words; with other line ends.
    let plain = at.join("plain.txt");
    fs::write(&plain, table(&train, "", first)).expect("written");
    assert_eq!(read(&plain).train.labels, loaded.set.train.labels);
    let words = at.join("words.csv");
    let header = format!("{},Label\r\n", names.join(","));
    let last =
        |label: u16, row: String| format!("{row},class {}\r", [10, 9, 2, 1][usize::from(label)]);
    fs::write(&words, table(&train, &header, last)).expect("written");
    let set = read(&words);
    assert_eq!(
        set.description.class_names,
        ["class 1", "class 2", "class 9", "class 10"]
    );
    assert_eq!(set.train.image(0).map(<[u8]>::len), Some(784));
    fs::write(&words, table(&train, "", last)).expect("written");
    let again = read(&words);
    assert_eq!(again.description.class_names, set.description.class_names);
    assert_eq!(again.train, set.train);
}

#[test]
fn a_line_without_an_end_is_refused_before_it_fills_the_memory() {
    let folder = folder();
    let split = pattern(GREY, 2, 20);
    let sound = table(&split, "", |label, row| format!("{label},{row}"));
    let endless = "7,".repeat(3 << 20);
    let path = folder.path().join("rows.csv");
    for text in [format!("{sound}{endless}"), endless] {
        fs::write(&path, text).expect("written");
        let mut reading = Reading::default();
        reading.options.broken = BrokenFiles::None;
        let error = formats::read(&path, &reading).expect_err("refused");
        let error = error.to_string();
        assert!(error.contains("a line is longer than 2 MB"), "{error}");
    }
}

#[test]
fn the_shape_of_csv_images_is_found_or_asked_for() {
    let folder = folder();
    let shape = ImageShape::grey(10, 20);
    let split = pattern(shape, 2, 10);
    let first = |label: u16, row: String| format!("{label},{row}");
    let plain = folder.path().join("plain");
    fs::write(&plain, table(&split, "", first)).expect("written");
    let text = refused(&plain);
    assert!(
        text.contains("200 pixels a row do not make a square image"),
        "{text}"
    );
    let mut reading = Reading::default();
    reading.options.size = ImageSize::Sides([10, 20]);
    let found = formats::read(&plain, &reading).expect("a shape");
    assert_eq!(found.loaded.set.description.shape, shape);

    let named = folder.path().join("named");
    let names: Vec<String> = (0..200)
        .map(|at| format!("pixel{}x{}", at / 20 + 1, at % 20 + 1))
        .collect();
    let header = format!("label,{}\n", names.join(","));
    fs::write(&named, table(&split, &header, first)).expect("written");
    assert_eq!(read(&named).description.shape, shape);

    let coloured = folder.path().join("coloured");
    let split = pattern(COLOUR, 2, 10);
    fs::write(&coloured, table(&split, "", first)).expect("written");
    assert_eq!(read(&coloured).description.shape, COLOUR);
}

#[test]
fn bad_rows_are_named_by_their_lines() {
    let folder = folder();
    let split = pattern(GREY, 2, 60);
    let text = table(&split, "", |label, row| format!("{label},{row}"));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[6].push_str(",7");
    lines[8] = lines[8].replacen(",7,", ",256,", 1);
    lines[10] = lines[10].replacen(',', ",dark,", 1);
    let path = folder.path().join("rows.csv");
    fs::write(&path, lines.join("\n")).expect("written");
    let loaded = read_set(&path).expect("the rest").loaded;
    assert_eq!(loaded.set.train.len() + loaded.set.test.len(), 57);
    let said = loaded.warnings.join("\n");
    assert!(
        said.contains("3 of 60 rows cannot be read and are left out"),
        "{said}"
    );
    assert!(
        said.contains("line 7: 786 values, others have 785"),
        "{said}"
    );
    assert!(
        said.contains("line 9: column") && said.contains("`256`"),
        "{said}"
    );
    let mut reading = Reading::default();
    reading.options.broken = BrokenFiles::None;
    let error = formats::read(&path, &reading)
        .expect_err("refused")
        .to_string();
    assert!(error.contains("line 7"), "{error}");
}

/// The records of a file: labels before the planes of an image.
pub fn records(split: &Split, coarse: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, &label) in split.labels.iter().enumerate() {
        bytes.extend(coarse.then_some(label as u8 / 5));
        bytes.push(label as u8);
        let image = split.image(index).expect("there");
        for channel in 0..3 {
            bytes.extend(image.iter().skip(channel).step_by(3));
        }
    }
    bytes
}

#[test]
fn cifar_is_read_from_its_archive_and_unpacked() {
    let folder = folder();
    let inside = folder.path().join("cifar-10-batches-bin");
    fs::create_dir(&inside).expect("made");
    let all = pattern(COLOUR, 10, 60);
    let test = pattern(COLOUR, 10, 20);
    for batch in 0..5 {
        let name = format!("data_batch_{}.bin", batch + 1);
        let part = all.take(batch * 12..batch * 12 + 12);
        fs::write(inside.join(name), records(&part, false)).expect("written");
    }
    fs::write(inside.join("test_batch.bin"), records(&test, false)).expect("written");
    let names = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ];
    fs::write(
        inside.join("batches.meta.txt"),
        format!("{}\n\n", names.join("\n")),
    )
    .expect("written");
    fs::write(inside.join("readme.html"), b"<html>").expect("written");

    let packed = folder.path().join("packed.any");
    let file = fs::File::create(&packed).expect("made");
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    tar.append_dir_all("cifar-10-batches-bin", &inside)
        .expect("packed");
    tar.into_inner()
        .and_then(GzEncoder::finish)
        .expect("packed");
    for path in [&inside, &packed] {
        let set = read(path);
        assert_eq!(set.description.class_names, names);
        assert_eq!(set.train, all, "{}", path.display());
        assert_eq!((set.test.len(), set.test.image(7)), (20, test.image(7)));
    }

    // CIFAR-100 has two labels: the finer one counts.
    let hundred = self::folder();
    let (train, test) = (pattern(COLOUR, 100, 200), pattern(COLOUR, 100, 100));
    fs::write(hundred.path().join("train.bin"), records(&train, true)).expect("written");
    fs::write(hundred.path().join("test.bin"), records(&test, true)).expect("written");
    let set = read(hundred.path());
    assert_eq!(
        (&set.train, set.description.class_names.len()),
        (&train, 100)
    );

    let mut damaged = records(&test, true);
    damaged[3074 * 4 + 1] = 100;
    fs::write(hundred.path().join("test.bin"), damaged).expect("written");
    let text = refused(hundred.path());
    assert!(
        text.contains("test.bin: record 4 has the label 100"),
        "{text}"
    );
}

/// Sets of one file are listed by what shows of them, and a folder of other files is none.
#[test]
fn a_whole_set_that_was_cut_is_not_listed_as_complete() {
    let data = folder();
    let at = data.path();
    let state = |id: &str| {
        let mut listings = verify::list(at).into_iter();
        let listing = listings.find(|listing| listing.id == id).expect("listed");
        let faults = listing.wrong.iter().map(|wrong| wrong.fault.to_string());
        (listing.is_complete(), faults.collect::<Vec<_>>().join("; "))
    };
    let split = pattern(GREY, 2, 30);
    let path = npz(
        at,
        "breastmnist.npz",
        &[
            ("train_images", images(&split)),
            ("train_labels", labels(&split)),
        ],
    );
    assert_eq!(state("breastmnist"), (true, String::new()));
    let whole = fs::read(&path).expect("read");
    fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    let (complete, fault) = state("breastmnist");
    assert!(!complete && fault.contains("cut short"), "{fault}");

    let colours = records(&pattern(COLOUR, 10, 20), false);
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for name in ["data_batch_1.bin", "test_batch.bin"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(colours.len() as u64);
        header.set_cksum();
        let name = format!("cifar-10-batches-bin/{name}");
        tar.append_data(&mut header, name, &colours[..])
            .expect("added");
    }
    let packed = tar
        .into_inner()
        .and_then(GzEncoder::finish)
        .expect("packed");
    let path = at.join("cifar-10-binary.tar.gz");
    for (bytes, expected) in [
        (&packed[..], ""),
        (&packed[..packed.len() / 2], "the gzip stream is cut short"),
        (b"garbage", "is cut short, or another file"),
    ] {
        fs::write(&path, bytes).expect("written");
        let (complete, fault) = state("cifar10");
        assert_eq!(complete, expected.is_empty(), "{fault}");
        assert!(fault.starts_with(expected), "{fault}");
    }
}

/// A known set that nobody has: where to get it, and what to check it by.
#[test]
fn sets_that_are_one_file_are_located_and_said_how_to_get() {
    let home = folder();
    program(home.path())
        .args(["data", "fetch", "breastmnist"])
        .assert()
        .code(4)
        .stderr(contains("breastmnist.npz").and(contains("MD5 750601b1f35ba3300ea97c75c52ff8f6")));
    let data = home.path().join("data");
    fs::create_dir(&data).expect("made");
    program(home.path())
        .args(["train", "--dataset", "breastmnist", "--data-dir", "data"])
        .assert()
        .code(4)
        .stderr(contains("missing breastmnist.npz"));
    // Another file of that name is refused.
    let (train, test) = (pattern(GREY, 2, 30), pattern(GREY, 2, 10));
    npz(
        &data,
        "breastmnist.npz",
        &[
            ("train_images", images(&train)),
            ("train_labels", labels(&train)),
            ("test_images", images(&test)),
            ("test_labels", labels(&test)),
        ],
    );
    program(home.path())
        .args(["train", "--dataset", "breastmnist", "--data-dir", "data"])
        .assert()
        .code(4)
        .stderr(contains("not the published file of breastmnist").and(contains("546")));
    program(home.path())
        .args(["data", "verify", "data/breastmnist.npz"])
        .assert()
        .success()
        .stdout(contains(
            "ok, NPZ: 30 images to train on, 10 to test, 28x28, 2 classes",
        ));
    program(home.path())
        .args(["data", "list", "--data-dir", "data"])
        .assert()
        .success()
        .stdout(contains("breastmnist").and(contains("cifar100")));
}
