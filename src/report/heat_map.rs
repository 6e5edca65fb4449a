//! The confusion matrix as an SVG heat map: mistakes stand out, right answers stay calm.

use serde::Serialize;

use super::templates::render;
use crate::evaluation::Evaluation;

/// Side of a cell; everything else is placed around the cells.
const CELL: f64 = 36.0;
/// Shades of mistakes; 0 is no mistake.
const LEVELS: f64 = 6.0;

#[derive(Serialize)]
struct HeatMap {
    width: f64,
    height: f64,
    left: f64,
    top: f64,
    side: f64,
    cell: f64,
    /// Names too long to stand above a column are turned.
    turned: bool,
    names: Vec<Name>,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Name {
    text: String,
    /// Middle of its row, and of its column.
    at: f64,
}

#[derive(Serialize)]
struct Cell {
    x: f64,
    y: f64,
    class: String,
    count: u64,
    truth: String,
    predicted: String,
}

/// Draws the counts of an evaluation.
///
/// # Errors
/// Those of the template.
pub fn heat_map(evaluation: &Evaluation) -> anyhow::Result<String> {
    let labels: Vec<&str> = evaluation
        .classes
        .iter()
        .map(|class| class.label.as_str())
        .collect();
    let longest = labels.iter().map(|label| label.chars().count()).max();
    let longest = longest.unwrap_or(1);
    let turned = longest > 3;
    let left = 34.0 + longest as f64 * 7.5;
    let top = if turned {
        34.0 + longest as f64 * 5.5
    } else {
        46.0
    };
    let most = evaluation
        .confusion
        .mistakes()
        .first()
        .map_or(1, |most| most.count);
    let counts = evaluation.confusion.counts();
    let side = CELL * counts.len() as f64;
    let cells = counts.iter().enumerate().flat_map(|(truth, row)| {
        let labels = &labels;
        row.iter().enumerate().map(move |(predicted, &count)| Cell {
            x: left + predicted as f64 * CELL,
            y: top + truth as f64 * CELL,
            class: match truth == predicted {
                true => "right".into(),
                false => format!("wrong{}", level(count, most)),
            },
            count,
            truth: label(labels, truth),
            predicted: label(labels, predicted),
        })
    });
    let names = labels.iter().enumerate().map(|(place, label)| Name {
        text: (*label).into(),
        at: (place as f64 + 0.5) * CELL,
    });
    let map = HeatMap {
        // Turned names reach beyond the last column.
        width: left + side + if turned { longest as f64 * 5.0 } else { 6.0 },
        height: top + side + 6.0,
        left,
        top,
        side,
        cell: CELL,
        turned,
        names: names.collect(),
        cells: cells.collect(),
    };
    render("confusion.svg", &map)
}

fn label(labels: &[&str], class: usize) -> String {
    labels
        .get(class)
        .map_or_else(|| class.to_string(), |label| (*label).into())
}

/// The square root tells few mistakes apart as well as many.
fn level(count: u64, most: u64) -> u64 {
    let share = (count as f64 / most as f64).sqrt();
    (share * LEVELS).ceil() as u64
}
