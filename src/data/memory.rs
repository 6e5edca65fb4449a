//! Loads a data set from four IDX files in memory, as a page has them.

use super::assembly::{Checked, Expected, Loaded, assemble};
use super::catalog;
use super::error::DataError;
use super::formats::idx::{self, FileRole};
use super::open_set::ReadOptions;

/// Loads four files by their usual names, packed or not; which are packed is seen from their
/// bytes. `name` is that of a known set, whose published files they must then be, or any other.
///
/// # Errors
/// [`DataError::NotAPart`], [`DataError::Missing`] or [`DataError::Damaged`], naming the file.
pub fn load(name: &str, files: &[(String, Vec<u8>)]) -> Result<Loaded, DataError> {
    let known = catalog::named(name).ok();
    let id = known.map(|set| set.id);
    let mut found: [Option<(&str, Checked)>; 4] = [const { None }; 4];
    let mut prefix = None;
    for (file, bytes) in files {
        let named =
            idx::FileName::parse(file).ok_or_else(|| DataError::NotAPart { name: file.clone() })?;
        let role = named.role;
        let hashed = |archive, count| catalog::needs_hash(known, role, archive, count);
        let checked = idx::parse(bytes, role.kind(), &hashed)
            .map_err(|fault| DataError::damaged(file, fault, id))?;
        found[role as usize] = Some((file, checked));
        prefix.get_or_insert(named.prefix);
    }
    let missing: Vec<String> = FileRole::ALL
        .into_iter()
        .filter(|&role| found[role as usize].is_none())
        .map(|role| role.name().to_owned())
        .collect();
    let [Some(first), Some(second), Some(third), Some(fourth)] = found else {
        return Err(DataError::Missing {
            folder: name.into(),
            missing,
            there: Some(files.iter().map(|(name, _)| name.clone()).collect()),
            set: id,
        });
    };
    let expected = match known {
        Some(set) => Expected::Set(set),
        None => Expected::of_prefix(&prefix.unwrap_or_default()),
    };
    let named = [first, second, third, fourth];
    let names = named.each_ref().map(|(name, _)| *name);
    let files = named.map(|(_, checked)| checked);
    let mut loaded = assemble(name, files, expected, &ReadOptions::default())
        .map_err(|(role, fault)| DataError::damaged(names[role as usize], fault, id))?;
    if let Some(set) = loaded.known {
        loaded.set.description.name = set.id.to_owned();
    }
    Ok(loaded)
}
