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

/// How many pixels at each border show what lies around a drawing.
pub fn margin(width: u32, height: u32) -> u32 {
    (width.min(height) / 50).max(1)
}

/// The values of the outermost `margin` pixels, of values row by row.
pub fn around<T: Copy>(width: u32, height: u32, margin: u32, values: &[T]) -> Vec<T> {
    let inner = |at: u32, side: u32| at >= margin && at + margin < side;
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let outer = places
        .zip(values)
        .filter(|&((x, y), _)| !(inner(x, width) && inner(y, height)));
    outer.map(|(_, value)| *value).collect()
}

/// Each pixel's place beside those across a blurred edge, to its right and below it.
pub fn across_edges(width: u32, height: u32) -> impl Iterator<Item = [usize; 2]> {
    let (width, height) = (width as usize, height as usize);
    let reach = 1 + width.min(height) / 64;
    let places = (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
    places.flat_map(move |(x, y)| {
        let at = y * width + x;
        let right = (x + reach < width).then_some([at, at + reach]);
        let below = (y + reach < height).then_some([at, at + reach * width]);
        right.into_iter().chain(below)
    })
}

/// The median of each channel.
pub fn middle_colour(colours: &[[f32; 3]]) -> [f32; 3] {
    [0, 1, 2].map(|channel| {
        let values: Vec<f32> = colours.iter().map(|colour| colour[channel]).collect();
        quantile(&values, 0.5)
    })
}

/// The most that two colours differ by in a channel.
pub fn difference(one: [f32; 3], two: [f32; 3]) -> f32 {
    let channels = one.into_iter().zip(two);
    channels
        .map(|(one, two)| (one - two).abs())
        .fold(0.0, f32::max)
}
