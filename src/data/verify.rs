//! What is in a data folder: a quick list, and a check of every byte.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::catalog::locate::{self, Place};
use super::catalog::{self, CATALOG, KnownSet};
use super::error::{COPY_AGAIN, DataError, Fault};
use super::files::{all_as_text, as_text, regular_file};
use super::formats::idx::{self, CLASSES_FILE, FileRole, Group, Items, Kind};
use super::formats::{self, Reading, folders, packed};
use super::image_set::ImageShape;
use super::open_set::Loaded;
use super::published::Published;
use crate::config::BrokenFiles;
use crate::wording::printable;

/// In which form a file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As it is.
    Unpacked,
    /// Packed.
    Gzip,
    /// Not at all.
    Missing,
}

/// The state of one file of a set.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FileCheck {
    /// Which of the four it is.
    pub role: FileRole,
    /// The file that is read for this role, or where its archive would be put.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Packed or not.
    pub form: Form,
    /// Size on disk.
    pub bytes: u64,
    /// Images or labels in it, when it is sound.
    pub count: Option<usize>,
    /// What it holds in words, such as `60000x28x28 unsigned bytes`, when it is sound.
    pub holds: Option<String>,
    /// Whether a SHA-256 is the published one; `None` without a known set, a sound file or a
    /// published hash.
    pub hash_matches: Option<bool>,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

impl FileCheck {
    /// Whether nothing is wrong with the file.
    pub fn is_sound(&self) -> bool {
        self.form != Form::Missing && self.fault.is_none()
    }
}

/// What a check of every byte found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Of four IDX files, in the order of [`FileRole::ALL`].
    Files(Vec<FileCheck>),
    /// Of a set in another format, which is sound.
    Whole(WholeCheck),
}

/// A sound set.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct WholeCheck {
    /// The name of its format.
    pub format: &'static str,
    /// What it holds, in a line.
    pub holds: String,
    /// What a person should know of how it was read.
    pub notes: Vec<String>,
}

/// Checks every byte of a known set, of four files or not, in `data_dir`; writes nothing. Gives
/// where it lies, too.
///
/// # Errors
/// Those of [`formats::read_known`] for a set that does not lie in four files.
pub fn verify_known(
    data_dir: &Path,
    set: &'static KnownSet,
) -> Result<(PathBuf, Check), DataError> {
    if set.whole.is_none() {
        let place = locate::find(data_dir, set);
        let folder = place.map_or_else(|| data_dir.join(set.id), |place| place.path);
        let group = idx::of_known(&folder, set).unwrap_or_default();
        let checks = check_files(&folder, &group, Some(set));
        return Ok((folder, Check::Files(checks)));
    }
    let place = locate::require(data_dir, set)?;
    let reading = strictly();
    let (format, open) = formats::open_known(&place, set, &reading)?;
    let loaded = open.seal(&reading.options);
    Ok((place.path, Check::Whole(whole(format.name, loaded))))
}

/// Checks every byte of the data set at `path`, or of the one below it; gives where it lies, too.
///
/// # Errors
/// Those of [`formats::read`], but for what is wrong with single IDX files.
pub fn verify(path: &Path) -> Result<(PathBuf, Check), DataError> {
    let (format, place) = formats::find(path).map_err(|error| match error {
        DataError::Several { path, sets, .. } => DataError::Several {
            path,
            sets,
            next: "name one of them in place of the folder",
        },
        error => error,
    })?;
    if format.name != idx::FORMAT.name {
        let reading = strictly();
        let open = formats::open(format, &place, &folders::name_of(&place), &reading)?;
        let loaded = open.seal(&reading.options);
        return Ok((place, Check::Whole(whole(format.name, loaded))));
    }
    let groups = idx::groups(&place).map_err(|fault| DataError::damaged(&place, fault, None))?;
    let fullest = groups.into_iter().min_by_key(|group| group.missing().len());
    let checks = check_files(&place, &fullest.unwrap_or_default(), None);
    // What four sound files leave: whether they are a set, and bear the names of classes beside them.
    if checks.iter().all(FileCheck::is_sound) && place.join(CLASSES_FILE).exists() {
        (format.read)(&place, &folders::name_of(&place), &strictly())?;
    }
    Ok((place, Check::Files(checks)))
}

/// Nothing is left out, and nothing is kept.
fn strictly() -> Reading<'static> {
    let mut reading = Reading::default();
    reading.options.broken = BrokenFiles::None;
    reading
}

fn whole(format: &'static str, loaded: Loaded) -> WholeCheck {
    WholeCheck {
        format,
        holds: loaded.set.summary(),
        notes: [loaded.notes, loaded.warnings]
            .concat()
            .iter()
            .map(|note| printable(note))
            .collect(),
    }
}

fn check_files(folder: &Path, group: &Group, known: Option<&KnownSet>) -> Vec<FileCheck> {
    let found = FileRole::ALL.map(|role| check_file(folder, group, role, known));
    let shapes = found.each_ref().map(|(_, shape)| *shape);
    let mut checks = found.map(|(check, _)| check);
    if let [Some(expected), _, Some(found), _] = shapes
        && found != expected
    {
        let fault = Fault::ShapeMismatch {
            found: found.to_string(),
            expected: expected.to_string(),
        };
        checks[FileRole::TestImages as usize]
            .fault
            .get_or_insert(fault);
    }
    let mut images = None;
    for check in &mut checks {
        match (check.role.kind(), check.count) {
            (Kind::Images, count) => images = count,
            (Kind::Labels, Some(labels)) => {
                if let Some(images) = images.filter(|&images| images != labels) {
                    check
                        .fault
                        .get_or_insert(Fault::CountMismatch { images, labels });
                }
            }
            (Kind::Labels, None) => {}
        }
    }
    checks.to_vec()
}

fn check_file(
    folder: &Path,
    group: &Group,
    role: FileRole,
    known: Option<&KnownSet>,
) -> (FileCheck, Option<ImageShape>) {
    let Some(path) = group.files[role as usize].first().cloned() else {
        let name = known.map_or_else(|| group.name(role), |set| set.file(role).archive_name());
        let check = FileCheck {
            role,
            path: folder.join(name),
            form: Form::Missing,
            bytes: 0,
            count: None,
            holds: None,
            hash_matches: None,
            fault: None,
        };
        return (check, None);
    };
    let mut shape = None;
    let mut check = FileCheck {
        role,
        bytes: size(&path),
        form: match begins_as_gzip(&path) {
            true => Form::Gzip,
            false => Form::Unpacked,
        },
        count: None,
        holds: None,
        hash_matches: None,
        fault: None,
        path,
    };
    let hashed = |archive, count| catalog::needs_hash(known, role, archive, count);
    match idx::read_hashed(&check.path, role.kind(), &hashed) {
        Ok((items, summary)) => {
            if let Items::Images { shape: found, .. } = items {
                shape = Some(found);
            }
            check.count = Some(summary.count);
            check.holds = Some(summary.header.to_string());
            match known.map(|set| set.file(role).published(set.id, &summary)) {
                Some(Ok(Published::Certain)) => check.hash_matches = Some(true),
                Some(Ok(Published::Likely)) | None => {}
                Some(Err(fault)) => {
                    check.hash_matches = Some(false);
                    check.fault = Some(fault);
                }
            }
        }
        Err(DataError::Damaged { fault, .. }) => check.fault = Some(fault),
        Err(other) => {
            check.fault = Some(Fault::Unreadable {
                reason: other.to_string(),
                kind: io::ErrorKind::Other,
            });
        }
    }
    (check, shape)
}

/// A known set as it lies under a data folder.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SetListing {
    /// Its name in the catalogue.
    pub id: &'static str,
    /// Where it is, or where a fetch would put it.
    #[serde(serialize_with = "as_text")]
    pub folder: PathBuf,
    /// The files there, in the order of [`FileRole::ALL`].
    #[serde(serialize_with = "all_as_text")]
    pub found: Vec<PathBuf>,
    /// Names of the files that are not there.
    pub missing: Vec<&'static str>,
    /// Files that are cut short or too long, as far as their sizes show.
    pub wrong: Vec<WrongFile>,
    /// Of the files there.
    pub bytes: u64,
    /// What a fetch would download if nothing were there, as far as it is known.
    pub archive_bytes: u64,
    /// Whether `data fetch` can download it.
    pub can_be_fetched: bool,
}

/// A file whose size shows that it is not whole.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct WrongFile {
    /// The file.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
}

impl SetListing {
    /// Whether all files are there and none is seen to be wrong.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.wrong.is_empty()
    }
}

/// Lists the known sets under `data_dir` by names and sizes; [`verify_known`] reads every byte.
pub fn list(data_dir: &Path) -> Vec<SetListing> {
    CATALOG.iter().map(|set| listing(data_dir, set)).collect()
}

fn listing(data_dir: &Path, set: &KnownSet) -> SetListing {
    let place = locate::find(data_dir, set);
    let is_there = place.is_some();
    let (folder, group) = match place {
        Some(Place { path, files: None }) => (path, Group::default()),
        // Files under MNIST's names in a folder of no name may be any set.
        Some(Place {
            path,
            files: Some(files),
        }) if path != data_dir || !set.prefix.is_empty() => (path, files),
        _ => (data_dir.join(set.id), Group::default()),
    };
    let mut listing = SetListing {
        id: set.id,
        found: Vec::new(),
        missing: Vec::new(),
        wrong: Vec::new(),
        bytes: 0,
        archive_bytes: set.download_bytes(),
        can_be_fetched: matches!(set.source, catalog::Source::Mirrors(_)),
        folder,
    };
    if let Some(whole) = set.whole {
        match is_there {
            true => {
                let path = listing.folder.clone();
                listing.bytes = size(&path);
                if let Err(fault) = quick_check_whole(&path, set) {
                    let path = path.clone();
                    listing.wrong.push(WrongFile { path, fault });
                }
                listing.found.push(path);
            }
            false => listing.missing.extend(&whole.names[..1]),
        }
        return listing;
    }
    for (role, files) in FileRole::ALL.into_iter().zip(group.files) {
        match files.into_iter().next() {
            Some(path) => {
                listing.bytes += size(&path);
                if let Err(fault) = quick_check(&path, set, role) {
                    let path = path.clone();
                    listing.wrong.push(WrongFile { path, fault });
                }
                listing.found.push(path);
            }
            None => listing.missing.push(set.file(role).name),
        }
    }
    listing
}

/// Compares a file's size with the published one, an archive's promise with what should be in it,
/// an unpacked file's with its header; an archive that says nothing clear is unpacked.
fn quick_check(path: &Path, set: &KnownSet, role: FileRole) -> Result<(), Fault> {
    let known = set.file(role);
    let (mut file, length) = regular_file(path)?;
    let mut begin = Vec::new();
    (&file)
        .take(2)
        .read_to_end(&mut begin)
        .map_err(idx::unreadable)?;
    let count = if packed::is_gzip(&begin) {
        let mut end = [0; 4];
        let promised = file
            .seek(SeekFrom::End(-4))
            .and_then(|_| file.read_exact(&mut end))
            .map(|()| u64::from(packed::promised(end)));
        let whole = |expected| promised.is_ok_and(|promised| promised == expected);
        if known.archive_bytes == Some(length) || unpacked_bytes(set, role).is_some_and(whole) {
            return Ok(());
        }
        match idx::check(path, role.kind()) {
            Ok(summary) => summary.count,
            Err(DataError::Damaged { fault, .. }) => return Err(fault),
            Err(other) => {
                return Err(Fault::Unreadable {
                    reason: other.to_string(),
                    kind: io::ErrorKind::Other,
                });
            }
        }
    } else {
        idx::count_by_length(path, role.kind())?
    };
    match known.count {
        Some(expected) if expected != count => Err(Fault::WrongCount {
            set: set.id,
            found: count,
            expected,
        }),
        _ => Ok(()),
    }
}

/// What shows without reading all of it: an archive of another length is unpacked, and something must know its kind.
fn quick_check_whole(path: &Path, set: &KnownSet) -> Result<(), Fault> {
    if begins_as_gzip(path) && size(path) != set.download_bytes() {
        let (file, _) = regular_file(path)?;
        let unpacked = io::copy(&mut MultiGzDecoder::new(file), &mut io::sink());
        unpacked.map_err(|error| idx::unreadable(packed::named(error, true)))?;
    }
    formats::find(path).map(drop).map_err(|_| Fault::NotIdx {
        what: "is cut short, or another file than the published one".into(),
        next: COPY_AGAIN,
    })
}

/// Length of the unpacked file, where its count is known and its name tells its numbers.
fn unpacked_bytes(set: &KnownSet, role: FileRole) -> Option<u64> {
    let known = set.file(role);
    let count = known.count? as u64;
    match role.kind() {
        Kind::Images => Some(16 + count * set.shape.bytes() as u64),
        Kind::Labels if known.name.ends_with("-idx1-ubyte") => Some(8 + count),
        Kind::Labels => None,
    }
}

fn begins_as_gzip(path: &Path) -> bool {
    let mut begin = [0; 2];
    regular_file(path)
        .ok()
        .and_then(|(mut file, _)| file.read_exact(&mut begin).ok())
        .is_some_and(|()| packed::is_gzip(&begin))
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
