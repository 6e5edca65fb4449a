//! TensorBoard event files: scalars and pictures of the confusion matrix, in the TFRecord framing
//! and the protocol buffers that TensorBoard reads.

pub mod messages;
mod picture;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::evaluation::confusion::Confusion;
use messages::{Event, Image, SessionLog, Summary, Value, event, value};
pub use picture::confusion_picture;

/// The version of the format that TensorBoard asks for.
const FILE_VERSION: &str = "brain.Event:2";
const SESSION_START: i32 = 1;
const RGB: i32 = 3;

/// Writes one event file.
pub struct EventWriter {
    file: File,
    path: PathBuf,
}

impl EventWriter {
    /// Starts an event file in `folder` for a run that stands after `step` steps: TensorBoard
    /// drops what older files of the folder have of later steps.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(folder: &Path, step: usize) -> io::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        // TensorBoard reads the files of a folder in the order of their names.
        let name = format!(
            "events.out.tfevents.{:010}.{:06}.gpu-mnist",
            now.as_secs(),
            now.subsec_micros()
        );
        let path = folder.join(name);
        // A run that was killed before its first checkpoint starts anew beside its old events.
        let resumed = step > 0 || holds_events(folder);
        let mut writer = Self {
            file: File::options().create(true).append(true).open(&path)?,
            path,
        };
        writer.write(0, event::What::FileVersion(FILE_VERSION.into()))?;
        if resumed {
            let start = SessionLog {
                status: SESSION_START,
            };
            writer.write(step + 1, event::What::SessionLog(start))?;
        }
        Ok(writer)
    }

    /// Where the events are written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes numbers by their tags.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn scalars(&mut self, step: usize, scalars: &[(&str, f64)]) -> io::Result<()> {
        let values = scalars.iter().map(|&(tag, number)| Value {
            tag: tag.into(),
            what: Some(value::What::SimpleValue(number as f32)),
        });
        let summary = Summary {
            values: values.collect(),
        };
        self.write(step, event::What::Summary(summary))
    }

    /// Notes the picture of a confusion matrix.
    ///
    /// # Errors
    /// Those of the file system and of the PNG encoder.
    pub fn confusion(&mut self, step: usize, tag: &str, confusion: &Confusion) -> io::Result<()> {
        let picture = confusion_picture(confusion.counts());
        let mut encoded = io::Cursor::new(Vec::new());
        picture
            .write_to(&mut encoded, image::ImageFormat::Png)
            .map_err(io::Error::other)?;
        let image = Image {
            height: picture.height() as i32,
            width: picture.width() as i32,
            colorspace: RGB,
            encoded: encoded.into_inner(),
        };
        let summary = Summary {
            values: vec![Value {
                tag: tag.into(),
                what: Some(value::What::Image(image)),
            }],
        };
        self.write(step, event::What::Summary(summary))
    }

    /// One call to the system an event, so that a killed program leaves whole ones.
    fn write(&mut self, step: usize, what: event::What) -> io::Result<()> {
        let wall_time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let event = Event {
            wall_time,
            step: step as i64,
            what: Some(what),
        };
        self.file.write_all(&record(&event.encode_to_vec()))
    }
}

fn holds_events(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("events.out.tfevents."))
}

/// A TFRecord: length, its checksum, the bytes, their checksum.
fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(bytes.len() + 16);
    record.extend(length);
    record.extend(masked_checksum(&length).to_le_bytes());
    record.extend(bytes);
    record.extend(masked_checksum(bytes).to_le_bytes());
    record
}

/// CRC-32C, turned and shifted as the TFRecord format has it.
fn masked_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}
