//! A folder of image files, or an archive of one: a folder for each class, below `train/`, `test/`
//! and `val/` or not.

mod decode;
mod kept;
mod layout;

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use self::decode::Decoded;
use self::layout::{Layout, Listed};
use super::folders::{entries_in, folders_in, listing};
use super::tree::{self, Tree};
use super::{Format, Holds, Reading};
use crate::data::Split;
use crate::data::error::DataError;
use crate::data::image_set::{ImageShape, MOST_CLASSES, Sources};
use crate::data::open_set::OpenSet;

pub const FORMAT: Format = Format {
    name: "images in folders",
    holds,
    read,
};

/// Endings of images of other kinds.
const OTHER_KINDS: [&str; 12] = [
    "TIF", "TIFF", "AVIF", "HEIC", "HEIF", "PPM", "PGM", "PBM", "PNM", "JXL", "JP2", "SVG",
];
/// Files that are looked at in search of an image.
const LOOKED_AT: usize = 200;

fn holds(path: &Path) -> Holds {
    if !path.is_dir() {
        let is_image = |path: &str, _: u64, begin: &[u8]| path.contains('/') && is_image(begin);
        return match tree::peek(path, &is_image) {
            true => Holds::Whole,
            false => Holds::Nothing,
        };
    }
    let folders = folders_in(path);
    let kept = folders.iter().filter(|folder| {
        let name = folder.file_name().unwrap_or_default();
        tree::kept(&name.to_string_lossy())
    });
    let with_images = kept.filter(|folder| {
        let mut left = LOOKED_AT;
        has_image(folder, &mut left)
    });
    match with_images.take(2).collect::<Vec<_>>()[..] {
        [] => Holds::Nothing,
        [only] if !layout::is_part(only) => Holds::Part,
        _ => Holds::Whole,
    }
}

/// Whether an image lies in a folder or below it, among the first files there.
fn has_image(folder: &Path, left: &mut usize) -> bool {
    let entries = entries_in(folder);
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    files.iter().any(|file| {
        *left = left.saturating_sub(1);
        *left > 0 && tree::begin(file).is_ok_and(|begin| is_image(&begin))
    }) || *left > 0 && folders.iter().any(|folder| has_image(folder, left))
}

/// Whether a file that begins so is an image of a kind that is read here.
fn is_image(begin: &[u8]) -> bool {
    image::guess_format(begin).is_ok_and(|format| format.reading_enabled())
}

/// What says that folders hold images, but of kinds that are not read.
pub(super) fn of_other_kinds(path: &Path) -> Option<DataError> {
    let folders = folders_in(path);
    let below = folders.iter().flat_map(|folder| folders_in(folder));
    let all = folders.iter().cloned().chain(below);
    let files = all.take(LOOKED_AT).flat_map(|folder| entries_in(&folder));
    let kinds = files.filter_map(|file| {
        let ending = file.extension()?.to_string_lossy().to_uppercase();
        OTHER_KINDS.contains(&&ending[..]).then_some(ending)
    });
    let kinds: BTreeSet<String> = kinds.collect();
    let kinds: Vec<String> = kinds.into_iter().collect();
    (!kinds.is_empty()).then(|| {
        DataError::unfit(
            path,
            format!(
                "its images are of kinds that are not read: {}",
                kinds.join(", ")
            ),
            "convert them to PNG or JPEG",
        )
    })
}

/// What says that there are only folders, as for classes, and no image in any of them.
pub(super) fn in_no_folder(path: &Path) -> Option<DataError> {
    let mut names = listing(path);
    names.retain(|name| tree::kept(name.trim_end_matches('/')));
    let are_folders = names.iter().all(|name| name.ends_with('/'));
    (are_folders && !names.is_empty()).then(|| {
        DataError::unfit(
            path,
            format!(
                "no data set here, and no PNG, JPEG, BMP, GIF or WebP image found in {}",
                some(&names)
            ),
            "put images into a folder for each class, or give an NPZ, CSV, CIFAR or IDX set (docs/data.md)",
        )
    })
}

fn read(path: &Path, name: &str, reading: &Reading) -> Result<OpenSet, DataError> {
    // An archive is known without being unpacked.
    let tree = path.is_dir().then(|| Tree::open(path)).transpose()?;
    let key = kept::key(path, tree.as_ref(), &reading.options);
    let file = reading
        .cache
        .as_deref()
        .map(|cache| kept::file(cache, &key));
    if let Some(mut set) = file.as_deref().and_then(kept::load) {
        name.clone_into(&mut set.name);
        return Ok(set);
    }
    let tree = tree.map_or_else(|| Tree::open(path), Ok)?;
    let set = decoded(path, name, &tree, reading)?;
    if let Some(file) = &file {
        kept::keep(file, &set);
    }
    Ok(set)
}

fn decoded(path: &Path, name: &str, tree: &Tree, reading: &Reading) -> Result<OpenSet, DataError> {
    let Layout { listed, mut notes } = Layout::of(path, tree)?;
    let mut wanted: Vec<usize> = listed.iter().map(|file| file.file).collect();
    wanted.sort_unstable();
    let decoded = decode::decode(path, tree, &wanted, reading)?;
    let sound = decoded.places.iter().flatten().count();
    let broken = decoded
        .broken
        .judge(path, "image files", sound, reading.options.broken)?;
    if sound == 0 {
        return Err(DataError::unfit(
            path,
            "no image in its folders",
            "give a folder of PNG, JPEG, BMP, GIF or WebP files for each class",
        ));
    }
    notes.append(&mut decoded.notes());
    let mut set = OpenSet {
        name: name.to_owned(),
        ..splits(path, tree, &listed, &wanted, decoded)?
    };
    notes.append(&mut set.notes);
    set.notes = notes;
    set.warnings.extend(broken);
    Ok(set)
}

/// The set of what was decoded; classes without an image are left out.
fn splits<'a>(
    path: &Path,
    tree: &Tree,
    listed: &'a [Listed],
    wanted: &[usize],
    decoded: Decoded,
) -> Result<OpenSet, DataError> {
    let place = |file: &Listed| {
        let at = wanted.binary_search(&file.file).ok()?;
        decoded.places[at]
    };
    let of_class = |file: &'a Listed| file.class.as_str();
    let filled = listed.iter().filter(|file| place(file).is_some());
    let filled: HashSet<&str> = filled.map(of_class).collect();
    let classes: HashSet<&str> = listed.iter().map(of_class).collect();
    let mut class_names: Vec<String> = classes.into_iter().map(str::to_owned).collect();
    class_names.sort_by(|a, b| tree::as_people_count(a, b));
    let all = class_names.len();
    let empty = class_names.extract_if(.., |name| !filled.contains(name.as_str()));
    let empty: Vec<String> = empty.collect();
    if class_names.len() > MOST_CLASSES {
        return Err(DataError::unfit(
            path,
            format!("{all} folders of classes"),
            format!("at most {MOST_CLASSES} classes can be told apart: name a folder with fewer"),
        ));
    }
    let mut sources = Sources::default();
    let part = |part: layout::Part, sources: &mut Vec<String>| {
        let mut split = Split {
            shape: decoded.shape,
            classes: class_names.len(),
            images: Vec::new(),
            labels: Vec::new(),
        };
        let bytes = decoded.shape.bytes();
        for file in listed.iter().filter(|file| file.part == part) {
            let label =
                class_names.binary_search_by(|name| tree::as_people_count(name, &file.class));
            if let (Some(at), Ok(label)) = (place(file), label) {
                split
                    .images
                    .extend_from_slice(&decoded.images[at * bytes..][..bytes]);
                split.labels.push(label as u16);
                sources.push(tree.files[file.file].path.clone());
            }
        }
        (!split.is_empty()).then_some(split)
    };
    let train = part(layout::Part::Train, &mut sources.train);
    let valid = part(layout::Part::Valid, &mut sources.valid);
    let test = part(layout::Part::Test, &mut sources.test);
    let train = train.ok_or_else(|| {
        DataError::unfit(
            path,
            "no image to train on that can be read",
            "give folders of classes with images, or put those to train on below train/",
        )
    })?;
    let mut warnings = Vec::new();
    if !empty.is_empty() {
        warnings.push(format!(
            "folders without an image, left out as classes: {}",
            some(&empty)
        ));
    }
    Ok(OpenSet {
        name: String::new(),
        class_names,
        train,
        valid,
        test,
        sources: Some(sources),
        known: None,
        notes: Vec::new(),
        warnings,
    })
}

/// Checks that so many images of a shape are no more than are held.
fn check_memory(path: &Path, images: usize, shape: ImageShape) -> Result<(), DataError> {
    super::check_memory(
        path,
        images as u64 * shape.bytes() as u64,
        &format!("{images} images of {shape}"),
        "bring them to fewer pixels with data.size, such as --set data.size=32, or name a folder with fewer",
    )
}

/// The first of many names.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 10;
    match names.len() {
        0..=SHOWN => names.join(", "),
        count => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
    }
}
