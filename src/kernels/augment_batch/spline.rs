//! The uniform cubic B-spline of the elastic displacement (Rueckert et al., "Nonrigid registration using free-form
//! deformations", IEEE TMI 1999) at the centres of pixels.

/// The first of the four control points that pixel `at` of `side` pixels takes part of, and their weights.
///
/// `cells` cells cover the pixels, and `cells + 3` control points reach one cell beyond on both sides.
pub fn weights(at: usize, side: usize, cells: usize) -> (usize, [f32; 4]) {
    // In halves of pixels, so that the cell is exact.
    let place = (2 * at + 1) * cells;
    let t = (place % (2 * side)) as f32 / (2 * side) as f32;
    let rest = 1.0 - t;
    let (square, cube) = (t * t, t * t * t);
    let weights = [
        rest * rest * rest / 6.0,
        (3.0 * cube - 6.0 * square + 4.0) / 6.0,
        (-3.0 * cube + 3.0 * square + 3.0 * t + 1.0) / 6.0,
        cube / 6.0,
    ];
    (place / (2 * side), weights)
}
