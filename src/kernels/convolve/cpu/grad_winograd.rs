//! The gradient of a 3x3 weight in Winograd's F(2x2, 3x3): the transposed algorithm. Per tile, the 16 points of the
//! input times the 16 points `A g A'` of the 2x2 gradients; their sums over all tiles become weights once, at the end.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::{Shape, direct, grad_weight};
use crate::kernels::primitives::gemm::{
    Layout, SLACK, Strides, Tiles, accumulate, for_each_tile, load_sums, store_sums,
};
use crate::kernels::primitives::winograd::{Side, both_sides, transform_row};
use crate::kernels::simd::{Task, Vector, WIDEST, scratch};

/// What is collected over the images of a chunk.
pub(super) struct Collected {
    /// `[16, room, in]`, the channels padded to whole registers, as those of the gradients.
    points: scratch::Scratch,
    /// `[16, room, out]`.
    grads: scratch::Scratch,
    /// Tiles that are collected before they are multiplied.
    room: usize,
    count: usize,
    /// Panels `[16, in, width]`.
    sums: scratch::Scratch,
}

impl Collected {
    pub fn new(shape: &Shape) -> Self {
        let wanted = match shape.in_channels + shape.out_channels <= 32 {
            true => 32,
            false => 64,
        };
        // Whole rows of an image, at least one.
        let wide = shape.output_width().div_ceil(2);
        let room = (wanted / wide).max(1) * wide;
        let [inputs, outputs] = [shape.in_channels, shape.out_channels]
            .map(|channels| channels.next_multiple_of(WIDEST));
        Self {
            points: scratch::dirty(16 * room * inputs),
            grads: scratch::dirty(16 * room * outputs),
            room,
            count: 0,
            sums: scratch::zeroed(16 * shape.in_channels * outputs),
        }
    }

    /// Adds the products of the collected tiles to the sums, and forgets the tiles.
    #[inline(always)]
    unsafe fn multiply<V: Vector>(&mut self, shape: &Shape, layout: Layout) {
        let inputs = shape.in_channels;
        let [input_pitch, output_pitch] = pitches::<V>(shape);
        for point in 0..16 {
            for panel in layout.panels(shape.out_channels) {
                let to = (16 * panel.first + point * layout.width(panel)) * inputs;
                let mut work = Multiply {
                    left: self.points[point * self.room * input_pitch..].as_ptr(),
                    right: self.grads[point * self.room * output_pitch..].as_ptr(),
                    strides: Strides {
                        run: 0,
                        row: 1,
                        step: input_pitch,
                        panel: output_pitch,
                    },
                    tiles: self.count,
                    to: self.sums[to..].as_mut_ptr(),
                };
                // SAFETY: the buffers hold 16 points of `room` tiles, the sums 16 points of every panel; the caller
                // vouches for the instruction set.
                unsafe { for_each_tile::<V>(inputs, panel, &mut work) };
            }
        }
        self.count = 0;
    }
}

/// Floats from one tile to the next in the points of input and gradient.
#[inline(always)]
fn pitches<V: Vector>(shape: &Shape) -> [usize; 2] {
    [shape.in_channels, shape.out_channels].map(|channels| channels.next_multiple_of(V::LANES))
}

/// The product of one point: `[inputs, tiles] x [tiles, width]`.
struct Multiply {
    left: *const f32,
    right: *const f32,
    strides: Strides,
    tiles: usize,
    to: *mut f32,
}

impl Tiles for Multiply {
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &mut self,
        row: usize,
        column: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let to = self.to.add(row * GROUPS * V::LANES);
            let (left, right) = (self.left.add(row), self.right.add(column));
            let mut sums = load_sums::<V, ROWS, GROUPS>(to);
            accumulate::<V, ROWS, ROWS, GROUPS>(&mut sums, left, right, self.strides, self.tiles);
            store_sums(&sums, to);
        }
    }
}

/// Collects the tiles of an image, and adds its gradient of the bias to the end of its sums. Input and gradients have a
/// row and a column of zeros after odd sides.
pub(super) struct Image<'a> {
    pub image: grad_weight::Image<'a>,
    pub collected: &'a mut Collected,
}

impl Task for Image<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let grad_weight::Image {
            shape,
            line,
            framed,
            grad_frame: frame,
            grads,
            layout,
            sums,
            ..
        } = self.image;
        let collected = self.collected;
        let images = direct::images(shape, framed, line);
        let (wide, outputs) = (images.wide, shape.out_channels);
        assert!(wide <= collected.room && frame.line >= 2 * wide * outputs);
        let last = frame.first + (2 * images.high - 1) * frame.line + 2 * wide * outputs;
        assert!(frame.step == outputs && grads.len() >= last + SLACK);
        assert_eq!(sums.len(), shape.filters().sums_size(layout));
        let [input_pitch, output_pitch] = pitches::<V>(shape);
        let biases = sums.len() - output_pitch;
        for row in 0..images.high {
            // SAFETY: the asserts cover every tile; the caller vouches for the instruction set.
            unsafe {
                if collected.count + wide > collected.room {
                    collected.multiply::<V>(shape, layout);
                }
                let (count, room) = (collected.count, collected.room);
                let to = collected.points[count * input_pitch..].as_mut_ptr();
                transform_row::<V>(&images, row, to, room * input_pitch);
                for first in (0..outputs).step_by(V::LANES) {
                    let from = frame.first + 2 * row * frame.line + first;
                    let from = grads.as_ptr().add(from);
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

/// Multiplies what is left and turns the sums into weights: panels `[3, 3, in, width]` at the start of `sums`.
pub(super) struct Finish<'a> {
    pub shape: &'a Shape,
    pub layout: Layout,
    pub collected: &'a mut Collected,
    pub sums: &'a mut [f32],
}

impl Task for Finish<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (shape, layout, collected) = (self.shape, self.layout, self.collected);
        let inputs = shape.in_channels;
        assert!(self.sums.len() >= layout.padded(shape.out_channels) * 9 * inputs);
        // SAFETY: the buffers are of this shape; the caller vouches for the instruction set.
        unsafe {
            collected.multiply::<V>(shape, layout);
            for panel in layout.panels(shape.out_channels) {
                let point = inputs * layout.width(panel);
                for at in (0..point).step_by(V::LANES) {
                    let from = collected.sums.as_ptr().add(panel.first * 16 * inputs + at);
                    let to = self.sums.as_mut_ptr().add(panel.first * 9 * inputs + at);
                    both_sides::<V, Gather, 4, 3>(from, to, point);
                }
            }
        }
    }
}

/// `G'`, from points to taps; the sign of the last point is restored.
struct Gather;

impl Side<4, 3> for Gather {
    #[inline(always)]
    fn apply<V: Vector>([first, sum, difference, last]: [V; 4], half: V) -> [V; 3] {
        let outer = half.mul(sum.add(difference));
        let middle = half.mul(sum.sub(difference));
        [first.add(outer), middle, outer.sub(last)]
    }
}
