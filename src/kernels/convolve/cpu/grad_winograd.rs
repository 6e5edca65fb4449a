//! The gradient of a 3x3 weight in Winograd's F(2x2, 3x3): the transposed algorithm. Per tile, the 16 points of the
//! input times the 16 points `A g A'` of the 2x2 gradients; their sums over all tiles become weights once, at the end.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::Shape;
use super::frame::Frame;
use super::grad_weight::size;
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
    /// `[16, room, in]`, the channels padded to whole registers, as those of the gradients.
    points: scratch::Scratch,
    /// `[16, room, out]`.
    grads: scratch::Scratch,
    room: usize,
    count: usize,
    /// Panels `[16, in, width]`.
    sums: scratch::Scratch,
}

impl Collected {
    pub fn new(shape: &Shape) -> Self {
        let room = room(shape);
        // As many floats as the widest registers need.
        let [inputs, outputs] =
            [shape.in_channels, shape.out_channels].map(|channels| channels.next_multiple_of(16));
        Self {
            points: scratch::dirty(16 * room * inputs),
            grads: scratch::dirty(16 * room * outputs),
            room,
            count: 0,
            sums: scratch::zeroed(16 * shape.in_channels * outputs),
        }
    }
}

/// Collects the tiles of one picture, and adds its gradient of the bias to the end of `sums`.
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
    pub sums: &'a mut [f32],
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
            sums,
        } = self;
        let (high, wide) = tiles(shape);
        let (inputs, outputs) = (shape.in_channels, shape.out_channels);
        assert!(line >= (2 * wide + 2) * inputs && wide <= collected.room);
        assert!(framed.len() >= (2 * high + 2) * line + SLACK);
        assert!(frame.line >= 2 * wide * outputs && frame.step == outputs);
        assert!(
            grads.len() >= frame.first + (2 * high - 1) * frame.line + 2 * wide * outputs + SLACK
        );
        assert_eq!(sums.len(), size::<V>(shape));
        let [input_pitch, output_pitch] = pitches::<V>(shape);
        let biases = sums.len() - output_pitch;
        for row in 0..high {
            if collected.count + wide > collected.room {
                // SAFETY: the caller's promise.
                unsafe { multiply::<V>(shape, collected) };
            }
            let (count, room) = (collected.count, collected.room);
            // SAFETY: the asserts cover every tile; the caller vouches for the instruction set.
            unsafe {
                let from = framed.as_ptr().add(2 * row * line);
                let to = collected.points[count * input_pitch..].as_mut_ptr();
                transform_row::<V>(from, line, inputs, wide, to, room * input_pitch);
                for first in (0..outputs).step_by(V::LANES) {
                    let from = grads
                        .as_ptr()
                        .add(frame.first + 2 * row * frame.line + first);
                    let to = collected.grads[count * output_pitch + first..].as_mut_ptr();
                    let bias = sums[biases + first..][..V::LANES].as_mut_ptr();
                    let strides = [frame.line, outputs, output_pitch, room * output_pitch];
                    transform_grads::<V>(from, wide, to, strides, bias);
                }
            }
            collected.count += wide;
        }
    }
}

/// Floats from one tile to the next in the points of input and gradient.
#[inline(always)]
fn pitches<V: Vector>(shape: &Shape) -> [usize; 2] {
    [
        shape.in_channels.next_multiple_of(V::LANES),
        shape.out_channels.next_multiple_of(V::LANES),
    ]
}

/// `A g A'` of one register of channels in a row of tiles, but for the sign of its last row and column, which
/// [`Finish`] restores. The sum of a tile is one of its points: added up, those are the gradient of the bias.
#[inline(always)]
unsafe fn transform_grads<V: Vector>(
    from: *const f32,
    wide: usize,
    to: *mut f32,
    [line, channels, pitch, stride]: [usize; 4],
    bias: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = V::load(bias);
        for tile in 0..wide {
            let at = from.add(2 * tile * channels);
            let left = spread([V::load(at), V::load(at.add(line))]);
            let at = at.add(channels);
            let right = spread([V::load(at), V::load(at.add(line))]);
            let to = to.add(tile * pitch);
            for row in 0..4 {
                let all = spread([left[row], right[row]]);
                if row == 1 {
                    sum = sum.add(all[1]);
                }
                for point in 0..4 {
                    all[point].store(to.add((4 * row + point) * stride));
                }
            }
        }
        sum.store(bias);
    }
}

/// `A` times two gradients, but for the sign of the last.
#[inline(always)]
fn spread<V: Vector>([first, last]: [V; 2]) -> [V; 4] {
    [first, first.add(last), first.sub(last), last]
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
    let inputs = shape.in_channels;
    let [input_pitch, output_pitch] = pitches::<V>(shape);
    let strides = Strides {
        run: 0,
        row: 1,
        step: input_pitch,
        panel: output_pitch,
    };
    // SAFETY: the buffers hold 16 points of `room` tiles, the sums 16 points of every panel.
    unsafe {
        let at = first * 16 * inputs + (point * inputs + row) * GROUPS * V::LANES;
        let to = collected.sums[at..][..ROWS * GROUPS * V::LANES].as_mut_ptr();
        let tiles = point * collected.room;
        let left = collected.points.as_ptr().add(tiles * input_pitch + row);
        let panel = collected.grads.as_ptr().add(tiles * output_pitch + first);
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
        let mut rows = [[V::zero(); 4]; 3];
        for column in 0..4 {
            let mut points = [V::zero(); 4];
            for row in 0..4 {
                points[row] = V::load(from.add((4 * row + column) * stride));
            }
            let three = fold(points, half);
            for row in 0..3 {
                rows[row][column] = three[row];
            }
        }
        for row in 0..3 {
            let taps = fold(rows[row], half);
            for column in 0..3 {
                taps[column].store(to.add((3 * row + column) * stride));
            }
        }
    }
}

/// `G'` times four points, the last with its sign restored.
#[inline(always)]
fn fold<V: Vector>([first, sum, difference, last]: [V; 4], half: V) -> [V; 3] {
    let outer = half.mul(sum.add(difference));
    let middle = half.mul(sum.sub(difference));
    [first.add(outer), middle, outer.sub(last)]
}
