//! The forward pass of a 3x3 kernel with stride 1 as Winograd's F(2x2, 3x3) (Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks", CVPR 2016): 16 products for four outputs instead of 36. A tile is 2x2 outputs and
//! the 4x4 pixels that they see; pictures of odd sides get zeros for the tiles that hang over.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::Shape;
use super::panels::{Packed, SLACK, cut, most_rows, panels, with_rows};
use crate::kernels::convolve_pool_relu::cpu::winograd::transform_products;
use crate::kernels::linear_relu::cpu::tile::tile;
use crate::kernels::simd::{Task, Vector, scratch};

/// Tiles that are transformed and multiplied together, where a row of tiles is not longer: a register tile of them.
const TILES: usize = 14;

/// Whether the transforms pay: they cost as much for one channel of the other side as for many.
pub(super) fn fits(shape: &Shape) -> bool {
    shape.kernel == 3 && shape.stride == 1 && shape.in_channels >= 8 && shape.out_channels >= 8
}

/// Rows and columns of 2x2 tiles over the output.
pub(super) fn tiles(shape: &Shape) -> (usize, usize) {
    (
        shape.output_height().div_ceil(2),
        shape.output_width().div_ceil(2),
    )
}

/// `G g G'` of the weights `[3, 3, in, width]` of each panel: panels `[16, in, width]`.
pub(super) struct Transform {
    /// Channels of one pixel of the input and of the output.
    pub channels: [usize; 2],
    pub packed: Packed,
}

impl Task for Transform {
    type Output = Packed;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Packed {
        let [inputs, outputs] = self.channels;
        let padded = outputs.next_multiple_of(V::LANES);
        assert!(self.packed.weight.len() >= padded * 9 * inputs);
        let mut points = scratch::dirty(padded * 16 * inputs);
        for (first, groups) in panels::<V>(outputs) {
            let point = inputs * groups * V::LANES;
            for at in (0..point).step_by(V::LANES) {
                // SAFETY: nine taps and sixteen points of `point` floats each lie in the panel; the caller vouches for
                // the instruction set.
                unsafe {
                    let from = self.packed.weight.as_ptr().add(first * 9 * inputs + at);
                    let to = points.as_mut_ptr().add(first * 16 * inputs + at);
                    let half = V::splat(0.5);
                    let mut rows = [[V::zero(); 3]; 4];
                    for column in 0..3 {
                        let tap = |row: usize| V::load(from.add((3 * row + column) * point));
                        let all = spread([tap(0), tap(1), tap(2)], half);
                        for row in 0..4 {
                            rows[row][column] = all[row];
                        }
                    }
                    for row in 0..4 {
                        let all = spread(rows[row], half);
                        for column in 0..4 {
                            all[column].store(to.add((4 * row + column) * point));
                        }
                    }
                }
            }
        }
        Packed {
            weight: points,
            bias: self.packed.bias,
        }
    }
}

/// `G` times three taps.
#[inline(always)]
fn spread<V: Vector>([first, middle, last]: [V; 3], half: V) -> [V; 4] {
    let outer = half.mul(first.add(last));
    let middle = half.mul(middle);
    [first, outer.add(middle), outer.sub(middle), last]
}

/// Convolves a picture that already has its padding around it, and [`SLACK`] floats behind.
pub(super) struct Picture<'a> {
    pub shape: &'a Shape,
    pub packed: &'a Packed,
    /// Floats from one row of the padded picture to the next.
    pub line: usize,
    pub framed: &'a [f32],
    pub relu: bool,
    pub output: &'a mut [f32],
}

impl Task for Picture<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let (high, wide) = tiles(self.shape);
        let &Shape {
            in_channels,
            out_channels,
            ..
        } = self.shape;
        assert!(self.line >= (2 * wide + 2) * in_channels);
        assert!(self.framed.len() >= (2 * high + 2) * self.line + SLACK);
        assert_eq!(self.output.len(), self.shape.output_size());
        let padded = out_channels.next_multiple_of(V::LANES);
        assert!(self.packed.weight.len() >= padded * 16 * in_channels);
        assert!(self.packed.bias.len() >= padded);
        let most = (TILES / wide).max(1);
        let room = most * wide;
        let mut points = scratch::dirty(16 * room * in_channels);
        let mut products = scratch::dirty(16 * room * 3 * V::LANES);
        for (first, rows) in cut(high, most) {
            let count = rows * wide;
            // SAFETY: the sizes asserted above cover every tile; the caller vouches for the instruction set.
            unsafe {
                for row in 0..rows {
                    let from = self.framed[2 * (first + row) * self.line..].as_ptr();
                    let to = points[row * wide * in_channels..].as_mut_ptr();
                    let stride = room * in_channels;
                    transform_row::<V>(from, self.line, in_channels, wide, to, stride);
                }
                for (channel, groups) in panels::<V>(out_channels) {
                    let block = Block {
                        count,
                        room,
                        depth: in_channels,
                        points: &points,
                        panel: &self.packed.weight[channel * 16 * in_channels..],
                    };
                    match groups {
                        1 => block.multiply::<V, 1>(&mut products),
                        2 => block.multiply::<V, 2>(&mut products),
                        _ => block.multiply::<V, 3>(&mut products),
                    }
                    let width = groups * V::LANES;
                    for group in 0..groups {
                        let used = V::LANES.min(out_channels - channel - group * V::LANES);
                        let place = channel + group * V::LANES;
                        let bias = V::load(self.packed.bias.as_ptr().add(place));
                        for index in 0..count {
                            let at = index * width + group * V::LANES;
                            let four = transform_products::<V>(&products, at, room * width);
                            let (y, x) = (2 * (first + index / wide), 2 * (index % wide));
                            self.store(four, bias, [y, x, place, used]);
                        }
                    }
                }
            }
        }
    }
}

impl Picture<'_> {
    #[inline(always)]
    unsafe fn store<V: Vector>(
        &mut self,
        four: [V; 4],
        bias: V,
        [y, x, channel, used]: [usize; 4],
    ) {
        let (height, width) = (self.shape.output_height(), self.shape.output_width());
        let channels = self.shape.out_channels;
        for (index, sum) in four.into_iter().enumerate() {
            let (y, x) = (y + index / 2, x + index % 2);
            if y < height && x < width {
                // SAFETY: the output is inside the picture; the caller vouches for the instruction set.
                unsafe {
                    let sum = sum.add(bias);
                    let value = match self.relu {
                        true => sum.select_positive(sum, V::zero()),
                        false => sum,
                    };
                    let at = (y * width + x) * channels + channel;
                    let to = self.output.as_mut_ptr().add(at);
                    match used == V::LANES {
                        true => value.store(to),
                        false => value.store_first(to, used),
                    }
                }
            }
        }
    }
}

/// `B' d B` of a row of `wide` tiles: point `p` of channel `c` of tile `t` goes to `to[p * stride + t * channels + c]`.
///
/// # Safety
/// The processor has the instruction set; four lines of `2 * wide + 2` pixels and a register more are readable, the
/// points are writable.
#[inline(always)]
pub(super) unsafe fn transform_row<V: Vector>(
    from: *const f32,
    line: usize,
    channels: usize,
    wide: usize,
    to: *mut f32,
    stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for first in (0..channels).step_by(V::LANES) {
            let used = V::LANES.min(channels - first);
            // One column of pixels, combined from top to bottom; each serves two tiles.
            let column = |x: usize| {
                let at = from.add(x * channels + first);
                let d = [0, 1, 2, 3].map(|row| V::load(at.add(row * line)));
                [
                    d[0].sub(d[2]),
                    d[1].add(d[2]),
                    d[2].sub(d[1]),
                    d[1].sub(d[3]),
                ]
            };
            let (mut a, mut b) = (column(0), column(1));
            for tile in 0..wide {
                let (c, d) = (column(2 * tile + 2), column(2 * tile + 3));
                let to = to.add(tile * channels + first);
                for row in 0..4 {
                    let all = [
                        a[row].sub(c[row]),
                        b[row].add(c[row]),
                        c[row].sub(b[row]),
                        b[row].sub(d[row]),
                    ];
                    for point in 0..4 {
                        let to = to.add((4 * row + point) * stride);
                        match used == V::LANES {
                            true => all[point].store(to),
                            false => all[point].store_first(to, used),
                        }
                    }
                }
                (a, b) = (c, d);
            }
        }
    }
}

/// Tiles of a picture and one panel of the weight.
struct Block<'a> {
    count: usize,
    /// Tiles that the buffers have room for.
    room: usize,
    depth: usize,
    points: &'a [f32],
    panel: &'a [f32],
}

impl Block<'_> {
    /// The 16 products `[count, depth] x [depth, width]` into `products [16, room, width]`.
    #[inline(always)]
    unsafe fn multiply<V: Vector, const GROUPS: usize>(&self, products: &mut [f32]) {
        let width = GROUPS * V::LANES;
        assert!(self.count <= self.room && self.points.len() >= 16 * self.room * self.depth);
        assert!(products.len() >= 16 * self.room * width);
        assert!(self.panel.len() >= 16 * self.depth * width);
        for point in 0..16 {
            for (first, rows) in cut(self.count, most_rows::<V>(GROUPS)) {
                // SAFETY: the asserts cover every tile of every point; the caller vouches for the instruction set.
                with_rows!(rows, ROWS => unsafe {
                    self.rows::<V, ROWS, GROUPS>(point, first, products.as_mut_ptr())
                });
            }
        }
    }

    #[inline(always)]
    unsafe fn rows<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &self,
        point: usize,
        first: usize,
        products: *mut f32,
    ) {
        if ROWS > most_rows::<V>(GROUPS) {
            return;
        }
        let (depth, width) = (self.depth, GROUPS * V::LANES);
        // SAFETY: `multiply` checked the sizes.
        unsafe {
            let left = self
                .points
                .as_ptr()
                .add((point * self.room + first) * depth);
            let panel = self.panel.as_ptr().add(point * depth * width);
            let to = products.add((point * self.room + first) * width);
            let sums = tile::<V, ROWS, GROUPS>(left, depth, 1, panel, depth);
            for row in 0..ROWS {
                for group in 0..GROUPS {
                    sums[row][group].store(to.add((row * GROUPS + group) * V::LANES));
                }
            }
        }
    }
}
