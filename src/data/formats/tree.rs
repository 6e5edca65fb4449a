//! The files of a folder, or of a .zip or .tar archive of one, read in turn without unpacking
//! anything onto the disk.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use flate2::read::MultiGzDecoder;
use rayon::prelude::*;
use tar::{EntryType, PaxExtensions};
use zip::ZipArchive;

use super::packed;
use crate::data::error::DataError;

/// The most files of a tree.
const MOST_FILES: usize = 2_000_000;
/// How deep folders are followed.
const DEPTH: usize = 32;
/// The most bytes that are unpacked of a .tar.gz, read or passed over.
const MOST_UNPACKED: u64 = 64 << 30;
/// The longest path of an archive.
const LONGEST_PATH: u64 = 64 << 10;
/// Files, and bytes of them, that are held at a time.
const BATCH_FILES: usize = 512;
const BATCH_BYTES: usize = 64 << 20;
/// Of an archive, the files that are looked at to tell what it holds, and the bytes of each.
const PEEKED: usize = 200;
const BEGIN: u64 = 512;
/// What systems leave beside files, in lower case.
const LITTER: [&str; 4] = ["thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db"];

/// Files with their paths below the tree, parted by `/`.
pub struct Tree {
    pub files: Vec<TreeFile>,
    /// Paths of folders, those without files too.
    pub folders: Vec<String>,
    /// A folder whose name is no UTF-8, as far as it can be shown.
    unnamed: Option<String>,
    source: Source,
}

pub struct TreeFile {
    pub path: String,
    pub bytes: u64,
    /// Nanoseconds since 1970 of its last change, on a disk; else 0.
    pub modified: u128,
}

enum Source {
    /// The path of each file.
    Folder(Vec<PathBuf>),
    /// The index of each file.
    Zip(PathBuf, Vec<usize>),
    /// Files in their order.
    Tar(PathBuf),
}

/// What an archive is, by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Archive {
    Zip,
    Tar,
}

impl Tree {
    /// Lists what lies in a folder or an archive, but for hidden files and what systems leave.
    ///
    /// # Errors
    /// [`DataError::Unfit`].
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let mut tree = Self {
            files: Vec::new(),
            folders: Vec::new(),
            unnamed: None,
            source: Source::Tar(path.to_owned()),
        };
        match archive(path) {
            None => {
                let mut paths = Vec::new();
                tree.walk(path, "", 0, &mut HashSet::new(), &mut paths)
                    .map_err(|error| unreadable(path, &error))?;
                tree.source = Source::Folder(paths);
            }
            Some(Archive::Zip) => tree
                .list_zip(path)
                .map_err(|error| unreadable(path, &error))?,
            Some(Archive::Tar) => each_of_tar(path, &mut |found, _| {
                tree.add(found);
                Ok(match tree.files.len() > MOST_FILES {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                })
            })
            .map_err(|error| unreadable(path, &error))?,
        }
        if tree.files.len() > MOST_FILES {
            return Err(DataError::unfit(
                path,
                format!("more than {MOST_FILES} files"),
                "name a folder with fewer",
            ));
        }
        match &tree.unnamed {
            None => Ok(tree),
            // Two such names may look alike, and would be one class.
            Some(folder) => Err(DataError::unfit(
                path,
                format!("the name of the folder {folder} is not UTF-8"),
                "rename the folder",
            )),
        }
    }

    /// Reads the files at `wanted`, in ascending order, up to `most` bytes of each; `work` does
    /// with each what can be done on any core; `take` gets what came of them, some at a time, until
    /// it breaks.
    ///
    /// # Errors
    /// When an archive cannot be read; a file that cannot be is `work`'s.
    pub fn each<T: Send>(
        &self,
        wanted: &[usize],
        most: u64,
        work: &(dyn Fn(usize, io::Result<Vec<u8>>) -> T + Sync),
        take: &mut dyn FnMut(Vec<T>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        if let Source::Folder(paths) = &self.source {
            for batch in wanted.chunks(BATCH_FILES) {
                let read = |&file: &usize| work(file, read_file(&paths[file], most));
                if take(batch.par_iter().map(read).collect()).is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let mut held: Vec<(usize, io::Result<Vec<u8>>)> = Vec::new();
        let mut bytes = 0;
        let mut add = |file: usize, read: io::Result<Vec<u8>>, last: bool| {
            bytes += read.as_ref().map_or(0, Vec::len);
            held.push((file, read));
            if held.len() < BATCH_FILES && bytes < BATCH_BYTES && !last {
                return ControlFlow::Continue(());
            }
            bytes = 0;
            let batch = std::mem::take(&mut held).into_par_iter();
            take(batch.map(|(file, read)| work(file, read)).collect())
        };
        let Some(&last) = wanted.last() else {
            return Ok(());
        };
        match &self.source {
            Source::Folder(_) => {}
            Source::Zip(path, indices) => {
                let mut zip = open_zip(path)?;
                for &file in wanted {
                    let read = zip.by_index(indices[file]).map_err(io::Error::other);
                    let read = read.and_then(|entry| bounded(entry, most));
                    if add(file, read, file == last).is_break() {
                        break;
                    }
                }
            }
            Source::Tar(path) => {
                let (mut at, mut next) = (0, 0);
                each_of_tar(path, &mut |found, entry| {
                    if found.is_kept_file() {
                        if wanted.get(next) == Some(&at) {
                            next += 1;
                            let read = bounded(entry, most);
                            if add(at, read, at == last).is_break() || at == last {
                                return Ok(ControlFlow::Break(()));
                            }
                        }
                        at += 1;
                    }
                    Ok(ControlFlow::Continue(()))
                })?;
            }
        }
        Ok(())
    }

    fn walk(
        &mut self,
        folder: &Path,
        below: &str,
        depth: usize,
        seen: &mut HashSet<PathBuf>,
        paths: &mut Vec<PathBuf>,
    ) -> io::Result<()> {
        let named = |error: io::Error| match below.is_empty() {
            true => error,
            false => io::Error::new(error.kind(), format!("{below}: {error}")),
        };
        // A link may lead back to where it is.
        if depth > DEPTH || !seen.insert(folder.canonicalize().map_err(named)?) {
            return Ok(());
        }
        let entries =
            fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
        let mut entries = entries.map_err(named)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let is_text = name.to_str().is_some();
            let name = name.to_string_lossy().into_owned();
            let path = match below.is_empty() {
                true => name,
                false => format!("{below}/{name}"),
            };
            if !kept(&path) || self.files.len() > MOST_FILES {
                continue;
            }
            // A link that leads nowhere is itself a file, which cannot be read.
            let metadata = match entry.metadata().map_err(named)? {
                link if link.is_symlink() => fs::metadata(entry.path()).unwrap_or(link),
                metadata => metadata,
            };
            if metadata.is_dir() {
                if !is_text {
                    self.unnamed.get_or_insert_with(|| path.clone());
                }
                self.folders.push(path.clone());
                self.walk(&entry.path(), &path, depth + 1, seen, paths)?;
            } else {
                let modified = metadata.modified().ok();
                let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                self.files.push(TreeFile {
                    path,
                    bytes: metadata.len(),
                    modified: modified.map_or(0, |since| since.as_nanos()),
                });
                paths.push(entry.path());
            }
        }
        Ok(())
    }

    fn list_zip(&mut self, path: &Path) -> io::Result<()> {
        let mut zip = open_zip(path)?;
        let mut indices = Vec::new();
        for index in 0..zip.len().min(MOST_FILES + 1) {
            let entry = zip.by_index_raw(index).map_err(io::Error::other)?;
            let name = entry.name().map_err(io::Error::other)?;
            let is_folder = entry.is_dir();
            if !is_folder && !entry.is_file() {
                continue;
            }
            let found = Found {
                path: plain(&name),
                bytes: entry.size(),
                is_folder,
                is_text: true,
            };
            if found.is_kept_file() {
                indices.push(index);
            }
            self.add(&found);
        }
        self.source = Source::Zip(path.to_owned(), indices);
        Ok(())
    }

    fn add(&mut self, found: &Found) {
        if !kept(&found.path) {
            return;
        }
        if !found.is_text {
            let folder = found.path.rsplit_once('/').filter(|_| !found.is_folder);
            let folder = folder.map_or(&found.path[..], |(folder, _)| folder);
            self.unnamed.get_or_insert_with(|| folder.to_owned());
        }
        match found.is_folder {
            true => self.folders.push(found.path.clone()),
            false => self.files.push(TreeFile {
                path: found.path.clone(),
                bytes: found.bytes,
                modified: 0,
            }),
        }
    }
}

/// Whether one of the first files of an archive is `wanted`, by its path, length and first bytes.
pub fn peek(path: &Path, wanted: &dyn Fn(&str, u64, &[u8]) -> bool) -> bool {
    let mut looked = 0;
    let mut found = false;
    let mut look = |entry: &Found, reader: &mut dyn Read| {
        if !entry.is_kept_file() {
            return ControlFlow::Continue(());
        }
        let mut begin = Vec::new();
        let read = reader.take(BEGIN).read_to_end(&mut begin);
        found = read.is_ok() && wanted(&entry.path, entry.bytes, &begin);
        looked += 1;
        match found || looked == PEEKED {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let _ = match archive(path) {
        None => Ok(()),
        Some(Archive::Tar) => each_of_tar(path, &mut |entry, reader| Ok(look(entry, reader))),
        Some(Archive::Zip) => open_zip(path).map(|mut zip| {
            for index in 0..zip.len() {
                let Ok(mut entry) = zip.by_index(index) else {
                    continue;
                };
                let Ok(name) = entry.name().map(|name| plain(&name)) else {
                    continue;
                };
                let listed = Found {
                    path: name,
                    bytes: entry.size(),
                    is_folder: entry.is_dir(),
                    is_text: true,
                };
                if look(&listed, &mut entry).is_break() {
                    break;
                }
            }
        }),
    };
    found
}

/// Whether a file or folder is looked at: none that is hidden, nor what systems leave.
pub fn kept(path: &str) -> bool {
    let litter = |name: &str| name.starts_with('.') || LITTER.contains(&&name.to_lowercase()[..]);
    !path.is_empty() && !path.split('/').any(litter)
}

/// Numbers in names by their value, 2 before 10; names that differ are never equal.
pub fn as_people_count(a: &str, b: &str) -> Ordering {
    numeric_sort::cmp(a, b).then_with(|| a.cmp(b))
}

/// An entry of an archive.
struct Found {
    path: String,
    bytes: u64,
    is_folder: bool,
    /// Whether the names of its folders are UTF-8.
    is_text: bool,
}

impl Found {
    fn is_kept_file(&self) -> bool {
        !self.is_folder && kept(&self.path)
    }
}

fn archive(path: &Path) -> Option<Archive> {
    let mut begin = begin(path).ok()?;
    if is_zip(&begin) {
        return Some(Archive::Zip);
    }
    if packed::is_gzip(&begin) {
        begin.clear();
        let reader = MultiGzDecoder::new(File::open(path).ok()?);
        reader.take(BEGIN).read_to_end(&mut begin).ok()?;
    }
    (begin.get(257..262) == Some(b"ustar")).then_some(Archive::Tar)
}

/// The first bytes of a regular file, of others none: to open a pipe may never end.
pub fn begin(path: &Path) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    if path.is_file() {
        File::open(path)?.take(BEGIN).read_to_end(&mut begin)?;
    }
    Ok(begin)
}

/// Whether a file that begins so is a .zip archive.
pub fn is_zip(begin: &[u8]) -> bool {
    begin.starts_with(b"PK\x03\x04")
}

/// A .zip archive, to be read by its entries.
pub fn open_zip(path: &Path) -> io::Result<ZipArchive<BufReader<File>>> {
    ZipArchive::new(BufReader::new(File::open(path)?)).map_err(io::Error::other)
}

/// Checks that the files of a .zip archive are packed in a way that is read here.
///
/// # Errors
/// [`DataError::Unfit`] names the first that is not.
pub fn can_be_unpacked(path: &Path) -> Result<(), DataError> {
    let mut zip = open_zip(path).map_err(|error| unreadable(path, &error))?;
    for index in 0..zip.len().min(PEEKED) {
        let entry = zip.by_index(index).map_err(io::Error::other);
        let read = entry.and_then(|entry| entry.take(1).read_to_end(&mut Vec::new()));
        let Err(error) = read else {
            continue;
        };
        let name = zip.name_for_index(index).and_then(Result::ok);
        let name = name.unwrap_or_default().into_owned();
        return Err(DataError::unfit(
            path,
            format!("{name} cannot be unpacked ({error})"),
            "pack the archive again, with Deflate and without a password",
        ));
    }
    Ok(())
}

/// Gets each entry of an archive with its bytes.
type Take<'a> = dyn FnMut(&Found, &mut dyn Read) -> io::Result<ControlFlow<()>> + 'a;

/// Goes through a .tar archive, packed by gzip or not. Long names are read here, because the
/// crate would take as much memory for one as the archive asks for.
fn each_of_tar(path: &Path, take: &mut Take) -> io::Result<()> {
    let mut file = BufReader::new(File::open(path)?);
    let reader: Box<dyn Read> = match packed::is_gzip(file.fill_buf()?) {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    };
    let mut archive = tar::Archive::new(reader.take(MOST_UNPACKED));
    let mut long = None;
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName | EntryType::XHeader => {
                let text = bounded(&mut entry, LONGEST_PATH)?;
                long = match kind {
                    EntryType::XHeader => path_of(&text).or(long),
                    _ => Some(text.trim_ascii_end().to_owned()),
                };
                continue;
            }
            EntryType::Regular | EntryType::Continuous | EntryType::Directory => {}
            _ => {
                long = None;
                continue;
            }
        }
        let name = long.take().unwrap_or_else(|| entry.path_bytes().into());
        let is_folder = kind == EntryType::Directory;
        let folders = name.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        let folders = if is_folder {
            &name[..]
        } else {
            &name[..folders]
        };
        let is_text = std::str::from_utf8(folders).is_ok();
        let name = String::from_utf8_lossy(&name);
        let found = Found {
            path: plain(name.trim_end_matches('\0')),
            bytes: entry.size(),
            is_folder,
            is_text,
        };
        if take(&found, &mut entry)?.is_break() {
            return Ok(());
        }
    }
    // What a .gz sums up of its contents stands behind them.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(())
}

/// The path in the extended header of an entry.
fn path_of(header: &[u8]) -> Option<Vec<u8>> {
    let mut records = PaxExtensions::new(header).flatten();
    let path = records.find(|record| record.key_bytes() == b"path")?;
    Some(path.value_bytes().to_owned())
}

/// A path as a tree has it, whatever an archive calls it; it is only a name here.
fn plain(path: &str) -> String {
    let path = path.replace('\\', "/");
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // To open a pipe may never end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    bounded(File::open(path)?, most)
}

/// What a reader has, if that is no more than `most` bytes.
fn bounded(reader: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {} MiB", most >> 20),
        )),
        false => Ok(bytes),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> DataError {
    DataError::unread(path, "cannot be read", error)
}
