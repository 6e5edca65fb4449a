//! Four IDX files of a folder, read into a data set.

use std::path::{Path, PathBuf};
use std::thread;

use super::folder::{Files, Group, groups, of_known};
use super::{FileRole, disk, name_classes_in};
use crate::data::Split;
use crate::data::assembly::{self, Checked, Expected};
use crate::data::catalog::{self, KnownSet};
use crate::data::error::{DataError, Fault};
use crate::data::formats::folders::listing;
use crate::data::formats::{Format, Holds, IDX, Reading};
use crate::data::mnist;
use crate::data::open_set::OpenSet;

/// IDX, as MNIST is published.
pub const FORMAT: Format = Format {
    name: IDX,
    holds,
    read,
};

fn holds(path: &Path) -> Holds {
    let Ok(groups) = groups(path) else {
        return Holds::Nothing;
    };
    match groups.iter().any(|group| group.complete().is_some()) {
        true => Holds::Whole,
        false if groups.is_empty() => Holds::Nothing,
        false => Holds::Part,
    }
}

/// Reads the four files in `folder`; needs no right to write there.
fn read(folder: &Path, name: &str, _: &Reading) -> Result<OpenSet, DataError> {
    let groups = groups(folder).map_err(|fault| DataError::damaged(folder, fault, None))?;
    let whole: Vec<(&Group, Files)> = groups
        .iter()
        .filter_map(|group| Some((group, group.complete()?)))
        .collect();
    match &whole[..] {
        [(group, files)] => {
            let set = load(name, files, Expected::of_prefix(&group.prefix))?;
            name_classes_in(set, folder)
        }
        [] => {
            let fullest = groups.iter().min_by_key(|group| group.missing().len());
            let none = Group::default();
            Err(missing(folder, fullest.unwrap_or(&none)))
        }
        several => Err(DataError::Several {
            path: folder.to_owned(),
            sets: several
                .iter()
                .map(|(group, _)| match &group.prefix[..] {
                    "" => FileRole::TrainImages.name().to_owned(),
                    prefix => format!("{prefix}-..."),
                })
                .collect(),
            next: "name a known set with --dataset, or give each set a folder of its own",
        }),
    }
}

/// Reads the four files of a known set in `folder`, which must be the published ones as far as
/// that can be told: a hash of an archive or of the unpacked bytes, else sizes and labels.
///
/// # Errors
/// [`DataError::Missing`] or [`DataError::Damaged`], naming folder or file.
pub(in crate::data) fn read_known(
    folder: &Path,
    set: &'static KnownSet,
) -> Result<OpenSet, DataError> {
    let group =
        of_known(folder, set).map_err(|fault| DataError::damaged(folder, fault, Some(set.id)))?;
    let files = group
        .complete()
        .ok_or_else(|| missing(folder, &group).for_set(set.id))?;
    load(set.id, &files, Expected::Set(set)).map_err(|error| error.for_set(set.id))
}

/// The two splits under MNIST's names in `folder`, with labels below `classes`: files that this
/// program wrote.
///
/// # Errors
/// [`DataError::Missing`] or [`DataError::Damaged`].
pub fn read_splits(folder: &Path, classes: usize) -> Result<(Split, Split), DataError> {
    let checked = FileRole::ALL.map(|role| disk::read(&folder.join(role.name()), role.kind()));
    let [train_images, train_labels, test_images, test_labels] = checked;
    let checked = [train_images?, train_labels?, test_images?, test_labels?];
    let damaged = |(role, fault): (FileRole, Fault)| {
        DataError::damaged(folder.join(role.name()), fault, None)
    };
    let (parts, _) = assembly::take_apart(checked).map_err(damaged)?;
    let all = parts.labels.iter().flatten();
    if let Some(label) = all.copied().find(|&label| usize::from(label) >= classes) {
        let reason = format!("the label {label} for {classes} classes");
        return Err(DataError::damaged(folder, Fault::Changed { reason }, None));
    }
    Ok(parts.into_splits(classes))
}

fn missing(folder: &Path, group: &Group) -> DataError {
    DataError::Missing {
        folder: folder.to_owned(),
        missing: group
            .missing()
            .into_iter()
            .map(|role| group.name(role))
            .collect(),
        there: Some(listing(folder)),
        set: None,
    }
}

fn load(name: &str, files: &Files, expected: Expected) -> Result<OpenSet, DataError> {
    let asked = match expected {
        Expected::Set(set) => Some(set),
        _ => None,
    };
    let read = |role: FileRole| -> Result<Checked, DataError> {
        let hashed = |archive, count| catalog::needs_hash(asked, role, archive, count);
        disk::read_hashed(&files[role as usize], role.kind(), &hashed)
    };
    // Unpacking the images to train on takes most of the time, the others fit beside it.
    let (first, rest) = thread::scope(|scope| {
        let rest = scope.spawn(|| {
            let [_, rest @ ..] = FileRole::ALL;
            rest.map(read)
        });
        let first = read(FileRole::TrainImages);
        (first, rest.join())
    });
    let [train_labels, test_images, test_labels] =
        rest.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let checked = [first?, train_labels?, test_images?, test_labels?];
    let damaged = |(role, fault)| {
        let path: &PathBuf = &files[role as usize];
        DataError::damaged(path, fault, None)
    };
    let (parts, summaries) = assembly::take_apart(checked).map_err(damaged)?;
    let parts = match mnist::is_of_its_size(&parts, &summaries) {
        true => mnist::through_crate(files, &summaries, parts)?,
        false => parts,
    };
    assembly::finish(name, parts, &summaries, expected).map_err(damaged)
}
