//! Lines printed on paper: long, thin and straight. They are found by their votes (Hough), followed
//! pixel by pixel, and taken away where no stroke crosses them.

use super::planes::{Plane, opening, plane, quantile};

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
    let wide = opening(ink, radius);
    let values = ink.iter().zip(wide.iter()).map(|(a, b)| a - b).collect();
    plane(ink.width(), ink.height(), values)
}

/// The votes of points for lines: a row of distances for each angle.
struct Votes {
    angles: Vec<(f32, f32)>,
    distances: usize,
    counts: Vec<i32>,
}

/// The line that most points vote for.
struct Guess {
    votes: i32,
    cos: f32,
    sin: f32,
    /// Its distance from the corner of the picture.
    distance: f32,
}

impl Votes {
    fn of(points: &[(f32, f32)], width: u32, height: u32) -> Self {
        let steps = (MOST_TURN / DEGREES_A_STEP) as i32;
        let angles: Vec<(f32, f32)> = (-steps..=steps)
            .flat_map(|step| [90.0, 0.0].map(|base| base + step as f32 * DEGREES_A_STEP))
            .map(|degrees: f32| (degrees.to_radians().cos(), degrees.to_radians().sin()))
            .collect();
        let distances = 2 * (f64::from(width).hypot(f64::from(height)) as usize + 2);
        let mut votes = Self {
            counts: vec![0; angles.len() * distances],
            angles,
            distances,
        };
        for &point in points {
            votes.add(point, 1);
        }
        votes
    }

    fn add(&mut self, (x, y): (f32, f32), votes: i32) {
        let middle = self.distances as f32 / 2.0;
        for (row, &(cos, sin)) in self.angles.iter().enumerate() {
            self.counts[row * self.distances + (x * cos + y * sin + middle) as usize] += votes;
        }
    }

    fn most(&self) -> Option<Guess> {
        let cells = self.counts.iter().enumerate();
        let (cell, &votes) = cells.max_by_key(|(_, count)| **count)?;
        let (row, distance) = (cell / self.distances, cell % self.distances);
        let (cos, sin) = self.angles[row];
        Some(Guess {
            votes,
            cos,
            sin,
            distance: distance as f32 + 0.5 - self.distances as f32 / 2.0,
        })
    }
}

impl Guess {
    /// Whether it runs along the rows.
    fn along_rows(&self) -> bool {
        self.sin.abs() > self.cos.abs()
    }

    /// Its place across at each step along it.
    fn places(&self, length: u32) -> Vec<f32> {
        let place = |step: u32| match self.along_rows() {
            true => (self.distance - step as f32 * self.cos) / self.sin,
            false => (self.distance - step as f32 * self.sin) / self.cos,
        };
        (0..length).map(place).collect()
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
    let mut votes = Votes::of(&points, width, height);
    let mut lines = Vec::new();
    for _ in 0..MOST_LINES {
        let Some(guess) = votes.most() else {
            break;
        };
        let along_rows = guess.along_rows();
        let length = if along_rows { width } else { height };
        // A line of one pixel spreads over two cells.
        if guess.votes * (every as i32) < (length as f32 * SPAN * SEEN * 0.6) as i32 {
            break;
        }
        let places = guess.places(length);
        let line = follow(thin, ink, along_rows, &places, least, radius);
        // Its points have voted.
        let before = points.len();
        let near = |&(x, y): &(f32, f32)| {
            let (step, at) = if along_rows { (x, y) } else { (y, x) };
            (places[step as usize] - at).abs() <= radius as f32 + 1.0
        };
        let (gone, left): (Vec<_>, Vec<_>) = points.into_iter().partition(near);
        points = left;
        for point in gone {
            votes.add(point, -1);
        }
        if points.len() == before {
            break;
        }
        if let Some(mut line) = line {
            line.angle = guess.sin.atan2(guess.cos).to_degrees();
            lines.push(line);
        }
    }
    of_sheets(lines)
}

/// Lines from edge to edge, then those that stop short but belong to a sheet that has several.
fn of_sheets(lines: Vec<Line>) -> Vec<Line> {
    let angles: Vec<f32> = lines.iter().map(|line| line.angle).collect();
    let family = |line: &Line| {
        let alike = angles
            .iter()
            .filter(|angle| (**angle - line.angle).abs() < 4.0);
        alike.count() >= FAMILY
    };
    let (mut whole, mut parts): (Vec<Line>, Vec<Line>) = lines
        .into_iter()
        .partition(|line| line.places.len() as f32 >= WHOLE_SPAN * line.chord as f32);
    parts.retain(family);
    whole.extend(parts);
    whole
}

/// Planes read along the rows or along the columns: by step, then by place across.
struct Walk<'a> {
    thin: &'a Plane,
    ink: &'a Plane,
    along_rows: bool,
    /// Places across.
    across: i32,
    /// Ink of a line, at least.
    least: f32,
    radius: usize,
}

/// Where a walk went, and what was there: none off the picture; then whether the line was seen, or
/// hidden.
struct Track {
    places: Vec<f32>,
    seen: Vec<Option<(bool, bool)>>,
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
    };
    let walk = Walk {
        thin,
        ink,
        along_rows,
        across: across as i32,
        least,
        radius,
    };
    let Track { places, seen } = walk.track(guess);
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
    let profile = walk.profile(&places, first, last);
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

impl Walk<'_> {
    fn at(&self, values: &Plane, step: usize, place: i32) -> f32 {
        let (x, y) = if self.along_rows {
            (step as u32, place as u32)
        } else {
            (place as u32, step as u32)
        };
        values.get_pixel(x, y).0[0]
    }

    /// Keeps to the line where it is seen, within a few pixels of the guess.
    fn track(&self, guess: &[f32]) -> Track {
        let reach = self.radius as i32 / 2 + 2;
        let mut drift = 0.0f32;
        let mut places = vec![0.0f32; guess.len()];
        let mut seen = vec![None; guess.len()];
        for step in 0..guess.len() {
            let middle = guess[step] + drift;
            let nearest = middle.round() as i32;
            places[step] = middle;
            if nearest < 0 || nearest >= self.across {
                continue;
            }
            let window = (nearest - reach).max(0)..=(nearest + reach).min(self.across - 1);
            let (mut best, mut sum, mut weight) = (0.0f32, 0.0, 0.0);
            let mut darkest = 0.0f32;
            for place in window {
                let value = self.at(self.thin, step, place);
                best = best.max(value);
                darkest = darkest.max(self.at(self.ink, step, place));
                if value > self.least {
                    sum += value * (place as f32 - middle);
                    weight += value;
                }
            }
            let visible = best > self.least;
            // A wide mark lies over it.
            let hidden = !visible && darkest > self.least;
            if visible {
                drift = (drift + 0.05 * sum / weight).clamp(-3.0, 3.0);
                places[step] = middle + (sum / weight).clamp(-1.0, 1.0) * 0.2;
            }
            seen[step] = Some((visible, hidden));
        }
        Track { places, seen }
    }

    /// The usual ink at each distance from the line's middle.
    fn profile(&self, places: &[f32], first: usize, last: usize) -> Vec<f32> {
        let reach = self.radius as i32 + 1;
        let usual = |offset: i32| {
            let values: Vec<f32> = (first..=last)
                .filter_map(|step| {
                    let place = (places[step] + offset as f32).round() as i32;
                    (0..self.across)
                        .contains(&place)
                        .then(|| self.at(self.ink, step, place))
                })
                .collect();
            match values.is_empty() {
                true => 0.0,
                false => quantile(&values, 0.5),
            }
        };
        (-reach..=reach).map(usual).collect()
    }
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
