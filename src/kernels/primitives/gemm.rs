//! The register tile under every dense product: how the columns of the right-hand matrix are cut into packed panels
//! and the rows of the left-hand one into tiles, and the sums of a tile.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use crate::kernels::parallel;
use crate::kernels::simd::{Task, Vector, scratch};

/// Floats that a panel may reach past the last column.
pub(crate) const SLACK: usize = 64;

/// How columns are cut into panels of whole registers.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    lanes: usize,
    /// Whether three registers may be a panel.
    triples: bool,
}

/// Some registers of columns from `first` on.
#[derive(Clone, Copy)]
pub(crate) struct Panel {
    pub first: usize,
    pub registers: usize,
}

impl Layout {
    /// Columns with the padding of the last register.
    pub fn padded(self, columns: usize) -> usize {
        columns.next_multiple_of(self.lanes)
    }

    /// Floats of a row of the panel.
    #[inline(always)]
    pub fn width(self, panel: Panel) -> usize {
        panel.registers * self.lanes
    }

    /// Pairs of registers, after three where their number is odd and there are enough for the sums.
    #[inline(always)]
    pub fn panels(self, columns: usize) -> impl Iterator<Item = Panel> {
        let all = columns.div_ceil(self.lanes);
        let mut done = 0;
        std::iter::from_fn(move || {
            let registers = match all - done {
                0 => return None,
                left if left % 2 == 1 && left > 1 && self.triples => 3,
                left => left.min(2),
            };
            let first = done * self.lanes;
            done += registers;
            Some(Panel { first, registers })
        })
    }

    /// A matrix `[depth, columns]` as panels `[depth, width]`, one after the other, padded with zeros: the panel from
    /// column `c` begins at `c * depth`. `fill(step, first, to)` writes the columns of a step from `first` on.
    pub fn pack(
        self,
        depth: usize,
        columns: usize,
        fill: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> scratch::Scratch {
        let mut packed = scratch::dirty(depth * self.padded(columns));
        let mut rest = &mut *packed;
        let mut panels = Vec::new();
        for panel in self.panels(columns) {
            let width = self.width(panel);
            let (to, others) = rest.split_at_mut(depth * width);
            panels.push((panel.first, width, to));
            rest = others;
        }
        parallel::for_each(panels, |(first, width, panel)| {
            let used = width.min(columns - first);
            for (step, row) in panel.chunks_exact_mut(width).enumerate() {
                let (row, padding) = row.split_at_mut(used);
                fill(step, first, row);
                padding.fill(0.0);
            }
        });
        packed
    }
}

/// Asks an instruction set for its layout.
pub(crate) struct AskLayout {
    /// Rows that a tile should have at least: its sums and a row of the panel must fit the registers.
    pub rows: usize,
}

impl AskLayout {
    /// For tiles of any number of rows.
    pub const ANY: Self = Self { rows: 5 };
}

impl Task<Layout> for AskLayout {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Layout {
        Layout {
            lanes: V::LANES,
            triples: 3 * self.rows + 4 <= V::REGISTERS,
        }
    }
}

/// Rows of a tile of some registers of columns: its sums, a row of the panel and one broadcast fit the registers.
#[inline(always)]
pub(crate) const fn most_rows<V: Vector>(registers: usize) -> usize {
    match (V::REGISTERS >= 32, registers) {
        (true, 1 | 2) => 14,
        (true, _) => 9,
        (false, 1) => 12,
        (false, 2) => 6,
        (false, _) => 4,
    }
}

/// Cuts `count` rows evenly into tiles of at most `most`: `(first, rows)` of each.
#[inline(always)]
pub(crate) fn cut(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = count.div_ceil(most);
    (0..parts).map(move |part| {
        let first = count * part / parts;
        (first, count * (part + 1) / parts - first)
    })
}

/// A product that is cut into register tiles.
pub(crate) trait Tiles {
    /// The tile of `ROWS` rows from `row` on and of `GROUPS` registers of columns from `column` on. Must be
    /// `#[inline(always)]`.
    ///
    /// # Safety
    /// The processor has the instruction set; the product has these rows and columns, the last register may be of part.
    unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &mut self,
        row: usize,
        column: usize,
    );
}

/// Every tile of `rows` rows in one panel.
///
/// # Safety
/// As [`Tiles::tile`].
#[inline(always)]
pub(crate) unsafe fn for_each_tile<V: Vector>(rows: usize, panel: Panel, tiles: &mut impl Tiles) {
    // SAFETY: the caller's promise.
    unsafe {
        match panel.registers {
            1 => cut_rows::<V, 1>(rows, panel.first, tiles),
            2 => cut_rows::<V, 2>(rows, panel.first, tiles),
            _ => cut_rows::<V, 3>(rows, panel.first, tiles),
        }
    }
}

#[inline(always)]
unsafe fn cut_rows<V: Vector, const GROUPS: usize>(
    rows: usize,
    column: usize,
    tiles: &mut impl Tiles,
) {
    /// Calls the tile of a number of rows, of which no tile has more than 14.
    macro_rules! tile {
        ($rows:expr, $row:expr, $($count:literal)*) => {
            match $rows {
                $($count if $count <= const { most_rows::<V>(GROUPS) } => {
                    tiles.tile::<V, $count, GROUPS>($row, column)
                })*
                rows => unreachable!("a tile of {rows} rows"),
            }
        };
    }
    for (row, rows) in cut(rows, most_rows::<V>(GROUPS)) {
        // SAFETY: the caller's promise.
        unsafe { tile!(rows, row, 1 2 3 4 5 6 7 8 9 10 11 12 13 14) }
    }
}

/// Floats from one element to the next in both matrices of [`accumulate`].
#[derive(Clone, Copy)]
pub(crate) struct Strides {
    /// From one run of rows to the next.
    pub run: usize,
    /// From one row of a run to the next.
    pub row: usize,
    /// From one step to the next on the left.
    pub step: usize,
    /// From one step to the next in the panel.
    pub panel: usize,
}

/// The sums of a tile.
pub(crate) type Sums<V, const ROWS: usize, const GROUPS: usize> = [[V; GROUPS]; ROWS];

/// Adds `depth` steps to sums that are held in registers: a step loads `GROUPS` registers of the panel and broadcasts
/// `ROWS` numbers of the left-hand matrix, which lie in runs of `RUN`.
///
/// # Safety
/// The processor has the instruction set; the left-hand elements and `GROUPS` registers of each step of the panel are
/// readable.
#[inline(always)]
pub(crate) unsafe fn accumulate<
    V: Vector,
    const ROWS: usize,
    const RUN: usize,
    const GROUPS: usize,
>(
    sums: &mut Sums<V, ROWS, GROUPS>,
    mut left: *const f32,
    mut panel: *const f32,
    strides: Strides,
    depth: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for _ in 0..depth {
            let mut right = [V::zero(); GROUPS];
            for group in 0..GROUPS {
                right[group] = V::load(panel.add(group * V::LANES));
            }
            for row in 0..ROWS {
                let at = row / RUN * strides.run + row % RUN * strides.row;
                let value = V::splat(*left.add(at));
                for group in 0..GROUPS {
                    sums[row][group] = value.mul_add(right[group], sums[row][group]);
                }
            }
            left = left.wrapping_add(strides.step);
            panel = panel.wrapping_add(strides.panel);
        }
    }
}

/// The sums that lie at `from`, row by row.
///
/// # Safety
/// The processor has the instruction set; `ROWS * GROUPS` registers are readable.
#[inline(always)]
pub(crate) unsafe fn load_sums<V: Vector, const ROWS: usize, const GROUPS: usize>(
    from: *const f32,
) -> Sums<V, ROWS, GROUPS> {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[V::zero(); GROUPS]; ROWS];
        for row in 0..ROWS {
            for group in 0..GROUPS {
                sums[row][group] = V::load(from.add((row * GROUPS + group) * V::LANES));
            }
        }
        sums
    }
}

/// The reverse of [`load_sums`].
///
/// # Safety
/// `ROWS * GROUPS` registers are writable.
#[inline(always)]
pub(crate) unsafe fn store_sums<V: Vector, const ROWS: usize, const GROUPS: usize>(
    sums: &Sums<V, ROWS, GROUPS>,
    to: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for row in 0..ROWS {
            for group in 0..GROUPS {
                sums[row][group].store(to.add((row * GROUPS + group) * V::LANES));
            }
        }
    }
}
