//! Ink -> the marks in it: pixels that touch, without specks, edges of a sheet or a table.

use image::{GrayImage, ImageBuffer, Luma};
use imageproc::region_labelling::{Connectivity, connected_components};

use super::illumination::Ink;
use super::planes::{Plane, quantile};

/// Ink that no pencil leaves less of.
const LEAST_INK: f32 = 0.06;
/// Ink of a stroke that runs into the picture's border, at least.
const CLEAR_INK: f32 = 0.25;
/// Ink that stands out so many times from the background's grain is no grain.
const GRAIN: f32 = 6.0;
/// Marks have pixels of this share of the strongest mark's ink,
const SEED: f32 = 0.45;
/// touch by pixels of this share,
const BODY: f32 = 0.3;
/// and end in pixels of this share.
const EDGE: f32 = 0.1;
/// A mark smaller than this share of the largest is a speck.
const SPECK: f32 = 0.01;
/// A mark by itself may be lighter than all others, another pen's, from this ink on,
const LIGHTER_INK: f32 = 0.2;
/// if it is upright and has this share of the highest mark's height, as no grain of wood has.
const LIGHTER_HEIGHT: f32 = 0.5;

/// 0, or the number of the mark that a pixel belongs to.
pub type Labels = ImageBuffer<Luma<u32>, Vec<u32>>;

/// A mark.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Its number in the plane of labels.
    pub label: u32,
    pub left: u32,
    pub top: u32,
    /// The first column and row after it.
    pub right: u32,
    pub bottom: u32,
    /// Pixels.
    pub area: u32,
    /// Where it ends, for distances: some of its pixels.
    pub outline: Vec<(u32, u32)>,
}

impl Mark {
    pub fn width(&self) -> u32 {
        self.right - self.left
    }

    pub fn height(&self) -> u32 {
        self.bottom - self.top
    }

    /// The longer side.
    pub fn size(&self) -> u32 {
        self.width().max(self.height())
    }
}

/// The marks of a picture.
pub struct Marks {
    /// 0, or the number of the mark that a pixel belongs to.
    pub labels: Labels,
    pub marks: Vec<Mark>,
    /// Something clear lies at the picture's border, whatever else there is.
    pub at_border: bool,
}

/// Finds the marks; none where nothing stands out.
pub fn marks(ink: &Ink) -> Marks {
    let least = LEAST_INK;
    let found = marks_from(ink, least);
    if !found.marks.is_empty() {
        return found;
    }
    // A stroke that leads into a shadow's tip is parted from it by its ink.
    let strong = 0.6 * quantile(&ink.values, 0.999);
    match strong > least {
        true => marks_from(ink, strong),
        false => found,
    }
}

fn marks_from(ink: &Ink, least: f32) -> Marks {
    let all = labelled(ink, least, least);
    let first = proper(&all, ink);
    let largest = first.iter().map(|mark| mark.area).max().unwrap_or(0);
    let full = first
        .iter()
        .filter(|mark| mark.area as f32 >= 0.1 * largest as f32)
        .map(|mark| strength(mark, &all.labels, &ink.values))
        .fold(0.0, f32::max);
    if full == 0.0 {
        return Marks {
            marks: Vec::new(),
            ..all
        };
    }
    let mut found = labelled(ink, (SEED * full).max(least), (BODY * full).max(least));
    let mut marks = proper(&found, ink);
    let largest = marks.iter().map(|mark| mark.area).max().unwrap_or(0);
    marks.retain(|mark| mark.area as f32 >= SPECK * largest as f32);
    if LIGHTER_INK < SEED * full {
        add_lighter(&mut found.labels, &mut marks, ink);
    }
    grow(&mut found.labels, &mut marks, ink, EDGE * full);
    Marks {
        at_border: found.at_border,
        labels: found.labels,
        marks,
    }
}

/// Adds marks that are clear, though much lighter than the strongest: those of a second pen.
fn add_lighter(labels: &mut Labels, marks: &mut Vec<Mark>, ink: &Ink) {
    let highest = marks.iter().map(Mark::height).max().unwrap_or(0);
    let lighter = labelled(ink, LIGHTER_INK, LIGHTER_INK * BODY / SEED);
    let mut others = proper(&lighter, ink);
    others.retain(|mark| {
        mark.height() as f32 >= LIGHTER_HEIGHT * highest as f32 && mark.width() <= 2 * mark.height()
    });
    let last = |labels: &Labels| labels.iter().copied().max().unwrap_or(0);
    let mut is_kept = vec![false; last(labels) as usize + 1];
    marks
        .iter()
        .for_each(|mark| is_kept[mark.label as usize] = true);
    let mut is_taken = vec![false; last(&lighter.labels) as usize + 1];
    for (other, own) in lighter.labels.pixels().zip(labels.pixels()) {
        is_taken[other.0[0] as usize] |= is_kept[own.0[0] as usize];
    }
    others.retain(|mark| !is_taken[mark.label as usize]);
    let first = last(labels);
    for (own, other) in labels.pixels_mut().zip(lighter.labels.pixels()) {
        if others.iter().any(|mark| mark.label == other.0[0]) {
            own.0[0] = first + other.0[0];
        }
    }
    marks.extend(others.into_iter().map(|mark| Mark {
        label: first + mark.label,
        ..mark
    }));
}

/// Lets marks take the fainter pixels at their edges, down to `edge`.
fn grow(labels: &mut Labels, marks: &mut [Mark], ink: &Ink, edge: f32) {
    let (width, height) = labels.dimensions();
    let steps = 2 + width.min(height) / 100;
    let mut open: Vec<(u32, u32)> = marks
        .iter()
        .flat_map(|mark| mark.outline.iter().copied())
        .collect();
    for _ in 0..steps {
        let mut next = Vec::new();
        for (x, y) in open {
            let label = labels.get_pixel(x, y).0[0];
            for near_y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for near_x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let least = edge.max(3.5 * ink.grain(near_x, near_y));
                    if labels.get_pixel(near_x, near_y).0[0] != 0
                        || ink.values.get_pixel(near_x, near_y).0[0] < least
                    {
                        continue;
                    }
                    labels.put_pixel(near_x, near_y, Luma([label]));
                    next.push((near_x, near_y));
                    if let Some(mark) = marks.iter_mut().find(|mark| mark.label == label) {
                        mark.left = mark.left.min(near_x);
                        mark.top = mark.top.min(near_y);
                        mark.right = mark.right.max(near_x + 1);
                        mark.bottom = mark.bottom.max(near_y + 1);
                    }
                }
            }
        }
        open = next;
    }
}

/// Marks that are no edge of a sheet and no shadow, without what lies on a table around it.
fn proper(all: &Marks, ink: &Ink) -> Vec<Mark> {
    let (width, height) = ink.values.dimensions();
    let shorter = width.min(height) as f32;
    let least_area = (0.012 * shorter)
        .powi(2)
        .max(if shorter > 64.0 { 12.0 } else { 3.0 });
    let large = all
        .marks
        .iter()
        .filter(|mark| mark.area as f32 >= least_area);
    let contacts: Vec<(&Mark, Contact)> = large
        .map(|mark| (mark, Contact::of(mark, &all.labels)))
        .collect();
    let chosen = |wanted: fn(&Contact) -> bool| -> Vec<Mark> {
        let chosen = contacts.iter().filter(|(_, contact)| wanted(contact));
        chosen.map(|(mark, _)| (*mark).clone()).collect()
    };
    let free = chosen(|contact| !contact.any);
    let largest = free.iter().map(|mark| mark.area).max().unwrap_or(0);
    if largest > 0 {
        // A stroke that runs out of the picture is part of what is drawn; dirt does not hide it.
        let strokes = chosen(|contact| contact.any && !contact.along);
        let larger = strokes.into_iter().filter(|mark| mark.area * 10 >= largest);
        return without_table(free.into_iter().chain(larger).collect(), &all.labels, ink);
    }
    // Without a margin there must be more than the tip of a shadow.
    let mut strokes = chosen(|contact| !contact.along);
    strokes.retain(|mark| {
        mark.size() as f32 >= 0.2 * shorter && strength(mark, &all.labels, &ink.values) >= CLEAR_INK
    });
    match strokes.is_empty() {
        false => strokes,
        true => chosen(|contact| contact.fills),
    }
}

/// How a mark meets the picture's border.
struct Contact {
    any: bool,
    /// It runs along a border, as a table beside a sheet or the tip of a shadow does.
    along: bool,
    /// It reaches all four borders, and most of it is far from those that it runs along: a drawing
    /// that was cut out without a margin.
    fills: bool,
}

impl Contact {
    fn of(mark: &Mark, labels: &Labels) -> Self {
        let (width, height) = labels.dimensions();
        let own = |x: u32, y: u32| labels.get_pixel(x, y).0[0] == mark.label;
        let rows = |y: u32| (mark.left..mark.right).filter(|&x| own(x, y)).count() as f32;
        let columns = |x: u32| (mark.top..mark.bottom).filter(|&y| own(x, y)).count() as f32;
        // Share of the border, and of the mark's own side along it.
        let borders = [
            (rows(0), width, mark.width()),
            (rows(height - 1), width, mark.width()),
            (columns(0), height, mark.height()),
            (columns(width - 1), height, mark.height()),
        ];
        let any = borders.iter().any(|border| border.0 > 0.0);
        let along = borders.iter().any(|&(count, side, own)| {
            count > 0.25 * side as f32 || (count > 0.5 * own as f32 && count > 0.03 * side as f32)
        });
        let covered = borders.map(|(count, side, _)| count > 0.5 * side as f32);
        let depth = width.min(height) / 6;
        let near = |x: u32, y: u32| {
            (covered[0] && y < depth)
                || (covered[1] && y + depth >= height)
                || (covered[2] && x < depth)
                || (covered[3] && x + depth >= width)
        };
        let far = mark.outline.iter().filter(|&&(x, y)| !near(x, y)).count();
        let ends = 2 * (width + height) as usize;
        let frame = (0..width)
            .map(|x| (x, 0))
            .chain((0..height).map(|y| (width - 1, y)));
        let back = (0..width)
            .rev()
            .map(|x| (x, height - 1))
            .chain((0..height).rev().map(|y| (0, y)));
        let around: Vec<bool> = frame.chain(back).map(|(x, y)| own(x, y)).collect();
        // A pattern meets the border more often than a drawing does.
        let meets = (0..ends)
            .filter(|&at| around[at] && !around[(at + 1) % ends])
            .count();
        Self {
            any,
            along,
            fills: borders.iter().all(|border| border.0 > 0.0)
                && far * 3 >= mark.outline.len()
                && meets <= 10,
        }
    }
}

/// Without the marks on a dark table around the sheet, which are fainter than those on the sheet:
/// what is written in a shadow is not.
fn without_table(marks: Vec<Mark>, labels: &Labels, ink: &Ink) -> Vec<Mark> {
    let Some((level, sheet)) = table(ink) else {
        return marks;
    };
    let strengths: Vec<f32> = marks
        .iter()
        .map(|mark| strength(mark, labels, &ink.values))
        .collect();
    let below = |mark: &Mark, level: f32| {
        let dark = mark
            .outline
            .iter()
            .filter(|&&(x, y)| ink.background.get_pixel(x, y).0[0] < level);
        dark.count() * 10 >= mark.outline.len() * 7
    };
    let on_table: Vec<bool> = marks.iter().map(|mark| below(mark, level)).collect();
    let on_sheet = strengths
        .iter()
        .zip(&on_table)
        .filter(|(_, on_table)| !**on_table);
    let strongest = on_sheet.map(|(strength, _)| *strength).fold(0.0, f32::max);
    // No shadow is as dark as this.
    let black: Vec<bool> = marks.iter().map(|mark| below(mark, 0.4 * sheet)).collect();
    let kept = |at: usize| {
        !on_table[at] || strongest == 0.0 || (strengths[at] >= 0.7 * strongest && !black[at])
    };
    marks
        .into_iter()
        .enumerate()
        .filter(|(at, _)| kept(*at))
        .map(|(_, mark)| mark)
        .collect()
}

/// The background's brightness that parts a dark table from the sheet on it, and that of the sheet.
fn table(ink: &Ink) -> Option<(f32, f32)> {
    let grey: Vec<u8> = ink
        .background
        .iter()
        .map(|value| (value.clamp(0.0, 1.0) * 255.0) as u8)
        .collect();
    let image = GrayImage::from_vec(
        ink.background.width(),
        ink.background.height(),
        grey.clone(),
    )?;
    let level = imageproc::contrast::otsu_level(&image);
    let mean = |dark: bool| {
        let part: Vec<f64> = grey
            .iter()
            .filter(|&&v| (v <= level) == dark)
            .map(|&v| f64::from(v))
            .collect();
        (
            part.iter().sum::<f64>() / part.len().max(1) as f64,
            part.len(),
        )
    };
    let ((dark, dark_count), (light, _)) = (mean(true), mean(false));
    (dark < 0.55 * light && dark_count > grey.len() / 50)
        .then_some((f32::from(level) / 255.0, light as f32 / 255.0))
}

/// What most of a mark's pixels have, without its edges.
pub fn strength(mark: &Mark, labels: &Labels, ink: &Plane) -> f32 {
    let mut values = Vec::new();
    for y in mark.top..mark.bottom {
        for x in mark.left..mark.right {
            if labels.get_pixel(x, y).0[0] == mark.label {
                values.push(ink.get_pixel(x, y).0[0]);
            }
        }
    }
    quantile(&values, 0.9)
}

/// Pixels of at least `edge` that touch, sides or corners, around at least one of `seed`.
fn labelled(ink: &Ink, seed: f32, edge: f32) -> Marks {
    let (width, height) = ink.values.dimensions();
    let mask = GrayImage::from_fn(width, height, |x, y| {
        Luma([u8::from(
            ink.values.get_pixel(x, y).0[0] >= edge.max(GRAIN * ink.grain(x, y)),
        )])
    });
    let labels = connected_components(&mask, Connectivity::Eight, Luma([0]));
    let count = labels.iter().copied().max().unwrap_or(0) as usize;
    let mut marks: Vec<Mark> = (1..=count as u32)
        .map(|label| Mark {
            label,
            left: u32::MAX,
            top: u32::MAX,
            right: 0,
            bottom: 0,
            area: 0,
            outline: Vec::new(),
        })
        .collect();
    let mut seeded = vec![false; count];
    for (x, y, label) in labels.enumerate_pixels() {
        let label = label.0[0];
        if label == 0 {
            continue;
        }
        let mark = &mut marks[label as usize - 1];
        mark.left = mark.left.min(x);
        mark.top = mark.top.min(y);
        mark.right = mark.right.max(x + 1);
        mark.bottom = mark.bottom.max(y + 1);
        mark.area += 1;
        seeded[label as usize - 1] |= ink.values.get_pixel(x, y).0[0] >= seed;
        let same = |x: u32, y: u32| x < width && y < height && labels.get_pixel(x, y).0[0] == label;
        let inner =
            x > 0 && y > 0 && same(x - 1, y) && same(x + 1, y) && same(x, y - 1) && same(x, y + 1);
        if !inner {
            mark.outline.push((x, y));
        }
    }
    marks.retain(|mark| seeded[mark.label as usize - 1]);
    let meets = |mark: &Mark| {
        mark.left == 0 || mark.top == 0 || mark.right == width || mark.bottom == height
    };
    let clear = |mark: &Mark| strength(mark, &labels, &ink.values) >= CLEAR_INK;
    let at_border = marks.iter().any(|mark| meets(mark) && clear(mark));
    Marks {
        labels,
        marks,
        at_border,
    }
}
