//! The gradient of a 3x3 weight in Winograd's F(2x2, 3x3): the transposed algorithm. Per tile, the 16 points of the
//! input times the 16 points `A g A'` of the 2x2 gradients; their sums over all tiles become weights once, at the end.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::Shape;
use super::frame::Frame;
use super::panels::{SLACK, cut, most_rows, panels, with_rows};
use super::winograd::{tiles, transform_row};
use crate::kernels::linear_relu::cpu::tile::{Strides, accumulate};
use crate::kernels::simd::{Task, Vector, scratch};

/// Tiles that are collected before they are multiplied, in whole rows of a picture.
fn room(shape: &Shape) -> usize {
    let wanted = match shape.in_channels + shape.out_channels <= 32 {
        true => 32,
        false => 64,
    };
    let (_, wide) = tiles(shape);
    wanted / wide.max(1) * wide.max(1) + usize::from(wide > wanted) * wide
}

/// What is collected over the pictures of a chunk.
pub(super) struct Collected {
    /// `[16, room, in]`.
    points: scratch::Scratch,
    /// `[16, room, out]`, and [`SLACK`] floats more.
    grads: scratch::Scratch,
    room: usize,
    count: usize,
    /// Panels `[16, in, width]`.
    sums: scratch::Scratch,
}

impl Collected {
    pub fn new(shape: &Shape) -> Self {
        let room = room(shape);
        Self {
            points: scratch::dirty(16 * room * shape.in_channels),
            grads: scratch::zeroed(16 * room * shape.out_channels + SLACK),
            room,
            count: 0,
            // As many as the widest registers need.
            sums: scratch::zeroed(16 * shape.in_channels * shape.out_channels.next_multiple_of(16)),
        }
    }
}

/// Collects the tiles of one picture.
pub(super) struct Picture<'a> {
    pub shape: &'a Shape,
    /// Floats from one row of the padded input to the next.
    pub line: usize,
    /// The padded input, and [`SLACK`] floats more.
    pub framed: &'a [f32],
    pub grad_frame: &'a Frame,
    /// The output's gradient where `grad_frame` says, with a row and a column of zeros after odd sides, and [`SLACK`]
    /// floats more.
    pub grads: &'a [f32],
    pub collected: &'a mut Collected,
}

impl Task for Picture<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            shape,
            line,
            framed,
            grad_frame: frame,
            grads,
            collected,
        } = self;
        let (high, wide) = tiles(shape);
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        assert!(line >= (2 * wide + 2) * inputs && wide <= collected.room);
        assert!(framed.len() >= (2 * high + 2) * line + SLACK);
        assert!(frame.line >= 2 * wide * outputs && frame.step == outputs);
        assert!(
            grads.len() >= frame.first + (2 * high - 1) * frame.line + 2 * wide * outputs + SLACK
        );
        for row in 0..high {
            // SAFETY: the asserts cover every tile; the caller vouches for the instruction set.
            unsafe {
                if collected.count + wide > collected.room {
                    multiply::<V>(shape, collected);
                }
                let from = framed.as_ptr().add(2 * row * line);
                let to = collected.points[collected.count * inputs..].as_mut_ptr();
                transform_row::<V>(from, line, inputs, wide, to, collected.room * inputs);
                let from = grads.as_ptr().add(frame.first + 2 * row * frame.line);
                let to = collected.grads[collected.count * outputs..].as_mut_ptr();
                transform_grads::<V>(
                    from,
                    frame.line,
                    outputs,
                    wide,
                    to,
                    collected.room * outputs,
                );
            }
            collected.count += wide;
        }
    }
}

/// `A g A'` of a row of tiles, but for the sign of its last row and column, which [`Finish`] restores.
#[inline(always)]
unsafe fn transform_grads<V: Vector>(
    from: *const f32,
    line: usize,
    channels: usize,
    wide: usize,
    to: *mut f32,
    stride: usize,
) {
    let spread = |[first, last]: [V; 2]| [first, first.add(last), first.sub(last), last];
    // SAFETY: the caller's promise.
    unsafe {
        for first in (0..channels).step_by(V::LANES) {
            let used = V::LANES.min(channels - first);
            for tile in 0..wide {
                let at = from.add(2 * tile * channels + first);
                let column = |at: *const f32| spread([V::load(at), V::load(at.add(line))]);
                let (left, right) = (column(at), column(at.add(channels)));
                let to = to.add(tile * channels + first);
                for row in 0..4 {
                    let all = spread([left[row], right[row]]);
                    for point in 0..4 {
                        let to = to.add((4 * row + point) * stride);
                        match used == V::LANES {
                            true => all[point].store(to),
                            false => all[point].store_first(to, used),
                        }
                    }
                }
            }
        }
    }
}

/// Adds the products of the collected tiles to the sums, and forgets the tiles.
#[inline(always)]
unsafe fn multiply<V: Vector>(shape: &Shape, collected: &mut Collected) {
    for point in 0..16 {
        for (first, groups) in panels::<V>(shape.out_channels) {
            // SAFETY: the caller's promise.
            unsafe {
                match groups {
                    1 => panel::<V, 1>(shape, collected, point, first),
                    2 => panel::<V, 2>(shape, collected, point, first),
                    _ => panel::<V, 3>(shape, collected, point, first),
                }
            }
        }
    }
    collected.count = 0;
}

#[inline(always)]
unsafe fn panel<V: Vector, const GROUPS: usize>(
    shape: &Shape,
    collected: &mut Collected,
    point: usize,
    first: usize,
) {
    for (row, rows) in cut(shape.in_channels, most_rows::<V>(GROUPS)) {
        // SAFETY: the caller's promise.
        with_rows!(rows, ROWS => unsafe {
            tile::<V, ROWS, GROUPS>(shape, collected, [point, first, row])
        });
    }
}

#[inline(always)]
unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
    shape: &Shape,
    collected: &mut Collected,
    [point, first, row]: [usize; 3],
) {
    if ROWS > most_rows::<V>(GROUPS) {
        return;
    }
    let (inputs, outputs) = (shape.in_channels, shape.out_channels);
    let strides = Strides {
        run: 0,
        row: 1,
        step: inputs,
        panel: outputs,
    };
    // SAFETY: the buffers hold 16 points of `room` tiles, the sums 16 points of every panel.
    unsafe {
        let at = first * 16 * inputs + (point * inputs + row) * GROUPS * V::LANES;
        let to = collected.sums[at..][..ROWS * GROUPS * V::LANES].as_mut_ptr();
        let tiles = point * collected.room;
        let left = collected.points.as_ptr().add(tiles * inputs + row);
        let panel = collected.grads.as_ptr().add(tiles * outputs + first);
        let mut sums = [[V::zero(); GROUPS]; ROWS];
        for row in 0..ROWS {
            for group in 0..GROUPS {
                sums[row][group] = V::load(to.add((row * GROUPS + group) * V::LANES));
            }
        }
        accumulate::<V, ROWS, ROWS, GROUPS>(&mut sums, left, panel, strides, collected.count);
        for row in 0..ROWS {
            for group in 0..GROUPS {
                sums[row][group].store(to.add((row * GROUPS + group) * V::LANES));
            }
        }
    }
}

/// Multiplies what is left and turns the sums into weights: panels `[3, 3, in, width]` at the start of `sums`.
pub(super) struct Finish<'a> {
    pub shape: &'a Shape,
    pub collected: &'a mut Collected,
    pub sums: &'a mut [f32],
}

impl Task for Finish<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (inputs, outputs) = (self.shape.in_channels, self.shape.out_channels);
        assert!(self.sums.len() >= outputs.next_multiple_of(V::LANES) * 9 * inputs);
        // SAFETY: the buffers are of this shape; the caller vouches for the instruction set.
        unsafe {
            multiply::<V>(self.shape, self.collected);
            for (first, groups) in panels::<V>(outputs) {
                let point = inputs * groups * V::LANES;
                for at in (0..point).step_by(V::LANES) {
                    let from = self.collected.sums.as_ptr().add(first * 16 * inputs + at);
                    let to = self.sums.as_mut_ptr().add(first * 9 * inputs + at);
                    gather::<V>(from, to, point);
                }
            }
        }
    }
}

/// `G' u G` of one register of weights, points and taps `stride` apart.
#[inline(always)]
unsafe fn gather<V: Vector>(from: *const f32, to: *mut f32, stride: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let half = V::splat(0.5);
        let fold = |[first, sum, difference, last]: [V; 4]| {
            let outer = half.mul(sum.add(difference));
            let middle = half.mul(sum.sub(difference));
            [first.add(outer), middle, outer.sub(last)]
        };
        let mut rows = [[V::zero(); 4]; 3];
        for column in 0..4 {
            let point = |row: usize| V::load(from.add((4 * row + column) * stride));
            let three = fold([point(0), point(1), point(2), point(3)]);
            for row in 0..3 {
                rows[row][column] = three[row];
            }
        }
        for row in 0..3 {
            let taps = fold(rows[row]);
            for column in 0..3 {
                taps[column].store(to.add((3 * row + column) * stride));
            }
        }
    }
}
