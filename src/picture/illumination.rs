//! Colours -> ink: how much darker (or lighter) than its surroundings each pixel is, whatever
//! light falls on the paper and whatever the two colours are.

use image::{GrayImage, Luma};
use imageproc::distance_transform::euclidean_squared_distance_transform;
use imageproc::region_labelling::{Connectivity, connected_components};

use super::planes::{
    Plane, across_edges, around, closing, inverted, margin, opening, plane, quantile, smoothed,
};

/// Marks are narrower than this share of the shorter side; what is wider is light and shadow.
const WIDEST_MARK: f32 = 0.34;
/// Smaller pictures are not smoothed: their strokes are a few pixels wide.
const SMOOTHED_SIDE: u32 = 64;
/// Keeps the ink of black surroundings finite.
const DARKEST: f32 = 0.05;
/// Ink that slopes of light do not reach.
const CLEAR: f32 = 0.25;
/// What differs from the background by less than this share of the range is background.
const EVEN: f32 = 0.08;
/// Most of the pixels all around.
const LIGHT_AROUND: f32 = 0.6;
/// An edge is steep from this share of the steepest on.
const STEEP: f32 = 0.35;
/// Brightness decides unless colours differ this many times as clearly.
const COLOUR_GAIN: f32 = 3.0;

/// Ink of a picture.
pub struct Ink {
    /// 0 is background, 1 is as far from it as can be.
    pub values: Plane,
    /// The background's brightness, 0 to 1, where marks are dark; 1 where they are light.
    pub background: Plane,
    /// What the picture's brightness scatters by.
    grain: f32,
}

impl Ink {
    /// What the ink scatters by at a pixel: more in a shadow.
    pub fn grain(&self, x: u32, y: u32) -> f32 {
        self.grain / (self.background.get_pixel(x, y).0[0] + DARKEST)
    }

    /// What it scatters by where half of the picture is darker.
    pub fn usual_grain(&self) -> f32 {
        self.grain / (quantile(&self.background, 0.5) + DARKEST)
    }
}

/// Finds the background under the marks and measures every pixel's distance from it.
pub fn ink(width: u32, height: u32, colours: &[[f32; 3]]) -> Ink {
    let mut best: Option<(f32, Ink)> = None;
    for (index, channel) in channels(colours).into_iter().enumerate() {
        let ink = of_channel(&plane(width, height, channel));
        let clear = quantile(&ink.values, 1.0 - 1.0 / 2000.0) / (ink.usual_grain() + 0.01);
        let needed = match index {
            0 => 0.0,
            _ => best.as_ref().map_or(0.0, |&(clear, _)| clear) * COLOUR_GAIN,
        };
        if clear > needed {
            best = Some((clear, ink));
        }
    }
    best.map_or_else(|| of_channel(&Plane::new(width, height)), |(_, ink)| ink)
}

/// Brightness, and how blue and how red the pixels are where they are not grey.
fn channels(colours: &[[f32; 3]]) -> Vec<Vec<f32>> {
    let stretched = |values: Vec<f32>| {
        let (low, high) = values
            .iter()
            .fold((f32::MAX, f32::MIN), |(low, high), &value| {
                (low.min(value), high.max(value))
            });
        let range = (high - low).max(f32::MIN_POSITIVE);
        let stretched = values.iter().map(|value| (value - low) / range).collect();
        (range, stretched)
    };
    let bright: Vec<f32> = colours.iter().map(|c| (c[0] + c[1] + c[2]) / 3.0).collect();
    let differences = [
        colours.iter().map(|c| (1.0 + c[0] - c[1]) / 2.0).collect(),
        colours
            .iter()
            .map(|c| (1.0 + c[2] - (c[0] + c[1]) / 2.0) / 2.0)
            .collect(),
    ];
    let mut found = vec![bright];
    // A picture without colours has only rounding there.
    found.extend(differences.into_iter().filter_map(|values| {
        let (range, values) = stretched(values);
        (range > 0.1).then_some(values)
    }));
    found
}

fn of_channel(values: &Plane) -> Ink {
    let shorter = values.width().min(values.height());
    let widest = ((shorter as f32 * WIDEST_MARK / 2.0).round() as usize).max(2);
    let smooth = match shorter > SMOOTHED_SIDE {
        true => smoothed(values),
        false => values.clone(),
    };
    let dark = marks_are_dark(&smooth, widest) || is_light_around(&smooth);
    let marked = match dark {
        true => smooth,
        false => inverted(&smooth),
    };
    let first = below_background(&marked, widest, dark);
    if shorter <= SMOOTHED_SIDE {
        return first;
    }
    // Slopes of light are filled as far as marks may be wide: no farther than they are.
    let needed = match widest_stroke(&first) {
        Some(half) => (1.3 * half) as usize + 3,
        None => widest / 3,
    };
    match needed < widest {
        true => below_background(&marked, needed, dark),
        false => first,
    }
}

/// How far dark marks of at most `2 * radius + 1` pixels lie below what is around them: as a share
/// of the light that falls there, where they are dark on paper.
fn below_background(values: &Plane, radius: usize, on_paper: bool) -> Ink {
    let mut background = closing(values, radius);
    let depths: Vec<f32> = background
        .iter()
        .zip(values.iter())
        .map(|(background, value)| background - value)
        .collect();
    // The closing lies on top of the grain, which is measured on the least inked: up to half of
    // a squared sheet is lines.
    let (least, low) = (quantile(&depths, 0.02), quantile(&depths, 0.25));
    let grain = (low - least) / 1.38;
    let middle = low + 0.67 * grain;
    if !on_paper {
        background.fill(1.0);
    }
    let ink = depths
        .iter()
        .zip(background.iter())
        .map(|(depth, background)| (depth - middle).max(0.0) / (background + DARKEST))
        .collect();
    Ink {
        values: plane(values.width(), values.height(), ink),
        background,
        grain,
    }
}

/// Half the width of the widest stroke away from the border, in pixels; none where nothing is as
/// clear as a stroke.
fn widest_stroke(ink: &Ink) -> Option<f32> {
    let strong = quantile(&ink.values, 1.0 - 1.0 / 2000.0);
    if strong < CLEAR {
        return None;
    }
    let (width, height) = ink.values.dimensions();
    let strokes = GrayImage::from_fn(width, height, |x, y| {
        Luma([u8::from(ink.values.get_pixel(x, y).0[0] > 0.5 * strong)])
    });
    let labels = connected_components(&strokes, Connectivity::Eight, Luma([0]));
    let edge = |x: u32, y: u32| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
    let count = labels.iter().copied().max().unwrap_or(0) as usize;
    let mut at_border = vec![false; count + 1];
    at_border[0] = true;
    for (x, y, label) in labels.enumerate_pixels() {
        at_border[label.0[0] as usize] |= edge(x, y);
    }
    let outside = GrayImage::from_fn(width, height, |x, y| {
        Luma([1 - strokes.get_pixel(x, y).0[0]])
    });
    let squares = euclidean_squared_distance_transform(&outside);
    let inner = labels
        .pixels()
        .zip(squares.pixels())
        .filter(|(label, _)| !at_border[label.0[0] as usize]);
    let widest = inner.map(|(_, square)| square.0[0]).fold(0.0, f64::max);
    (widest > 0.0).then(|| widest.sqrt() as f32)
}

/// Whether what stands out is darker than what lies around it. Light gaps between dark strokes
/// stand out too, so the outer edge of everything that does is what is looked at.
fn marks_are_dark(values: &Plane, radius: usize) -> bool {
    if let Some(background) = even_background(values) {
        // A drawing that leaves a margin: most of its edges lead to one side. A glare or a shadow has none.
        return edges(values, background) <= 0.0;
    }
    let shorter = values.width().min(values.height());
    let outer = |values: &Plane, radius: usize| {
        outer_step(values, &closing(values, radius), &opening(values, radius))
    };
    let (_, height) = outer(values, radius);
    // Between lines of a sheet everything stands out: what is thin is left out, or all there is.
    let thin = shorter as usize / 60;
    if thin == 0 {
        return narrowest(values, radius, height) <= 0.0;
    }
    let without = opening(&closing(values, thin), thin);
    let (_, thick_height) = outer(&without, radius);
    match thick_height > 0.5 * height {
        true => narrowest(&without, radius, thick_height) <= 0.0,
        false => outer(values, 2 * thin + 1).0 <= 0.0,
    }
}

/// How much brighter than the background what steep edges lead to is, summed up over them.
fn edges(values: &Plane, background: f32) -> f64 {
    let (width, height) = values.dimensions();
    let values: &[f32] = values;
    let step = |[at, other]: [usize; 2]| {
        let [one, two] = [at, other].map(|at| values[at] - background);
        let farther = if one.abs() > two.abs() { one } else { two };
        (farther, (one - two).abs())
    };
    let steps: Vec<(f32, f32)> = across_edges(width, height).map(step).collect();
    let sizes: Vec<f32> = steps.iter().map(|(_, size)| *size).collect();
    let steep = STEEP * quantile(&sizes, 1.0 - 1.0 / 2000.0);
    let steps = steps.into_iter().filter(|(_, size)| *size >= steep);
    steps
        .map(|(farther, size)| f64::from(size.copysign(farther)))
        .sum()
}

/// The brightness all around the picture, where that is even and fills most of it: no shadow falls
/// there, and no table lies around a sheet.
fn even_background(values: &Plane) -> Option<f32> {
    let usual = margin(values.width(), values.height());
    // Who cuts a drawing out may leave a line of pixels around it.
    even_around(values, usual).or_else(|| even_around(values, 1))
}

/// Whether most of what is all around the picture is as light as its lightest parts: then light gaps within what is drawn
/// are no marks, however much of the picture that fills.
fn is_light_around(values: &Plane) -> bool {
    let (width, height) = values.dimensions();
    let around = around(width, height, 2 * margin(width, height), values);
    let (darkest, brightest) = (quantile(values, 0.0), quantile(values, 1.0));
    let light = brightest - EVEN * (brightest - darkest);
    let count = around.iter().filter(|value| **value >= light).count();
    count as f32 >= LIGHT_AROUND * around.len() as f32
}

/// The same, where so many pixels all around are looked at.
fn even_around(values: &Plane, margin: u32) -> Option<f32> {
    let around = around(values.width(), values.height(), margin, values);
    let middle = quantile(&around, 0.5);
    let (darkest, brightest) = (quantile(values, 0.0), quantile(values, 1.0));
    let near = EVEN * (brightest - darkest);
    let even = |values: &[f32]| {
        let count = values
            .iter()
            .filter(|value| (*value - middle).abs() <= near);
        count.count() as f32 / values.len() as f32
    };
    (even(&around) >= 0.98 && even(values) >= 0.5).then_some(middle)
}

/// The step at the outer edge of what stands out within the smallest squares that most of its
/// height shows in: larger ones take in what lies between strokes and shadows.
fn narrowest(values: &Plane, radius: usize, height: f32) -> f64 {
    let mut radii = [6.0, 4.0, 2.5, 1.5, 1.0]
        .map(|part| (radius as f32 / part).round() as usize)
        .to_vec();
    radii.retain(|&radius| radius >= 2);
    for radius in radii {
        let (step, found) = outer_step(values, &closing(values, radius), &opening(values, radius));
        if found >= 0.8 * height {
            return step;
        }
    }
    0.0
}

/// How much brighter the outer edge of what stands out is than what lies around it, summed up; and
/// how far it stands out.
fn outer_step(values: &Plane, above: &Plane, below: &Plane) -> (f64, f32) {
    let (width, height) = values.dimensions();
    let (values, above, below): (&[f32], &[f32], &[f32]) = (values, above, below);
    let heights: Vec<f32> = (0..values.len())
        .map(|at| (above[at] - values[at]).max(values[at] - below[at]))
        .collect();
    let most = quantile(&heights, 1.0 - 1.0 / 2000.0);
    let stands_out: Vec<bool> = heights.iter().map(|&height| height > 0.35 * most).collect();
    let mut sum = 0.0;
    for [at, other] in across_edges(width, height) {
        if stands_out[at] != stands_out[other] {
            let step = f64::from(values[at] - values[other]);
            sum += if stands_out[at] { step } else { -step };
        }
    }
    (sum, most)
}
