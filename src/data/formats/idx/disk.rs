//! IDX files on disk: opened with the guards that need the file system, written atomically.

use std::io::{Read, Seek, Write};
use std::path::Path;

use super::contents::{Items, Length, Summary, check_length, parse, scan, unreadable};
use super::{FileRole, Kind, Part, images_file, labels_file};
use crate::data::Split;
use crate::data::error::{DataError, Fault};
use crate::data::files::{persist, regular_file, temporary};
use crate::data::formats::packed;
use crate::data::image_set::ImageShape;

/// Reads the items of an IDX file, packed or not.
///
/// # Errors
/// [`DataError::Damaged`] for every way in which the file differs from a sound one of `kind`.
pub fn read(path: &Path, kind: Kind) -> Result<(Items, Summary), DataError> {
    read_hashed(path, kind, &|_, _| false)
}

/// As [`read`]; `hashed` is that of [`parse`].
///
/// # Errors
/// As [`read`].
pub(in crate::data) fn read_hashed(
    path: &Path,
    kind: Kind,
    hashed: &dyn Fn(Option<[u8; 32]>, usize) -> bool,
) -> Result<(Items, Summary), DataError> {
    open(path, kind, hashed).map_err(|fault| DataError::damaged(path, fault, None))
}

/// Checks a file as [`read`] does and keeps nothing of it.
///
/// # Errors
/// As [`read`].
pub fn check(path: &Path, kind: Kind) -> Result<Summary, DataError> {
    read(path, kind).map(|(_, summary)| summary)
}

/// How many items an unpacked file has by its header and its length; nothing else is read of it.
pub(in crate::data) fn count_by_length(path: &Path, kind: Kind) -> Result<usize, Fault> {
    let (mut file, length) = regular_file(path)?;
    check_length(&mut file, length, kind).map(|header| header.count())
}

fn open(
    path: &Path,
    kind: Kind,
    hashed: &dyn Fn(Option<[u8; 32]>, usize) -> bool,
) -> Result<(Items, Summary), Fault> {
    let (mut file, length) = regular_file(path)?;
    let mut begin = Vec::new();
    (&file)
        .take(2)
        .read_to_end(&mut begin)
        .map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    if !packed::is_gzip(&begin) {
        return scan(&mut file, Length::Known(length), kind, &|count| {
            hashed(None, count)
        });
    }
    let mut archive = Vec::new();
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    archive
        .try_reserve_exact(bytes)
        .map_err(|_| Fault::TooLarge {
            bytes: length.into(),
        })?;
    file.take(length)
        .read_to_end(&mut archive)
        .map_err(unreadable)?;
    parse(&archive, kind, hashed)
}

/// Writes images as an IDX file: a temporary file in the same folder, then a rename.
///
/// # Errors
/// [`DataError::Damaged`] when reading would refuse it, [`DataError::Write`] when the folder
/// cannot be written to.
pub fn write_images(path: &Path, shape: ImageShape, images: &[u8]) -> Result<(), DataError> {
    write(path, Kind::Images, &images_file(shape, images))
}

/// Writes labels as an IDX file, as [`write_images`] does.
///
/// # Errors
/// As [`write_images`].
pub fn write_labels(path: &Path, labels: &[u16]) -> Result<(), DataError> {
    write(path, Kind::Labels, &labels_file(labels))
}

/// Writes the two files of a split under MNIST's names.
///
/// # Errors
/// As [`write_images`].
pub fn write_split(folder: &Path, part: Part, split: &Split) -> Result<(), DataError> {
    let path = |kind| folder.join(FileRole::of(part, kind).name());
    write_images(&path(Kind::Images), split.shape, &split.images)?;
    write_labels(&path(Kind::Labels), &split.labels)
}

fn write(path: &Path, kind: Kind, file: &[u8]) -> Result<(), DataError> {
    // What is written must be readable: the reader itself is the judge.
    parse(file, kind, &|_, _| false).map_err(|fault| DataError::damaged(path, fault, None))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)
        .map_err(|source| DataError::write(folder, "create the folder", source))?;
    let failed = |action| move |source| DataError::write(path, action, source);
    let mut unnamed =
        temporary(folder, ".idx-").map_err(failed("create a temporary file beside it"))?;
    unnamed
        .write_all(file)
        .and_then(|()| unnamed.as_file().sync_all())
        .map_err(failed("write"))?;
    persist(unnamed, path).map_err(failed("put it in place"))
}
