//! Stroke models of the ten digits: each has several written forms, and every form has
//! proportions that vary from image to image.

mod curves;
mod lines;
mod loops;

use super::hand::Hand;
use super::sketch::Sketch;

/// Writes one digit, about 1 high and 0.7 wide.
pub fn write(label: u8, hand: &mut Hand, sketch: &mut Sketch) {
    let digit = match label {
        0 => loops::zero,
        1 => lines::one,
        2 => curves::two,
        3 => curves::three,
        4 => lines::four,
        5 => curves::five,
        6 => loops::six,
        7 => lines::seven,
        8 => loops::eight,
        _ => loops::nine,
    };
    digit(hand, sketch);
}
