//! NPZ archives of NumPy: arrays called as MedMNIST's (`train_images`, `train_labels`) or Keras'
//! (`x_train`, `y_train`), with labels `[n]` or `[n, 1]`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use half::f16;
use npyz::{DType, Endianness, NpyHeader, Order, TypeChar};
use zip::ZipArchive;

use super::arrays::{self, Arrays, Labelled, check_memory, label};
use super::idx::{Layout, interleave};
use super::{Format, Holds, Reading, tree};
use crate::data::error::{COPY_AGAIN, DataError};
use crate::data::image_set::SIDES;
use crate::data::open_set::OpenSet;

pub const FORMAT: Format = Format {
    name: "NPZ",
    holds,
    read,
};

/// What the arrays of a split are called: images, then labels, in lower case.
const TRAIN: &[[&str; 2]] = &[
    ["train_images", "train_labels"],
    ["x_train", "y_train"],
    ["images", "labels"],
    ["x", "y"],
];
const VALID: &[[&str; 2]] = &[
    ["val_images", "val_labels"],
    ["valid_images", "valid_labels"],
    ["x_val", "y_val"],
    ["x_valid", "y_valid"],
];
const TEST: &[[&str; 2]] = &[["test_images", "test_labels"], ["x_test", "y_test"]];

/// The longest header of an array: NumPy's have 128 bytes.
const MOST_HEADER: u64 = 1024;
/// Bytes that are read at a time; a multiple of every number's length.
const CHUNK: usize = 64 << 10;

/// The longest word.
const MOST_LETTERS: u64 = 1024;

type Archive = ZipArchive<BufReader<File>>;

fn holds(path: &Path) -> Holds {
    let Ok(names) = open(path).and_then(|archive| names(&archive)) else {
        return Holds::Nothing;
    };
    match (pair(&names, TRAIN), names.is_empty()) {
        (Some(_), _) => Holds::Whole,
        (None, false) => Holds::Part,
        (None, true) => Holds::Nothing,
    }
}

fn read(path: &Path, name: &str, _: &Reading) -> Result<OpenSet, DataError> {
    let damaged = |error: io::Error| DataError::unread(path, "cannot be read", &error);
    let mut archive = open(path).map_err(damaged)?;
    let names = names(&archive).map_err(damaged)?;
    let mut notes = Vec::new();
    let mut split = |known: &[[&str; 2]]| match pair(&names, known) {
        Some(entries) => labelled(path, &mut archive, entries).map(Some),
        None => {
            let alone = known.iter().find(|[images, _]| names.contains_key(*images));
            notes.extend(
                alone.map(|[images, labels]| format!("{images} has no {labels} and is left out")),
            );
            Ok(None)
        }
    };
    let (train, valid, test) = (split(TRAIN)?, split(VALID)?, split(TEST)?);
    let Some(train) = train else {
        let there: Vec<&str> = names.keys().map(String::as_str).collect();
        return Err(DataError::unfit(
            path,
            format!("holds the arrays {}", there.join(", ")),
            "call them train_images, train_labels, test_images and test_labels, or x_train, y_train, x_test and y_test",
        ));
    };
    let all = [Some(&train), valid.as_ref(), test.as_ref()];
    let words: Vec<&Labels> = all
        .into_iter()
        .flatten()
        .map(|(_, labels)| labels)
        .collect();
    let class_names = class_names(path, &words)?;
    let numbered = |(mut split, labels): (Labelled, Labels)| {
        split.labels = match (labels, &class_names) {
            (Labels::Numbers(numbers), None) => numbers,
            (labels, names) => arrays::numbers(path, &labels.texts(), names.as_deref())?,
        };
        Ok::<_, DataError>(split)
    };
    let arrays = Arrays {
        train: numbered(train)?,
        valid: valid.map(numbered).transpose()?,
        test: test.map(numbered).transpose()?,
        class_names: class_names.clone(),
        notes,
        warnings: Vec::new(),
    };
    arrays.into_set(path, name)
}

/// The labels of a split as they are written.
enum Labels {
    Numbers(Vec<u16>),
    Words(Vec<String>),
}

impl Labels {
    fn texts(&self) -> Vec<String> {
        match self {
            Self::Numbers(numbers) => numbers.iter().map(u16::to_string).collect(),
            Self::Words(words) => words.clone(),
        }
    }
}

/// The classes' names, where a split has words for labels.
fn class_names(path: &Path, all: &[&Labels]) -> Result<Option<Vec<String>>, DataError> {
    if all
        .iter()
        .all(|labels| matches!(labels, Labels::Numbers(_)))
    {
        return Ok(None);
    }
    let texts: Vec<Vec<String>> = all.iter().map(|labels| labels.texts()).collect();
    arrays::class_names(path, &texts.iter().collect::<Vec<_>>())
}

fn open(path: &Path) -> io::Result<Archive> {
    match tree::is_zip(&tree::begin(path)?) {
        true => tree::open_zip(path),
        false => Err(io::Error::other("no NPZ archive")),
    }
}

/// The names of the arrays in lower case, with their entries.
fn names(archive: &Archive) -> io::Result<BTreeMap<String, usize>> {
    let mut names = BTreeMap::new();
    for index in 0..archive.len() {
        let name = archive.name_for_index(index).transpose();
        let name = name.map_err(io::Error::other)?.unwrap_or_default();
        if let Some(array) = npyz::npz::array_name_from_file_name(&name) {
            names.insert(array.to_lowercase(), index);
        }
    }
    Ok(names)
}

/// The entries of images and labels.
fn pair(names: &BTreeMap<String, usize>, known: &[[&str; 2]]) -> Option<[usize; 2]> {
    known
        .iter()
        .find_map(|[images, labels]| Some([*names.get(*images)?, *names.get(*labels)?]))
}

fn labelled(
    path: &Path,
    archive: &mut Archive,
    [images, labels]: [usize; 2],
) -> Result<(Labelled, Labels), DataError> {
    let labels = Array::open(path, archive, labels)?;
    let labels_found = read_labels(&labels, archive)?;
    let images = Array::open(path, archive, images)?;
    let (layout, bytes) = read_images(&images, archive)?;
    let images = Labelled {
        shape: layout.shape,
        images: match layout.planar {
            true => interleave(&bytes, layout.shape),
            false => bytes,
        },
        labels: Vec::new(),
    };
    Ok((images, labels_found))
}

/// An array of an archive.
struct Array<'a> {
    path: &'a Path,
    entry: usize,
    name: String,
    sides: Vec<usize>,
    /// Of all items.
    count: usize,
    kind: Kind,
    order: Order,
}

/// How an item is written.
#[derive(Clone, Copy)]
struct Kind {
    class: TypeChar,
    bytes: usize,
    big_endian: bool,
}

impl<'a> Array<'a> {
    fn open(path: &'a Path, archive: &mut Archive, entry: usize) -> Result<Self, DataError> {
        let name = archive.name_for_index(entry).and_then(Result::ok);
        let name = name.unwrap_or_default().into_owned();
        let unfit = |reason: String| {
            DataError::unfit(
                path,
                format!("{name}: {reason}"),
                "save it again with numpy.savez as whole numbers or fractions, such as uint8 or float32",
            )
        };
        let header = archive
            .by_index(entry)
            .map_err(io::Error::other)
            .and_then(|entry| NpyHeader::from_reader(entry.take(MOST_HEADER)))
            .map_err(|error| unfit(format!("is not an array that can be read ({error})")))?;
        let dtype = header.dtype();
        let DType::Plain(item) = &dtype else {
            return Err(unfit(format!("holds values of type {}", dtype.descr())));
        };
        use TypeChar::{Bool, ByteStr, Float, Int, Uint, UnicodeStr};
        let kind = match (item.type_char(), item.size_field()) {
            (class @ (Int | Uint), bytes @ (1 | 2 | 4 | 8)) => (class, bytes),
            (Bool, 1) => (Uint, 1),
            (Float, bytes @ (2 | 4 | 8)) => (Float, bytes),
            (ByteStr, letters @ 1..=MOST_LETTERS) => (ByteStr, letters),
            (UnicodeStr, letters @ 1..=MOST_LETTERS) => (UnicodeStr, 4 * letters),
            _ => return Err(unfit(format!("holds values of type {}", dtype.descr()))),
        };
        let sides: Option<Vec<usize>> = header
            .shape()
            .iter()
            .map(|&side| usize::try_from(side).ok())
            .collect();
        let count = |sides: &[usize]| {
            let mut sides = sides.iter();
            sides.try_fold(1usize, |product, &side| product.checked_mul(side))
        };
        let sized = sides.and_then(|sides| Some((count(&sides)?, sides)));
        let (count, sides) = sized.ok_or_else(|| unfit("is too large".into()))?;
        Ok(Self {
            path,
            entry,
            sides,
            count,
            kind: Kind {
                class: kind.0,
                bytes: kind.1 as usize,
                big_endian: item.endianness() == Endianness::Big,
            },
            order: header.order(),
            name,
        })
    }

    fn unfit(&self, reason: impl Into<String>, next: &str) -> DataError {
        let reason = format!("{}: {}", self.name, reason.into());
        DataError::unfit(self.path, reason, next)
    }

    /// Whether each item is a byte, and a number from 0 to 255.
    fn is_bytes(&self) -> bool {
        self.kind.class == TypeChar::Uint && self.kind.bytes == 1
    }

    /// Has `take` get each item, in the order in which they are written.
    fn each(
        &self,
        archive: &mut Archive,
        take: &mut dyn FnMut(f64) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        self.each_chunk(archive, &mut |chunk| {
            let mut items = chunk.chunks_exact(self.kind.bytes);
            items.try_for_each(|item| take(self.kind.number(item)))
        })
    }

    /// Has `take` get the bytes of whole items, some at a time.
    fn each_chunk(
        &self,
        archive: &mut Archive,
        take: &mut dyn FnMut(&[u8]) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let broken = |error: io::Error| {
            let reason = format_args!("{}: cannot be read", self.name);
            DataError::unread(self.path, reason, &error)
        };
        let entry = archive.by_index(self.entry).map_err(io::Error::other);
        let mut entry = BufReader::new(entry.map_err(broken)?);
        NpyHeader::from_reader((&mut entry).take(MOST_HEADER)).map_err(broken)?;
        let mut left = self.count;
        let mut buffer = vec![0; CHUNK];
        while left > 0 {
            let items = left.min(CHUNK / self.kind.bytes);
            let chunk = &mut buffer[..items * self.kind.bytes];
            entry.read_exact(chunk).map_err(broken)?;
            take(chunk)?;
            left -= items;
        }
        // The checksum is compared where the entry ends.
        match entry.read(&mut [0]).map_err(broken)? {
            0 => Ok(()),
            _ => Err(self.unfit("is longer than its header says", COPY_AGAIN)),
        }
    }
}

impl Kind {
    fn number(self, item: &[u8]) -> f64 {
        let mut bytes = [0; 8];
        let length = item.len();
        match self.big_endian {
            true => bytes[8 - length..].copy_from_slice(item),
            false => item
                .iter()
                .rev()
                .zip(&mut bytes[8 - length..])
                .for_each(|(from, to)| *to = *from),
        }
        let bits = u64::from_be_bytes(bytes);
        match (self.class, length) {
            (TypeChar::Float, 2) => f16::from_bits(bits as u16).to_f64(),
            (TypeChar::Float, 4) => f32::from_bits(bits as u32).into(),
            (TypeChar::Float, _) => f64::from_bits(bits),
            (TypeChar::Int, _) => {
                let above = 64 - 8 * length as u32;
                ((bits << above).cast_signed() >> above) as f64
            }
            _ => bits as f64,
        }
    }

    fn is_text(self) -> bool {
        matches!(self.class, TypeChar::ByteStr | TypeChar::UnicodeStr)
    }

    /// A word; `None` where it is no text.
    fn word(self, item: &[u8]) -> Option<String> {
        let text = match self.class {
            TypeChar::ByteStr => String::from_utf8(item.to_vec()).ok()?,
            _ => {
                let (letters, _) = item.as_chunks::<4>();
                let number = |letter: &[u8; 4]| match self.big_endian {
                    true => u32::from_be_bytes(*letter),
                    false => u32::from_le_bytes(*letter),
                };
                let letters = letters.iter().map(|letter| char::from_u32(number(letter)));
                letters.collect::<Option<String>>()?
            }
        };
        Some(text.trim_end_matches('\0').trim().to_owned())
    }
}

fn read_words(array: &Array, archive: &mut Archive) -> Result<Vec<String>, DataError> {
    let mut words = Vec::new();
    array.each_chunk(archive, &mut |chunk| {
        for item in chunk.chunks_exact(array.kind.bytes) {
            let word = array.kind.word(item).filter(|word| !word.is_empty());
            let place = words.len();
            words.push(word.ok_or_else(|| {
                array.unfit(
                    format!("item {place} is not a word in UTF-8"),
                    "correct it and save them again",
                )
            })?);
        }
        Ok(())
    })?;
    Ok(words)
}

fn read_labels(array: &Array, archive: &mut Archive) -> Result<Labels, DataError> {
    if !matches!(array.sides[..], [_] | [_, 1]) {
        return Err(array.unfit(
            format!("has the shape {}", shape_of(&array.sides)),
            "labels are one whole number for each image: [n] or [n, 1]",
        ));
    }
    // So many images of the smallest size could not be held either.
    let least = (SIDES.start() * SIDES.start()) as u64;
    check_memory(array.path, (array.count as u64).saturating_mul(least))?;
    if array.kind.is_text() {
        return read_words(array, archive).map(Labels::Words);
    }
    let mut labels = Vec::new();
    array.each(archive, &mut |value| {
        let place = labels.len();
        labels.push(label(value).map_err(|reason| {
            array.unfit(
                format!("item {place} has {reason}"),
                "correct it and save them again",
            )
        })?);
        Ok(())
    })?;
    Ok(Labels::Numbers(labels))
}

/// Images as bytes, in the order in which rows and columns are read.
fn read_images(array: &Array, archive: &mut Archive) -> Result<(Layout, Vec<u8>), DataError> {
    let layout = Layout::of(&array.sides).filter(|layout| layout.shape.bytes() > 0);
    let layout = layout.ok_or_else(|| {
        array.unfit(
            format!("has the shape {}", shape_of(&array.sides)),
            "images are [n, height, width], in colour [n, height, width, 3]",
        )
    })?;
    if array.kind.is_text() {
        return Err(array.unfit("holds words in place of pixels", "save the images as uint8"));
    }
    check_memory(array.path, array.count as u64)?;
    let mut bytes = Vec::new();
    if array.is_bytes() {
        array.each_chunk(archive, &mut |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
    } else {
        let scale = scale(array, archive)?;
        array.each(archive, &mut |value| {
            bytes.push((value * scale).round() as u8);
            Ok(())
        })?;
    }
    if array.order == Order::Fortran {
        bytes = in_c_order(&bytes, &array.sides);
    }
    Ok((layout, bytes))
}

/// What makes the numbers of an array bytes: 1, or 255 where they are shares of the brightest.
fn scale(array: &Array, archive: &mut Archive) -> Result<f64, DataError> {
    let (mut least, mut most, mut whole, mut numbers) = (f64::INFINITY, 0.0f64, true, true);
    array.each(archive, &mut |value| {
        least = least.min(value);
        most = most.max(value);
        whole &= value.fract() == 0.0;
        numbers &= value.is_finite();
        Ok(())
    })?;
    if !numbers {
        return Err(array.unfit(
            "has pixels that are NaN or infinite",
            "pixels are whole numbers from 0 to 255 or fractions from 0 to 1: replace those that are none",
        ));
    }
    let is_float = array.kind.class == TypeChar::Float;
    match (least >= 0.0, whole, is_float) {
        // Floats to 1 are shares, whole ones too: black and white.
        (true, _, true) if most <= 1.0 => Ok(255.0),
        (true, true, _) if (2.0..=255.0).contains(&most) || !is_float && most <= 255.0 => Ok(1.0),
        (true, false, true) if (2.0..=255.0).contains(&most) => Ok(1.0),
        _ => Err(array.unfit(
            format!("has pixels from {least} to {most}"),
            "pixels are whole numbers from 0 to 255 or fractions from 0 to 1: scale them and save them as uint8",
        )),
    }
}

/// Items whose first index changes fastest, ordered so that the last does.
fn in_c_order(items: &[u8], sides: &[usize]) -> Vec<u8> {
    let mut ordered = Vec::with_capacity(items.len());
    let mut index = vec![0; sides.len()];
    for _ in 0..items.len() {
        let mut place = 0;
        for (at, side) in index.iter().zip(sides).rev() {
            place = place * side + at;
        }
        ordered.push(items[place]);
        for (at, side) in index.iter_mut().zip(sides).rev() {
            *at += 1;
            if *at < *side {
                break;
            }
            *at = 0;
        }
    }
    ordered
}

fn shape_of(sides: &[usize]) -> String {
    format!("{sides:?}")
}
