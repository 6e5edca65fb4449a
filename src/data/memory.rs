//! Loads a data set from IDX files in memory, as a page has them.

use super::Loaded;
use super::assembly::{Checked, Expected, finish, take_apart, untested};
use super::catalog;
use super::error::DataError;
use super::formats::idx::{self, CLASSES_FILE, FileRole, name_classes};
use super::open_set::ReadOptions;

/// Loads files by their usual names, packed or not; which are packed is seen from their bytes.
/// `name` is that of a known set, whose published files they must then be, or any other. Of a set
/// without test images, as folders of images often are, some of each class are held out, as the
/// settings say; [`CLASSES_FILE`] names the classes.
///
/// # Errors
/// [`DataError::NotAPart`], [`DataError::Missing`], [`DataError::Damaged`] or
/// [`DataError::Unfit`], naming the file.
pub fn load(name: &str, files: &[(String, Vec<u8>)]) -> Result<Loaded, DataError> {
    let known = catalog::named(name).ok();
    let id = known.map(|set| set.id);
    let mut found: [Option<(&str, Checked)>; 4] = [const { None }; 4];
    let mut prefix = None;
    let mut classes = None;
    for (file, bytes) in files {
        if file == CLASSES_FILE {
            classes = Some(&bytes[..]);
            continue;
        }
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
    let mut set = match found {
        [Some(first), Some(second), Some(third), Some(fourth)] => {
            let named = [first, second, third, fourth];
            let names = named.each_ref().map(|(name, _)| *name);
            let damaged = |(role, fault)| DataError::damaged(names[role as usize], fault, id);
            let expected = match known {
                Some(set) => Expected::Set(set),
                None => Expected::of_prefix(&prefix.unwrap_or_default()),
            };
            let (parts, summaries) =
                take_apart(named.map(|(_, checked)| checked)).map_err(damaged)?;
            finish(name, parts, &summaries, expected).map_err(damaged)?
        }
        [Some((_, images)), Some((file, labels)), None, None] if known.is_none() => {
            untested(name, images, labels).map_err(|fault| DataError::damaged(file, fault, id))?
        }
        _ => {
            return Err(DataError::Missing {
                folder: name.into(),
                missing,
                there: Some(files.iter().map(|(name, _)| name.clone()).collect()),
                set: id.map(Into::into),
            });
        }
    };
    if let Some(classes) = classes {
        set = name_classes(set, CLASSES_FILE, classes)?;
    }
    if let Some(known) = set.known {
        set.name = known.id.to_owned();
    }
    Ok(set.seal(&ReadOptions::default()))
}
