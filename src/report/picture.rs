//! An image in a terminal: half blocks in greys or colours, or characters where colour is unwanted.

use std::fmt::Write;

use crate::data::ImageShape;

/// Two rows a line, in the 24 greys or the 6x6x6 colours of a 256-colour terminal.
pub fn half_blocks(image: &[u8], shape: ImageShape) -> String {
    let colour = |x: usize, y: usize| {
        let at = (y * shape.width + x) * shape.channels;
        match image.get(at..at + shape.channels) {
            Some(&[value]) => grey(value),
            Some(&[red, green, blue]) => cube([red, green, blue]),
            _ => grey(0),
        }
    };
    let mut text = String::new();
    for y in (0..shape.height).step_by(2) {
        for x in 0..shape.width {
            let _ = write!(
                text,
                "\x1b[38;5;{}m\x1b[48;5;{}m▀",
                colour(x, y),
                colour(x, y + 1)
            );
        }
        text.push_str("\x1b[0m\n");
    }
    text
}

fn grey(value: u8) -> u16 {
    match value {
        0 => 16,
        value => 232 + u16::from(value) * 23 / 255,
    }
}

fn cube(pixel: [u8; 3]) -> u16 {
    let [red, green, blue] = pixel.map(|value| (u16::from(value) * 5 + 127) / 255);
    16 + 36 * red + 6 * green + blue
}

/// One row a line, two characters a pixel, so that it is about as wide as high; colours by their
/// lightness.
pub fn characters(image: &[u8], shape: ImageShape) -> String {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let lightness = |pixel: &[u8]| match *pixel {
        // ITU-R BT.601.
        [red, green, blue] => {
            (299 * usize::from(red) + 587 * usize::from(green) + 114 * usize::from(blue)) / 1000
        }
        _ => pixel.first().copied().map_or(0, usize::from),
    };
    let mut text = String::new();
    for row in image.chunks(shape.width * shape.channels) {
        let line: String = row
            .chunks(shape.channels)
            .map(|pixel| SHADES[(lightness(pixel) * (SHADES.len() - 1)).div_ceil(255)])
            .flat_map(|shade| [shade, shade])
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
