//! Tables with an image a row, as Kaggle has them: a label, first or in a column of that name, and
//! pixels from 0 to 255; a file, or a folder with `train.csv` and, with labels, `test.csv`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::arrays::{self, Arrays, Labelled, check_memory};
use super::broken::Broken;
use super::tree::as_people_count;
use super::{Format, Holds, Reading};
use crate::config::{BrokenFiles, ImageSize};
use crate::data::error::DataError;
use crate::data::image_set::{ImageShape, MOST_CLASSES, SIDES};
use crate::data::open_set::OpenSet;

pub const FORMAT: Format = Format {
    name: "CSV",
    holds,
    read,
};

/// The longest line: 128x128 pixels in colour take 200 KB.
const MOST_LINE: u64 = 1 << 20;
/// What the column of labels is called, in lower case.
const LABELS: [&str; 4] = ["label", "labels", "class", "target"];

fn holds(path: &Path) -> Holds {
    if path.is_dir() {
        return match (
            named(path, "train").is_some(),
            named(path, "test").is_some(),
        ) {
            (true, _) => Holds::Whole,
            (false, true) => Holds::Part,
            (false, false) => Holds::Nothing,
        };
    }
    match is_table(path) {
        true => Holds::Whole,
        false => Holds::Nothing,
    }
}

/// The table of a split in a folder, such as `train.csv` or `mnist_train.csv`.
fn named(folder: &Path, part: &str) -> Option<PathBuf> {
    super::entries_in(folder).into_iter().find(|path| {
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().to_lowercase());
        let stem = stem.unwrap_or_default();
        let ending = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        ending && (stem == part || stem.ends_with(&format!("_{part}"))) && is_table(path)
    })
}

/// Whether the second line of a file is of numbers alone, but for one that may be a label, as many
/// as the smallest image has pixels.
fn is_table(path: &Path) -> bool {
    let lines = || -> Option<[Vec<u8>; 2]> {
        let file = path.is_file().then(|| File::open(path).ok())??;
        let mut file = BufReader::new(file.take(2 * MOST_LINE));
        let mut lines = [Vec::new(), Vec::new()];
        for line in &mut lines {
            file.read_until(b'\n', line).ok()?;
        }
        Some(lines)
    };
    let Some([first, second]) = lines() else {
        return false;
    };
    let row = match second.is_empty() {
        true => first,
        false => second,
    };
    let fields = row.split(|&byte| byte == b',');
    let numbers = fields
        .clone()
        .filter(|field| pixel(field).is_some())
        .count();
    numbers >= SIDES.start() * SIDES.start() && numbers + 1 >= fields.count()
}

fn read(path: &Path, name: &str, reading: &Reading) -> Result<OpenSet, DataError> {
    let (train, test) = match path.is_dir() {
        true => (named(path, "train"), named(path, "test")),
        false => (Some(path.to_owned()), None),
    };
    let train = train.ok_or_else(|| {
        DataError::unfit(
            path,
            "holds no table train.csv",
            "name the file with images to train on",
        )
    })?;
    let mut notes = Vec::new();
    let mut warnings = Vec::new();
    let mut table = |path: &Path, columns: Option<usize>| {
        let table = Table::open(path, columns)?;
        table.read(&reading.options.broken, &mut warnings)
    };
    let trained = table(&train, None)?;
    let tested = match &test {
        None => None,
        Some(path) => match table(path, Some(trained.columns))? {
            rows if rows.labels.is_none() => {
                notes.push(format!("{} has no labels and is left out", path.display()));
                None
            }
            rows => Some(rows),
        },
    };
    let shape = shape(&train, &trained, reading.options.size)?;
    let Some(labels) = &trained.labels else {
        return Err(DataError::unfit(
            &train,
            "has no column of labels",
            "name one `label`, or put the labels first",
        ));
    };
    let tested_labels = tested.as_ref().and_then(|rows| rows.labels.as_ref());
    let texts: Vec<&Vec<String>> = [Some(labels), tested_labels]
        .into_iter()
        .flatten()
        .collect();
    let class_names = class_names(&train, &texts)?;
    let labelled = |path: &Path, rows: Rows| {
        let labels = rows.labels.unwrap_or_default();
        Ok(Labelled {
            shape,
            images: rows.pixels,
            labels: numbers(path, &labels, class_names.as_deref())?,
        })
    };
    let tested = match (&test, tested) {
        (Some(path), Some(rows)) => Some(labelled(path, rows)?),
        _ => None,
    };
    let trained = labelled(&train, trained)?;
    let arrays = Arrays {
        train: trained,
        valid: None,
        test: tested,
        class_names,
        notes,
        warnings,
    };
    arrays.into_set(path, name)
}

/// A file whose first line was looked at.
struct Table<'a> {
    path: &'a Path,
    reader: Reader<BufReader<File>>,
    /// The names of the columns; `None` where the first line is a row.
    header: Option<Vec<String>>,
    /// The column of labels; `None` where there is none.
    label: Option<usize>,
    columns: usize,
}

struct Rows {
    columns: usize,
    header: Option<Vec<String>>,
    /// One after another.
    pixels: Vec<u8>,
    /// As they are written; `None` where there is no column of them.
    labels: Option<Vec<String>>,
}

impl<'a> Table<'a> {
    /// Looks at the first line; `like` are the columns of a table with labels.
    fn open(path: &'a Path, like: Option<usize>) -> Result<Self, DataError> {
        let open = || {
            let file = BufReader::new(File::open(path)?);
            Ok(ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(file))
        };
        let unreadable =
            |error: csv::Error| DataError::unread(path, "cannot be read", &error.into());
        let open = || open().map_err(|error: std::io::Error| unreadable(error.into()));
        let mut first = ByteRecord::new();
        let mut reader = open()?;
        reader.read_byte_record(&mut first).map_err(unreadable)?;
        let names: Vec<String> = first
            .iter()
            .map(|name| {
                String::from_utf8_lossy(name)
                    .trim_matches(['\u{feff}', ' '])
                    .to_owned()
            })
            .collect();
        // A row has one field at most that is no number: its label.
        let header = first.iter().filter(|field| pixel(field).is_none()).count() > 1
            || names
                .first()
                .is_some_and(|name| LABELS.contains(&&name.to_lowercase()[..]));
        let columns = names.len();
        let named = names
            .iter()
            .position(|name| LABELS.contains(&&name.to_lowercase()[..]));
        let label = match (header, like) {
            (true, _) if named.is_some() => named,
            (_, Some(like)) if columns + 1 == like => None,
            (true, _) if numbered_alike(&names) => None,
            _ => Some(0),
        };
        Ok(Self {
            path,
            reader: match header {
                true => reader,
                false => open()?,
            },
            header: header.then_some(names),
            label,
            columns,
        })
    }

    fn read(
        mut self,
        allowed: &BrokenFiles,
        warnings: &mut Vec<String>,
    ) -> Result<Rows, DataError> {
        let mut rows = Rows {
            columns: self.columns,
            header: self.header.clone(),
            pixels: Vec::new(),
            labels: self.label.map(|_| Vec::new()),
        };
        let mut broken = Broken::default();
        let mut sound = 0;
        let mut record = ByteRecord::new();
        loop {
            match self.reader.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    broken.add(|| error.to_string());
                    break;
                }
            }
            let line = record.position().map_or(0, csv::Position::line);
            let before = rows.pixels.len();
            match self.row(&record, &mut rows) {
                Ok(()) => sound += 1,
                Err(reason) => {
                    rows.pixels.truncate(before);
                    broken.add(|| format!("line {line}: {reason}"));
                }
            }
            if sound % 1024 == 0 {
                check_memory(self.path, rows.pixels.len() as u64)?;
            }
        }
        warnings.extend(broken.judge(self.path, "rows", sound, *allowed)?);
        Ok(rows)
    }

    /// Adds a row, or a part of one that cannot be used.
    fn row(&self, record: &ByteRecord, rows: &mut Rows) -> Result<(), String> {
        if record.len() != self.columns {
            return Err(format!(
                "{} values, others have {}",
                record.len(),
                self.columns
            ));
        }
        for (column, field) in record.iter().enumerate() {
            if Some(column) == self.label {
                continue;
            }
            let value = pixel(field).ok_or_else(|| {
                format!(
                    "column {} holds `{}`; pixels are whole numbers from 0 to 255",
                    column + 1,
                    String::from_utf8_lossy(&field[..field.len().min(20)])
                )
            })?;
            rows.pixels.push(value);
        }
        if let (Some(column), Some(labels)) = (self.label, &mut rows.labels) {
            let label = String::from_utf8_lossy(&record[column]).trim().to_owned();
            match label.is_empty() {
                true => return Err("no label".into()),
                false => labels.push(label),
            }
        }
        Ok(())
    }
}

/// Whether the first column is called as the next one is, but for its number: it holds pixels, not labels.
fn numbered_alike(names: &[String]) -> bool {
    let word = |name: &String| {
        let word = name.trim_end_matches(|part: char| part.is_ascii_digit());
        (word.len() < name.len()).then(|| word.to_lowercase())
    };
    match names {
        [first, second, ..] => word(first).is_some_and(|of_first| word(second) == Some(of_first)),
        _ => false,
    }
}

/// A pixel as a byte: `7`, or `7.0` as some tables have it.
fn pixel(field: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(field).ok()?.trim();
    text.parse().ok().or_else(|| {
        let value: f64 = text.parse().ok()?;
        let whole = value.fract() == 0.0 && (0.0..=255.0).contains(&value);
        whole.then_some(value as u8)
    })
}

/// The shape of the images: by `data.size`, by the names of the columns, or as a square.
fn shape(path: &Path, rows: &Rows, size: ImageSize) -> Result<ImageShape, DataError> {
    let pixels = rows.columns - usize::from(rows.labels.is_some());
    let by = |[height, width]: [usize; 2]| {
        let channels = [1, 3];
        let channels = channels
            .into_iter()
            .find(|channels| height * width * channels == pixels)?;
        Some(ImageShape {
            height,
            width,
            channels,
        })
    };
    let square = |channels: usize| {
        let side = (pixels / channels).isqrt();
        by([side, side])
    };
    let named = rows.header.as_deref().and_then(sides_by_names);
    size.sides()
        .and_then(by)
        .or_else(|| named.and_then(by))
        .or_else(|| square(1))
        .or_else(|| square(3))
        .ok_or_else(|| {
            DataError::unfit(
                path,
                format!("{pixels} pixels a row are no square image, grey or in colour"),
                "say their height and width, such as --set data.size=[24,32]",
            )
        })
}

/// Height and width by the name of the last pixel, `pixelROWxCOLUMN` or `ROWxCOLUMN`, counted as
/// the first one's.
fn sides_by_names(header: &[String]) -> Option<[usize; 2]> {
    let place = |name: &String| -> Option<[usize; 2]> {
        let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        let (row, column) = digits.split_once('x')?;
        Some([row.parse().ok()?, column.parse().ok()?])
    };
    let mut places = header.iter().filter_map(place);
    let first = places.next()?;
    let last = places.next_back()?;
    let side = |at: usize| Some(last[at].checked_sub(first[at])? + 1);
    Some([side(0)?, side(1)?])
}

/// The classes' names, where labels are no numbers.
fn class_names(path: &Path, texts: &[&Vec<String>]) -> Result<Option<Vec<String>>, DataError> {
    let mut names: Vec<&String> = texts.iter().copied().flatten().collect();
    if names.iter().all(|text| text.parse::<f64>().is_ok()) {
        return Ok(None);
    }
    names.sort_by(|a, b| as_people_count(a, b));
    names.dedup();
    match names.len() {
        0..=MOST_CLASSES => Ok(Some(names.into_iter().cloned().collect())),
        found => Err(DataError::unfit(
            path,
            format!("{found} labels that differ"),
            format!(
                "at most {MOST_CLASSES} classes can be told apart: check which column holds the labels"
            ),
        )),
    }
}

/// Labels as numbers; with `names`, where each stands in them.
fn numbers(path: &Path, texts: &[String], names: Option<&[String]>) -> Result<Vec<u16>, DataError> {
    let number: HashMap<&String, u16> = names.unwrap_or_default().iter().zip(0..).collect();
    let as_number = |text: &String| match number.get(text) {
        Some(&number) => Ok(number),
        None => {
            let label = arrays::label(text.parse().unwrap_or(f64::NAN));
            label.map_err(|reason| {
                DataError::unfit(path, format!("a row has {reason}"), "correct the labels")
            })
        }
    };
    texts.iter().map(as_number).collect()
}
