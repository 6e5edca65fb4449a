//! Stroke models of the digits made of open curves: 2, 3 and 5.

use crate::data::synthetic::hand::Hand;
use crate::data::synthetic::sketch::Sketch;

/// An arch and a slope, then a base after a corner, after a loop, or in one sweep; or like a Z.
pub fn two(hand: &mut Hand, sketch: &mut Sketch) {
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
pub fn three(hand: &mut Hand, sketch: &mut Sketch) {
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

/// The body from the bar's left end, with the bar before it, as a stroke of its own, or as the
/// round top of an S.
pub fn five(hand: &mut Hand, sketch: &mut Sketch) {
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
