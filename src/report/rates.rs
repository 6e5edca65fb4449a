//! A learning-rate range test as text, with a plot of characters, and as SVG.

use std::fmt::Write;

use plotters::prelude::*;

use super::curves::{FONT, GRID, INK, LINES, SIZE, SURFACE, round_numbers, themed, unknown};
use super::look::{Look, Mark};
use super::text::wrapped;
use crate::config::ScheduleKind;
use crate::training::range_test::{RangeTest, Rule, Suggested};
use crate::wording::{count, rate_text};

/// Lines of the plot.
const ROWS: usize = 12;
/// In front of it: a loss, and the axis.
const LABEL: usize = 8;
/// The widest plot; more columns show nothing more.
const MOST_COLUMNS: usize = 92;
const LEAST_COLUMNS: usize = 24;
const MARKS: [(char, &str); 3] = [('S', "steepest"), ('V', "valley"), ('L', "lowest")];

/// The rates in the order of [`MARKS`].
fn marked(found: Suggested) -> [f64; 3] {
    [found.steepest, found.valley, found.lowest]
}

/// The smoothed loss (`*`) over the losses of the steps (`.`), against the logarithm of the rate.
pub fn plot(test: &RangeTest, look: &Look) -> String {
    let (Some(&from), Some(&to)) = (test.rates.first(), test.rates.last()) else {
        return String::new();
    };
    let columns = look.width.saturating_sub(LABEL + 2);
    let columns = columns.clamp(LEAST_COLUMNS, MOST_COLUMNS);
    let [bottom, top] = bounds(test);
    let column = |rate: f64| {
        let share = (rate / from).ln() / (to / from).ln().max(f64::MIN_POSITIVE);
        (share * (columns - 1) as f64).round() as usize
    };
    let row = |loss: f64| {
        let share = (top - loss.min(top)) / (top - bottom).max(f64::MIN_POSITIVE);
        ((share * (ROWS - 1) as f64).round() as usize).min(ROWS - 1)
    };
    let mut cells = vec![vec![' '; columns]; ROWS];
    for (rate, loss) in test.rates.iter().zip(&test.losses) {
        if loss.is_finite() {
            cells[row(*loss)][column(*rate)] = '.';
        }
    }
    let curve = (0..columns).map(|place| {
        let share = place as f64 / (columns - 1) as f64;
        row(between(test, from * (to / from).powf(share)))
    });
    for (place, row) in curve.enumerate() {
        cells[row][place] = '*';
    }
    let mut text = String::new();
    for (place, cells) in cells.iter().enumerate() {
        let share = place as f64 / (ROWS - 1) as f64;
        let label = match place % 4 == 0 || place == ROWS - 1 {
            true => short(top - share * (top - bottom)),
            false => String::new(),
        };
        let line: String = cells.iter().collect();
        let _ = writeln!(text, "{label:>LABEL$} |{}", line.trim_end());
    }
    let mut axis = vec!['-'; columns];
    if let Some(found) = test.suggested {
        for (rate, (mark, _)) in marked(found).into_iter().zip(MARKS) {
            // One behind another where they share a column.
            let free = (column(rate)..columns).find(|&place| axis[place] == '-');
            axis[free.unwrap_or(columns - 1)] = mark;
        }
    }
    let axis: String = axis.into_iter().collect();
    let _ = writeln!(text, "{:>LABEL$} +{axis}", "");
    let _ = writeln!(
        text,
        "{:>LABEL$}  {}",
        "loss",
        decades(from, to, columns, column)
    );
    text
}

/// The labels of the powers of ten below the axis.
fn decades(from: f64, to: f64, columns: usize, column: impl Fn(f64) -> usize) -> String {
    let mut line = vec![' '; columns + 6];
    let mut free = 0;
    let powers = from.log10().ceil() as i32..=to.log10().floor() as i32;
    for power in powers {
        let label = format!("1e{power}");
        // The digit of the mantissa stands below its place.
        let start = column(10f64.powi(power));
        if start >= free && start + label.len() <= columns {
            for (place, letter) in label.chars().enumerate() {
                line[start + place] = letter;
            }
            free = start + label.len() + 2;
        }
    }
    line.into_iter().collect::<String>().trim_end().into()
}

/// From the lowest smoothed loss to the highest one before it; what diverges is above.
fn bounds(test: &RangeTest) -> [f64; 2] {
    let finite = test
        .smoothed
        .iter()
        .copied()
        .filter(|loss| loss.is_finite());
    let least = finite.clone().fold(f64::INFINITY, f64::min);
    let before = finite.take_while(|&loss| loss > least);
    let highest = before.fold(least, f64::max).max(test.smoothed[0]);
    match highest.is_finite() {
        true => [least, highest.max(least * 1.001) * 1.05],
        false => [0.0, 1.0],
    }
}

/// The smoothed loss at a rate between two steps.
fn between(test: &RangeTest, rate: f64) -> f64 {
    let after = test.rates.partition_point(|&other| other < rate);
    let last = test.rates.len() - 1;
    let (low, high) = (after.saturating_sub(1).min(last), after.min(last));
    let (from, to) = (test.rates[low], test.rates[high]);
    let share = match to > from {
        true => ((rate / from).ln() / (to / from).ln()).clamp(0.0, 1.0),
        false => 0.0,
    };
    let (before, behind) = (test.smoothed[low], test.smoothed[high]);
    match before.is_finite() && behind.is_finite() {
        true => before + share * (behind - before),
        false => f64::MAX,
    }
}

fn short(loss: f64) -> String {
    match loss >= 100.0 {
        true => format!("{loss:.0}"),
        false => format!("{loss:.3}"),
    }
}

/// What the test found, below its plot, for a training with that schedule; `command` trains with the
/// suggested rate.
pub fn findings(
    test: &RangeTest,
    schedule: ScheduleKind,
    command: Option<&str>,
    look: &Look,
) -> String {
    let mut text = String::new();
    let mut line = |title: &str, words: String| {
        let words = wrapped(&words, look.width.saturating_sub(10), "          ");
        let _ = writeln!(text, "{title:<10}{}", words.trim_start());
    };
    match test.suggested {
        Some(found) => {
            let [steepest, valley, lowest] = marked(found).map(rate_text);
            line("Steepest", format!("{steepest}: where the smoothed loss (*) falls fastest"));
            line(
                "Valley",
                format!("{valley}: the middle of the fall, from where a tenth of it is over to where a tenth is left"),
            );
            line("Lowest", format!("{lowest}: where the smoothed loss is lowest"));
            let (rule, rate) = found.for_schedule(schedule);
            let why = match rule {
                Rule::Lowest => "the lowest's: this schedule only touches its highest rate",
                Rule::Valley => "the valley's: this schedule stays long at its highest rate",
            };
            let rate = look.mark(Mark::Good, &rate_text(rate));
            line("Suggested", format!("{rate}, {why}"));
        }
        None if test.diverged => {
            let lowest = test.rates.first().map_or(1e-7, |first| first / 1000.0);
            line(
                "Nothing",
                format!(
                    "the loss did not fall at any rate before training diverged, so none is suggested: begin lower, --lowest {}",
                    rate_text(lowest)
                ),
            );
        }
        None => line(
            "Nothing",
            "the loss did not fall at any rate, so none is suggested: look at the images with `gpu-mnist data show`, or try more steps, --steps N".into(),
        ),
    }
    if let (true, Some(last)) = (test.diverged, test.rates.last()) {
        let steps = test.rates.len();
        line(
            "Diverged",
            format!(
                "at {}, after {}: there the test ended",
                rate_text(*last),
                count(steps, "step")
            ),
        );
    }
    if let Some(command) = command {
        let _ = writeln!(text, "{:<10}{command}", "Next");
    }
    text
}

/// The same plot as SVG.
///
/// # Errors
/// Those of the chart library.
pub fn svg(test: &RangeTest) -> anyhow::Result<String> {
    let [bottom, top] = bounds(test);
    let (Some(&from), Some(&to)) = (test.rates.first(), test.rates.last()) else {
        anyhow::bail!("no step was taken, so there is nothing to draw");
    };
    let points = |losses: &[f64]| -> Vec<(f64, f64)> {
        let pairs = test.rates.iter().copied().zip(losses.iter().copied());
        let finite = pairs.filter(|(_, loss)| loss.is_finite());
        finite
            .map(|(rate, loss)| (rate, loss.clamp(bottom, top)))
            .collect()
    };
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&SURFACE).map_err(unknown)?;
        let to = to.max(from * 1.001);
        let rates = (from..to)
            .log_scale()
            .with_key_points(round_numbers(from, to));
        let mut chart = ChartBuilder::on(&area)
            .caption(
                "Loss at rising learning rates",
                ("sans-serif", FONT * 1.2, &INK),
            )
            .margin(24)
            .margin_right(48)
            .x_label_area_size(130)
            .y_label_area_size(190)
            .build_cartesian_2d(rates, bottom..top)
            .map_err(unknown)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(GRID)
            .label_style(("sans-serif", FONT, &INK))
            .x_desc("learning rate")
            .y_labels(6)
            .x_label_formatter(&|rate| format!("{rate:e}"))
            .y_label_formatter(&|loss| short(*loss))
            .draw()
            .map_err(unknown)?;
        let blue = LINES[0].0;
        for (losses, width, opacity) in [(&test.losses, 3, 0.35), (&test.smoothed, 6, 1.0)] {
            let style = blue.mix(opacity).stroke_width(width);
            let line = LineSeries::new(points(losses), style);
            chart.draw_series(line).map_err(unknown)?;
        }
        if let Some(found) = test.suggested {
            for (place, (rate, (_, name))) in marked(found).into_iter().zip(MARKS).enumerate() {
                let style = LINES[place + 1].0.stroke_width(5);
                let line = LineSeries::new([(rate, bottom), (rate, top)], style);
                let drawn = chart.draw_series(line).map_err(unknown)?;
                drawn
                    .label(format!("{name} {}", rate_text(rate)))
                    .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 48, y)], style));
            }
            chart
                .configure_series_labels()
                .label_font(("sans-serif", FONT, &INK))
                .legend_area_size(70)
                .margin(20)
                .position(SeriesLabelPosition::LowerLeft)
                .background_style(SURFACE.mix(0.8))
                .border_style(TRANSPARENT)
                .draw()
                .map_err(unknown)?;
        }
        area.present().map_err(unknown)?;
    }
    Ok(themed(&text, "Loss at rising learning rates"))
}
