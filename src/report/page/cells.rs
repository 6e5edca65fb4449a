//! The images that a report holds, and those of a cell of the confusion matrix.

use std::collections::BTreeMap;

use serde::Serialize;

use super::name;
use crate::evaluation::Evaluation;
use crate::report::record::{Record, WorstImage};

/// An image on the page of a run.
#[derive(Serialize)]
pub struct ListedImage<'a> {
    /// The image's file, or its place in the test split.
    name: String,
    label: String,
    predicted: String,
    confidence: f64,
    loss: f64,
    looks_mislabelled: bool,
    /// That of its cell of the matrix.
    cell: String,
    /// Whether only a click on its cell shows it.
    more: bool,
    png: &'a str,
}

/// A cell of the matrix of which there are images.
#[derive(Serialize)]
pub struct Cell {
    pub id: String,
    label: String,
    predicted: String,
    /// How many images are in it.
    count: u64,
    /// How many of those the page holds.
    held: usize,
}

/// The worst images, then those that stand for their cells alone.
pub fn images<'a>(record: &'a Record, evaluation: &Evaluation) -> Vec<ListedImage<'a>> {
    let listed = |image: &'a WorstImage, more| {
        let verdict = &image.verdict;
        ListedImage {
            name: match &image.file {
                Some(file) => file.clone(),
                None => format!("test image {}", verdict.index),
            },
            label: name(evaluation, verdict.label.into()),
            predicted: name(evaluation, verdict.predicted.into()),
            confidence: verdict.confidence,
            loss: verdict.loss,
            looks_mislabelled: verdict.looks_mislabelled,
            cell: id(verdict.label.into(), verdict.predicted.into()),
            more,
            png: &image.png,
        }
    };
    let worst = record.worst.iter().map(|image| listed(image, false));
    let more = record.misread.iter().map(|image| listed(image, true));
    worst.chain(more).collect()
}

/// The cells by label and prediction.
pub fn cells(record: &Record, evaluation: &Evaluation) -> BTreeMap<(usize, usize), Cell> {
    let mut cells = BTreeMap::new();
    let counts = evaluation.confusion.counts();
    for image in record.worst.iter().chain(&record.misread) {
        let place = (
            usize::from(image.verdict.label),
            usize::from(image.verdict.predicted),
        );
        let count = counts.get(place.0).and_then(|row| row.get(place.1));
        let cell = cells.entry(place).or_insert_with(|| Cell {
            id: id(place.0, place.1),
            label: name(evaluation, place.0),
            predicted: name(evaluation, place.1),
            count: count.copied().unwrap_or(0),
            held: 0,
        });
        cell.held += 1;
    }
    cells
}

fn id(label: usize, predicted: usize) -> String {
    format!("cell-{label}-{predicted}")
}
