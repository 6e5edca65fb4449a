//! A 28x28 picture in a terminal: half blocks in greys, or characters where colour is unwanted.

use std::fmt::Write;

use crate::data::SIDE;

/// Two rows a line, in the 24 greys of a 256-colour terminal.
pub fn half_blocks(pixels: &[u8]) -> String {
    let grey = |x: usize, y: usize| match pixels[y * SIDE + x] {
        0 => 16,
        value => 232 + u16::from(value) * 23 / 255,
    };
    let mut text = String::new();
    for y in (0..SIDE).step_by(2) {
        for x in 0..SIDE {
            let _ = write!(
                text,
                "\x1b[38;5;{}m\x1b[48;5;{}m▀",
                grey(x, y),
                grey(x, y + 1)
            );
        }
        text.push_str("\x1b[0m\n");
    }
    text
}

/// One row a line, two characters a pixel, so that it is about as wide as high.
pub fn characters(pixels: &[u8]) -> String {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let mut text = String::new();
    for row in pixels.chunks(SIDE) {
        let line: String = row
            .iter()
            .map(|&value| SHADES[(usize::from(value) * (SHADES.len() - 1)).div_ceil(255)])
            .flat_map(|shade| [shade, shade])
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
