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
                        let mut taps = [V::zero(); 3];
                        for row in 0..3 {
                            taps[row] = V::load(from.add((3 * row + column) * point));
                        }
                        let all = spread(taps, half);
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
        let pitch = in_channels.next_multiple_of(V::LANES);
        let mut points = scratch::dirty(16 * room * pitch);
        let mut products = scratch::dirty(16 * room * 3 * V::LANES);
        for (first, rows) in cut(high, most) {
            let count = rows * wide;
            // SAFETY: the sizes asserted above cover every tile; the caller vouches for the instruction set.
            unsafe {
                for row in 0..rows {
                    let from = self.framed[2 * (first + row) * self.line..].as_ptr();
                    let to = points[row * wide * pitch..].as_mut_ptr();
                    transform_row::<V>(from, self.line, in_channels, wide, to, room * pitch);
                }
                for (channel, groups) in panels::<V>(out_channels) {
                    let block = Block {
                        count,
                        room,
                        depth: in_channels,
                        pitch,
                        points: &points,
                        panel: &self.packed.weight[channel * 16 * in_channels..],
                    };
                    match groups {
                        1 => block.multiply::<V, 1>(&mut products),
                        2 => block.multiply::<V, 2>(&mut products),
                        _ => block.multiply::<V, 3>(&mut products),
                    }
                    for row in 0..rows {
                        let products = &products[row * wide * groups * V::LANES..];
                        let stride = room * groups * V::LANES;
                        let place = (first + row, channel);
                        match (groups, self.relu) {
                            (1, true) => self.finish::<V, 1, true>(products, stride, place),
                            (1, false) => self.finish::<V, 1, false>(products, stride, place),
                            (2, true) => self.finish::<V, 2, true>(products, stride, place),
                            (2, false) => self.finish::<V, 2, false>(products, stride, place),
                            (_, true) => self.finish::<V, 3, true>(products, stride, place),
                            (_, false) => self.finish::<V, 3, false>(products, stride, place),
                        }
                    }
                }
            }
        }
    }
}

impl Picture<'_> {
    /// The outputs of a row of tiles in one panel of channels.
    #[inline(always)]
    unsafe fn finish<V: Vector, const GROUPS: usize, const RELU: bool>(
        &mut self,
        products: &[f32],
        stride: usize,
        (row, first): (usize, usize),
    ) {
        let (height, width) = (self.shape.output_height(), self.shape.output_width());
        let channels = self.shape.out_channels;
        // Where all channels are one panel, what a register writes past a pixel is written again by the next one, but
        // for the last of a row. Such stores are cheaper than those of a part of a register.
        let safe = match (2 * row + 1 < height, first + GROUPS * V::LANES <= channels) {
            (true, true) => width / 2,
            (true, false) if channels <= GROUPS * V::LANES => (width - 1) / 2,
            _ => 0,
        };
        let line = width * channels;
        for tile in 0..width.div_ceil(2) {
            // SAFETY: the caller's promise; tiles that are safe have all four outputs and room after them, of the
            // others only what is inside the picture is written.
            unsafe {
                let mut outputs = [[V::zero(); 4]; GROUPS];
                for group in 0..GROUPS {
                    let at = (tile * GROUPS + group) * V::LANES;
                    let bias = self.packed.bias.as_ptr().add(first + group * V::LANES);
                    let bias = V::load(bias);
                    outputs[group] = transform_products::<V>(products, at, stride);
                    for pixel in 0..4 {
                        let sum = outputs[group][pixel].add(bias);
                        outputs[group][pixel] = match RELU {
                            true => sum.select_positive(sum, V::zero()),
                            false => sum,
                        };
                    }
                }
                let to = self.output.as_mut_ptr().add(first);
                let to = to.wrapping_add(2 * row * line + 2 * tile * channels);
                // Pixel after pixel, so that the next one's channels overwrite what spills.
                for pixel in 0..4 {
                    let (y, x) = (pixel / 2, pixel % 2);
                    if tile >= safe && (2 * row + y >= height || 2 * tile + x >= width) {
                        continue;
                    }
                    let to = to.wrapping_add(y * line + x * channels);
                    for group in 0..GROUPS {
                        let to = to.add(group * V::LANES);
                        let used = V::LANES.min(channels - first - group * V::LANES);
                        match tile < safe || used == V::LANES {
                            true => outputs[group][pixel].store(to),
                            false => outputs[group][pixel].store_first(to, used),
                        }
                    }
                }
            }
        }
    }
}

/// `B' d B` of a row of `wide` tiles: point `p` of channel `c` of tile `t` goes to `to[p * stride + t * pitch + c]`, where the
/// pitch is the channels padded to whole registers.
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
    let pitch = channels.next_multiple_of(V::LANES);
    // SAFETY: the caller's promise.
    unsafe {
        for first in (0..channels).step_by(V::LANES) {
            let from = from.add(first);
            let mut a = column::<V>(from, line);
            let mut b = column::<V>(from.add(channels), line);
            for tile in 0..wide {
                let next = from.add((2 * tile + 2) * channels);
                let c = column::<V>(next, line);
                let d = column::<V>(next.add(channels), line);
                let to = to.add(tile * pitch + first);
                for row in 0..4 {
                    let all = [
                        a[row].sub(c[row]),
                        b[row].add(c[row]),
                        c[row].sub(b[row]),
                        b[row].sub(d[row]),
                    ];
                    for point in 0..4 {
                        all[point].store(to.add((4 * row + point) * stride));
                    }
                }
                (a, b) = (c, d);
            }
        }
    }
}

/// `B'` times a column of four pixels; it serves two tiles.
#[inline(always)]
unsafe fn column<V: Vector>(at: *const f32, line: usize) -> [V; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut d = [V::zero(); 4];
        for row in 0..4 {
            d[row] = V::load(at.add(row * line));
        }
        [
            d[0].sub(d[2]),
            d[1].add(d[2]),
            d[2].sub(d[1]),
            d[1].sub(d[3]),
        ]
    }
}

/// Tiles of a picture and one panel of the weight.
struct Block<'a> {
    count: usize,
    /// Tiles that the buffers have room for.
    room: usize,
    depth: usize,
    /// Floats from one tile to the next in the points.
    pitch: usize,
    points: &'a [f32],
    panel: &'a [f32],
}

impl Block<'_> {
    /// The 16 products `[count, depth] x [depth, width]` into `products [16, room, width]`.
    #[inline(always)]
    unsafe fn multiply<V: Vector, const GROUPS: usize>(&self, products: &mut [f32]) {
        let width = GROUPS * V::LANES;
        assert!(self.count <= self.room && self.points.len() >= 16 * self.room * self.pitch);
        assert!(self.pitch >= self.depth);
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
                .add((point * self.room + first) * self.pitch);
            let panel = self.panel.as_ptr().add(point * depth * width);
            let to = products.add((point * self.room + first) * width);
            let sums = tile::<V, ROWS, GROUPS>(left, self.pitch, 1, panel, depth);
            for row in 0..ROWS {
                for group in 0..GROUPS {
                    sums[row][group].store(to.add((row * GROUPS + group) * V::LANES));
                }
            }
        }
    }
}
