//! Marks -> drawings: those that belong together are one; drawings come in reading order.

use super::components::Mark;

/// A mark smaller than this share of the usual size is part of a drawing, such as a dot.
const PART: f32 = 0.5;
/// A part is no farther from its drawing than this share of the usual size.
const NEAR_PART: f32 = 0.35;
/// A gap of a stroke is no wider than this share of what it parts.
const GAP: f32 = 0.12;
/// Drawings smaller than this share of the largest are dirt.
const DIRT: f32 = 0.3;

/// Marks that belong together.
#[derive(Clone, Debug)]
pub struct Group {
    pub labels: Vec<u32>,
    pub left: u32,
    pub top: u32,
    /// The first column and row after it.
    pub right: u32,
    pub bottom: u32,
}

impl Group {
    fn of(mark: &Mark) -> Self {
        Self {
            labels: vec![mark.label],
            left: mark.left,
            top: mark.top,
            right: mark.right,
            bottom: mark.bottom,
        }
    }

    fn join(&mut self, other: Self) {
        self.labels.extend(other.labels);
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

    fn size(&self) -> f32 {
        self.width().max(self.height()) as f32
    }
}

/// The drawings that these marks make, row by row, from left to right.
pub fn drawings(marks: &[Mark]) -> Vec<Group> {
    let usual = usual_size(marks);
    // Joined marks bear the number of one of them.
    let mut owner: Vec<usize> = (0..marks.len()).collect();
    for a in 0..marks.len() {
        for b in 0..a {
            if owner[a] != owner[b] && together(&marks[a], &marks[b], usual) {
                let (from, to) = (owner[a], owner[b]);
                for each in &mut owner {
                    if *each == from {
                        *each = to;
                    }
                }
            }
        }
    }
    attach_parts(marks, &mut owner, usual);
    let mut groups: Vec<Group> = Vec::new();
    for number in 0..marks.len() {
        let mut members = marks.iter().zip(&owner).filter(|(_, o)| **o == number).map(|(mark, _)| Group::of(mark));
        if let Some(mut group) = members.next() {
            members.for_each(|member| group.join(member));
            groups.push(group);
        }
    }
    let largest = groups.iter().map(Group::size).fold(0.0, f32::max);
    groups.retain(|group| group.size() >= DIRT * largest);
    in_reading_order(groups)
}

/// All marks as one drawing.
pub fn single(marks: &[Mark]) -> Option<Group> {
    let mut groups = marks.iter().map(Group::of);
    let mut all = groups.next()?;
    groups.for_each(|group| all.join(group));
    Some(all)
}

/// The median size of marks that are not much smaller than the largest.
fn usual_size(marks: &[Mark]) -> f32 {
    let largest = marks.iter().map(Mark::size).max().unwrap_or(0);
    let mut sizes: Vec<u32> = marks.iter().map(Mark::size).filter(|size| size * 2 >= largest).collect();
    sizes.sort_unstable();
    sizes.get(sizes.len() / 2).copied().unwrap_or(1) as f32
}

/// Whether two marks are parts of one drawing whatever else there is.
fn together(a: &Mark, b: &Mark, usual: f32) -> bool {
    let overlap = |a: [u32; 2], b: [u32; 2]| a[1].min(b[1]) as i64 - a[0].max(b[0]) as i64;
    let across = overlap([a.left, a.right], [b.left, b.right]);
    let down = overlap([a.top, a.bottom], [b.top, b.bottom]);
    let area = |mark: &Mark| i64::from(mark.width()) * i64::from(mark.height());
    if across > 0 && down > 0 && across * down * 10 >= area(a).min(area(b)) * 6 {
        return true;
    }
    // One above the other, as parts of a broken stroke: their whole is a drawing's height.
    let narrower = a.width().min(b.width()) as f32;
    let whole = (a.bottom.max(b.bottom) - a.top.min(b.top)) as f32;
    let gap = distance(a, b);
    across as f32 >= 0.4 * narrower && gap <= GAP * whole && whole <= 1.4 * usual.max(a.size().max(b.size()) as f32)
        && a.height().min(b.height()) as f32 <= 0.75 * whole
}

/// Gives what is too small for a drawing to the nearest one.
fn attach_parts(marks: &[Mark], owner: &mut [usize], usual: f32) {
    let size = |owner: &[usize], number: usize| -> f32 {
        let members = marks.iter().zip(owner).filter(|(_, o)| **o == number).map(|(mark, _)| Group::of(mark));
        members.reduce(|mut a, b| { a.join(b); a }).map_or(0.0, |group| group.size())
    };
    for part in 0..marks.len() {
        if size(owner, owner[part]) >= PART * usual {
            continue;
        }
        let nearest = (0..marks.len())
            .filter(|&other| owner[other] != owner[part] && size(owner, owner[other]) >= PART * usual)
            .map(|other| (distance(&marks[part], &marks[other]), other))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((distance, other)) = nearest && distance <= NEAR_PART * usual {
            let (from, to) = (owner[part], owner[other]);
            for each in owner.iter_mut() {
                if *each == from {
                    *each = to;
                }
            }
        }
    }
}

/// The shortest way between two marks, in pixels.
fn distance(a: &Mark, b: &Mark) -> f32 {
    let every = |outline: &[(u32, u32)]| outline.len().div_ceil(600).max(1);
    let mut shortest = f32::MAX;
    for &(x, y) in a.outline.iter().step_by(every(&a.outline)) {
        for &(other_x, other_y) in b.outline.iter().step_by(every(&b.outline)) {
            let (dx, dy) = (x as f32 - other_x as f32, y as f32 - other_y as f32);
            shortest = shortest.min(dx * dx + dy * dy);
        }
    }
    shortest.sqrt()
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
                (other.top..other.bottom).contains(&middle) || (group.top..group.bottom).contains(&other_middle)
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
