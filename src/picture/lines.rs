//! Lines printed on paper: long, thin and straight. They are found by their votes (Hough), followed
//! pixel by pixel, and taken away where no stroke crosses them.

use super::planes::{Plane, closing, plane, quantile};

/// Smaller pictures have no room for lines and strokes.
const LEAST_SIDE: u32 = 64;
/// Lines are thinner than this share of the shorter side.
const WIDEST_LINE: f32 = 0.03;
/// Angles from the rows' and the columns' direction that are looked at, in degrees.
const MOST_TURN: f32 = 20.0;
const DEGREES_A_STEP: f32 = 0.5;
/// Points that vote, at most.
const MOST_POINTS: usize = 60_000;
/// Share of a line's length that must be seen, where no stroke hides it.
const SEEN: f32 = 0.65;
/// A line spans this share of the picture along it.
const SPAN: f32 = 0.5;
/// From there on it counts as running from edge to edge.
const WHOLE_SPAN: f32 = 0.9;
/// Lines of one sheet that do not run from edge to edge are at least so many.
const FAMILY: usize = 4;
const MOST_LINES: usize = 200;

/// A line as it runs: for each step along its direction, its place across and whether it was seen.
struct Line {
    /// Runs along the rows: steps are columns, places are rows.
    along_rows: bool,
    first: usize,
    places: Vec<f32>,
    angle: f32,
    /// The length of the picture along it.
    chord: usize,
    /// Its ink at each distance from its middle, `-reach..=reach`.
    profile: Vec<f32>,
}

/// Takes ruled lines out of the ink.
pub fn remove_lines(ink: &mut Plane, grain: f32) -> usize {
    let shorter = ink.width().min(ink.height());
    if shorter < LEAST_SIDE {
        return 0;
    }
    let radius = ((shorter as f32 * WIDEST_LINE / 2.0).round() as usize).max(2);
    let thin = thin_marks(ink, radius);
    let least = (4.0 * grain).max(0.04);
    let lines = found(&thin, ink, least, radius);
    for line in &lines {
        take_away(ink, line, radius);
    }
    lines.len()
}

/// Ink of what is thinner than `2 * radius + 1`.
fn thin_marks(ink: &Plane, radius: usize) -> Plane {
    let wide = super::planes::opening(ink, radius);
    let _ = closing;
    let values = ink.iter().zip(wide.iter()).map(|(a, b)| a - b).collect();
    plane(ink.width(), ink.height(), values)
}

/// The votes of points for lines: a row of distances for each angle.
struct Votes {
    angles: Vec<(f32, f32)>,
    distances: usize,
    counts: Vec<i32>,
}

impl Votes {
    fn cells(&self, x: f32, y: f32) -> impl Iterator<Item = usize> {
        let middle = self.distances as f32 / 2.0;
        self.angles
            .iter()
            .enumerate()
            .map(move |(row, &(cos, sin))| {
                row * self.distances + (x * cos + y * sin + middle) as usize
            })
    }

    fn add(&mut self, x: f32, y: f32, votes: i32) {
        let middle = self.distances as f32 / 2.0;
        for (row, &(cos, sin)) in self.angles.iter().enumerate() {
            self.counts[row * self.distances + (x * cos + y * sin + middle) as usize] += votes;
        }
    }
}

fn found(thin: &Plane, ink: &Plane, least: f32, radius: usize) -> Vec<Line> {
    let (width, height) = thin.dimensions();
    let mut points: Vec<(f32, f32)> = thin
        .enumerate_pixels()
        .filter(|(_, _, value)| value.0[0] > least)
        .map(|(x, y, _)| (x as f32, y as f32))
        .collect();
    // All over the picture: no thin marks, but texture.
    let every = points.len().div_ceil(MOST_POINTS).max(1);
    points = points.into_iter().step_by(every).collect();
    let steps = (MOST_TURN / DEGREES_A_STEP) as i32;
    let angles: Vec<(f32, f32)> = (-steps..=steps)
        .flat_map(|step| [90.0, 0.0].map(|base| base + step as f32 * DEGREES_A_STEP))
        .map(|degrees: f32| (degrees.to_radians().cos(), degrees.to_radians().sin()))
        .collect();
    let distances = 2 * (f64::from(width).hypot(f64::from(height)) as usize + 2);
    let mut votes = Votes {
        counts: vec![0; angles.len() * distances],
        angles,
        distances,
    };
    for &(x, y) in &points {
        votes.add(x, y, 1);
    }
    let mut whole = Vec::new();
    let mut parts: Vec<Line> = Vec::new();
    for _ in 0..MOST_LINES {
        let Some((cell, &count)) = votes
            .counts
            .iter()
            .enumerate()
            .max_by_key(|(_, count)| **count)
        else {
            break;
        };
        let (row, distance) = (cell / distances, cell % distances);
        let (cos, sin) = votes.angles[row];
        let along_rows = sin.abs() > cos.abs();
        let across = if along_rows { height } else { width };
        let length = if along_rows { width } else { height };
        // A line of one pixel spreads over two cells.
        if (count * every as i32) < (length as f32 * SPAN * SEEN * 0.6) as i32 {
            break;
        }
        let middle = distance as f32 + 0.5 - distances as f32 / 2.0;
        let place = |step: usize| match along_rows {
            true => (middle - step as f32 * cos) / sin,
            false => (middle - step as f32 * sin) / cos,
        };
        let guess: Vec<f32> = (0..length as usize).map(place).collect();
        let line = follow(thin, ink, along_rows, &guess, least, radius);
        // Its points have voted.
        let before = points.len();
        let near = |&(x, y): &(f32, f32)| {
            let (step, at) = if along_rows { (x, y) } else { (y, x) };
            (guess[step as usize] - at).abs() <= radius as f32 + 1.0
        };
        let (gone, left): (Vec<_>, Vec<_>) = points.into_iter().partition(near);
        points = left;
        for (x, y) in gone {
            votes.add(x, y, -1);
        }
        if points.len() == before {
            break;
        }
        let _ = across;
        if let Some(mut line) = line {
            line.angle = sin.atan2(cos).to_degrees();
            match line.places.len() as f32 >= WHOLE_SPAN * line.chord as f32 {
                true => whole.push(line),
                false => parts.push(line),
            }
        }
    }
    let _ = Votes::cells;
    // Lines that stop short belong to a sheet that has several of them.
    let kept: Vec<bool> = parts
        .iter()
        .map(|line| {
            let alike = |other: &&Line| (other.angle - line.angle).abs() < 4.0;
            parts.iter().filter(alike).count() + whole.iter().filter(alike).count() >= FAMILY
        })
        .collect();
    let family = parts.into_iter().zip(kept).filter(|(_, kept)| *kept);
    whole.extend(family.map(|(line, _)| line));
    whole
}

/// Walks along a guessed line; none where too little of it is seen.
fn follow(
    thin: &Plane,
    ink: &Plane,
    along_rows: bool,
    guess: &[f32],
    least: f32,
    radius: usize,
) -> Option<Line> {
    let across = if along_rows {
        thin.height()
    } else {
        thin.width()
    } as i32;
    let at = |values: &Plane, step: usize, place: i32| -> f32 {
        let (x, y) = if along_rows {
            (step as u32, place as u32)
        } else {
            (place as u32, step as u32)
        };
        values.get_pixel(x, y).0[0]
    };
    let reach = radius as i32 / 2 + 2;
    let mut drift = 0.0f32;
    let mut places = vec![0.0f32; guess.len()];
    // Some: on the picture; then whether it was seen, or hidden.
    let mut seen: Vec<Option<(bool, bool)>> = vec![None; guess.len()];
    for step in 0..guess.len() {
        let middle = guess[step] + drift;
        let nearest = middle.round() as i32;
        places[step] = middle;
        if nearest < 0 || nearest >= across {
            continue;
        }
        let window = (nearest - reach).max(0)..=(nearest + reach).min(across - 1);
        let (mut best, mut sum, mut weight) = (0.0f32, 0.0, 0.0);
        let mut darkest = 0.0f32;
        for place in window {
            let value = at(thin, step, place);
            best = best.max(value);
            darkest = darkest.max(at(ink, step, place));
            if value > least {
                sum += value * (place as f32 - middle);
                weight += value;
            }
        }
        let visible = best > least;
        // A wide mark lies over it.
        let hidden = !visible && darkest > least;
        if visible {
            drift = (drift + 0.05 * sum / weight).clamp(-3.0, 3.0);
            places[step] = middle + (sum / weight).clamp(-1.0, 1.0) * 0.2;
        }
        seen[step] = Some((visible, hidden));
    }
    let chord = seen.iter().flatten().count();
    let first = seen.iter().position(|s| matches!(s, Some((true, _))))?;
    let last = seen.iter().rposition(|s| matches!(s, Some((true, _))))?;
    let (first, last) = dense(&seen, first, last);
    if last <= first {
        return None;
    }
    let span = last + 1 - first;
    let known = &seen[first..=last];
    let hits = known
        .iter()
        .flatten()
        .filter(|(visible, _)| *visible)
        .count();
    let hidden = known.iter().flatten().filter(|(_, hidden)| *hidden).count();
    if (span as f32) < SPAN * chord as f32
        || (hits as f32) < SEEN * (span - hidden) as f32
        || (hits as f32) < 0.4 * span as f32
    {
        return None;
    }
    let profile: Vec<f32> = (-(radius as i32) - 1..=radius as i32 + 1)
        .map(|offset| {
            let values: Vec<f32> = (first..=last)
                .filter_map(|step| {
                    let place = (places[step] + offset as f32).round() as i32;
                    (0..across).contains(&place).then(|| at(ink, step, place))
                })
                .collect();
            match values.is_empty() {
                true => 0.0,
                false => quantile(&values, 0.5),
            }
        })
        .collect();
    let level = profile.iter().copied().fold(0.0, f32::max);
    let border = profile[0].max(profile[profile.len() - 1]);
    // A line stands out from what lies beside it.
    if level < least * 0.75 || border > 0.5 * level {
        return None;
    }
    Some(Line {
        along_rows,
        first,
        places: places[first..=last].to_vec(),
        angle: 0.0,
        chord,
        profile,
    })
}

/// Cuts ends where little of the line is seen, such as strokes it happens to meet.
fn dense(seen: &[Option<(bool, bool)>], mut first: usize, mut last: usize) -> (usize, usize) {
    let window = (seen.len() / 12).max(6);
    let share = |range: std::ops::Range<usize>| {
        let length = range.len().max(1);
        let hits = seen[range]
            .iter()
            .flatten()
            .filter(|(visible, hidden)| *visible || *hidden);
        hits.count() as f32 / length as f32
    };
    while first + window < last && share(first..first + window) < 0.6 {
        first += 1;
    }
    while first + window < last && share(last + 1 - window..last + 1) < 0.6 {
        last -= 1;
    }
    (first, last)
}

/// Clears the line where nothing crosses it. A stroke is told by its ink on either side.
fn take_away(ink: &mut Plane, line: &Line, radius: usize) {
    let across = if line.along_rows {
        ink.height()
    } else {
        ink.width()
    } as i32;
    let reach = radius as i32 + 1;
    let level = line.profile.iter().copied().fold(0.0, f32::max);
    // How far to each side the line has ink.
    let half = (0..=reach)
        .rev()
        .find(|&d| {
            let profile = |offset: i32| line.profile[(offset + reach) as usize];
            profile(d).max(profile(-d)) > 0.15 * level
        })
        .unwrap_or(0)
        + 1;
    let source = ink.clone();
    for (offset, &place) in line.places.iter().enumerate() {
        let step = line.first + offset;
        let middle = place.round() as i32;
        let at = |place: i32| -> f32 {
            if !(0..across).contains(&place) {
                return 0.0;
            }
            let (x, y) = if line.along_rows {
                (step as u32, place as u32)
            } else {
                (place as u32, step as u32)
            };
            source.get_pixel(x, y).0[0]
        };
        let beside = (half + 1..=half + 2)
            .map(|d| at(middle - d).max(at(middle + d)))
            .fold(0.0, f32::max);
        let crossed = beside > 0.6 * level;
        for d in -half..=half {
            let place = middle + d;
            if !(0..across).contains(&place) {
                continue;
            }
            let value = at(place);
            let keep = crossed || value > 1.7 * level;
            if !keep {
                let (x, y) = if line.along_rows {
                    (step as u32, place as u32)
                } else {
                    (place as u32, step as u32)
                };
                ink.get_pixel_mut(x, y).0[0] = 0.0;
            }
        }
    }
}
