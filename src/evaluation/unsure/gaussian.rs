//! A normal distribution of features: their mean, the few directions along which they vary most, and
//! one variance for all others. Kept as text of a byte a number.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// The variance across the directions is at least this share of the mean variance of a feature: of
/// few images it comes out too small.
const LEAST_REST: f32 = 0.5;
/// Turns of the power iteration; the leading directions have settled by then.
const TURNS: usize = 8;
/// Partial sums of a product of rows, which the compiler adds side by side.
const LANES: usize = 16;

/// A mean and orthonormal directions, each of as many numbers as there are features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Gaussian {
    mean: Vec<f32>,
    directions: Vec<Vec<f32>>,
    /// Along each direction.
    variances: Vec<f32>,
    /// Along any other.
    rest: f32,
}

impl Gaussian {
    /// That of these rows, with their `count` leading directions (by orthogonal iteration); `None` where the numbers are
    /// so large that their squares are infinite, as a network's are whose training diverged.
    ///
    /// # Panics
    /// Without rows.
    pub fn of(rows: &[&[f32]], count: usize) -> Option<Self> {
        let width = rows[0].len();
        let mut mean = vec![0.0; width];
        for row in rows {
            mean.iter_mut()
                .zip(*row)
                .for_each(|(sum, value)| *sum += value);
        }
        mean.iter_mut().for_each(|sum| *sum /= rows.len() as f32);
        let centred: Vec<Vec<f32>> = rows
            .iter()
            .map(|row| {
                row.iter()
                    .zip(&mean)
                    .map(|(value, mean)| value - mean)
                    .collect()
            })
            .collect();
        let directions = leading(&centred, count);
        let images = centred.len() as f32;
        let mut variances = vec![0.0; count];
        let mut whole = 0.0;
        for row in &centred {
            whole += dot(row, row) / images;
            for (direction, variance) in directions.iter().zip(&mut variances) {
                *variance += dot(row, direction).powi(2) / images;
            }
        }
        let usual = whole / width as f32;
        let across = whole - variances.iter().sum::<f32>();
        let rest = (across / (width - count).max(1) as f32)
            .max(LEAST_REST * usual)
            .max(f32::MIN_POSITIVE);
        variances
            .iter_mut()
            .for_each(|variance| *variance = variance.max(rest));
        // As it is after it was written down.
        let written = Written::from(Self {
            mean,
            directions,
            variances,
            rest,
        });
        Self::try_from(written).ok()
    }

    /// Twice the negative logarithm of the density at a row, but for what all rows have in common.
    pub fn surprise(&self, row: &[f32]) -> f32 {
        let centred: Vec<f32> = row
            .iter()
            .zip(&self.mean)
            .map(|(value, mean)| value - mean)
            .collect();
        let others = (self.mean.len() - self.directions.len()) as f32;
        let mut sum = dot(&centred, &centred) / self.rest + others * self.rest.ln();
        for (direction, variance) in self.directions.iter().zip(&self.variances) {
            let along = dot(&centred, direction).powi(2);
            sum += along / variance - along / self.rest + variance.ln();
        }
        sum
    }

    /// How many features it is of.
    pub fn width(&self) -> usize {
        self.mean.len()
    }
}

/// The orthonormal directions along which these rows, whose mean is 0, vary most.
fn leading(centred: &[Vec<f32>], count: usize) -> Vec<Vec<f32>> {
    // Rows spread over all are as good a start as any, and the same every time.
    let mut directions: Vec<Vec<f32>> = (0..count)
        .map(|at| centred[at * centred.len() / count].clone())
        .collect();
    orthonormal(&mut directions);
    for _ in 0..TURNS {
        let mut next = vec![vec![0.0f32; centred[0].len()]; count];
        for row in centred {
            for (direction, next) in directions.iter().zip(&mut next) {
                let along = dot(row, direction);
                next.iter_mut()
                    .zip(row)
                    .for_each(|(sum, value)| *sum += along * value);
            }
        }
        directions = next;
        orthonormal(&mut directions);
    }
    directions
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (mut left, mut right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut sums = [0.0f32; LANES];
    for (a, b) in left.by_ref().zip(right.by_ref()) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let ends = left.remainder().iter().zip(right.remainder());
    sums.iter().sum::<f32>() + ends.map(|(a, b)| a * b).sum::<f32>()
}

/// Gram and Schmidt; what depends on the ones before becomes 0.
fn orthonormal(rows: &mut [Vec<f32>]) {
    for at in 0..rows.len() {
        let (before, rest) = rows.split_at_mut(at);
        let row = &mut rest[0];
        let length = dot(row, row).sqrt();
        for other in before {
            let along = dot(row, other);
            row.iter_mut()
                .zip(other.iter())
                .for_each(|(value, other)| *value -= along * other);
        }
        let left = dot(row, row).sqrt();
        let scale = if left > 1e-5 * length && left > 0.0 {
            1.0 / left
        } else {
            0.0
        };
        row.iter_mut().for_each(|value| *value *= scale);
    }
}

/// Rows as hexadecimal digits, two a number, with what a step of 127 is worth: the mean, then the
/// directions.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    scales: Vec<f32>,
    rows: Vec<String>,
    variances: Vec<f32>,
    rest: f32,
}

impl From<Gaussian> for Written {
    fn from(found: Gaussian) -> Self {
        let rows = std::iter::once(&found.mean).chain(&found.directions);
        let (scales, rows) = rows
            .map(|row| {
                let most = row.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                let scale = most.max(f32::MIN_POSITIVE);
                let mut text = String::with_capacity(2 * row.len());
                for value in row {
                    let byte = (value / scale * 127.0).round() as i8;
                    let _ = write!(text, "{:02x}", byte as u8);
                }
                (scale, text)
            })
            .unzip();
        Self {
            scales,
            rows,
            variances: found.variances,
            rest: found.rest,
        }
    }
}

impl TryFrom<Written> for Gaussian {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let mut rows = Vec::with_capacity(written.rows.len());
        for (text, scale) in written.rows.iter().zip(&written.scales) {
            let bytes = text.as_bytes().chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).ok()?;
                let byte = u8::from_str_radix(pair, 16).ok()?;
                Some(f32::from(byte as i8) / 127.0 * scale)
            });
            let row: Option<Vec<f32>> = bytes.collect();
            rows.push(row.ok_or("the record of what the network knows is not hexadecimal text")?);
        }
        let mut rows = rows.into_iter();
        let mean = rows
            .next()
            .ok_or("the record of what the network knows is empty")?;
        let directions: Vec<Vec<f32>> = rows.collect();
        let same =
            |row: &Vec<f32>| row.len() == mean.len() && row.iter().all(|value| value.is_finite());
        if !same(&mean)
            || !directions.iter().all(same)
            || directions.len() != written.variances.len()
            || directions.len() > mean.len()
        {
            return Err(
                "the record of what the network knows has rows of different lengths".into(),
            );
        }
        let sound = |variance: &f32| variance.is_finite() && *variance > 0.0;
        if !written.variances.iter().all(sound) || !sound(&written.rest) {
            return Err("the record of what the network knows has an impossible variance".into());
        }
        Ok(Self {
            mean,
            directions,
            variances: written.variances,
            rest: written.rest,
        })
    }
}
