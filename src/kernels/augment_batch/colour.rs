//! Light and colours of an image, changed as a whole.

use super::distortion::Distortion;

/// How much red, green and blue weigh in the grey of a pixel (ITU-R BT.601).
pub const GREY: [f32; 3] = [0.299, 0.587, 0.114];
/// The byte that contrast leaves as it is.
pub const MIDDLE: f32 = 127.5;

/// What the channels of a pixel, as numbers on a device, are multiplied by and what is added: row by row what a new
/// channel takes of each old one. Channels are `byte * factor + term`.
pub fn transform(
    drawn: &Distortion,
    factors: [f32; 4],
    terms: [f32; 4],
) -> ([[f32; 3]; 3], [f32; 3]) {
    let Distortion {
        brightness,
        contrast,
        saturation,
        ..
    } = *drawn;
    let matrix: [[f32; 3]; 3] = std::array::from_fn(|to| {
        std::array::from_fn(|from| {
            let own = f32::from(u8::from(to == from));
            let share = saturation * own + (1.0 - saturation) * GREY[from];
            contrast * share * (factors[to] / factors[from])
        })
    });
    let added = std::array::from_fn(|to| {
        let black: f32 = (0..3).map(|from| matrix[to][from] * terms[from]).sum();
        (MIDDLE - contrast * MIDDLE + brightness) * factors[to] + terms[to] - black
    });
    (matrix, added)
}

/// The same of a grey image.
pub fn grey(drawn: &Distortion, factor: f32, term: f32) -> (f32, f32) {
    let Distortion {
        brightness,
        contrast,
        ..
    } = *drawn;
    let added = (MIDDLE - contrast * MIDDLE + brightness) * factor + term - contrast * term;
    (contrast, added)
}
