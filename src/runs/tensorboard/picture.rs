//! A confusion matrix as pixels: rows are the labels, columns the prediction, each cell shaded by
//! its share of the row and marked with its count.

use image::{Rgb, RgbImage};

const CELL: [u32; 2] = [48, 32];
/// A dot of a digit is so many pixels wide and high.
const DOT: u32 = 2;
/// Digits are three dots wide and five high, with a dot between them.
const GLYPH: [u32; 2] = [3, 5];
/// Each digit's rows from the top, the leftmost dot in the highest bit.
const DIGITS: [[u8; 5]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b001, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([40, 40, 40]);
const FAINTEST: f32 = 0.1;
/// Right and wrong where the whole row is in one cell.
const RIGHT: Rgb<u8> = Rgb([33, 102, 172]);
const WRONG: Rgb<u8> = Rgb([178, 24, 43]);

/// Draws counts, with the class numbers at the top and at the left.
pub fn confusion_picture(counts: &[Vec<u64>]) -> RgbImage {
    let size = counts.len() as u32 + 1;
    let mut picture = RgbImage::from_pixel(size * CELL[0], size * CELL[1], PAPER);
    for class in 0..counts.len() {
        number(&mut picture, [class + 1, 0], class as u64, INK);
        number(&mut picture, [0, class + 1], class as u64, INK);
    }
    for (label, row) in counts.iter().enumerate() {
        let total: u64 = row.iter().sum();
        for (predicted, &count) in row.iter().enumerate() {
            if count == 0 {
                continue;
            }
            // A handful of mistakes must be seen beside hundreds that are right.
            let strength = (count as f32 / total as f32).sqrt().max(FAINTEST);
            let full = if label == predicted { RIGHT } else { WRONG };
            let place = [predicted + 1, label + 1];
            fill(&mut picture, place, mix(PAPER, full, strength));
            let ink = if strength > 0.6 { PAPER } else { INK };
            number(&mut picture, place, count, ink);
        }
    }
    picture
}

fn mix(from: Rgb<u8>, to: Rgb<u8>, share: f32) -> Rgb<u8> {
    let channel = |index: usize| {
        let (from, to) = (f32::from(from.0[index]), f32::from(to.0[index]));
        (from + (to - from) * share).round() as u8
    };
    Rgb([channel(0), channel(1), channel(2)])
}

/// Fills a cell but for a line at its right and lower edge.
fn fill(picture: &mut RgbImage, [column, row]: [usize; 2], colour: Rgb<u8>) {
    let (left, top) = (column as u32 * CELL[0], row as u32 * CELL[1]);
    for y in top..top + CELL[1] - 1 {
        for x in left..left + CELL[0] - 1 {
            picture.put_pixel(x, y, colour);
        }
    }
}

/// Writes a number in the middle of a cell; more digits than fit are left out.
fn number(picture: &mut RgbImage, [column, row]: [usize; 2], number: u64, ink: Rgb<u8>) {
    let text = number.to_string();
    let advance = (GLYPH[0] + 1) * DOT;
    let most = (CELL[0] - 1) / advance;
    let shown = (text.len() as u32).min(most);
    let left = column as u32 * CELL[0] + (CELL[0] - shown * advance + DOT) / 2;
    let top = row as u32 * CELL[1] + (CELL[1] - GLYPH[1] * DOT) / 2;
    for (place, digit) in text.bytes().take(shown as usize).enumerate() {
        let rows = DIGITS[usize::from(digit - b'0')];
        for (y, bits) in rows.iter().enumerate() {
            for x in (0..GLYPH[0]).filter(|x| bits >> (GLYPH[0] - 1 - x) & 1 == 1) {
                let corner = [
                    left + place as u32 * advance + x * DOT,
                    top + y as u32 * DOT,
                ];
                dot(picture, corner, ink);
            }
        }
    }
}

fn dot(picture: &mut RgbImage, [left, top]: [u32; 2], ink: Rgb<u8>) {
    for y in top..top + DOT {
        for x in left..left + DOT {
            picture.put_pixel(x, y, ink);
        }
    }
}
