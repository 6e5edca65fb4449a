//! Tables with an image a row, as Kaggle has them: a label, first or in a column of that name, and
//! pixels from 0 to 255; a file, or a folder with `train.csv` and, with labels, `test.csv`.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};
use flate2::read::MultiGzDecoder;

use super::arrays::{self, Arrays, Labelled, check_memory};
use super::broken::Broken;
use super::folders::entries_in;
use super::packed;
use super::{Format, Holds, Reading};
use crate::config::{BrokenFiles, ImageSize};
use crate::data::error::DataError;
use crate::data::image_set::{ImageShape, SIDES};
use crate::data::open_set::OpenSet;
use crate::wording::count;

pub const FORMAT: Format = Format {
    name: "CSV",
    holds,
    read,
};

/// What may part the values of a row.
const PARTS: [u8; 3] = [b';', b'\t', b','];
/// Of a file, the bytes that tell which of them does.
const BEGIN: u64 = 64 << 10;
/// The pixels of the smallest image.
const LEAST_PIXELS: usize = *SIDES.start() * *SIDES.start();
/// What a column that numbers the rows is called, in lower case.
const NUMBERS: [&str; 5] = ["", "id", "index", "image_id", "unnamed: 0"];
/// The longest line: 128x128 pixels in colour take 200 KB, and their names more.
const MOST_LINE: u64 = 2 << 20;
/// What the column of labels is called, in lower case.
const LABELS: [&str; 4] = ["label", "labels", "class", "target"];

fn holds(path: &Path) -> Holds {
    if path.is_dir() {
        let named = |part| named(path, part);
        return match (named("train"), named("test")) {
            (Some(train), _) if is_table(&train) => Holds::Whole,
            // What is wrong with a table is said when it is read.
            (Some(train), _) if looks_like_table(&train) => Holds::Part,
            (_, Some(test)) if is_table(&test) => Holds::Part,
            _ => Holds::Nothing,
        };
    }
    match is_table(path) {
        true => Holds::Whole,
        // What is wrong with it is said when it is read.
        false if stem(path).is_some() && first_rows(path).is_some() => Holds::Part,
        false => Holds::Nothing,
    }
}

/// The name of a file that is called as tables are, without its ending and in lower case.
fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let ends = [".csv", ".tsv"];
    let stem = ends.iter().find_map(|end| name.strip_suffix(end))?;
    Some(stem.to_owned())
}

/// The table of a split in a folder, such as `train.csv` or `mnist_train.csv`.
fn named(folder: &Path, part: &str) -> Option<PathBuf> {
    let is_named = |path: &PathBuf| {
        let stem = stem(path);
        stem.is_some_and(|stem| stem == part || stem.ends_with(&format!("_{part}")))
    };
    let mut tables = entries_in(folder);
    tables.retain(is_named);
    // The others may list names of files.
    let table = tables.iter().find(|path| is_table(path));
    table.or(tables.first()).cloned()
}

/// A file as rows, unpacked where it is packed.
struct Opened {
    reader: Reader<Box<dyn Read>>,
    /// Lines of comments before the first row.
    comments: u64,
    is_utf16: bool,
}

/// Opens at most so many bytes of a file.
fn open(path: &Path, most: u64) -> io::Result<Opened> {
    // To open a pipe may never end.
    if !path.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut file = BufReader::new(File::open(path)?);
    let mut unpacked: Box<dyn Read> = match packed::is_gzip(file.fill_buf()?) {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    };
    let mut begin = Vec::new();
    (&mut unpacked).take(BEGIN).read_to_end(&mut begin)?;
    let is_utf16 = begin.starts_with(&[0xff, 0xfe]) || begin.starts_with(&[0xfe, 0xff]);
    let mut comments = 0;
    while let Some(length) = comment(&begin) {
        begin.drain(..length);
        comments += 1;
    }
    let often = |part: &u8| begin.iter().filter(|byte| *byte == part).count();
    let delimiter = PARTS.into_iter().max_by_key(often);
    let rest = ShortLines {
        inner: Cursor::new(begin).chain(unpacked).take(most),
        length: 0,
    };
    let rest: Box<dyn Read> = Box::new(rest);
    let reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter.unwrap_or(b','))
        .from_reader(rest);
    Ok(Opened {
        reader,
        comments,
        is_utf16,
    })
}

/// Refuses a line that is longer than any row of an image, before it fills the memory.
struct ShortLines<R> {
    inner: R,
    /// Of the line that is being read.
    length: u64,
}

impl<R: Read> Read for ShortLines<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        for line in into[..read].split_inclusive(|byte| b"\r\n".contains(byte)) {
            self.length += line.len() as u64;
            if self.length > MOST_LINE {
                let reason = "a line is longer than 2 MB, and no image has such a row";
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            if line.ends_with(b"\r") || line.ends_with(b"\n") {
                self.length = 0;
            }
        }
        Ok(read)
    }
}

/// The length of a line that begins with `#` and is no row of pixels.
fn comment(text: &[u8]) -> Option<usize> {
    let line = text.split_inclusive(|&byte| byte == b'\n').next()?;
    let values = line.iter().filter(|byte| PARTS.contains(byte)).count();
    (line.starts_with(b"#") && values < LEAST_PIXELS).then_some(line.len())
}

/// The first two rows of a file; of one in UTF-16, none.
fn first_rows(path: &Path) -> Option<[ByteRecord; 2]> {
    rows_of(&mut open(path, MOST_LINE).ok()?)
}

fn rows_of(opened: &mut Opened) -> Option<[ByteRecord; 2]> {
    let mut rows = [ByteRecord::new(), ByteRecord::new()];
    for row in rows.iter_mut().filter(|_| !opened.is_utf16) {
        opened.reader.read_byte_record(row).ok()?;
    }
    Some(rows)
}

/// Whether the second row of a file is of numbers alone, but for two that may be a label and the number of the row,
/// as many as the smallest image has pixels.
fn is_table(path: &Path) -> bool {
    let Some([first, second]) = first_rows(path) else {
        return false;
    };
    let row = match second.is_empty() {
        true => first,
        false => second,
    };
    let values = width(&row);
    let fields = row.iter().take(values);
    let numbers = fields.filter(|field| pixel(field).is_some()).count();
    numbers >= LEAST_PIXELS && numbers + 2 >= values
}

/// Whether a file has rows as long as those of images, or cannot be read as it is written.
fn looks_like_table(path: &Path) -> bool {
    let Ok(mut opened) = open(path, MOST_LINE) else {
        return false;
    };
    let is_long = |row: &ByteRecord| row.len() >= LEAST_PIXELS;
    opened.is_utf16 || rows_of(&mut opened).is_some_and(|rows| rows.iter().any(is_long))
}

/// How many values a row has; what follows a comma at its end is none.
fn width(row: &ByteRecord) -> usize {
    match row.iter().next_back() {
        Some(last) if row.len() > 1 && last.trim_ascii().is_empty() => row.len() - 1,
        _ => row.len(),
    }
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
        Some(path) => match table(path, Some(trained.width))? {
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
    let class_names = arrays::class_names(&train, &texts)?;
    let labelled = |path: &Path, rows: Rows| {
        let labels = rows.labels.unwrap_or_default();
        Ok(Labelled {
            shape,
            images: rows.pixels,
            labels: arrays::numbers(path, &labels, class_names.as_deref())?,
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

/// A file whose first row was looked at.
struct Table<'a> {
    path: &'a Path,
    file: Opened,
    /// The names of the columns of pixels; `None` where the first line is a row.
    header: Option<Vec<String>>,
    /// The column of labels; `None` where there is none.
    label: Option<usize>,
    columns: usize,
    /// The columns of the pixels of an image, in turn.
    pixels: Vec<usize>,
}

struct Rows {
    /// Pixels of a row.
    width: usize,
    header: Option<Vec<String>>,
    /// One after another.
    pixels: Vec<u8>,
    /// As they are written; `None` where there is no column of them.
    labels: Option<Vec<String>>,
}

impl<'a> Table<'a> {
    /// Looks at the first row; `like` are the pixels a row of a table with labels.
    fn open(path: &'a Path, like: Option<usize>) -> Result<Self, DataError> {
        let unreadable =
            |error: csv::Error| DataError::unread(path, "cannot be read", &error.into());
        let opened = || open(path, u64::MAX).map_err(|error| unreadable(error.into()));
        let mut file = opened()?;
        if file.is_utf16 {
            return Err(DataError::unfit(
                path,
                "is written in UTF-16",
                "save the table as UTF-8",
            ));
        }
        let mut first = ByteRecord::new();
        file.reader
            .read_byte_record(&mut first)
            .map_err(unreadable)?;
        let columns = width(&first);
        if columns == 0 {
            return Err(DataError::unfit(
                path,
                "holds no rows",
                "give each image a row with its label and its pixels",
            ));
        }
        let names: Vec<String> = first
            .iter()
            .take(columns)
            .map(|name| {
                String::from_utf8_lossy(name)
                    .trim_matches(['\u{feff}', ' '])
                    .to_owned()
            })
            .collect();
        let is_label = |name: &String| LABELS.contains(&&name.to_lowercase()[..]);
        let named = names.iter().position(is_label);
        // A row has one field at most that is no number: its label.
        let words = names.iter().filter(|name| name.parse::<f64>().is_err());
        let header = named.is_some() || words.count() > 1 || count_up(&names);
        let is_numbered = header
            && (named.is_some() || like.is_some_and(|like| like + 1 == columns))
            && NUMBERS.contains(&&names[0].to_lowercase()[..]);
        let is_pixel = |column: usize| pixel(&first[column]).is_some();
        let label = match (header, like) {
            (true, _) if named.is_some() => named,
            (_, Some(like)) if columns == like + usize::from(is_numbered) => None,
            (true, _) if numbered_alike(&names) => None,
            // Words in the last column, and a pixel in the first.
            (false, None) if is_pixel(0) && !is_pixel(columns - 1) => Some(columns - 1),
            _ => Some(0),
        };
        let mut pixels: Vec<usize> = (0..columns)
            .filter(|&column| Some(column) != label && !(is_numbered && column == 0))
            .collect();
        if pixels.len() < LEAST_PIXELS {
            return Err(DataError::unfit(
                path,
                format!(
                    "line {}: {} in a row, and the smallest images have {LEAST_PIXELS} pixels",
                    line_of(&first) + file.comments,
                    count(columns, "value")
                ),
                "give each image a row with its label and its pixels",
            ));
        }
        if header {
            in_order(&names, &mut pixels);
        }
        Ok(Self {
            path,
            file: match header {
                true => file,
                false => opened()?,
            },
            header: header.then(|| pixels.iter().map(|&at| names[at].clone()).collect()),
            label,
            columns,
            pixels,
        })
    }

    fn read(
        mut self,
        allowed: &BrokenFiles,
        warnings: &mut Vec<String>,
    ) -> Result<Rows, DataError> {
        let mut rows = Rows {
            width: self.pixels.len(),
            header: self.header.clone(),
            pixels: Vec::new(),
            labels: self.label.map(|_| Vec::new()),
        };
        let mut broken = Broken::default();
        let mut sound = 0;
        let mut record = ByteRecord::new();
        loop {
            match self.file.reader.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) if record.iter().all(|field| field.trim_ascii().is_empty()) => continue,
                Ok(true) => {}
                Err(error) => {
                    broken.add(|| error.to_string());
                    break;
                }
            }
            let line = line_of(&record) + self.file.comments;
            self.check_label(&record, line)?;
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

    /// Labels that differ must not look alike.
    fn check_label(&self, record: &ByteRecord, line: u64) -> Result<(), DataError> {
        let label = self.label.and_then(|column| record.get(column));
        let label = label.unwrap_or_default();
        match std::str::from_utf8(label) {
            Ok(_) => Ok(()),
            Err(_) => Err(DataError::unfit(
                self.path,
                format!(
                    "line {line}: the label {} is not UTF-8",
                    String::from_utf8_lossy(label)
                ),
                "save the table as UTF-8",
            )),
        }
    }

    /// Adds a row, or a part of one that cannot be used.
    fn row(&self, record: &ByteRecord, rows: &mut Rows) -> Result<(), String> {
        if record.len() != self.columns && width(record) != self.columns {
            return Err(format!(
                "{} values, others have {}",
                record.len(),
                self.columns
            ));
        }
        for &column in &self.pixels {
            let field = &record[column];
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

fn line_of(record: &ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

/// Whether the names of columns are numbers that count up, as those of pixels may be.
fn count_up(names: &[String]) -> bool {
    let numbers: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
    numbers.len() >= LEAST_PIXELS && numbers.is_sorted_by(|a, b| a < b)
}

/// Orders columns by the numbers in their names, where those are all that tells the names apart.
fn in_order(names: &[String], columns: &mut [usize]) {
    let places: Vec<Option<(String, [u32; 2])>> = names.iter().map(|name| place(name)).collect();
    let of = |column: usize| places[column].as_ref();
    let Some((stem, _)) = of(columns[0]) else {
        return;
    };
    let mut seen = HashSet::new();
    let are_alike = columns.iter().all(|&column| {
        of(column).is_some_and(|(other, numbers)| other == stem && seen.insert(*numbers))
    });
    if are_alike {
        columns.sort_by_key(|&column| of(column).map(|(_, numbers)| *numbers));
    }
}

/// What the name of a column begins with, and its number, or its row and column: `pixel7`, `3x4`.
fn place(name: &str) -> Option<(String, [u32; 2])> {
    let (before, last) = ending_number(name)?;
    let both = before.strip_suffix(['x', 'X']).and_then(ending_number);
    Some(match both {
        Some((stem, row)) => (format!("{stem} x").to_lowercase(), [row, last]),
        None => (before.to_lowercase(), [0, last]),
    })
}

fn ending_number(name: &str) -> Option<(&str, u32)> {
    let stem = name.trim_end_matches(|part: char| part.is_ascii_digit());
    Some((stem, name[stem.len()..].parse().ok()?))
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
    let pixels = rows.width;
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
                format!("{pixels} pixels a row do not make a square image, grey or in colour"),
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
