//! Loss and accuracy over the epochs as SVG, in light colours with dark ones for a dark page.

use std::fmt::Write;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::record::Record;
use crate::training::history::EpochRecord;

/// A line of a chart.
struct Line {
    /// In the legend; empty: it stands in none.
    name: String,
    colour: RGBColor,
    /// All of them [`drawable`].
    points: Vec<(f64, f64)>,
    /// Single steps are drawn faintly behind what sums them up.
    faint: bool,
}

/// What a chart shows.
#[derive(Clone, Copy, PartialEq)]
enum Scale {
    /// Logarithmic, from the smallest loss.
    Loss,
    /// In percent, from where most of the training lies.
    Accuracy,
}

/// Drawn at three times the size it is shown at, because the coordinates are whole numbers.
pub(super) const SIZE: (u32, u32) = (1260, 840);
pub(super) const FONT: f64 = 52.0;
/// More points than this are thinned out: the screen has no more columns.
const MOST_POINTS: usize = 600;
/// Larger numbers than this are left out.
const MOST: f64 = 1e12;

pub(super) const INK: RGBColor = RGBColor(0x37, 0x41, 0x51);
pub(super) const GRID: RGBColor = RGBColor(0xD1, 0xD5, 0xDB);
pub(super) const SURFACE: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// Light colours, readable on [`SURFACE`], and the dark ones in their place.
pub(super) const LINES: [(RGBColor, &str); 8] = [
    (RGBColor(0x1D, 0x4E, 0xD8), "#93C5FD"),
    (RGBColor(0xC2, 0x41, 0x0C), "#FDBA74"),
    (RGBColor(0x04, 0x78, 0x57), "#6EE7B7"),
    (RGBColor(0x7E, 0x22, 0xCE), "#D8B4FE"),
    (RGBColor(0xBE, 0x12, 0x3C), "#FDA4AF"),
    (RGBColor(0x0E, 0x74, 0x90), "#67E8F9"),
    (RGBColor(0x4D, 0x7C, 0x0F), "#BEF264"),
    (RGBColor(0x57, 0x53, 0x4E), "#D6D3D1"),
];

/// The loss and the accuracy of one run, the epoch whose weights were `kept` marked; `None` where nothing was
/// recorded.
///
/// # Errors
/// Those of the chart library.
pub fn run(record: &Record, kept: Option<usize>) -> anyhow::Result<[Option<String>; 2]> {
    // The page has their legend, which would cover some of them.
    let lines = |scale| -> Vec<Line> {
        let lines = run_lines(record, scale).into_iter();
        lines
            .map(|line| Line {
                name: String::new(),
                ..line
            })
            .collect()
    };
    Ok([
        chart("Loss", Scale::Loss, &lines(Scale::Loss), kept)?,
        chart("Accuracy", Scale::Accuracy, &lines(Scale::Accuracy), kept)?,
    ])
}

/// What the charts of several runs show.
pub struct Compared {
    /// Loss and accuracy; `None` where nothing was recorded.
    pub charts: [Option<String>; 2],
    /// Whether they are of the validation images, which no run had otherwise.
    pub validation: bool,
    /// Which of the runs are not on them, for want of validation images.
    pub without: Vec<usize>,
}

/// Validation loss and accuracy of several runs; where none has validation images, those of training.
///
/// # Errors
/// Those of the chart library.
pub fn comparison(records: &[Record]) -> anyhow::Result<Compared> {
    let validated = |record: &Record| {
        let [_, validated] = epoch_points(record, Scale::Accuracy);
        !validated.is_empty()
    };
    let validation = records.iter().any(validated);
    let without = (0..records.len()).filter(|&run| validation && !validated(&records[run]));
    Ok(Compared {
        charts: charts(records, validation)?,
        validation,
        without: without.collect(),
    })
}

/// Validation loss and accuracy of runs that differ in their seed alone.
///
/// # Errors
/// Those of the chart library.
pub fn seeds(records: &[Record]) -> anyhow::Result<[Option<String>; 2]> {
    // A point a seed would say what the table says.
    if records.iter().all(|record| record.epochs.len() < 2) {
        return Ok([None, None]);
    }
    charts(records, true)
}

/// A line a run, whose colour the page names.
fn charts(records: &[Record], validation: bool) -> anyhow::Result<[Option<String>; 2]> {
    let lines = |scale| -> Vec<Line> {
        let runs = records.iter().enumerate();
        runs.map(|(place, record)| Line {
            name: String::new(),
            colour: LINES[place % LINES.len()].0,
            points: {
                let [trained, validated] = epoch_points(record, scale);
                if validation { validated } else { trained }
            },
            faint: false,
        })
        .collect()
    };
    Ok([
        chart("Loss", Scale::Loss, &lines(Scale::Loss), None)?,
        chart("Accuracy", Scale::Accuracy, &lines(Scale::Accuracy), None)?,
    ])
}

/// Both charts of a run in one file, one above the other.
///
/// # Errors
/// Those of the chart library.
pub fn file(record: &Record, kept: Option<usize>) -> anyhow::Result<Option<String>> {
    let (width, height) = SIZE;
    let panels = [
        ("Loss", Scale::Loss, run_lines(record, Scale::Loss)),
        (
            "Accuracy",
            Scale::Accuracy,
            run_lines(record, Scale::Accuracy),
        ),
    ];
    if panels.iter().all(|(_, _, lines)| extent(lines).is_none()) {
        return Ok(None);
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width, 2 * height)).into_drawing_area();
        area.fill(&SURFACE).map_err(unknown)?;
        for ((title, scale, lines), area) in panels.iter().zip(area.split_evenly((2, 1))) {
            draw(&area, title, *scale, lines, kept)?;
        }
        area.present().map_err(unknown)?;
    }
    Ok(Some(themed(&svg, "Loss and accuracy of each epoch")))
}

fn run_lines(record: &Record, scale: Scale) -> Vec<Line> {
    // An epoch that has not ended has no record: its steps follow those of the epochs before.
    let ended = record.epochs.last().filter(|last| last.step > 0);
    let steps_per_epoch = ended.map_or(1.0, |last| last.step as f64 / last.epoch as f64);
    let mut steps: Vec<(f64, f64)> = record
        .steps
        .iter()
        .map(|point| {
            let value = match scale {
                Scale::Loss => point.loss,
                Scale::Accuracy => point.accuracy,
            };
            (point.step as f64 / steps_per_epoch, value)
        })
        .collect();
    if steps.len() > MOST_POINTS {
        let width = steps.len().div_ceil(MOST_POINTS);
        steps = steps.chunks(width).map(mean).collect();
    }
    steps.retain(drawable);
    let [trained, validated] = epoch_points(record, scale);
    let line = |name: &str, place: usize, points, faint| Line {
        name: name.into(),
        colour: LINES[place].0,
        points,
        faint,
    };
    vec![
        line("steps", 0, steps, true),
        line("training", 0, trained, false),
        line("validation", 1, validated, false),
    ]
}

fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    let sum = points
        .iter()
        .fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
    (sum.0 / count, sum.1 / count)
}

fn epoch_points(record: &Record, scale: Scale) -> [Vec<(f64, f64)>; 2] {
    let points = |value: fn(&EpochRecord) -> Option<f64>| {
        let epochs = record.epochs.iter();
        epochs
            .filter_map(|point| Some((point.epoch as f64, value(point)?)))
            .filter(drawable)
            .collect()
    };
    match scale {
        Scale::Loss => [points(|p| Some(p.train_loss)), points(|p| p.valid_loss)],
        Scale::Accuracy => [
            points(|p| Some(p.train_accuracy)),
            points(|p| p.valid_accuracy),
        ],
    }
}

fn chart(
    title: &str,
    scale: Scale,
    lines: &[Line],
    kept: Option<usize>,
) -> anyhow::Result<Option<String>> {
    if extent(lines).is_none() {
        return Ok(None);
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&SURFACE).map_err(unknown)?;
        draw(&area, title, scale, lines, kept)?;
        area.present().map_err(unknown)?;
    }
    Ok(Some(themed(&svg, title)))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(
    area: &Area,
    title: &str,
    scale: Scale,
    lines: &[Line],
    kept: Option<usize>,
) -> anyhow::Result<()> {
    let Some((last, lowest, highest)) = extent(lines) else {
        return Ok(());
    };
    let mut builder = ChartBuilder::on(area);
    builder
        .caption(title, ("sans-serif", FONT * 1.2, &INK))
        .margin(24)
        .margin_right(48)
        .x_label_area_size(130)
        .y_label_area_size(190);
    match scale {
        Scale::Loss => {
            let lowest = lowest.max(1e-6);
            let (from, to) = (lowest * 0.8, highest.max(lowest * 1.5) * 1.2);
            let range = (from..to)
                .log_scale()
                .with_key_points(round_numbers(from, to));
            let mut chart = builder
                .build_cartesian_2d(0.0..last, range)
                .map_err(unknown)?;
            fill(
                &mut chart,
                lines,
                &loss_label,
                lowest,
                SeriesLabelPosition::UpperRight,
                kept,
            )
        }
        Scale::Accuracy => {
            let lowest = settled(lines, last).unwrap_or(lowest);
            let margin = ((highest - lowest) * 0.1).max(0.001);
            let range = lowest - margin..highest + margin;
            let mut chart = builder
                .build_cartesian_2d(0.0..last, range)
                .map_err(unknown)?;
            let digits = if highest - lowest < 0.02 { 2 } else { 1 };
            let label = |share: &f64| format!("{:.digits$} %", share * 100.0);
            fill(
                &mut chart,
                lines,
                &label,
                lowest - margin,
                SeriesLabelPosition::LowerRight,
                kept,
            )
        }
    }
}

type Chart<'a, 'b, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, Y>>;

/// Axes, lines and legend; what lies below `floor` is cut off.
fn fill<'a, 'b: 'a, Y>(
    chart: &mut Chart<'a, 'b, Y>,
    lines: &[Line],
    label: &dyn Fn(&f64) -> String,
    floor: f64,
    legend: SeriesLabelPosition,
    kept: Option<usize>,
) -> anyhow::Result<()>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    // Of a first epoch that has not ended there are only parts.
    let whole = extent(lines).is_some_and(|(last, ..)| last >= 1.0);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(("sans-serif", FONT, &INK))
        .x_desc("epoch")
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|epoch| match (epoch.fract() == 0.0, whole) {
            (true, _) => format!("{epoch:.0}"),
            (false, true) => String::new(),
            (false, false) => format!("{epoch:.1}"),
        })
        .y_label_formatter(label)
        .draw()
        .map_err(unknown)?;
    let shown = lines.iter().filter(|line| !line.points.is_empty());
    for line in shown {
        let points = || from_floor(&line.points, floor).into_iter();
        let ended = || (line.points.iter().copied()).filter(|(_, y)| *y >= floor);
        let (width, opacity) = if line.faint { (3, 0.35) } else { (6, 1.0) };
        let style = line.colour.mix(opacity).stroke_width(width);
        let drawn = chart
            .draw_series(LineSeries::new(points(), style))
            .map_err(unknown)?;
        if !line.name.is_empty() {
            drawn.label(&line.name).legend(move |(x, y)| {
                PathElement::new(vec![(x, y), (x + 48, y)], style.stroke_width(width + 2))
            });
        }
        if !line.faint {
            let mark = line.colour.filled();
            let marks = ended().map(|point| Circle::new(point, 10, mark));
            chart.draw_series(marks).map_err(unknown)?;
        }
    }
    mark_kept(chart, lines, floor, kept)?;
    if lines.iter().all(|line| line.name.is_empty()) {
        return Ok(());
    }
    chart
        .configure_series_labels()
        .label_font(("sans-serif", FONT, &INK))
        .legend_area_size(70)
        .margin(20)
        .position(legend)
        .background_style(SURFACE.mix(0.8))
        .border_style(TRANSPARENT)
        .draw()
        .map_err(unknown)
}

/// The part of a line from where it first rises to `floor`: a training begins below.
fn from_floor(points: &[(f64, f64)], floor: f64) -> Vec<(f64, f64)> {
    let Some(first) = points.iter().position(|(_, y)| *y >= floor) else {
        return Vec::new();
    };
    let crossing = first.checked_sub(1).map(|below| {
        let ((x0, y0), (x1, y1)) = (points[below], points[first]);
        (x0 + (x1 - x0) * (floor - y0) / (y1 - y0), floor)
    });
    let rest = points[first..].iter().map(|&(x, y)| (x, y.max(floor)));
    crossing.into_iter().chain(rest).collect()
}

/// Rings around the points of the epoch whose weights were kept.
fn mark_kept<'a, 'b: 'a, Y>(
    chart: &mut Chart<'a, 'b, Y>,
    lines: &[Line],
    floor: f64,
    kept: Option<usize>,
) -> anyhow::Result<()>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let Some(kept) = kept.map(|epoch| epoch as f64) else {
        return Ok(());
    };
    let solid = lines.iter().filter(|line| !line.faint);
    let points = solid.flat_map(|line| &line.points);
    let rings: Vec<(f64, f64)> = points
        .filter(|(epoch, y)| *epoch == kept && *y >= floor)
        .copied()
        .collect();
    if rings.is_empty() {
        return Ok(());
    }
    let ring = || INK.stroke_width(5);
    let rings = rings
        .into_iter()
        .map(|point| Circle::new(point, 22, ring()));
    chart
        .draw_series(rings)
        .map_err(unknown)?
        .label("kept")
        .legend(move |(x, y)| Circle::new((x + 24, y), 18, ring()));
    Ok(())
}

/// The last epoch and the range of the values, or `None` without points.
fn extent(lines: &[Line]) -> Option<(f64, f64, f64)> {
    let points = lines.iter().flat_map(|line| &line.points);
    let mut found: Option<(f64, f64, f64)> = None;
    for &(x, y) in points {
        let (last, lowest, highest) = found.unwrap_or((x, y, y));
        found = Some((last.max(x), lowest.min(y), highest.max(y)));
    }
    found.map(|(last, lowest, highest)| (last.max(f64::MIN_POSITIVE), lowest, highest))
}

/// The lowest value after the first tenth of the training.
fn settled(lines: &[Line], last: f64) -> Option<f64> {
    let points = lines.iter().flat_map(|line| &line.points);
    points
        .filter(|(x, _)| *x > last * 0.1)
        .map(|(_, y)| *y)
        .min_by(f64::total_cmp)
}

/// Whether an axis can hold a point: the chart library looks for labels without end on one that is
/// infinite, as a damaged record can make it.
fn drawable(&(x, y): &(f64, f64)) -> bool {
    x.abs() <= MOST && y.abs() <= MOST
}

/// 1, 2 and 5 of each decade, or the decades alone where that would be many.
pub(super) fn round_numbers(from: f64, to: f64) -> Vec<f64> {
    let decades = from.log10().floor() as i32..=to.log10().ceil() as i32;
    let numbers = |steps: &[f64]| -> Vec<f64> {
        let decades = decades.clone().map(|power| 10f64.powi(power));
        let all = decades.flat_map(|decade| steps.iter().map(move |step| decade * step));
        all.filter(|number| (from..=to).contains(number)).collect()
    };
    match numbers(&[1.0, 2.0, 5.0]) {
        some if some.len() <= 8 => some,
        _ => numbers(&[1.0]),
    }
}

fn loss_label(loss: &f64) -> String {
    match *loss >= 1.0 {
        true => format!("{loss:.1}"),
        false => format!("{}", (loss * 1e4).round() / 1e4),
    }
}

/// Lets the picture fill its place, names it for screen readers and gives each light colour its
/// dark one; programs that know no style sheets show the light ones.
pub(super) fn themed(svg: &str, title: &str) -> String {
    let hex = |RGBColor(red, green, blue): RGBColor| format!("#{red:02X}{green:02X}{blue:02X}");
    let mut dark = String::new();
    let pairs = [(INK, "#D1D5DB"), (GRID, "#374151"), (SURFACE, "#111827")];
    for (light, other) in pairs.into_iter().chain(LINES) {
        let light = hex(light);
        let _ = write!(
            dark,
            "[fill=\"{light}\"]{{fill:{other}}}[stroke=\"{light}\"]{{stroke:{other}}}"
        );
    }
    let style = format!(
        "<title>{title}</title>\n<style>@media (prefers-color-scheme: dark){{{dark}}}</style>\n"
    );
    match svg.find(">\n") {
        Some(end) => {
            let (opening, rest) = svg.split_at(end);
            format!("{opening} role=\"img\">\n{style}{}", &rest[2..])
        }
        None => svg.to_string(),
    }
}

pub(super) fn unknown(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the curves could not be drawn: {error}")
}
