//! Digits put on paper that looks photographed: light, shadow, grain, blur, perspective, lines, a
//! table's edge and three pens. And sheets without a digit on them.

use image::{Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a sheet is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    Plain,
    Shadow,
    Noise,
    Blur,
    Perspective,
    Ruled,
    Squared,
    Desk,
    ThinPen,
    ThickPen,
    Marker,
}

pub const PAPERS: [(Paper, &str); 11] = [
    (Paper::Plain, "plain"),
    (Paper::Shadow, "shadow"),
    (Paper::Noise, "noise"),
    (Paper::Blur, "blur"),
    (Paper::Perspective, "perspective"),
    (Paper::Ruled, "ruled"),
    (Paper::Squared, "squared"),
    (Paper::Desk, "dark edge"),
    (Paper::ThinPen, "thin pen"),
    (Paper::ThickPen, "thick pen"),
    (Paper::Marker, "marker"),
];

/// How much of a pen's ink lies at each pixel, 0 to 1.
#[derive(Clone)]
pub struct Page {
    pub width: usize,
    pub height: usize,
    pub ink: Vec<f32>,
}

impl Page {
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            ink: vec![0.0; width * height],
        }
    }

    /// Puts a 28x28 image there, `scale` pixels a pixel.
    pub fn put(&mut self, image: &[u8], scale: f32, left: f32, top: f32) {
        let at = |x: i64, y: i64| match (0..28).contains(&x) && (0..28).contains(&y) {
            true => f32::from(image[(y * 28 + x) as usize]) / 255.0,
            false => 0.0,
        };
        for y in 0..self.height {
            for x in 0..self.width {
                let (u, v) = (
                    (x as f32 + 0.5 - left) / scale - 0.5,
                    (y as f32 + 0.5 - top) / scale - 0.5,
                );
                if !(-1.0..28.0).contains(&u) || !(-1.0..28.0).contains(&v) {
                    continue;
                }
                let (x0, y0) = (u.floor(), v.floor());
                let (tx, ty) = (u - x0, v - y0);
                let (x0, y0) = (x0 as i64, y0 as i64);
                let top = at(x0, y0) * (1.0 - tx) + at(x0 + 1, y0) * tx;
                let low = at(x0, y0 + 1) * (1.0 - tx) + at(x0 + 1, y0 + 1) * tx;
                let ink = &mut self.ink[y * self.width + x];
                *ink = ink.max(top * (1.0 - ty) + low * ty);
            }
        }
    }

    /// Draws a stroke from one point to another, `width` pixels wide.
    pub fn stroke(&mut self, from: (f32, f32), to: (f32, f32), width: f32) {
        for y in 0..self.height {
            for x in 0..self.width {
                let (px, py) = (x as f32 + 0.5 - from.0, y as f32 + 0.5 - from.1);
                let (dx, dy) = (to.0 - from.0, to.1 - from.1);
                let along = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-6)).clamp(0.0, 1.0);
                let far = (px - along * dx).hypot(py - along * dy);
                let ink = (width / 2.0 + 0.5 - far).clamp(0.0, 1.0);
                let place = &mut self.ink[y * self.width + x];
                *place = place.max(ink);
            }
        }
    }

    /// Makes strokes `by` pixels wider on each side, or narrower where it is negative.
    pub fn grow(&mut self, by: f32) {
        let reach = by.abs().ceil() as i64;
        let source = self.ink.clone();
        let sign = by.signum();
        for y in 0..self.height as i64 {
            for x in 0..self.width as i64 {
                let mut best = f32::MIN;
                for dy in -reach..=reach {
                    for dx in -reach..=reach {
                        let far = ((dx * dx + dy * dy) as f32).sqrt();
                        if far > by.abs() + 0.5 {
                            continue;
                        }
                        let (u, v) = (x + dx, y + dy);
                        if (0..self.width as i64).contains(&u)
                            && (0..self.height as i64).contains(&v)
                        {
                            best = best.max(sign * source[v as usize * self.width + u as usize]);
                        }
                    }
                }
                self.ink[y as usize * self.width + x as usize] = sign * best;
            }
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let (x0, y0) = (x.floor(), y.floor());
        let (tx, ty) = (x - x0, y - y0);
        let value = |x: f32, y: f32| match x >= 0.0
            && y >= 0.0
            && (x as usize) < self.width
            && (y as usize) < self.height
        {
            true => self.ink[y as usize * self.width + x as usize],
            false => 0.0,
        };
        (value(x0, y0) * (1.0 - tx) + value(x0 + 1.0, y0) * tx) * (1.0 - ty)
            + (value(x0, y0 + 1.0) * (1.0 - tx) + value(x0 + 1.0, y0 + 1.0) * tx) * ty
    }
}

pub fn stream(seed: u64, index: usize) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed * 1_000_003 + index as u64)
}

/// A page of a digit in a place and a size of its own.
pub fn digit(image: &[u8], rng: &mut ChaCha8Rng) -> Page {
    let (width, height) = (rng.random_range(200..320), rng.random_range(200..320));
    let mut page = Page::new(width, height);
    let scale = rng.random_range(3.6f32..5.6);
    let room = |side: usize| side as f32 - 28.0 * scale;
    let (left, top) = (
        room(width) * rng.random_range(0.15f32..0.85),
        room(height) * rng.random_range(0.15f32..0.85),
    );
    page.put(image, scale, left, top);
    page
}

/// A page of digits side by side, and how they are spaced.
pub fn row(images: &[&[u8]], rng: &mut ChaCha8Rng) -> Page {
    let scale = rng.random_range(3.4f32..4.6);
    let (width, height) = (
        (28.0 * scale * images.len() as f32) as usize + 80,
        (28.0 * scale) as usize + 60,
    );
    let mut page = Page::new(width, height);
    let mut left = 40.0;
    for image in images {
        let size = scale * rng.random_range(0.92f32..1.05);
        page.put(image, size, left, 30.0 + rng.random_range(-6.0f32..6.0));
        left += 28.0 * scale * rng.random_range(0.86f32..1.0);
    }
    page
}

/// The photograph of a page.
pub fn photographed(page: &Page, paper: Paper, rng: &mut ChaCha8Rng) -> RgbImage {
    let mut page = page.clone();
    match paper {
        Paper::ThinPen => page.grow(-3.0),
        Paper::ThickPen => page.grow(3.0),
        Paper::Marker => page.grow(6.0),
        _ => {}
    }
    let (width, height) = (page.width as f32, page.height as f32);
    let light = Light::draw(paper, width, height, rng);
    let sheet = Sheet::draw(paper, width, height, rng);
    let pens = [
        [35.0, 45.0, 120.0],
        [40.0, 40.0, 45.0],
        [20.0, 20.0, 25.0],
        [150.0, 30.0, 40.0],
        [70.0, 70.0, 75.0],
    ];
    let pen: [f32; 3] = pens[rng.random_range(0..pens.len())];
    let strength = rng.random_range(0.8f32..0.95);
    let grain = match paper {
        Paper::Noise => rng.random_range(8.0f32..22.0),
        _ => rng.random_range(2.0f32..6.0),
    };
    let turn = Turn::draw(paper, width, height, rng);
    let lines = Lines::draw(paper, rng);
    let mut values = vec![[0.0f32; 3]; page.width * page.height];
    for y in 0..page.height {
        for x in 0..page.width {
            let (x, y) = (x as f32, y as f32);
            let (u, v) = turn.back(x, y);
            let lit = light.at(x, y);
            let on_sheet = sheet.holds(x, y);
            let ink = page.at(u, v) * strength * on_sheet;
            let line = lines.at(u, v) * on_sheet;
            let paper = 232.0 * (1.0 - line) * on_sheet + sheet.table(x, y) * (1.0 - on_sheet);
            let pixel = &mut values[y as usize * page.width + x as usize];
            for c in 0..3 {
                let tint = [1.0, 0.99, 0.96][c];
                pixel[c] = (paper * tint * (1.0 - ink) + pen[c] * ink) * lit;
            }
        }
    }
    let passes = match paper {
        Paper::Blur => rng.random_range(3..7),
        _ => 1,
    };
    for _ in 0..passes {
        values = blurred(&values, page.width, page.height);
    }
    RgbImage::from_fn(page.width as u32, page.height as u32, |x, y| {
        let pixel = values[y as usize * page.width + x as usize];
        let both: f32 = rng.random_range(-1.0..1.0);
        Rgb(pixel.map(|value| {
            let own: f32 = rng.random_range(-1.0..1.0);
            (value + grain * (0.7 * both + 0.3 * own)).clamp(0.0, 255.0) as u8
        }))
    })
}

fn blurred(values: &[[f32; 3]], width: usize, height: usize) -> Vec<[f32; 3]> {
    let mut out = vec![[0.0; 3]; values.len()];
    for y in 0..height {
        for x in 0..width {
            let mut sum = [0.0; 3];
            let mut weights = 0.0;
            for (dy, wy) in [(-1i64, 1.0), (0, 2.0), (1, 1.0)] {
                for (dx, wx) in [(-1i64, 1.0), (0, 2.0), (1, 1.0)] {
                    let (u, v) = (x as i64 + dx, y as i64 + dy);
                    if (0..width as i64).contains(&u) && (0..height as i64).contains(&v) {
                        let pixel = values[v as usize * width + u as usize];
                        (0..3).for_each(|c| sum[c] += pixel[c] * wx * wy);
                        weights += wx * wy;
                    }
                }
            }
            out[y * width + x] = sum.map(|v| v / weights);
        }
    }
    out
}

/// A lamp's gradient, and a shadow with an edge.
struct Light {
    slope: (f32, f32),
    least: f32,
    shadow: Option<(f32, f32, f32, f32, f32)>,
}

impl Light {
    fn draw(paper: Paper, width: f32, height: f32, rng: &mut ChaCha8Rng) -> Self {
        let angle = rng.random_range(0.0f32..std::f32::consts::TAU);
        let fall = rng.random_range(0.05f32..0.3);
        let longest = width.max(height);
        let shadow = (paper == Paper::Shadow).then(|| {
            let angle = rng.random_range(0.0f32..std::f32::consts::TAU);
            // Through a point near the middle: it often crosses the digit.
            let (x, y) = (
                width * rng.random_range(0.3f32..0.7),
                height * rng.random_range(0.3f32..0.7),
            );
            (
                angle.cos(),
                angle.sin(),
                x * angle.cos() + y * angle.sin(),
                rng.random_range(0.5f32..0.8),
                rng.random_range(0.5f32..12.0),
            )
        });
        Self {
            slope: (angle.cos() * fall / longest, angle.sin() * fall / longest),
            least: 0.93 - fall / 2.0,
            shadow,
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let lit = (self.least + x * self.slope.0 + y * self.slope.1).clamp(0.2, 1.05);
        let shade = self.shadow.map_or(1.0, |(cos, sin, at, dark, soft)| {
            let far = ((x * cos + y * sin - at) / soft + 0.5).clamp(0.0, 1.0);
            1.0 - far * (1.0 - dark)
        });
        lit * shade
    }
}

/// The sheet within the photograph, and the table around it.
struct Sheet {
    /// Normal and distance of each edge that is seen.
    edges: Vec<(f32, f32, f32)>,
    dark: f32,
    grain: (f32, f32, f32),
}

impl Sheet {
    fn draw(paper: Paper, width: f32, height: f32, rng: &mut ChaCha8Rng) -> Self {
        let mut edges = Vec::new();
        if paper == Paper::Desk {
            let first = rng.random_range(0..4);
            let count = rng.random_range(1..=4);
            for side in (0..count).map(|n| (first + n) % 4) {
                let turn = rng.random_range(-0.06f32..0.06);
                let depth = rng.random_range(0.01f32..0.12);
                let (angle, at) = match side {
                    0 => (0.0, -width * depth),
                    1 => (std::f32::consts::PI, width * (1.0 - depth)),
                    2 => (std::f32::consts::FRAC_PI_2, -height * depth),
                    _ => (-std::f32::consts::FRAC_PI_2, height * (1.0 - depth)),
                };
                let angle: f32 = angle + turn;
                edges.push((angle.cos(), angle.sin(), at));
            }
        }
        let angle = rng.random_range(0.0f32..3.0);
        Self {
            edges,
            dark: rng.random_range(20.0f32..95.0),
            grain: (angle.cos(), angle.sin(), rng.random_range(0.0f32..9.0)),
        }
    }

    fn holds(&self, x: f32, y: f32) -> f32 {
        self.edges
            .iter()
            .map(|(cos, sin, at)| (x * cos + y * sin + at + 0.5).clamp(0.0, 1.0))
            .fold(1.0, f32::min)
    }

    /// Wood.
    fn table(&self, x: f32, y: f32) -> f32 {
        let (cos, sin, depth) = self.grain;
        let across = x * cos + y * sin;
        self.dark + depth * ((across * 0.5).sin() + (across * 0.17 + 1.0).sin())
    }
}

/// A page turned and tilted, as a camera sees it.
struct Turn {
    rows: [[f32; 3]; 3],
}

impl Turn {
    fn draw(paper: Paper, width: f32, height: f32, rng: &mut ChaCha8Rng) -> Self {
        if paper != Paper::Perspective {
            return Self {
                rows: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            };
        }
        let angle = rng.random_range(-0.14f32..0.14);
        let (cos, sin) = (angle.cos(), angle.sin());
        let (x, y) = (width / 2.0, height / 2.0);
        let tilt = |side: f32, rng: &mut ChaCha8Rng| rng.random_range(-0.25f32..0.25) / side;
        let (p, q) = (tilt(width, rng), tilt(height, rng));
        // Around the middle, where nothing moves.
        Self {
            rows: [
                [
                    cos + x * p,
                    sin + x * q,
                    x - cos * x - sin * y - x * (p * x + q * y),
                ],
                [
                    -sin + y * p,
                    cos + y * q,
                    y + sin * x - cos * y - y * (p * x + q * y),
                ],
                [p, q, 1.0 - p * x - q * y],
            ],
        }
    }

    fn back(&self, x: f32, y: f32) -> (f32, f32) {
        let [a, b, c] = self.rows.map(|row| row[0] * x + row[1] * y + row[2]);
        (a / c, b / c)
    }
}

/// Ruled or squared.
struct Lines {
    spacing: f32,
    offset: (f32, f32),
    half: f32,
    dark: f32,
    turn: f32,
    rows: bool,
    columns: bool,
}

impl Lines {
    fn draw(paper: Paper, rng: &mut ChaCha8Rng) -> Self {
        let spacing = match paper {
            Paper::Squared => rng.random_range(16.0f32..32.0),
            _ => rng.random_range(24.0f32..48.0),
        };
        Self {
            spacing,
            offset: (
                rng.random_range(0.0..spacing),
                rng.random_range(0.0..spacing),
            ),
            half: rng.random_range(0.4f32..1.3),
            dark: rng.random_range(0.12f32..0.4),
            turn: rng.random_range(-0.05f32..0.05),
            rows: matches!(paper, Paper::Ruled | Paper::Squared),
            columns: paper == Paper::Squared,
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let (cos, sin) = (self.turn.cos(), self.turn.sin());
        let near = |place: f32| {
            let far = (place.rem_euclid(self.spacing) - self.spacing / 2.0).abs();
            (self.half + 0.5 - far).clamp(0.0, 1.0) * self.dark
        };
        let rows = if self.rows {
            near(y * cos - x * sin + self.offset.0)
        } else {
            0.0
        };
        let columns = if self.columns {
            near(x * cos + y * sin + self.offset.1)
        } else {
            0.0
        };
        rows.max(columns)
    }
}

/// What is no digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    Blank,
    LitPaper,
    Noise,
    Checks,
    RuledSheet,
    SquaredSheet,
    Dots,
    Scribble,
    Cross,
    Letter,
}

pub const OTHERS: [(Other, &str); 10] = [
    (Other::Blank, "blank paper"),
    (Other::LitPaper, "lit paper"),
    (Other::Noise, "noise alone"),
    (Other::Checks, "checks"),
    (Other::RuledSheet, "ruled sheets"),
    (Other::SquaredSheet, "squared sheets"),
    (Other::Dots, "dots"),
    (Other::Scribble, "scribbles"),
    (Other::Cross, "crosses"),
    (Other::Letter, "letters"),
];

/// Strokes of letters that look like no digit, on a square of side 1.
const LETTERS: [&[[f32; 4]]; 11] = [
    // A E F H K M N R T W X
    &[
        [0.0, 1.0, 0.5, 0.0],
        [0.5, 0.0, 1.0, 1.0],
        [0.2, 0.62, 0.8, 0.62],
    ],
    &[
        [0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 0.8, 0.0],
        [0.0, 0.5, 0.65, 0.5],
        [0.0, 1.0, 0.8, 1.0],
    ],
    &[
        [0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 0.8, 0.0],
        [0.0, 0.48, 0.65, 0.48],
    ],
    &[
        [0.0, 0.0, 0.0, 1.0],
        [0.8, 0.0, 0.8, 1.0],
        [0.0, 0.5, 0.8, 0.5],
    ],
    &[
        [0.0, 0.0, 0.0, 1.0],
        [0.75, 0.0, 0.0, 0.55],
        [0.25, 0.4, 0.8, 1.0],
    ],
    &[
        [0.0, 1.0, 0.05, 0.0],
        [0.05, 0.0, 0.5, 0.6],
        [0.5, 0.6, 0.95, 0.0],
        [0.95, 0.0, 1.0, 1.0],
    ],
    &[
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 0.8, 1.0],
        [0.8, 1.0, 0.8, 0.0],
    ],
    &[
        [0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 0.6, 0.08],
        [0.6, 0.08, 0.62, 0.42],
        [0.62, 0.42, 0.0, 0.5],
        [0.25, 0.5, 0.75, 1.0],
    ],
    &[[0.0, 0.0, 0.9, 0.0], [0.45, 0.0, 0.45, 1.0]],
    &[
        [0.0, 0.0, 0.25, 1.0],
        [0.25, 1.0, 0.5, 0.35],
        [0.5, 0.35, 0.75, 1.0],
        [0.75, 1.0, 1.0, 0.0],
    ],
    &[[0.0, 0.0, 0.85, 1.0], [0.85, 0.0, 0.0, 1.0]],
];

/// A photograph without a digit.
pub fn without_digit(other: Other, rng: &mut ChaCha8Rng) -> RgbImage {
    let (width, height) = (rng.random_range(180..320), rng.random_range(180..320));
    let mut page = Page::new(width, height);
    let point = |rng: &mut ChaCha8Rng| {
        (
            width as f32 * rng.random_range(0.2f32..0.8),
            height as f32 * rng.random_range(0.2f32..0.8),
        )
    };
    match other {
        Other::Blank => {
            let grey: u8 = rng.random_range(0..=255);
            return RgbImage::from_pixel(width as u32, height as u32, Rgb([grey; 3]));
        }
        Other::LitPaper => {
            return photographed(
                &page,
                if rng.random_bool(0.5) {
                    Paper::Shadow
                } else {
                    Paper::Plain
                },
                rng,
            );
        }
        Other::RuledSheet => return photographed(&page, Paper::Ruled, rng),
        Other::SquaredSheet => return photographed(&page, Paper::Squared, rng),
        Other::Noise => return noise(width as u32, height as u32, rng),
        Other::Checks => return checks(width as u32, height as u32, rng),
        Other::Dots => {
            for _ in 0..rng.random_range(1..7) {
                let at = point(rng);
                page.stroke(at, at, rng.random_range(8.0f32..26.0));
            }
        }
        Other::Scribble => {
            let wide = rng.random_range(4.0f32..11.0);
            let mut from = point(rng);
            for _ in 0..rng.random_range(6..18) {
                let to = point(rng);
                page.stroke(from, to, wide);
                from = to;
            }
        }
        Other::Cross => {
            let wide = rng.random_range(5.0f32..14.0);
            let middle = (width as f32 / 2.0, height as f32 / 2.0);
            let size = rng.random_range(30.0f32..70.0);
            let turn =
                rng.random_range(-0.2f32..0.2) + if rng.random_bool(0.5) { 0.785 } else { 0.0 };
            for angle in [turn, turn + 1.57] {
                let (dx, dy) = (angle.cos() * size, angle.sin() * size);
                page.stroke(
                    (middle.0 - dx, middle.1 - dy),
                    (middle.0 + dx, middle.1 + dy),
                    wide,
                );
            }
        }
        Other::Letter => {
            let letter = LETTERS[rng.random_range(0..LETTERS.len())];
            let size = rng.random_range(80.0f32..130.0);
            let wide = size * rng.random_range(0.07f32..0.17);
            let (narrow, slant) = (
                rng.random_range(0.6f32..1.0),
                rng.random_range(-0.2f32..0.2),
            );
            let (left, top) = (
                width as f32 / 2.0 - size * 0.4,
                height as f32 / 2.0 - size * 0.5,
            );
            let mut moved = |x: f32, y: f32| {
                let mut shake = || rng.random_range(-0.04f32..0.04);
                (
                    left + size * (x * narrow + slant * (0.5 - y) + shake()),
                    top + size * (y + shake()),
                )
            };
            for &[a, b, c, d] in letter {
                let (from, to) = (moved(a, b), moved(c, d));
                page.stroke(from, to, wide);
            }
        }
    }
    photographed(&page, Paper::Plain, rng)
}

fn noise(width: u32, height: u32, rng: &mut ChaCha8Rng) -> RgbImage {
    let (middle, range) = (
        rng.random_range(60.0f32..200.0),
        rng.random_range(3.0f32..128.0),
    );
    let fine = rng.random_range(1..4);
    let cells: Vec<f32> = (0..width * height)
        .map(|_| rng.random_range(-1.0f32..1.0))
        .collect();
    RgbImage::from_fn(width, height, |x, y| {
        let cell = cells[((y / fine) * width + x / fine) as usize];
        Rgb([(middle + range * cell).clamp(0.0, 255.0) as u8; 3])
    })
}

fn checks(width: u32, height: u32, rng: &mut ChaCha8Rng) -> RgbImage {
    let side = rng.random_range(8..60);
    let (dark, light) = (rng.random_range(0..100), rng.random_range(150..=255));
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([if (x / side + y / side) % 2 == 0 {
            dark
        } else {
            light
        }; 3])
    })
}
