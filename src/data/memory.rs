//! Loads a data set from four IDX files in memory, as a page has them.

use super::assembly::{Checked, published, recognise, same_counts, splits};
use super::error::DataError;
use super::image_set::digits;
use super::known::{FileRole, KnownSet};
use super::{ImageSet, idx};
use crate::evaluation::test_split::TestSplit;

/// A data set, and what a person should know of it.
#[derive(Debug)]
pub struct Loaded {
    pub dataset: ImageSet,
    pub warning: Option<String>,
}

/// Loads four files by their usual names, packed or not; which are packed is seen from their
/// bytes. `name` is that of a known set, whose published files they must then be, or any other.
///
/// # Errors
/// [`DataError::NotAPart`], [`DataError::Missing`] or [`DataError::Damaged`], naming the file.
pub fn load(name: &str, files: &[(String, Vec<u8>)]) -> Result<Loaded, DataError> {
    let known = name.parse::<KnownSet>().ok();
    let mut found: [Option<(&str, Checked)>; 4] = [const { None }; 4];
    for (file, bytes) in files {
        let role =
            FileRole::of_name(file).ok_or_else(|| DataError::NotAPart { name: file.clone() })?;
        let damaged = |fault| DataError::damaged(file, fault, known.map(KnownSet::id));
        let (items, summary) = idx::parse(bytes, role.kind()).map_err(damaged)?;
        if let Some(set) = known {
            published(set, role, &summary).map_err(damaged)?;
        }
        found[role as usize] = Some((file, Checked { items, summary }));
    }
    let missing: Vec<&str> = FileRole::ALL
        .into_iter()
        .filter(|&role| found[role as usize].is_none())
        .map(FileRole::name)
        .collect();
    let [Some(first), Some(second), Some(third), Some(fourth)] = found else {
        return Err(DataError::Missing {
            folder: name.into(),
            missing,
            set: known.map(KnownSet::id),
        });
    };
    let named = [first, second, third, fourth];
    let checked = named.each_ref().map(|(_, checked)| checked);
    same_counts(checked)
        .map_err(|(role, fault)| DataError::damaged(named[role as usize].0, fault, None))?;
    let labels_of = known.or_else(|| recognise(checked));
    let whole = labels_of.filter(|set| is_published(*set, checked));
    let warning = labels_of.filter(|_| whole.is_none()).map(|set| {
        format!("{name}: the labels are those of {set}, the pictures are not the published ones")
    });
    let (train, test) = splits(named.map(|(_, checked)| checked.items));
    let mut description = labels_of.map_or_else(|| digits(""), KnownSet::description);
    description.name = whole.map_or_else(|| name.to_owned(), |set| set.id().to_owned());
    Ok(Loaded {
        dataset: ImageSet::new(description, train, TestSplit::new(test)),
        warning,
    })
}

fn is_published(set: KnownSet, files: [&Checked; 4]) -> bool {
    FileRole::ALL
        .into_iter()
        .zip(files)
        .all(|(role, file)| published(set, role, &file.summary).is_ok())
}
