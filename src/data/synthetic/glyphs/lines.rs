//! Stroke models of the digits made of lines: 1, 4 and 7.

use crate::data::synthetic::hand::Hand;
use crate::data::synthetic::sketch::Sketch;

/// A bare stroke, a stroke with a flag, with flag and foot, with a foot alone.
pub fn one(hand: &mut Hand, sketch: &mut Sketch) {
    let form = hand.choose(&[0.81, 0.1, 0.08, 0.01]);
    let (bow, twist) = (hand.about(0.0, 0.025), hand.about(0.0, 0.012));
    if form == 1 || form == 2 {
        // A flag that hangs: one that juts out level makes a 7.
        let reach = hand.about(0.19, 0.08).max(0.05);
        let hang = if form == 1 { 0.75 } else { 0.4 };
        sketch.to(
            0.35 - reach,
            (reach * hang + hand.about(0.07, 0.06)).max(0.06),
        );
        if hand.chance(0.3) {
            sketch.to(0.35 - 0.4 * reach, hand.about(0.09, 0.03));
        }
        sketch.corner(0.35, 0.0);
    } else {
        sketch.to(0.35, 0.0);
    }
    sketch
        .to(0.35 + bow + twist, 0.33)
        .to(0.35 + bow - twist, 0.67)
        .to(0.35, 1.0);
    if form >= 2 {
        sketch.lift();
        let (left, right) = (hand.about(0.27, 0.06), hand.about(0.27, 0.06));
        let tilt = hand.about(0.0, 0.03);
        sketch
            .to(0.35 - left, 1.0 + tilt)
            .to(0.35 + right, 1.0 - tilt);
    }
}

/// Open with a corner or a round turn, closed in three lines, or in one go like a 9.
pub fn four(hand: &mut Hand, sketch: &mut Sketch) {
    let bar = hand.about(0.55, 0.06);
    let stem = hand.about(0.58, 0.06);
    let over = hand.about(0.13, 0.12);
    let tilt = hand.about(-0.02, 0.05);
    let foot = stem + hand.about(-0.03, 0.06);
    match hand.choose(&[0.5, 0.18, 0.24, 0.08]) {
        form @ (0 | 1) => {
            let top = hand.about(0.05, 0.07);
            let left = hand.about(0.12, 0.07);
            sketch.to(left, top);
            if form == 0 {
                sketch.to(left - hand.about(0.06, 0.04), 0.55 * bar + 0.45 * top);
                sketch.corner(left - hand.about(0.12, 0.05), bar - tilt);
            } else {
                sketch.to(left - hand.about(0.08, 0.03), bar - 0.2);
                sketch.to(left + 0.03, bar - hand.about(0.03, 0.02));
                sketch.to(left + 0.2, bar);
            }
            sketch.to(stem + over, bar + tilt);
            sketch.lift();
            sketch.to(stem + hand.about(0.03, 0.05), hand.about(0.05, 0.09));
            sketch.to(stem + hand.about(0.0, 0.02), bar);
            sketch.to(foot, 1.0);
        }
        2 => {
            let peak = stem + hand.about(-0.02, 0.05);
            sketch.to(peak, 0.0);
            sketch.to(0.5 * peak + hand.about(0.0, 0.03), 0.5 * bar);
            sketch.corner(hand.about(0.0, 0.04), bar - tilt);
            sketch.to(stem + over, bar + tilt);
            sketch.lift();
            sketch.to(stem + hand.about(0.0, 0.04), hand.about(0.06, 0.07));
            sketch.to(foot, 1.0);
        }
        _ => {
            let left = hand.about(0.1, 0.05);
            sketch.to(left, hand.about(0.08, 0.06));
            sketch.to(left - hand.about(0.07, 0.04), bar - 0.17);
            sketch.to(left + 0.05, bar);
            sketch.to(stem - 0.15, bar - 0.06);
            sketch.corner(stem + hand.about(0.04, 0.04), hand.about(0.06, 0.06));
            sketch.to(stem, bar);
            sketch.to(foot, 1.0);
        }
    }
}

/// A bar and a slope, sharp or round, with or without a tick before and a stroke across.
pub fn seven(hand: &mut Hand, sketch: &mut Sketch) {
    let width = hand.about(0.66, 0.1);
    let rise = hand.about(0.03, 0.1);
    if hand.chance(0.3) {
        sketch.to(
            hand.about(0.01, 0.04),
            rise + hand.about(0.2, 0.12).max(0.04),
        );
        sketch.corner(hand.about(0.02, 0.02), rise);
    } else {
        sketch.to(0.0, rise + hand.about(0.03, 0.03));
    }
    let wave = hand.about(0.0, 0.05);
    sketch.to(0.5 * width, wave + 0.5 * rise);
    let foot = hand.about(0.3, 0.12);
    if hand.chance(0.65) {
        sketch.corner(width, 0.0);
    } else {
        sketch.to(width - 0.06, 0.02);
        sketch.to(width, 0.14);
    }
    sketch.to(
        0.5 * (foot + width) + hand.about(-0.02, 0.04),
        hand.about(0.5, 0.04),
    );
    sketch.to(foot, 1.0);
    if hand.chance(0.015) {
        sketch.corner(foot - 0.02, 0.99);
        sketch.to(foot + hand.about(0.2, 0.06), hand.about(0.97, 0.03));
    }
    if hand.chance(0.18) {
        sketch.lift();
        let middle = 0.5 * (foot + width);
        let (y, tilt) = (hand.about(0.5, 0.06), hand.about(0.02, 0.05));
        sketch.to(middle - hand.about(0.24, 0.09), y + tilt);
        sketch.to(middle + hand.about(0.26, 0.09), y - tilt);
    }
}
