//! The confusion matrix as an SVG heat map: mistakes stand out, right answers stay calm.

use serde::Serialize;

use super::templates::render;
use crate::evaluation::Evaluation;
use crate::evaluation::confusion::Confusion;

/// Side of a cell; everything else is placed around the cells.
const CELL: f64 = 36.0;
/// A page may shrink it to this share of its size.
const SMALLEST: f64 = 0.8;
/// Shades of mistakes; 0 is no mistake.
const LEVELS: f64 = 6.0;

#[derive(Serialize)]
struct HeatMap {
    width: f64,
    height: f64,
    /// The least width at which its text can be read.
    least: f64,
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
    label: String,
    predicted: String,
    link: Option<String>,
}

/// More classes than these are not drawn: of many, those with most mistakes.
pub const MOST_CLASSES: usize = 60;
const SHOWN_OF_MANY: usize = 40;

/// The classes that are drawn: all, or of many those that are mistaken and taken for others most.
fn shown(counts: &[Vec<u64>]) -> Vec<usize> {
    let all: Vec<usize> = (0..counts.len()).collect();
    if all.len() <= MOST_CLASSES {
        return all;
    }
    let mistakes = |&class: &usize| {
        let row: u64 = counts[class].iter().sum();
        let column: u64 = counts.iter().map(|row| row[class]).sum();
        row + column - 2 * counts[class][class]
    };
    let mut worst = all;
    worst.sort_by_key(|class| std::cmp::Reverse(mistakes(class)));
    worst.truncate(SHOWN_OF_MANY);
    worst.sort_unstable();
    worst
}

/// Draws the counts of an evaluation; of more than [`MOST_CLASSES`] classes, those with most
/// mistakes.
///
/// # Errors
/// Those of the template.
pub fn heat_map(evaluation: &Evaluation) -> anyhow::Result<String> {
    linked(&evaluation.confusion, &evaluation.labels(), &|_, _| None)
}

/// The same of counts and the names of their classes; `link` names the part of the page that a click on the cell of a label and a prediction leads
/// to.
///
/// # Errors
/// Those of the template.
pub fn linked(
    confusion: &Confusion,
    labels: &[&str],
    link: &dyn Fn(usize, usize) -> Option<String>,
) -> anyhow::Result<String> {
    let all = confusion.counts();
    let shown = shown(all);
    let labels: Vec<&str> = shown.iter().map(|&class| labels[class]).collect();
    let longest = labels.iter().map(|label| label.chars().count()).max();
    let longest = longest.unwrap_or(1);
    let turned = longest > 3;
    let left = 34.0 + longest as f64 * 7.5;
    let top = if turned {
        34.0 + longest as f64 * 5.5
    } else {
        46.0
    };
    let most = confusion.mistakes().first().map_or(1, |most| most.count);
    let counts: Vec<Vec<u64>> = shown
        .iter()
        .map(|&label| shown.iter().map(|&other| all[label][other]).collect())
        .collect();
    let side = CELL * counts.len() as f64;
    let cells = counts.iter().enumerate().flat_map(|(of, row)| {
        let (labels, shown) = (&labels, &shown);
        row.clone()
            .into_iter()
            .enumerate()
            .map(move |(predicted, count)| Cell {
                x: left + predicted as f64 * CELL,
                y: top + of as f64 * CELL,
                class: match of == predicted {
                    true => "right".into(),
                    false => format!("wrong{}", level(count, most)),
                },
                count,
                label: label(labels, of),
                predicted: label(labels, predicted),
                link: link(shown[of], shown[predicted]),
            })
    });
    let names = labels.iter().enumerate().map(|(place, label)| Name {
        text: (*label).into(),
        at: (place as f64 + 0.5) * CELL,
    });
    // Turned names reach beyond the last column.
    let width = left + side + if turned { longest as f64 * 5.0 } else { 6.0 };
    let map = HeatMap {
        width,
        least: (width * SMALLEST).round(),
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
