//! Strokes as knots joined by centripetal Catmull-Rom splines, flattened to points.

use super::hand::Hand;

#[derive(Clone, Copy)]
pub struct Point {
    pub x: f32,
    pub y: f32,
    /// How far along its stroke, 0 to 1.
    pub along: f32,
    /// The first point of a stroke: no line leads to it.
    pub first: bool,
}

#[derive(Clone, Copy)]
struct Knot {
    x: f32,
    y: f32,
    first: bool,
    corner: bool,
}

/// The knots of a digit: x to the right, y down, about 0 to 1 from top to bottom.
#[derive(Default)]
pub struct Sketch {
    knots: Vec<Knot>,
    drawing: bool,
}

impl Sketch {
    /// Takes the pen off the paper: the next knot starts a stroke.
    pub fn lift(&mut self) {
        self.drawing = false;
    }

    /// Runs smoothly through (x, y).
    pub fn to(&mut self, x: f32, y: f32) -> &mut Self {
        self.push(x, y, false)
    }

    /// Turns sharply at (x, y).
    pub fn corner(&mut self, x: f32, y: f32) -> &mut Self {
        self.push(x, y, true)
    }

    /// Follows an ellipse from angle `from` over `sweep`, both in turns (0 right, 0.25 down),
    /// while its radii grow evenly to `growth` times their size.
    pub fn arc(
        &mut self,
        centre: (f32, f32),
        radii: (f32, f32),
        from: f32,
        sweep: f32,
        growth: f32,
    ) -> &mut Self {
        let steps = ((sweep.abs() * 8.0) as usize).max(2);
        for step in 0..=steps {
            let part = step as f32 / steps as f32;
            let (cosine, sine) = direction(from + sweep * part);
            let size = 1.0 + (growth - 1.0) * part;
            self.to(
                centre.0 + radii.0 * size * cosine,
                centre.1 + radii.1 * size * sine,
            );
        }
        self
    }

    fn push(&mut self, x: f32, y: f32, corner: bool) -> &mut Self {
        self.knots.push(Knot {
            x,
            y,
            first: !self.drawing,
            corner,
        });
        self.drawing = true;
        self
    }

    /// Tilts all drawn so far: `tilt` down per unit right of `centre`.
    pub fn shear(&mut self, tilt: f32, centre: f32) {
        for knot in &mut self.knots {
            knot.y += tilt * (knot.x - centre);
        }
    }

    /// Moves every knot a little on its own.
    pub fn tremble(&mut self, hand: &mut Hand, deviation: f32) {
        for knot in &mut self.knots {
            knot.x += hand.about(0.0, deviation);
            knot.y += hand.about(0.0, deviation);
        }
    }

    /// The strokes as points about `spacing` apart.
    pub fn flatten(&self, spacing: f32) -> Vec<Point> {
        let mut points = Vec::with_capacity(128);
        for stroke in self.knots.chunk_by(|_, next| !next.first) {
            let begin = points.len();
            points.push(Point {
                x: stroke[0].x,
                y: stroke[0].y,
                along: 0.0,
                first: true,
            });
            for index in 1..stroke.len() {
                span(stroke, index, spacing, &mut points);
            }
            let last = (points.len() - begin - 1).max(1) as f32;
            for (order, point) in points[begin..].iter_mut().enumerate() {
                point.along = order as f32 / last;
            }
        }
        points
    }
}

/// The spline from knot `index - 1` to knot `index`, without its first point.
fn span(stroke: &[Knot], index: usize, spacing: f32, points: &mut Vec<Point>) {
    let (a, b) = (stroke[index - 1], stroke[index]);
    let length = distance(a, b);
    let steps = (length / spacing) as usize + 1;
    let width = length.sqrt().max(1e-3);
    let (dx, dy) = ((b.x - a.x) / width, (b.y - a.y) / width);
    let before = (index >= 2 && !a.corner).then(|| stroke[index - 2]);
    let after = (index + 1 < stroke.len() && !b.corner).then(|| stroke[index + 1]);
    // Tangents of the centripetal parametrisation (Yuksel et al. 2011), times the span's width.
    let (ax, ay) = before.map_or((dx * width, dy * width), |p| {
        let w = distance(p, a).sqrt().max(1e-3);
        let tangent = |p: f32, a: f32, b: f32| {
            width * ((a - p) / w - (b - p) / (w + width) + (b - a) / width)
        };
        (tangent(p.x, a.x, b.x), tangent(p.y, a.y, b.y))
    });
    let (bx, by) = after.map_or((dx * width, dy * width), |n| {
        let w = distance(b, n).sqrt().max(1e-3);
        let tangent = |a: f32, b: f32, n: f32| {
            width * ((b - a) / width - (n - a) / (w + width) + (n - b) / w)
        };
        (tangent(a.x, b.x, n.x), tangent(a.y, b.y, n.y))
    });
    for step in 1..=steps {
        let t = step as f32 / steps as f32;
        let (t2, t3) = (t * t, t * t * t);
        let blend = |a: f32, b: f32, from: f32, to: f32| {
            (2.0 * t3 - 3.0 * t2 + 1.0) * a
                + (3.0 * t2 - 2.0 * t3) * b
                + (t3 - 2.0 * t2 + t) * from
                + (t3 - t2) * to
        };
        points.push(Point {
            x: blend(a.x, b.x, ax, bx),
            y: blend(a.y, b.y, ay, by),
            along: 0.0,
            first: false,
        });
    }
}

fn distance(a: Knot, b: Knot) -> f32 {
    ((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y)).sqrt()
}

/// Cosine and sine of an angle in turns, within 0.1 %: parabolas, because the functions of the
/// system's mathematics library differ between machines in their last bits.
pub fn direction(turns: f32) -> (f32, f32) {
    let sine = |turns: f32| {
        let t = turns - (turns + 0.5).floor();
        let parabola = 8.0 * t - 16.0 * t * t.abs();
        parabola * (0.775 + 0.225 * parabola.abs())
    };
    (sine(turns + 0.25), sine(turns))
}
