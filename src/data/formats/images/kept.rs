//! Decoded images kept in the cache folder, so that the next run starts at once. A file that is
//! damaged counts as none.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::data::Split;
use crate::data::files::{forget_old, mark_used, persist, temporary};
use crate::data::formats::tree::Tree;
use crate::data::image_set::{ImageShape, Sources};
use crate::data::open_set::{OpenSet, ReadOptions};

/// Changes with what decoding makes of a file, and with the form of what is kept.
const VERSION: u32 = 2;
const PREFIX: &str = "images-";
/// Sets that are kept: those used last.
const KEPT: usize = 4;

/// What a set is known by: names, sizes and dates of its files, and the settings that decode them.
/// An archive, without a `tree`, changes as a whole.
pub fn key(path: &Path, tree: Option<&Tree>, options: &ReadOptions) -> String {
    let mut hash = Xxh3::new();
    let how = (VERSION, options.size, options.colour, options.broken);
    hash.update(format!("{how:?}").as_bytes());
    let mut text = |text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    match tree {
        None => {
            let found = std::fs::metadata(path).map(|file| (file.len(), file.modified().ok()));
            text(&format!("{:?} {found:?}", std::path::absolute(path)));
        }
        Some(tree) => {
            tree.folders.iter().for_each(|folder| text(folder));
            for file in &tree.files {
                text(&format!("{}\0{}\0{}", file.path, file.bytes, file.modified));
            }
        }
    }
    format!("{:032x}", hash.digest128())
}

/// Where the set of a key is kept.
pub fn file(cache: &Path, key: &str) -> PathBuf {
    cache.join(format!("{PREFIX}{key}"))
}

/// Everything of a set but its images and labels, which follow in the order of the splits.
#[derive(Serialize, Deserialize)]
struct Header {
    shape: ImageShape,
    class_names: Vec<String>,
    /// Images of the splits.
    counts: [Option<usize>; 3],
    sources: Option<Sources>,
    notes: Vec<String>,
    warnings: Vec<String>,
}

/// The set that is kept in a file; `None` where there is none that is whole.
pub fn load(path: &Path) -> Option<OpenSet> {
    let set = match read(path) {
        Ok(set) => set,
        Err(error) => {
            tracing::debug!("{}: {error}", path.display());
            return None;
        }
    };
    tracing::info!("data: decoded images from {}", path.display());
    mark_used(path);
    Some(set)
}

/// Keeps a set; nothing but time is lost where that fails.
pub fn keep(path: &Path, set: &OpenSet) {
    if let Err(error) = write(path, set) {
        tracing::debug!(
            "{}: the decoded images are not kept: {error}",
            path.display()
        );
    }
    if let Some(cache) = path.parent() {
        forget_old(cache, PREFIX, KEPT, Path::to_owned);
    }
}

fn write(path: &Path, set: &OpenSet) -> io::Result<()> {
    let splits = [Some(&set.train), set.valid.as_ref(), set.test.as_ref()];
    let header = Header {
        shape: set.train.shape,
        class_names: set.class_names.clone(),
        counts: splits.map(|split| split.map(Split::len)),
        sources: set.sources.clone(),
        notes: set.notes.clone(),
        warnings: set.warnings.clone(),
    };
    let header = serde_json::to_vec(&header)?;
    let cache = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(cache)?;
    let mut file = temporary(cache, ".images-")?;
    let mut hash = Xxh3::new();
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        file.write_all(bytes)
    };
    put(&(header.len() as u64).to_le_bytes())?;
    put(&header)?;
    for split in splits.into_iter().flatten() {
        put(&split.images)?;
        let labels = split.labels.iter().flat_map(|label| label.to_le_bytes());
        put(&labels.collect::<Vec<u8>>())?;
    }
    file.write_all(&hash.digest128().to_le_bytes())?;
    persist(file, path)
}

fn read(path: &Path) -> io::Result<OpenSet> {
    let broken = |what| io::Error::other(what);
    let mut file = File::open(path)?;
    let mut hash = Xxh3::new();
    let mut get = |bytes: u64| {
        let mut found = Vec::with_capacity(bytes as usize);
        (&mut file).take(bytes).read_to_end(&mut found)?;
        hash.update(&found);
        match found.len() as u64 == bytes {
            true => Ok(found),
            false => Err(broken("cut short")),
        }
    };
    let size = std::fs::metadata(path)?.len();
    let length = get(8)?.try_into().map_err(|_| broken("cut short"))?;
    let length = u64::from_le_bytes(length);
    if length > size {
        return Err(broken("no length of a header"));
    }
    let header: Header = serde_json::from_slice(&get(length)?)?;
    let (shape, classes) = (header.shape, header.class_names.len());
    let images: u128 = header
        .counts
        .iter()
        .flatten()
        .map(|&count| count as u128)
        .sum();
    let all = 8 + u128::from(length) + images * (shape.bytes() as u128 + 2) + 16;
    if all != size.into() {
        return Err(broken("of another length than its header says"));
    }
    let mut split = |count: Option<usize>| -> io::Result<Option<Split>> {
        let Some(count) = count else {
            return Ok(None);
        };
        let images = get((count * shape.bytes()) as u64)?;
        let labels = get(2 * count as u64)?;
        let labels = labels.chunks_exact(2);
        Ok(Some(Split {
            shape,
            classes,
            images,
            labels: labels
                .map(|two| u16::from_le_bytes([two[0], two[1]]))
                .collect(),
        }))
    };
    let [train, valid, test] = header.counts;
    let (train, valid, test) = (split(train)?, split(valid)?, split(test)?);
    let expected = hash.digest128().to_le_bytes();
    let mut found = Vec::new();
    file.read_to_end(&mut found)?;
    match (train, found == expected) {
        (Some(train), true) => Ok(OpenSet {
            name: String::new(),
            class_names: header.class_names,
            train,
            valid,
            test,
            sources: header.sources,
            known: None,
            notes: header.notes,
            warnings: header.warnings,
        }),
        _ => Err(broken("another checksum")),
    }
}
