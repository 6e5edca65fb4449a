//! Stroke models of the digits without a closed bowl, and the choice among all ten.
//! Each digit has several written forms, and every form has proportions that vary.

use super::hand::Hand;
use super::loops;
use super::sketch::Sketch;

/// Writes one digit, about 1 high and 0.7 wide.
pub fn write(label: u8, hand: &mut Hand, sketch: &mut Sketch) {
    match label {
        0 => loops::zero(hand, sketch),
        1 => one(hand, sketch),
        2 => two(hand, sketch),
        3 => three(hand, sketch),
        4 => four(hand, sketch),
        5 => five(hand, sketch),
        6 => loops::six(hand, sketch),
        7 => seven(hand, sketch),
        8 => loops::eight(hand, sketch),
        _ => loops::nine(hand, sketch),
    }
}

/// A bare stroke, a stroke with a flag, with flag and foot, with a foot alone.
fn one(hand: &mut Hand, sketch: &mut Sketch) {
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

/// An arch and a slope, then a base after a corner, after a loop, or in one sweep; or like a Z.
fn two(hand: &mut Hand, sketch: &mut Sketch) {
    let form = hand.choose(&[0.34, 0.42, 0.14, 0.1]);
    let width = hand.about(0.7, 0.11);
    let shoulder = hand.about(0.27, 0.05);
    if form == 3 {
        sketch.to(hand.about(0.08, 0.04), hand.about(0.08, 0.05));
        sketch.to(0.4 * width, hand.about(0.01, 0.03));
        sketch.to(0.9 * width, hand.about(0.07, 0.03));
        sketch.to(hand.about(0.85, 0.06) * width, shoulder);
    } else {
        let hook = hand.about(0.25, 0.1).max(0.04);
        if hand.chance(0.3) {
            sketch.to(hand.about(0.16, 0.07), hook + hand.about(0.07, 0.04));
        }
        sketch.to(hand.about(0.06, 0.05), hook);
        if hook > 0.15 {
            sketch.to(0.14, hand.about(0.08, 0.02).min(hook - 0.04));
        }
        sketch.to(hand.about(0.54, 0.09) * width, 0.0);
        sketch.to(hand.about(0.97, 0.04) * width, shoulder);
    }
    let foot = hand.about(0.05, 0.09);
    let floor = hand.about(0.93, 0.04);
    // A large loop leaves a steep slope, a short tail.
    let size = if form == 1 {
        hand.between(0.0, 1.1)
    } else {
        0.0
    };
    let lean = 0.56 + 0.3 * size;
    sketch.to(
        foot + lean * (width - foot) + hand.about(0.03, 0.06),
        hand.about(0.6, 0.04) - 0.04 * size,
    );
    let end = (width + hand.about(0.12, 0.18)).max(foot + 0.25);
    let rise = hand.about(-0.03, 0.1);
    let wave = hand.about(0.02, 0.04);
    match form {
        1 => {
            let tall = (0.14 + 0.2 * size + hand.about(0.0, 0.07)).max(0.03);
            let low = floor + hand.about(0.02, 0.03);
            sketch.to(foot + 0.18 + 0.34 * size, low - 0.06 - 0.1 * size);
            sketch.to(foot + 0.06 + 0.16 * size, low + 0.02 * size);
            let left = foot - hand.about(0.12, 0.08);
            if hand.chance(0.3) {
                sketch.corner(left, low - 0.2 * tall);
            } else {
                sketch.to(left, low - 0.4 * tall);
            }
            sketch.to(foot + hand.about(0.07, 0.05), low - tall);
            let out = foot + 0.22 + 0.34 * size;
            let leave = low - hand.about(0.62, 0.2) * tall;
            sketch.to(out, leave);
            let drop = hand.about(0.06, 0.08);
            let stretch = hand.about(0.42 - 0.17 * size, 0.14).max(0.05);
            sketch.to(out + 0.5 * stretch, leave + 0.4 * drop + wave);
            sketch.to(out + stretch, leave + drop);
        }
        2 => {
            sketch.to(foot + 0.12, floor - 0.04);
            sketch.to(foot + 0.24, floor + 0.05);
            sketch.to(0.5 * (foot + end) + 0.06, floor + 0.03 + wave);
            sketch.to(end, floor + rise);
        }
        _ => {
            sketch.corner(foot, floor);
            if hand.chance(0.6) {
                sketch.to(foot + 0.3 * (end - foot), floor - 1.2 * wave);
                sketch.to(foot + 0.7 * (end - foot), floor + 0.5 * rise + wave);
            }
            sketch.to(end, floor + rise);
        }
    }
}

/// Two bowls that meet in a cusp, a small loop or a shallow bend; or a flat top.
fn three(hand: &mut Hand, sketch: &mut Sketch) {
    let flat = hand.chance(0.16);
    let waist = hand.about(0.46, 0.06);
    let inset = hand.about(0.32, 0.13);
    let upper = hand.about(0.6, 0.09);
    if flat {
        sketch.to(hand.about(0.08, 0.04), hand.about(0.04, 0.03));
        sketch.corner(upper, hand.about(0.0, 0.02));
        sketch.corner(inset, waist - 0.06);
    } else {
        let hook = hand.about(0.14, 0.06).max(0.02);
        sketch.to(hand.about(0.06, 0.05), hook);
        sketch.to(hand.about(0.32, 0.05), 0.0);
        sketch.to(upper, hand.about(0.17, 0.03));
        sketch.to(hand.about(0.5, 0.04), waist - 0.1);
        match hand.choose(&[0.62, 0.2, 0.18]) {
            0 => {
                sketch.corner(inset, waist);
            }
            1 => {
                sketch.to(inset, waist + 0.01);
                sketch.to(inset - 0.05, waist - 0.04);
                sketch.to(inset + 0.04, waist - 0.06);
            }
            _ => {
                sketch.to(inset + 0.12, waist);
            }
        }
    }
    let lower = hand.about(0.68, 0.1);
    let belly = hand.about(0.72, 0.03);
    sketch.to(hand.about(0.52, 0.04), waist + 0.06);
    sketch.to(lower, belly);
    sketch.to(hand.about(0.4, 0.06), 1.0);
    let tail = hand.about(0.0, 0.11);
    sketch.to(0.12 + tail, hand.about(0.95, 0.05));
    if hand.chance(0.5) {
        sketch.to(tail, hand.about(0.86, 0.04));
    }
}

/// Open with a corner or a round turn, closed in three lines, or in one go like a 9.
fn four(hand: &mut Hand, sketch: &mut Sketch) {
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

/// The body from the bar's left end, with the bar before it, as a stroke of its own, or as the
/// round top of an S.
fn five(hand: &mut Hand, sketch: &mut Sketch) {
    let left = hand.about(0.2, 0.05);
    let neck = hand.about(0.41, 0.08);
    let reach = left + hand.about(0.48, 0.16).max(0.08);
    let rise = hand.about(0.03, 0.05);
    let form = hand.choose(&[0.45, 0.4, 0.15]);
    let lower = left + hand.about(0.0, 0.06) - 0.03;
    match form {
        0 => {
            sketch.to(reach, 0.02 - rise);
            sketch.corner(left, 0.04);
            sketch.corner(lower, neck);
        }
        1 => {
            let gap = hand.about(0.02, 0.03);
            sketch.to(left + gap, 0.03 + hand.about(0.0, 0.03));
            sketch.to(reach, 0.02 - rise);
            sketch.lift();
            sketch.to(left, 0.04);
            sketch.corner(lower, neck);
        }
        _ => {
            sketch.to(reach, hand.about(0.06, 0.05));
            sketch.to(left + 0.18, hand.about(0.03, 0.02));
            sketch.to(lower + 0.02, 0.5 * neck + 0.03);
            sketch.to(lower + 0.12, neck - 0.01);
        }
    }
    let belly = hand.about(0.64, 0.12);
    let height = hand.about(0.7, 0.03);
    sketch.to(
        lower + hand.about(0.26, 0.04),
        neck - hand.about(0.03, 0.03),
    );
    sketch.to(belly, height);
    sketch.to(hand.about(0.34, 0.06), 1.0);
    let tail = hand.about(0.03, 0.08);
    if hand.chance(0.75) {
        sketch.to(tail + 0.1, hand.about(0.96, 0.02));
        let hook = hand.about(0.88, 0.06);
        sketch.to(tail, hook);
        if hand.chance(0.3) {
            sketch.to(tail + 0.06, hook - hand.about(0.1, 0.04));
        }
    }
}

/// A bar and a slope, sharp or round, with or without a tick before and a stroke across.
fn seven(hand: &mut Hand, sketch: &mut Sketch) {
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
