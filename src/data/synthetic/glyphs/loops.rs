//! Stroke models of the digits with closed bowls: 0, 6, 8 and 9. The bowls close, overlap or
//! stay open, as the writer's care has it.

use crate::data::synthetic::hand::Hand;
use crate::data::synthetic::sketch::{Sketch, direction};

/// An oval begun near its top, with the ends apart or crossed; rarely a slash.
pub fn zero(hand: &mut Hand, sketch: &mut Sketch) {
    let width = hand.about(0.4, 0.09).max(0.15);
    let from = hand.about(0.79, 0.08);
    let sweep = hand.about(1.04, 0.08);
    let growth = hand.about(1.0, 0.1);
    let turn = if hand.chance(0.93) { -1.0 } else { 1.0 };
    if hand.chance(0.35) {
        // The pen comes in from outside: the oval ends in a tip.
        let (cosine, sine) = direction(from - turn * hand.about(0.05, 0.03));
        let out = hand.about(1.25, 0.15);
        sketch.to(0.38 + out * width * cosine, 0.5 + 0.5 * out * sine);
    }
    sketch.arc((0.38, 0.5), (width, 0.5), from, turn * sweep, growth);
    match hand.choose(&[0.74, 0.14, 0.12]) {
        0 => {}
        1 => {
            let x = hand.about(0.5, 0.15);
            sketch.to(x, hand.about(0.1, 0.1));
        }
        _ => {
            let x = 0.38 + turn * hand.about(0.1, 0.08);
            sketch.to(x, hand.about(0.16, 0.06));
            sketch.to(x + turn * hand.about(0.12, 0.06), hand.about(0.3, 0.06));
        }
    }
    if hand.chance(0.005) {
        sketch.lift();
        sketch.to(0.38 + width, hand.about(0.05, 0.05));
        sketch.to(0.38 - width, hand.about(0.95, 0.05));
    }
}

/// A long stroke down that curls into a bowl, closed or not.
pub fn six(hand: &mut Hand, sketch: &mut Sketch) {
    let reach = hand.about(0.42, 0.13);
    let left = hand.about(0.04, 0.03);
    let bowl = hand.about(0.47, 0.08).max(0.32);
    let right = hand.about(0.65, 0.11);
    let curl = hand.chance(0.2);
    if curl {
        sketch.to(reach + 0.06, hand.about(0.08, 0.04));
        sketch.to(reach - 0.08, 0.0);
    } else {
        sketch.to(reach, 0.0);
    }
    sketch.to(
        0.42 * reach + 0.6 * left + hand.about(-0.02, 0.03),
        hand.about(0.3, 0.03),
    );
    sketch.to(left, hand.about(0.66, 0.04));
    let middle = 0.5 * (left + right);
    sketch.to(left + 0.08, hand.about(0.9, 0.02));
    sketch.to(middle, 1.0);
    sketch.to(right, hand.about(0.5, 0.03) * (1.0 - bowl) + 0.5);
    sketch.to(middle + hand.about(0.04, 0.05), bowl);
    let close = hand.about(-0.02, 0.1);
    sketch.to(left + 0.1 + close, bowl + hand.about(0.13, 0.04));
    if hand.chance(0.55) {
        sketch.to(left + 0.04 + close, bowl + hand.about(0.27, 0.05));
    }
}

/// An S closed by the way back, begun at the right or in the middle, or two rings.
pub fn eight(hand: &mut Hand, sketch: &mut Sketch) {
    let waist = hand.about(0.51, 0.08);
    let upper = hand.about(0.25, 0.06).max(0.06);
    let lower = hand.about(0.26, 0.08).max(0.05);
    let middle = 0.35 + hand.about(0.0, 0.02);
    let lean = hand.about(0.0, 0.07);
    if hand.chance(0.1) {
        let sweep = hand.about(1.02, 0.04);
        let from = hand.about(0.75, 0.15);
        sketch.arc(
            (middle + lean, 0.5 * waist),
            (upper, 0.5 * waist),
            from,
            -sweep,
            hand.about(1.0, 0.05),
        );
        sketch.lift();
        let (from, turn) = (
            hand.about(0.75, 0.12),
            if hand.chance(0.6) { -1.0 } else { 1.0 },
        );
        sketch.arc(
            (middle, 0.5 + 0.5 * waist),
            (lower, 0.5 - 0.5 * waist),
            from,
            turn * hand.about(1.02, 0.04),
            hand.about(1.0, 0.05),
        );
        return;
    }
    let top = middle + lean;
    let flip = if hand.chance(0.88) { 1.0 } else { -1.0 };
    let over = hand.chance(0.1);
    let mut go = |x: f32, y: f32| {
        sketch.to(middle + flip * (x - middle), if over { 1.0 - y } else { y });
    };
    let start = hand.about(0.13, 0.09);
    let gap = hand.about(0.04, 0.11);
    let side = 0.45 * waist;
    go(top + upper + gap, start + 0.03);
    go(top + 0.1, hand.about(0.01, 0.02));
    go(top - 0.5 * upper, 0.04);
    go(top - upper, side);
    go(
        middle + hand.about(0.0, 0.04),
        waist + hand.about(0.0, 0.02),
    );
    let belly = hand.about(0.75, 0.02);
    go(middle + lower, belly);
    go(middle, 1.0);
    go(middle - lower, belly + hand.about(0.0, 0.02));
    go(
        middle + hand.about(0.02, 0.05),
        waist + hand.about(0.03, 0.03),
    );
    let (end, overshoot) = (hand.about(0.02, 0.12), hand.about(0.13, 0.11));
    go(top + upper + end, overshoot);
}

/// A bowl, and a tail that is straight, bent or hooked, in the same stroke or in another.
pub fn nine(hand: &mut Hand, sketch: &mut Sketch) {
    let right = hand.about(0.6, 0.05);
    let bowl = hand.about(0.44, 0.09).max(0.15);
    let width = hand.about(0.26, 0.06).max(0.1);
    let centre = right - width;
    let half = 0.5 * bowl;
    let from = hand.about(0.89, 0.07);
    let sweep = hand.about(0.96, 0.07).max(0.83);
    let apart = hand.chance(0.12);
    let growth = hand.about(1.0, 0.1);
    let tilt = hand.about(-0.05, 0.12);
    let angular = hand.chance(0.3);
    if angular {
        sketch.to(right - hand.about(0.03, 0.06), hand.about(0.08, 0.05));
        sketch.to(centre + hand.about(0.0, 0.04), hand.about(0.03, 0.03));
        sketch.to(centre - width, bowl * hand.about(0.6, 0.1));
        sketch.corner(centre - hand.about(0.2, 0.2) * width, bowl);
        sketch.to(right - 0.05, bowl * hand.about(0.75, 0.12));
    } else {
        sketch.arc((centre, half), (width, half), from, -sweep, growth);
    }
    sketch.shear(tilt, centre);
    let foot = right + hand.about(-0.1, 0.09);
    if apart {
        sketch.lift();
        sketch.to(right + hand.about(0.03, 0.03), hand.about(0.06, 0.06));
    } else if angular || hand.chance(0.65) {
        let x = right + hand.about(0.02, 0.04);
        sketch.corner(x, hand.about(0.1, 0.07));
    }
    match hand.choose(&[0.66, 0.22, 0.12]) {
        0 => {
            sketch.to(0.5 * (right + foot) + hand.about(0.02, 0.03), 0.55);
            sketch.to(foot, 1.0);
        }
        1 => {
            sketch.to(right + hand.about(0.01, 0.02), 0.55);
            sketch.to(right - hand.about(0.08, 0.04), 0.87);
            sketch.to(right - hand.about(0.26, 0.07), 1.0);
        }
        _ => {
            sketch.to(right + hand.about(0.01, 0.02), 0.6);
            sketch.to(right - 0.07, 0.9);
            sketch.to(right - 0.24, 1.0);
            sketch.to(right - 0.42, hand.about(0.96, 0.03));
            sketch.to(right - hand.about(0.5, 0.05), hand.about(0.86, 0.05));
        }
    }
}
