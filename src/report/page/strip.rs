//! Accuracies on a line, with their mean and deviation, as an SVG.

use serde::Serialize;

use crate::report::templates::render;
use crate::runs::seeds_record::Statistics;

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 36.0;
const RADIUS: f64 = 6.0;
/// The least share that the line spans.
const LEAST_SPAN: f64 = 2e-4;

/// A run on the line.
pub struct Dot {
    pub value: f64,
    pub says: String,
}

#[derive(Serialize)]
struct Strip<'a> {
    width: f64,
    height: f64,
    margin: f64,
    radius: f64,
    /// Where the line is.
    base: f64,
    dots: Vec<Drawn<'a>>,
    mean: Option<f64>,
    /// From and to, a deviation around the mean.
    band: Option<[f64; 2]>,
    ensemble: Option<f64>,
    ticks: Vec<Tick>,
}

#[derive(Serialize)]
struct Drawn<'a> {
    x: f64,
    y: f64,
    says: &'a str,
}

#[derive(Serialize)]
struct Tick {
    x: f64,
    says: String,
}

/// The strip; dots that would cover each other stand above each other.
///
/// # Errors
/// Those of the template.
pub fn strip(
    dots: &[Dot],
    statistics: Option<Statistics>,
    ensemble: Option<f64>,
) -> anyhow::Result<String> {
    let mean = statistics.map(|found| found.mean);
    let band = statistics.and_then(|found| {
        let deviation = found.standard_deviation?;
        Some([found.mean - deviation, found.mean + deviation])
    });
    let values = dots.iter().map(|dot| dot.value);
    let all: Vec<f64> = (values.chain(band.into_iter().flatten()).chain(ensemble))
        .filter(|value| value.is_finite())
        .collect();
    let lowest = all.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if lowest > highest {
        return Ok(String::new());
    }
    let middle = f64::midpoint(lowest, highest);
    let half = ((highest - lowest) * 0.55).max(LEAST_SPAN / 2.0);
    let [from, to] = [middle - half, middle + half];
    let x = |value: f64| MARGIN + (value - from) / (to - from) * (WIDTH - 2.0 * MARGIN);
    let places: Vec<f64> = dots.iter().map(|dot| x(dot.value)).collect();
    let levels = levels(&places);
    let top = levels.iter().copied().max().unwrap_or(0) as f64;
    let base = 40.0 + (top + 1.0) * 2.2 * RADIUS;
    let drawn = dots.iter().zip(places).zip(levels);
    let strip = Strip {
        width: WIDTH,
        height: base + 34.0,
        margin: MARGIN,
        radius: RADIUS,
        base,
        dots: drawn
            .filter(|((dot, _), _)| dot.value.is_finite())
            .map(|((dot, x), level)| Drawn {
                x,
                y: base - (level as f64 + 0.6) * 2.2 * RADIUS,
                says: &dot.says,
            })
            .collect(),
        mean: mean.filter(|mean| mean.is_finite()).map(x),
        band: band.map(|band| band.map(x)),
        ensemble: ensemble.map(x),
        ticks: ticks(from, to)
            .into_iter()
            .map(|(value, says)| Tick { x: x(value), says })
            .collect(),
    };
    render("strip.svg", &strip)
}

/// How high each dot stands above the line, so that none covers another.
fn levels(places: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|&a, &b| places[a].total_cmp(&places[b]));
    let mut last: Vec<f64> = Vec::new();
    let mut levels = vec![0; places.len()];
    for index in order {
        let free = last
            .iter()
            .position(|right| places[index] - right >= 2.1 * RADIUS);
        let level = free.unwrap_or(last.len());
        match last.get_mut(level) {
            Some(right) => *right = places[index],
            None => last.push(places[index]),
        }
        levels[index] = level;
    }
    levels
}

/// Some five round shares between two, and how they are written.
fn ticks(from: f64, to: f64) -> Vec<(f64, String)> {
    let [from, to] = [from * 100.0, to * 100.0];
    let decade = 10f64.powf((to - from).log10().floor());
    let steps = [0.1, 0.2, 0.5, 1.0].map(|step| step * decade);
    let step = steps.into_iter().find(|step| (to - from) / step <= 6.0);
    let step = step.unwrap_or(decade);
    let digits = (-step.log10().floor()).max(0.0) as usize;
    let first = (from / step).ceil() as i64;
    let last = (to / step).floor() as i64;
    (first..=last)
        .map(|number| number as f64 * step)
        .map(|value| (value / 100.0, format!("{value:.digits$} %")))
        .collect()
}
