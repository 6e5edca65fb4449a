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

/// The frame of a picture of this width and height with numbered boxes (left, top, width, height) in
/// it, a character twice as high as wide.
pub fn boxes(picture: (u32, u32), boxes: &[[u32; 4]]) -> String {
    const COLUMNS: usize = 60;
    let scale = (COLUMNS - 1) as f64 / f64::from(picture.0.max(1));
    let rows = ((f64::from(picture.1) * scale / 2.0).round() as usize).clamp(3, 60) + 1;
    let mut cells = vec![vec![' '; COLUMNS]; rows];
    let mut frame = |left: usize, top: usize, right: usize, bottom: usize| {
        for (row, cells) in cells.iter_mut().enumerate().take(bottom + 1).skip(top) {
            let level = row == top || row == bottom;
            for (column, cell) in cells.iter_mut().enumerate().take(right + 1).skip(left) {
                let side = column == left || column == right;
                match (side, level) {
                    (true, true) => *cell = '+',
                    (true, false) => *cell = '|',
                    (false, true) => *cell = '-',
                    (false, false) => {}
                }
            }
        }
    };
    let column = |x: u32| ((f64::from(x) * scale) as usize).min(COLUMNS - 1);
    let row = |y: u32| {
        let down = f64::from(y) / f64::from(picture.1.max(1)) * (rows - 1) as f64;
        (down as usize).min(rows - 1)
    };
    frame(0, 0, COLUMNS - 1, rows - 1);
    for &[left, top, width, height] in boxes {
        frame(
            column(left),
            row(top),
            column(left + width),
            row(top + height),
        );
    }
    for (number, &[left, top, ..]) in boxes.iter().enumerate() {
        let place = (row(top) + 1).min(rows - 1);
        for (at, digit) in (number + 1).to_string().chars().enumerate() {
            if let Some(cell) = cells[place].get_mut(column(left) + 1 + at) {
                *cell = digit;
            }
        }
    }
    cells
        .iter()
        .map(|row| row.iter().collect::<String>().trim_end().to_string() + "\n")
        .collect()
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
