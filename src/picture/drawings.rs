//! Marks -> drawings: those that belong together are one; drawings come in reading order.

use super::components::Mark;

/// A mark smaller than this share of the usual size is part of a drawing, such as a dot.
const PART: f32 = 0.5;
/// A part is no farther from its drawing than this share of the usual size.
const NEAR_PART: f32 = 0.35;
/// A gap of a stroke is no wider than this share of what it parts into two alike,
const GAP: f32 = 0.12;
/// or into a smaller part, such as the top of a 5, and the rest.
const GAP_TO_PART: f32 = 0.28;
/// A break that is so narrow parts one stroke, whatever the two parts are like,
const BREAK: f32 = 0.045;
/// and so narrow where they lie side by side, as digits do.
const BREAK_BESIDE: f32 = 0.035;
/// What is made whole from parts side by side is no wider than this share of its height.
const WIDEST_WHOLE: f32 = 0.9;
/// A part is no higher than this share of the whole.
const PART_HEIGHT: f32 = 0.35;
/// Marks beyond this number are a pattern.
const MOST_MARKS: usize = 200;
/// Pixels of a mark's outline that distances are taken from.
const MOST_POINTS: usize = 400;
/// Drawings smaller than this share of the largest are dirt.
const DIRT: f32 = 0.3;
/// What a ring or a frame is drawn around has this share of its height,
const LEAST_ENCLOSED: f32 = 0.28;
/// with a space between of this share of its shorter side,
const SPACE: f32 = 0.03;
/// and the ring is there in all but a few of so many directions: rings that a pen draws may not close.
const SECTORS: usize = 24;
const OPEN_SECTORS: usize = 2;
/// A mark beside a drawing is one of its own, such as an exponent, from this share of the usual size on, unless it is flat.
const OWN: f32 = 0.28;

/// Marks that belong together.
#[derive(Clone, Debug)]
pub struct Group {
    pub labels: Vec<u32>,
    pub left: u32,
    pub top: u32,
    /// The first column and row after it.
    pub right: u32,
    pub bottom: u32,
    /// Some of the pixels where it ends.
    outline: Vec<(u32, u32)>,
}

impl Group {
    fn of(mark: &Mark) -> Self {
        // Odd: rows of a ring have four of them, and all sides are wanted.
        let every = mark.outline.len().div_ceil(MOST_POINTS) | 1;
        Self {
            labels: vec![mark.label],
            left: mark.left,
            top: mark.top,
            right: mark.right,
            bottom: mark.bottom,
            outline: mark.outline.iter().copied().step_by(every).collect(),
        }
    }

    fn join(&mut self, other: Self) {
        self.labels.extend(other.labels);
        self.outline.extend(other.outline);
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
    }

    pub fn width(&self) -> u32 {
        self.right - self.left
    }

    pub fn height(&self) -> u32 {
        self.bottom - self.top
    }

    /// The longer side.
    fn size(&self) -> f32 {
        self.width().max(self.height()) as f32
    }

    /// Whether it goes all around another that is no speck in it, with space between them.
    fn encloses(&self, other: &Self) -> bool {
        let inside = self.left < other.left
            && self.top < other.top
            && self.right > other.right
            && self.bottom > other.bottom;
        if !inside || (other.height() as f32) < LEAST_ENCLOSED * self.height() as f32 {
            return false;
        }
        let (x, y) = (
            (other.left + other.right) as f32 / 2.0,
            (other.top + other.bottom) as f32 / 2.0,
        );
        let mut around = [false; SECTORS];
        for &(at_x, at_y) in &self.outline {
            let angle = (at_y as f32 - y).atan2(at_x as f32 - x) / std::f32::consts::TAU + 0.5;
            around[((angle * SECTORS as f32) as usize).min(SECTORS - 1)] = true;
        }
        let open = around.iter().filter(|&&reached| !reached).count();
        open <= OPEN_SECTORS
            && distance(self, other) >= SPACE * self.width().min(self.height()) as f32
    }
}

/// The drawings that these marks make, row by row, from left to right.
pub fn drawings(marks: &[Mark]) -> Vec<Group> {
    let mut groups: Vec<Group> = marks.iter().map(Group::of).collect();
    if groups.len() > MOST_MARKS {
        // A pattern: nothing in it belongs together.
        return in_reading_order(groups);
    }
    without_enclosures(&mut groups);
    let usual = usual_size(&groups);
    join_all(&mut groups, |a, b| together(a, b, usual));
    attach_parts(&mut groups, usual);
    // With its parts a group may reach another.
    join_all(&mut groups, |a, b| together(a, b, usual));
    let largest = groups.iter().map(Group::size).fold(0.0, f32::max);
    groups.retain(|group| group.size() >= DIRT * largest);
    in_reading_order(groups)
}

/// Leaves out rings and frames around other groups: who circles a digit, or writes into a box, draws no digit with them.
fn without_enclosures(groups: &mut Vec<Group>) {
    let encloses = |at: usize| {
        let mut others = (0..groups.len()).filter(|&other| other != at);
        others.any(|other| groups[at].encloses(&groups[other]))
    };
    let mut kept = (0..groups.len())
        .map(|at| !encloses(at))
        .collect::<Vec<_>>()
        .into_iter();
    groups.retain(|_| kept.next().unwrap_or(true));
}

/// Joins pairs until there are none to be joined.
fn join_all(groups: &mut Vec<Group>, belong: impl Fn(&Group, &Group) -> bool) {
    let pair = |groups: &[Group]| {
        let pairs = (0..groups.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        pairs
            .into_iter()
            .find(|&(a, b)| belong(&groups[a], &groups[b]))
    };
    while let Some((a, b)) = pair(groups) {
        let part = groups.swap_remove(b);
        groups[a].join(part);
    }
}

/// All marks as one drawing.
pub fn single(marks: &[Mark]) -> Option<Group> {
    let mut groups = marks.iter().map(Group::of);
    let mut all = groups.next()?;
    groups.for_each(|group| all.join(group));
    Some(all)
}

/// The median size of groups that are not much smaller than the largest.
fn usual_size(groups: &[Group]) -> f32 {
    let largest = groups.iter().map(Group::size).fold(0.0, f32::max);
    let mut sizes: Vec<f32> = groups.iter().map(Group::size).collect();
    sizes.retain(|size| size * 2.0 >= largest);
    sizes.sort_unstable_by(f32::total_cmp);
    sizes.get(sizes.len() / 2).copied().unwrap_or(1.0)
}

/// Whether two groups are parts of one drawing whatever else there is.
fn together(a: &Group, b: &Group, usual: f32) -> bool {
    let overlap = |a: [u32; 2], b: [u32; 2]| i64::from(a[1].min(b[1])) - i64::from(a[0].max(b[0]));
    let across = overlap([a.left, a.right], [b.left, b.right]);
    let down = overlap([a.top, a.bottom], [b.top, b.bottom]);
    let area = |group: &Group| i64::from(group.width()) * i64::from(group.height());
    if across > 0 && down > 0 && across * down * 10 >= area(a).min(area(b)) * 6 {
        return true;
    }
    // One above the other, as parts of a broken stroke: their whole is a drawing's height.
    let narrower = a.width().min(b.width()) as f32;
    let whole = (a.bottom.max(b.bottom) - a.top.min(b.top)) as f32;
    let lower = a.height().min(b.height()) as f32;
    let gap = match lower <= PART_HEIGHT * whole {
        true => GAP_TO_PART,
        false => GAP,
    };
    // Beside a drawing what is as flat as this is a part too: the top of a 5, off to the right.
    let taller = a.height().max(b.height()) as f32;
    let flat = lower <= 0.4 * taller && down as f32 >= 0.5 * lower;
    if broken(a, b) {
        return true;
    }
    (across as f32 >= 0.4 * narrower || flat)
        && whole <= 1.4 * usual.max(a.size()).max(b.size())
        && lower <= 0.75 * whole
        && distance(a, b) <= gap * whole
}

/// Whether a narrow break parts two groups: a pen that skips, or a scratch, leaves two halves that
/// may be as large as each other.
fn broken(a: &Group, b: &Group) -> bool {
    let width = (a.right.max(b.right) - a.left.min(b.left)) as f32;
    let height = (a.bottom.max(b.bottom) - a.top.min(b.top)) as f32;
    let taller = a.height().max(b.height()) as f32;
    let stacked = a.right.min(b.right) > a.left.max(b.left) && taller <= 0.75 * height;
    let widest = if stacked { 1.2 } else { WIDEST_WHOLE };
    let gap = if stacked { BREAK } else { BREAK_BESIDE };
    width <= widest * height && distance(a, b) <= gap * height
}

/// Gives what is too small for a drawing to the nearest one.
fn attach_parts(groups: &mut Vec<Group>, usual: f32) {
    let (parts, mut wholes): (Vec<Group>, Vec<Group>) = groups
        .drain(..)
        .partition(|group| group.size() < PART * usual);
    let mut left = Vec::new();
    for part in parts {
        let nearest = wholes
            .iter_mut()
            .map(|whole| (distance(&part, whole), whole))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        match nearest {
            Some((_, whole)) if is_smaller_drawing(&part, whole, usual) => left.push(part),
            Some((distance, whole)) if distance <= NEAR_PART * usual => whole.join(part),
            _ => left.push(part),
        }
    }
    wholes.extend(left);
    *groups = wholes;
}

/// Whether a small group is a drawing of its own beside another, such as an exponent: upright, and clear of it.
fn is_smaller_drawing(part: &Group, whole: &Group, usual: f32) -> bool {
    let across = i64::from(part.right.min(whole.right)) - i64::from(part.left.max(whole.left));
    let upright = part.height() as f32 >= 0.9 * part.width() as f32;
    upright && part.height() as f32 >= OWN * usual && across * 5 < i64::from(part.width())
}

/// The shortest way between two groups, in pixels.
fn distance(a: &Group, b: &Group) -> f32 {
    let mut shortest = f32::MAX;
    for &(x, y) in &a.outline {
        for &(other_x, other_y) in &b.outline {
            let (dx, dy) = (x as f32 - other_x as f32, y as f32 - other_y as f32);
            shortest = shortest.min(dx * dx + dy * dy);
        }
    }
    shortest.sqrt()
}

/// Whether a group stands beside another's upper or lower end and is much smaller, as exponents and indices are.
fn is_raised(small: &Group, large: &Group) -> bool {
    let overlap = |a: [u32; 2], b: [u32; 2]| i64::from(a[1].min(b[1])) - i64::from(a[0].max(b[0]));
    let down = overlap([small.top, small.bottom], [large.top, large.bottom]);
    let apart = -overlap([small.left, small.right], [large.left, large.right]);
    let height = i64::from(small.height());
    5 * height <= 3 * i64::from(large.height())
        && 5 * down >= -height
        && (0..=height + height / 2).contains(&apart)
}

/// Rows from top to bottom; drawings whose middles lie within each other's height share a row.
fn in_reading_order(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by_key(|group| group.top + group.bottom);
    let mut rows: Vec<Vec<Group>> = Vec::new();
    for group in groups {
        let middle = (group.top + group.bottom) / 2;
        let shares = |row: &&mut Vec<Group>| {
            row.iter().any(|other| {
                let other_middle = (other.top + other.bottom) / 2;
                (other.top..other.bottom).contains(&middle)
                    || (group.top..group.bottom).contains(&other_middle)
                    || is_raised(&group, other)
                    || is_raised(other, &group)
            })
        };
        match rows.iter_mut().rev().find(shares) {
            Some(row) => row.push(group),
            None => rows.push(vec![group]),
        }
    }
    for row in &mut rows {
        row.sort_by_key(|group| group.left + group.right);
    }
    rows.into_iter().flatten().collect()
}
