//! Planes of numbers, and what is computed of their neighbourhoods.

use std::collections::VecDeque;

use image::{ImageBuffer, Luma};

/// One number a pixel.
pub type Plane = ImageBuffer<Luma<f32>, Vec<f32>>;

/// A plane of these values, row by row.
pub fn plane(width: u32, height: u32, values: Vec<f32>) -> Plane {
    ImageBuffer::from_vec(width, height, values).expect("a value for every pixel")
}

/// Dark where it is bright.
pub fn inverted(values: &Plane) -> Plane {
    let inverted = values.iter().map(|value| 1.0 - value).collect();
    plane(values.width(), values.height(), inverted)
}

/// The smallest bright shape over a plane that no square of side `2 * radius + 1` can enter from
/// below: dark marks narrower than the square are filled, everything larger stays.
pub fn closing(values: &Plane, radius: usize) -> Plane {
    extreme(&extreme(values, radius, |a, b| a >= b), radius, |a, b| {
        a <= b
    })
}

/// The same the other way round: bright marks are taken away.
pub fn opening(values: &Plane, radius: usize) -> Plane {
    extreme(&extreme(values, radius, |a, b| a <= b), radius, |a, b| {
        a >= b
    })
}

/// The extreme value of each pixel's square, cut at the border: along rows, then along columns.
fn extreme(values: &Plane, radius: usize, beats: fn(f32, f32) -> bool) -> Plane {
    let (width, height) = (values.width() as usize, values.height() as usize);
    let mut rows = vec![0.0; width * height];
    for (from, to) in values.chunks(width).zip(rows.chunks_mut(width)) {
        running(from.iter().copied(), radius, beats, |at, value| {
            to[at] = value
        });
    }
    let mut found = vec![0.0; width * height];
    for x in 0..width {
        let column = (0..height).map(|y| rows[y * width + x]);
        running(column, radius, beats, |y, value| {
            found[y * width + x] = value
        });
    }
    plane(values.width(), values.height(), found)
}

/// The extreme of every window of `2 * radius + 1` values, in one walk (a monotonic queue).
fn running(
    values: impl ExactSizeIterator<Item = f32>,
    radius: usize,
    beats: fn(f32, f32) -> bool,
    mut put: impl FnMut(usize, f32),
) {
    let length = values.len();
    let mut queue: VecDeque<(usize, f32)> = VecDeque::with_capacity(2 * radius + 2);
    for (at, value) in values.enumerate() {
        while queue.back().is_some_and(|&(_, last)| beats(value, last)) {
            queue.pop_back();
        }
        queue.push_back((at, value));
        if at >= radius {
            put(at - radius, leave(&mut queue, at - radius, radius));
        }
    }
    for at in length.saturating_sub(radius)..length {
        put(at, leave(&mut queue, at, radius));
    }
}

/// Drops what the window around `at` no longer holds; its best value.
fn leave(queue: &mut VecDeque<(usize, f32)>, at: usize, radius: usize) -> f32 {
    while queue.front().is_some_and(|&(place, _)| place + radius < at) {
        queue.pop_front();
    }
    queue.front().map_or(0.0, |&(_, value)| value)
}

/// Each pixel averaged with its neighbours by the weights 1 2 1, along rows and columns.
pub fn smoothed(values: &Plane) -> Plane {
    imageproc::filter::separable_filter_equal(values, &[0.25f32, 0.5, 0.25])
}

/// The value below which this share of the values lies.
pub fn quantile(values: &[f32], share: f64) -> f32 {
    let mut values = values.to_vec();
    let place = ((values.len() - 1) as f64 * share).round() as usize;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}
