//! The forward pass of a 3x3 kernel as Winograd's F(2x2, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional
//! Neural Networks", CVPR 2016): 16 products a window and channel instead of 36. Its 4x4 tile is one pool window.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::direct::finish;
use super::{Forward, Shape};
use crate::kernels::linear_relu::cpu::tile::tile;
use crate::kernels::simd::{Task, Vector, scratch};

/// Tiles that are transformed and multiplied together: their numbers stay in the first-level cache.
const TILES: usize = 12;

/// Whether the transforms pay: they cost as much for one output channel as for many.
pub(super) fn fits(shape: &Shape) -> bool {
    shape.kernel == 3 && shape.in_channels >= 8 && shape.out_channels >= 8
}

/// The transformed weight `[panels, 16, in_channels, width]` and the bias `[panels, width]`, padded with zeros.
pub(super) struct Packed {
    weight: scratch::Scratch,
    bias: scratch::Scratch,
    width: usize,
}

/// Transforms the weight for the instruction set it is run on.
pub(super) struct Plan<'a> {
    pub shape: &'a Shape,
    pub weight: &'a [f32],
    pub bias: &'a [f32],
}

impl Task for Plan<'_> {
    type Output = Packed;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Packed {
        let Shape {
            in_channels,
            out_channels,
            ..
        } = *self.shape;
        let width = V::LANES * out_channels.div_ceil(V::LANES).min(2);
        let panels = out_channels.div_ceil(width);
        let mut weight = scratch::zeroed(panels * 16 * in_channels * width);
        let mut bias = scratch::zeroed(panels * width);
        bias[..out_channels].copy_from_slice(self.bias);
        for (index, taps) in self.weight.as_chunks::<9>().0.iter().enumerate() {
            let (output, input) = (index / in_channels, index % in_channels);
            let first = (output / width * 16 * in_channels + input) * width + output % width;
            for (point, value) in transform_taps(taps).into_iter().enumerate() {
                weight[first + point * in_channels * width] = value;
            }
        }
        Packed {
            weight,
            bias,
            width,
        }
    }
}

/// `G g G'` of a 3x3 kernel.
#[inline(always)]
fn transform_taps(taps: &[f32; 9]) -> [f32; 16] {
    let mut rows = [[0.0; 3]; 4];
    for column in 0..3 {
        let [top, middle, bottom] = [taps[column], taps[3 + column], taps[6 + column]];
        let outer = 0.5 * (top + bottom);
        let all = [top, outer + 0.5 * middle, outer - 0.5 * middle, bottom];
        for (row, value) in rows.iter_mut().zip(all) {
            row[column] = value;
        }
    }
    let mut points = [0.0; 16];
    for (points, [left, middle, right]) in points.as_chunks_mut::<4>().0.iter_mut().zip(rows) {
        let outer = 0.5 * (left + right);
        *points = [left, outer + 0.5 * middle, outer - 0.5 * middle, right];
    }
    points
}

impl Task for Forward<'_, Packed> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            shape,
            packed,
            relu,
            input,
            output,
            winners,
        } = self;
        let Shape {
            in_channels,
            out_channels,
            ..
        } = *shape;
        let pictures = output.len() / shape.output_size();
        assert!(input.len() >= pictures * shape.input_size());
        let columns = shape.pooled_width();
        let windows = shape.pooled_height() * columns;
        let (line, width) = (shape.width * in_channels, packed.width);
        let mut points = scratch::dirty(16 * TILES * in_channels);
        let mut products = scratch::dirty(16 * TILES * width);
        let total = pictures * windows;
        for start in (0..total).step_by(TILES) {
            let tiles = TILES.min(total - start);
            for index in 0..tiles {
                let (picture, window) = ((start + index) / windows, (start + index) % windows);
                let corner = 2 * (window / columns) * line + 2 * (window % columns) * in_channels;
                let from = &input[picture * shape.input_size() + corner..];
                // SAFETY: a pool window sees 4x4 pixels from its corner, inside the picture.
                unsafe {
                    transform_tile::<V>(from, line, in_channels, &mut points[index * in_channels..])
                };
            }
            let mut first = 0;
            while first < out_channels {
                let weight = &packed.weight[first / width * 16 * in_channels * width..];
                let bias = &packed.bias[first..];
                // SAFETY: the buffers hold 16 points of `TILES` tiles; the caller vouches for the instruction set.
                unsafe {
                    let work = Block {
                        tiles,
                        in_channels,
                        points: &points,
                        weight,
                    };
                    let groups = width / V::LANES;
                    match groups {
                        1 => work.multiply::<V, 1>(&mut products),
                        _ => work.multiply::<V, 2>(&mut products),
                    }
                    for index in 0..tiles {
                        for group in 0..groups {
                            let channel = first + group * V::LANES;
                            if channel < out_channels {
                                let four = transform_products::<V>(
                                    &products,
                                    (index * groups + group) * V::LANES,
                                    TILES * width,
                                );
                                let used = V::LANES.min(out_channels - channel);
                                let at = (start + index) * out_channels + channel;
                                let bias = V::load(bias.as_ptr().add(group * V::LANES));
                                finish(
                                    four,
                                    (bias, relu),
                                    &mut output[at..at + used],
                                    &mut winners[at..at + used],
                                );
                            }
                        }
                    }
                }
                first += width;
            }
        }
    }
}

/// `B' d B` of a 4x4 tile: point `p` of channel `c` goes to `points[p * TILES * channels + c]`.
#[inline(always)]
unsafe fn transform_tile<V: Vector>(
    from: &[f32],
    line: usize,
    channels: usize,
    points: &mut [f32],
) {
    assert!(
        from.len() >= 3 * line + 4 * channels && points.len() >= 15 * TILES * channels + channels
    );
    let stride = TILES * channels;
    for first in (0..channels).step_by(V::LANES) {
        let used = V::LANES.min(channels - first);
        // SAFETY: the assert covers the tile and the points; the caller vouches for the instruction set.
        unsafe {
            let mut rows = [[V::zero(); 4]; 4];
            for column in 0..4 {
                let at = from.as_ptr().add(column * channels + first);
                let mut d = [V::zero(); 4];
                for (row, value) in d.iter_mut().enumerate() {
                    let at = at.add(row * line);
                    *value = if used == V::LANES {
                        V::load(at)
                    } else {
                        V::load_first(at, used)
                    };
                }
                rows[0][column] = d[0].sub(d[2]);
                rows[1][column] = d[1].add(d[2]);
                rows[2][column] = d[2].sub(d[1]);
                rows[3][column] = d[1].sub(d[3]);
            }
            for (row, [a, b, c, d]) in rows.into_iter().enumerate() {
                let all = [a.sub(c), b.add(c), c.sub(b), b.sub(d)];
                for (column, value) in all.into_iter().enumerate() {
                    let to = points.as_mut_ptr().add((4 * row + column) * stride + first);
                    if used == V::LANES {
                        value.store(to)
                    } else {
                        value.store_first(to, used)
                    }
                }
            }
        }
    }
}

struct Block<'a> {
    tiles: usize,
    in_channels: usize,
    points: &'a [f32],
    weight: &'a [f32],
}

impl Block<'_> {
    /// The 16 products `[tiles, in_channels] x [in_channels, width]` into `products [16, TILES, width]`.
    #[inline(always)]
    unsafe fn multiply<V: Vector, const GROUPS: usize>(&self, products: &mut [f32]) {
        let width = GROUPS * V::LANES;
        assert!(
            self.points.len() >= 16 * TILES * self.in_channels
                && products.len() >= 16 * TILES * width
        );
        assert!(self.weight.len() >= 16 * self.in_channels * width);
        // SAFETY: the asserts cover every tile of every point.
        unsafe {
            for point in 0..16 {
                let left = self.points.as_ptr().add(point * TILES * self.in_channels);
                let panel = self.weight.as_ptr().add(point * self.in_channels * width);
                let to = products.as_mut_ptr().add(point * TILES * width);
                let mut row = 0;
                if V::REGISTERS >= 32 && self.tiles == TILES {
                    self.rows::<V, TILES, GROUPS>(left, panel, to, 0);
                    row = TILES;
                }
                while row + 6 <= self.tiles {
                    self.rows::<V, 6, GROUPS>(left, panel, to, row);
                    row += 6;
                }
                while row < self.tiles {
                    self.rows::<V, 1, GROUPS>(left, panel, to, row);
                    row += 1;
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn rows<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &self,
        left: *const f32,
        panel: *const f32,
        to: *mut f32,
        row: usize,
    ) {
        // SAFETY: `multiply` checked the sizes.
        unsafe {
            let left = left.add(row * self.in_channels);
            let sums = tile::<V, ROWS, GROUPS>(left, self.in_channels, 1, panel, self.in_channels);
            for (index, sums) in sums.iter().enumerate() {
                for (group, sum) in sums.iter().enumerate() {
                    sum.store(to.add(((row + index) * GROUPS + group) * V::LANES));
                }
            }
        }
    }
}

/// `A' m A`: the four outputs of the tile whose products begin at `first`, `stride` apart.
#[inline(always)]
pub(crate) unsafe fn transform_products<V: Vector>(
    products: &[f32],
    first: usize,
    stride: usize,
) -> [V; 4] {
    assert!(products.len() >= 15 * stride + first + V::LANES);
    // SAFETY: the assert covers the 16 points; the caller vouches for the instruction set.
    unsafe {
        let mut top = [V::zero(); 4];
        let mut bottom = [V::zero(); 4];
        for column in 0..4 {
            let mut m = [V::zero(); 4];
            for (row, value) in m.iter_mut().enumerate() {
                *value = V::load(products.as_ptr().add((4 * row + column) * stride + first));
            }
            top[column] = m[0].add(m[1]).add(m[2]);
            bottom[column] = m[1].sub(m[2]).sub(m[3]);
        }
        [
            top[0].add(top[1]).add(top[2]),
            top[1].sub(top[2]).sub(top[3]),
            bottom[0].add(bottom[1]).add(bottom[2]),
            bottom[1].sub(bottom[2]).sub(bottom[3]),
        ]
    }
}
