//! Reading, checking and writing data sets. Every input is built here; tests of the official
//! archives say so where they are left out.

mod catalog;
mod class_names;
mod commands;
mod folders;
mod forms;
mod idx;
mod names;
pub mod own_images;
mod parts;
mod sets;
mod tables;
mod traits;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use gpu_mnist::data::Loaded;
use gpu_mnist::data::catalog::locate::{self, Place};
use gpu_mnist::data::catalog::{FASHION_MNIST, KnownSet, MNIST};
use gpu_mnist::data::formats::{self, Found, Reading};
use gpu_mnist::data::idx::{FileRole, Kind, images_file, labels_file};
use gpu_mnist::data::verify::{Check, FileCheck};
use gpu_mnist::data::{DataError, ImageShape, Split};
use tempfile::TempDir;

/// MNIST's shape.
pub const GREY: ImageShape = ImageShape::grey(28, 28);

/// The folder of the official archives, or `None` with a line that says which test was skipped.
pub fn official_data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("GPU_MNIST_DATA_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let complete = [&MNIST, &FASHION_MNIST]
        .iter()
        .all(|set| locate::find(&folder, set).is_some_and(|place| place.is_complete()));
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

/// An unpacked file of `count` items of ten classes.
pub fn idx_file(kind: Kind, count: usize) -> Vec<u8> {
    let split = pattern(GREY, 10, count);
    file_of(&split, kind)
}

/// Images that differ, with labels of all classes in turn.
pub fn pattern(shape: ImageShape, classes: usize, count: usize) -> Split {
    let bytes = count * shape.bytes();
    Split {
        shape,
        classes,
        images: (0..bytes).map(|place| (place * 7 % 251) as u8).collect(),
        labels: (0..count).map(|index| (index % classes) as u16).collect(),
    }
}

/// The file of a split's images or labels.
pub fn file_of(split: &Split, kind: Kind) -> Vec<u8> {
    match kind {
        Kind::Images => images_file(split.shape, &split.images),
        Kind::Labels => labels_file(&split.labels),
    }
}

/// The four files of a set, in the order of [`FileRole::ALL`].
pub fn files_of(train: &Split, test: &Split) -> [Vec<u8>; 4] {
    [
        file_of(train, Kind::Images),
        file_of(train, Kind::Labels),
        file_of(test, Kind::Images),
        file_of(test, Kind::Labels),
    ]
}

/// Writes files under these names, folders in them included.
pub fn write_files(folder: &Path, names: [&str; 4], files: &[Vec<u8>; 4]) {
    for (name, file) in names.iter().zip(files) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("made");
        fs::write(path, file).expect("written");
    }
}

/// MNIST's names.
pub const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A sound set of the given counts in a new folder.
pub fn write_set(train: usize, test: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = files_of(&pattern(GREY, 10, train), &pattern(GREY, 10, test));
    write_files(folder.path(), NAMES, &files);
    folder
}

/// Reads the set at a path by the default settings.
pub fn read_set(path: &Path) -> Result<Found, DataError> {
    formats::read(path, &Reading::default())
}

/// Reads the four files of a known set in a folder.
pub fn read_known(folder: &Path, set: &'static KnownSet) -> Result<Loaded, DataError> {
    let place = Place {
        path: folder.to_owned(),
        files: None,
    };
    formats::read_known(&place, set, &Reading::default())
}

/// What was found of four files.
pub fn file_checks((_, check): (PathBuf, Check)) -> Vec<FileCheck> {
    match check {
        Check::Files(checks) => checks,
        Check::Whole(whole) => panic!("{whole:?}"),
    }
}

/// Names, in the order of [`FileRole::ALL`], with something before and after.
pub fn names_with(before: &str, after: &str) -> [String; 4] {
    FileRole::ALL.map(|role| {
        let name = match before.is_empty() {
            true => role.name().to_owned(),
            false => role.name().replace("t10k", "test"),
        };
        format!("{before}{name}{after}")
    })
}

/// What `data verify` says of a path that it refuses.
pub fn verify_says(path: &Path) -> String {
    let checked = gpu_mnist::data::verify::verify(path);
    checked.expect_err("not sound").to_string()
}
