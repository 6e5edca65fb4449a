//! The binary files of CIFAR-10 and CIFAR-100 (<https://www.cs.toronto.edu/~kriz/cifar.html>), in a
//! folder or a .tar.gz: records of one or two labels and 32x32 pixels, a plane a colour.

use std::ops::ControlFlow;
use std::path::Path;

use super::arrays::{Arrays, Labelled, check_memory};
use super::folders::entries_in;
use super::idx::interleave;
use super::tree::{self, Tree};
use super::{Format, Holds, Reading};
use crate::data::error::{COPY_AGAIN, DataError};
use crate::data::image_set::ImageShape;
use crate::data::open_set::OpenSet;
use crate::wording::count;

pub const FORMAT: Format = Format {
    name: "CIFAR binary",
    holds,
    read,
};

const SHAPE: ImageShape = ImageShape {
    height: 32,
    width: 32,
    channels: 3,
};
/// The largest file: CIFAR-100's images to train on are in one of 154 MB.
const MOST_BYTES: u64 = 1 << 30;

/// A kind of record.
struct Kind {
    /// Labels before the pixels; the last one, the finest, counts.
    labels: usize,
    classes: u16,
    /// The file of the classes' names.
    names: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        labels: 1,
        classes: 10,
        names: "batches.meta.txt",
    },
    Kind {
        labels: 2,
        classes: 100,
        names: "fine_label_names.txt",
    },
];

impl Kind {
    fn record(&self) -> usize {
        self.labels + SHAPE.bytes()
    }

    /// Whether a file of this length that begins so holds such records.
    fn fits(&self, bytes: u64, begin: &[u8]) -> bool {
        let label = begin.get(self.labels - 1);
        bytes > 0
            && bytes.is_multiple_of(self.record() as u64)
            && label.is_some_and(|&label| u16::from(label) < self.classes)
    }
}

/// Whether a file of this name and length may hold records: nothing else of it tells.
fn is_named_so(path: &str) -> bool {
    path.to_lowercase().ends_with(".bin")
}

fn kind_of(path: &str, bytes: u64, begin: &[u8]) -> Option<&'static Kind> {
    let mut kinds = KINDS.iter();
    kinds.find(|kind| is_named_so(path) && kind.fits(bytes, begin))
}

/// Whether a file bears one of the names under which CIFAR is published, so that its bytes must be records.
fn is_published(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
    let part = name.strip_suffix(".bin").unwrap_or_default();
    ["train", "test", "test_batch"].contains(&part)
        || part
            .strip_prefix("data_batch_")
            .is_some_and(|number| number.parse::<u32>().is_ok())
}

fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.to_lowercase().starts_with("test")
}

fn holds(path: &Path) -> Holds {
    if path.is_file() {
        let fits = |path: &str, bytes: u64, begin: &[u8]| kind_of(path, bytes, begin).is_some();
        return match tree::peek(path, &fits) {
            true => Holds::Whole,
            false => Holds::Nothing,
        };
    }
    let files = entries_in(path);
    let found: Vec<bool> = files
        .iter()
        .filter(|file| is_named_so(&file.to_string_lossy()))
        .filter(|file| {
            let length = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
            // Labels are looked at when they are read.
            KINDS.iter().any(|kind| kind.fits(length, &[0; 2]))
        })
        .map(|file| is_test(&file.to_string_lossy()))
        .collect();
    match (found.contains(&false), found.contains(&true)) {
        (true, true) => Holds::Whole,
        // One that was cut is said to be.
        (false, false)
            if !files
                .iter()
                .any(|file| is_published(&file.to_string_lossy())) =>
        {
            Holds::Nothing
        }
        _ => Holds::Part,
    }
}

fn read(path: &Path, name: &str, _: &Reading) -> Result<OpenSet, DataError> {
    let tree = Tree::open(path)?;
    let contents = contents(path, &tree)?;
    let (kind, [train, test]) = parts(path, &contents)?;
    let (Some(kind), Some(train)) = (kind, train) else {
        return Err(DataError::unfit(
            path,
            "no file of images to train on",
            "put data_batch_1.bin and the others, or train.bin, there",
        ));
    };
    let there: Vec<&str> = contents.iter().map(|(name, _)| *name).collect();
    let missing = missing(kind, &there);
    let warnings = (!missing.is_empty()).then(|| {
        format!(
            "without {}: the set as it is published has {} too",
            missing.join(", "),
            match missing.len() {
                1 => "this file",
                _ => "these files",
            }
        )
    });
    let names = contents.iter().find(|(name, _)| name.ends_with(kind.names));
    let arrays = Arrays {
        train,
        valid: None,
        test,
        class_names: Some(class_names(kind, names.map(|(_, text)| &text[..]))),
        notes: Vec::new(),
        warnings: warnings.into_iter().collect(),
    };
    arrays.into_set(path, name)
}

/// The files of records and of class names, each with its bytes, as their numbers count.
fn contents<'t>(path: &Path, tree: &'t Tree) -> Result<Vec<(&'t str, Vec<u8>)>, DataError> {
    let wanted: Vec<usize> = (0..tree.files.len())
        .filter(|&file| {
            let path = &tree.files[file].path;
            let name = path.rsplit('/').next().unwrap_or_default();
            is_named_so(path) || KINDS.iter().any(|kind| kind.names == name)
        })
        .collect();
    check_memory(
        path,
        wanted.iter().map(|&file| tree.files[file].bytes).sum(),
    )?;
    let mut files = Vec::new();
    let read = tree.each(
        &wanted,
        MOST_BYTES,
        &|file, bytes| (file, bytes),
        &mut |some| {
            files.extend(some);
            ControlFlow::Continue(())
        },
    );
    read.map_err(|error| DataError::unread(path, "cannot be read to its end", &error))?;
    let mut contents = Vec::new();
    for (file, bytes) in files {
        let name = &tree.files[file].path[..];
        let bytes = bytes.map_err(|error| {
            DataError::unread(path, format_args!("{name}: cannot be read"), &error)
        })?;
        contents.push((name, bytes));
    }
    contents.sort_by(|(a, _), (b, _)| numeric_sort::cmp(a, b));
    Ok(contents)
}

/// The kind of the records, and the images to train on and to test.
type Parts = (Option<&'static Kind>, [Option<Labelled>; 2]);

fn parts(path: &Path, contents: &[(&str, Vec<u8>)]) -> Result<Parts, DataError> {
    let damaged = |file: &str, reason: String| {
        DataError::unfit(path, format!("{file}: {reason}"), COPY_AGAIN)
    };
    let mut parts = [None, None];
    let mut kind = None;
    for (name, bytes) in contents.iter().filter(|(name, _)| is_named_so(name)) {
        let Some(found) = kind_of(name, bytes.len() as u64, bytes) else {
            match is_published(name) {
                true => return Err(damaged(name, why_no_records(bytes))),
                false => continue,
            }
        };
        let kind: &Kind = kind.get_or_insert(found);
        if kind.labels != found.labels {
            let reason = format!("{name}: CIFAR-100's records, and others have CIFAR-10's");
            return Err(DataError::unfit(
                path,
                reason,
                "keep one of the two sets here",
            ));
        }
        let part = parts[usize::from(is_test(name))].get_or_insert_with(|| Labelled {
            shape: SHAPE,
            images: Vec::new(),
            labels: Vec::new(),
        });
        records(bytes, kind, part).map_err(|reason| damaged(name, reason))?;
    }
    Ok((kind, parts))
}

/// What is wrong with a file that should hold records.
fn why_no_records(bytes: &[u8]) -> String {
    let whole = |kind: &Kind| bytes.len().is_multiple_of(kind.record());
    match bytes.first().filter(|_| KINDS.iter().any(whole)) {
        Some(label) => format!("begins with the label {label}, which CIFAR does not have"),
        None => format!(
            "{} are not whole records of an image and its label",
            count(bytes.len(), "byte")
        ),
    }
}

/// The published files that are not there, where one that is bears a published name.
fn missing(kind: &Kind, there: &[&str]) -> Vec<String> {
    let published: Vec<String> = match kind.labels {
        1 => (1..=5)
            .map(|batch| format!("data_batch_{batch}.bin"))
            .chain(["test_batch.bin".to_owned()])
            .collect(),
        _ => vec!["train.bin".to_owned(), "test.bin".to_owned()],
    };
    let is_there = |wanted: &String| {
        let mut names = there.iter().filter_map(|path| path.rsplit('/').next());
        names.any(|name| name.eq_ignore_ascii_case(wanted))
    };
    let (found, missing): (Vec<String>, Vec<String>) = published.into_iter().partition(is_there);
    match found.is_empty() {
        true => Vec::new(),
        false => missing,
    }
}

fn records(bytes: &[u8], kind: &Kind, into: &mut Labelled) -> Result<(), String> {
    let mut planes = Vec::with_capacity(bytes.len());
    for (index, record) in bytes.chunks_exact(kind.record()).enumerate() {
        let (labels, pixels) = record.split_at(kind.labels);
        let label = u16::from(labels[kind.labels - 1]);
        if label >= kind.classes {
            return Err(format!(
                "record {index} has the label {label} of {} classes",
                kind.classes
            ));
        }
        into.labels.push(label);
        planes.extend_from_slice(pixels);
    }
    into.images.append(&mut interleave(&planes, SHAPE));
    Ok(())
}

/// A name a line; numbers where the file of names is not there or holds others.
fn class_names(kind: &Kind, text: Option<&[u8]>) -> Vec<String> {
    let text = std::str::from_utf8(text.unwrap_or_default()).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let names: Vec<String> = lines.map(str::to_owned).collect();
    match names.len() == usize::from(kind.classes) {
        true => names,
        false => (0..kind.classes).map(|class| class.to_string()).collect(),
    }
}
