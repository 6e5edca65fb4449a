//! What a writer's habits do to a sketch: slant, proportion, bend; and the pen's pressure.

use super::hand::Hand;
use super::sketch::{Point, direction};

/// Bends, widens or narrows, turns and slants the whole digit.
pub fn bend(points: &mut [Point], label: u8, sloppiness: f32, hand: &mut Hand) {
    let strength = 0.05 * sloppiness;
    let [bow, wave, sag, skew, taper, swell, lift] =
        [1.0, 0.6, 1.0, 0.8, 1.6, 2.0, 0.8].map(|part| hand.about(0.0, strength * part));
    let slant = hand.about(SLANT[label as usize].0, SLANT[label as usize].1);
    let breadth = (1.04 + hand.about(0.0, 0.2)).max(0.5);
    let (cosine, sine) = direction(hand.about(0.0, 0.018));
    for point in points {
        let y = point.y * 2.0 - 1.0;
        let x = point.x * 2.0 - 0.7;
        let bent = x * (1.0 + taper * y + swell * (y * y - 0.4))
            + 2.0 * bow * (0.5 - y * y)
            + 4.0 * wave * (y - y * y * y);
        let low = y + 2.0 * sag * (0.3 - x * x) + skew * x * y + lift * (1.0 - y * y) * 1.5;
        let across = bent * breadth - slant * low;
        point.x = 0.5 * (across * cosine - low * sine);
        point.y = 0.5 * (across * sine + low * cosine);
    }
}

/// Mean and deviation of each digit's slant, across per down, set so that the second moments of
/// the images lean as those of MNIST's training split do.
const SLANT: [(f32, f32); 10] = [
    (0.26, 0.25),
    (0.25, 0.27),
    (0.16, 0.26),
    (0.1, 0.24),
    (0.25, 0.26),
    (0.17, 0.28),
    (0.02, 0.22),
    (0.02, 0.22),
    (0.17, 0.24),
    (0.18, 0.22),
];

/// One radius in pixels a point, and the width in pixels of the grey ramp at the edges.
pub fn press(points: &[Point], label: u8, hand: &mut Hand) -> (Vec<f32>, f32) {
    let weight = hand.between(0.0, 1.0);
    let (often, most) = if label == 1 { (0.12, 1.7) } else { (0.03, 0.9) };
    let heavy = if hand.chance(often) {
        hand.between(0.0, most)
    } else {
        0.0
    };
    let base = 0.85 + 1.0 * weight * (0.5 + 0.5 * weight * weight) + hand.about(0.0, 0.15) + heavy;
    let [trend, swell, ripple] = [0.12, 0.12, 0.07].map(|part| hand.about(0.0, part));
    let phase = hand.between(0.0, 1.0);
    let pace = hand.between(1.5, 4.0);
    let radii = points
        .iter()
        .map(|point| {
            let t = point.along * 2.0 - 1.0;
            let (cosine, _) = direction(phase + pace * point.along);
            let factor = 1.0 + trend * t + swell * (t * t - 0.4) + ripple * cosine;
            (base * factor).clamp(0.5, 4.0)
        })
        .collect();
    let ramp = hand.between(0.8, 1.4);
    (radii, ramp)
}
