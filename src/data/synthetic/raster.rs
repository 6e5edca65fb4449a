//! Points with radii to grey bytes, framed as MNIST frames its digits: aspect kept in a
//! 20x20 box, then centred by mass in 28x28.

use super::sketch::Point;
/// Rows, and columns, of an image.
pub(super) const SIDE: usize = 28;

const BOX: usize = 20;

/// Draws the strokes, with one radius in pixels a point, into a 28x28 image.
pub fn render(points: &mut [Point], radii: &[f32], ramp: f32, image: &mut [u8]) {
    fit(points, radii, ramp);
    let depth = depths(points, radii);
    let deepest = depth.iter().fold(0.0f32, |a, b| a.max(*b));
    // Even the thinnest line is white at its heart, as in MNIST.
    let white = 255.0 / (deepest / ramp + 0.5).min(1.0);
    let grey = depth.map(|depth| {
        let cover = (depth / ramp + 0.5).clamp(0.0, 1.0);
        (cover * white + 0.5) as u8
    });
    centre(&grey, image);
}

/// Scales and moves the points so that their ink fills the box along its longer side.
fn fit(points: &mut [Point], radii: &[f32], ramp: f32) {
    let margin = (ramp - 1.0).max(0.0) * 0.5;
    let room = BOX as f32 - 2.0 * margin;
    let mut scale = 0.0;
    let (mut left, mut top) = (0.0, 0.0);
    // The radii are in pixels whatever the scale, so the fit is found by iteration.
    for pass in 0..3 {
        let mut low = (f32::MAX, f32::MAX);
        let mut high = (f32::MIN, f32::MIN);
        for (point, radius) in points.iter().zip(radii) {
            let radius = if pass == 0 { 0.0 } else { *radius };
            let unit = if pass == 0 { 1.0 } else { scale };
            low.0 = low.0.min(point.x * unit - radius);
            low.1 = low.1.min(point.y * unit - radius);
            high.0 = high.0.max(point.x * unit + radius);
            high.1 = high.1.max(point.y * unit + radius);
        }
        let extent = (high.0 - low.0).max(high.1 - low.1).max(1e-3);
        if pass == 0 {
            let widest = radii.iter().fold(0.0f32, |a, b| a.max(*b));
            scale = (room - 2.0 * widest) / extent;
        } else if pass == 1 {
            scale *= 1.0 + (room - extent) / (extent * 0.85);
        }
        left = low.0 - margin;
        top = low.1 - margin;
    }
    for point in points {
        point.x = point.x * scale - left;
        point.y = point.y * scale - top;
    }
}

/// How deep each pixel's centre lies inside the ink (negative outside), from the capsules
/// between neighbouring points.
fn depths(points: &[Point], radii: &[f32]) -> [f32; BOX * BOX] {
    let mut depth = [-9.0f32; BOX * BOX];
    for index in 0..points.len() {
        let b = points[index];
        let a = if b.first { b } else { points[index - 1] };
        let radius = if b.first {
            radii[index]
        } else {
            (radii[index] + radii[index - 1]) * 0.5
        };
        let reach = radius + 1.5;
        let begin = |a: f32, b: f32| (a.min(b) - reach).max(0.0) as usize;
        let end = |a: f32, b: f32| ((a.max(b) + reach).max(0.0) as usize + 1).min(BOX);
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let inverse = 1.0 / (dx * dx + dy * dy).max(1e-9);
        for row in begin(a.y, b.y)..end(a.y, b.y) {
            let y = row as f32 + 0.5 - a.y;
            let (from, to) = (begin(a.x, b.x).min(BOX), end(a.x, b.x));
            let line = &mut depth[row * BOX..(row + 1) * BOX];
            for (column, cell) in line.iter_mut().enumerate().take(to).skip(from) {
                let x = column as f32 + 0.5 - a.x;
                let t = ((x * dx + y * dy) * inverse).clamp(0.0, 1.0);
                let (x, y) = (x - t * dx, y - t * dy);
                *cell = cell.max(radius - (x * x + y * y).sqrt());
            }
        }
    }
    depth
}

/// Copies the box into the image, moved by whole pixels so that its mass lies central.
fn centre(grey: &[u8; BOX * BOX], image: &mut [u8]) {
    let (mut mass, mut across, mut down) = (0u32, 0u32, 0u32);
    for (index, value) in grey.iter().enumerate() {
        let value = u32::from(*value);
        mass += value;
        across += value * (index % BOX) as u32;
        down += value * (index / BOX) as u32;
    }
    let mass = mass.max(1) as f32;
    let shift = |moment: u32| (14.0 - moment as f32 / mass + 0.5).floor() as isize;
    let (right, lower) = (shift(across), shift(down));
    for (index, value) in grey.iter().enumerate() {
        let column = (index % BOX) as isize + right;
        let row = (index / BOX) as isize + lower;
        let inside = 0..SIDE as isize;
        if inside.contains(&column) && inside.contains(&row) {
            image[row as usize * SIDE + column as usize] = *value;
        }
    }
}
