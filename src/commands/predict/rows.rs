//! The answers of `predict` as CSV: a line a drawing, or a line for a file that could not be read.

use std::path::Path;

use serde::Serialize;

use super::Reading;

/// A line; which of several drawings of its file it is about is counted from 1.
#[derive(Serialize, Default)]
struct Row<'a> {
    file: String,
    drawing: Option<usize>,
    class: Option<usize>,
    label: &'a str,
    probability: Option<f64>,
    score: Option<f32>,
    unsure: Option<bool>,
    left: Option<u32>,
    top: Option<u32>,
    width: Option<u32>,
    height: Option<u32>,
    error: String,
}

/// The names of the columns.
pub fn header() -> String {
    "file,drawing,class,label,probability,score,unsure,left,top,width,height,error\n".into()
}

/// What was read in `file`.
///
/// # Errors
/// Those of the CSV writer.
pub fn of_readings<'a>(file: &Path, readings: &'a [Reading<'a>]) -> anyhow::Result<String> {
    let row = |(place, reading): (usize, &'a Reading<'a>)| {
        let best = &reading.guesses[0];
        Row {
            file: file.to_string_lossy().into(),
            drawing: Some(place + 1),
            class: Some(best.class),
            label: best.label,
            probability: Some(best.probability),
            score: reading.score,
            unsure: reading.score.map(|_| reading.unsure),
            left: Some(reading.bounds.left),
            top: Some(reading.bounds.top),
            width: Some(reading.bounds.width),
            height: Some(reading.bounds.height),
            error: String::new(),
        }
    };
    lines(readings.iter().enumerate().map(row))
}

/// Why `file` could not be read.
///
/// # Errors
/// Those of the CSV writer.
pub fn of_error(file: &Path, error: String) -> anyhow::Result<String> {
    lines([Row {
        file: file.to_string_lossy().into(),
        error,
        ..Row::default()
    }])
}

fn lines<'a>(rows: impl IntoIterator<Item = Row<'a>>) -> anyhow::Result<String> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
