//! The few directions that a class's features vary along most, around their mean, kept as text of a
//! byte a number.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// A mean and orthonormal directions, each of as many numbers as there are features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Subspace {
    mean: Vec<f32>,
    directions: Vec<Vec<f32>>,
}

/// Turns of the power iteration; the leading directions have settled by then.
const TURNS: usize = 12;

impl Subspace {
    /// The `count` leading directions of these rows, by orthogonal iteration.
    ///
    /// # Panics
    /// Without rows.
    pub fn of(rows: &[&[f32]], count: usize) -> Self {
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
        // Rows spread over the class are as good a start as any, and the same every time.
        let mut directions: Vec<Vec<f32>> = (0..count)
            .map(|at| centred[at * centred.len() / count].clone())
            .collect();
        orthonormal(&mut directions);
        for _ in 0..TURNS {
            let mut next = vec![vec![0.0f32; width]; count];
            for row in &centred {
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
        // As they are after they were written down.
        let written = Written::from(Self { mean, directions });
        Self::try_from(written).expect("what was just written can be read")
    }

    /// The squared length of what the directions leave of a row.
    pub fn residual(&self, row: &[f32]) -> f32 {
        let mut rest: Vec<f32> = row
            .iter()
            .zip(&self.mean)
            .map(|(value, mean)| value - mean)
            .collect();
        let centred = rest.clone();
        for direction in &self.directions {
            let along = dot(&centred, direction);
            rest.iter_mut()
                .zip(direction)
                .for_each(|(rest, value)| *rest -= along * value);
        }
        dot(&rest, &rest)
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
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

/// Rows as hexadecimal digits, two a number, with what a step of 127 is worth.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    scales: Vec<f32>,
    rows: Vec<String>,
}

impl From<Subspace> for Written {
    fn from(subspace: Subspace) -> Self {
        let rows = std::iter::once(&subspace.mean).chain(&subspace.directions);
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
        Self { scales, rows }
    }
}

impl TryFrom<Written> for Subspace {
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
            rows.push(row.ok_or("what the network knows is no hexadecimal text")?);
        }
        let mut rows = rows.into_iter();
        let mean = rows.next().ok_or("what the network knows is empty")?;
        let directions: Vec<Vec<f32>> = rows.collect();
        let same =
            |row: &Vec<f32>| row.len() == mean.len() && row.iter().all(|value| value.is_finite());
        if !same(&mean) || !directions.iter().all(same) {
            return Err("what the network knows has rows of different lengths".into());
        }
        Ok(Self { mean, directions })
    }
}
