//! A 3x3 kernel with stride 1 as Winograd's F(2x2, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks", CVPR 2016): 16 products for four outputs instead of 36. A tile is 2x2 outputs and the 4x4 pixels that
//! they see.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::filters::{Filters, Packed};
use super::gemm::{Panel, Strides, Tiles, accumulate, cut, for_each_tile, store_sums};
use crate::kernels::simd::{Task, Vector, scratch};

/// Tiles that are transformed and multiplied together, where a row of tiles is not longer: a register tile of them.
const TILES: usize = 14;

/// Whether the transforms pay: they cost as much for one channel of the other side as for many.
pub(crate) fn fits(filters: Filters, stride: usize) -> bool {
    filters.kernel == 3 && stride == 1 && filters.inputs >= 8 && filters.outputs >= 8
}

/// `G g G'` of a weight packed for the convolution of `inputs` channels: panels `[16, inputs, width]`.
pub(crate) struct TransformWeight {
    pub inputs: usize,
    pub packed: Packed,
}

impl Task<Packed> for TransformWeight {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Packed {
        let Self { inputs, packed } = self;
        let outputs = packed.bias.len();
        assert!(packed.weight.len() >= 9 * inputs * outputs);
        let mut points = scratch::dirty(16 * inputs * outputs);
        for panel in packed.layout.panels(outputs) {
            let stride = inputs * panel.registers * V::LANES;
            for at in (0..stride).step_by(V::LANES) {
                // SAFETY: nine taps and sixteen points of `stride` floats each lie in the panel; the caller vouches for
                // the instruction set.
                unsafe {
                    let from = packed.weight.as_ptr().add(panel.first * 9 * inputs + at);
                    let to = points.as_mut_ptr().add(panel.first * 16 * inputs + at);
                    both_sides::<V, Spread, 3, 4>(from, to, stride);
                }
            }
        }
        Packed {
            weight: points,
            ..packed
        }
    }
}

/// A linear map of `N` points to `M`, which [`both_sides`] applies to columns and rows.
pub(crate) trait Side<const N: usize, const M: usize> {
    /// Must be `#[inline(always)]`.
    fn apply<V: Vector>(points: [V; N], half: V) -> [V; M];
}

/// `S x S'` of one register, the points of both sides `stride` apart.
///
/// # Safety
/// The processor has the instruction set; `N * N` registers are readable, `M * M` writable.
#[inline(always)]
pub(crate) unsafe fn both_sides<V: Vector, S: Side<N, M>, const N: usize, const M: usize>(
    from: *const f32,
    to: *mut f32,
    stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let half = V::splat(0.5);
        let mut rows = [[V::zero(); N]; M];
        for column in 0..N {
            let mut points = [V::zero(); N];
            for row in 0..N {
                points[row] = V::load(from.add((N * row + column) * stride));
            }
            let all = S::apply(points, half);
            for row in 0..M {
                rows[row][column] = all[row];
            }
        }
        for row in 0..M {
            let all = S::apply(rows[row], half);
            for column in 0..M {
                all[column].store(to.add((M * row + column) * stride));
            }
        }
    }
}

/// `G`, from taps to points.
struct Spread;

impl Side<3, 4> for Spread {
    #[inline(always)]
    fn apply<V: Vector>([first, middle, last]: [V; 3], half: V) -> [V; 4] {
        let outer = half.mul(first.add(last));
        let middle = half.mul(middle);
        [first, outer.add(middle), outer.sub(middle), last]
    }
}

/// Images with their padding, cut into rows of tiles. The tiles of odd sides hang over: the images have zeros there.
#[derive(Clone, Copy)]
pub(crate) struct Images<'a> {
    pub pixels: &'a [f32],
    pub channels: usize,
    /// Floats from one row of pixels to the next.
    pub line: usize,
    /// Floats from one image to the next.
    pub size: usize,
    /// Rows of tiles of an image.
    pub high: usize,
    /// Columns of tiles.
    pub wide: usize,
}

impl Images<'_> {
    /// The pixels that row `row` of tiles sees, counted through all images.
    #[inline(always)]
    pub fn row(&self, row: usize) -> *const f32 {
        let at = row / self.high * self.size + 2 * (row % self.high) * self.line;
        let end = at + 3 * self.line + (2 * self.wide + 2) * self.channels;
        self.pixels[at..end].as_ptr()
    }
}

/// What becomes of the outputs.
pub(crate) trait Finish {
    /// Takes row `row` of tiles for the `GROUPS` registers of channels from `channel` on. Must be `#[inline(always)]`.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn row<V: Vector, const GROUPS: usize>(
        &mut self,
        products: Products<'_>,
        row: usize,
        channel: usize,
    );
}

/// The products of a row of tiles with a panel of filters, `[16][tiles, width]`.
#[derive(Clone, Copy)]
pub(crate) struct Products<'a> {
    numbers: &'a [f32],
    /// Floats from one point to the next.
    stride: usize,
}

/// Convolves `rows` rows of tiles with a weight that [`TransformWeight`] made for `channels` outputs.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub(crate) unsafe fn convolve<V: Vector>(
    images: Images<'_>,
    rows: usize,
    packed: &Packed,
    channels: usize,
    finish: &mut impl Finish,
) {
    let (inputs, wide) = (images.channels, images.wide);
    assert!(packed.weight.len() >= packed.layout.padded(channels) * 16 * inputs);
    let most = (TILES / wide).max(1);
    let (room, pitch) = (most * wide, inputs.next_multiple_of(V::LANES));
    let mut points = scratch::dirty(16 * room * pitch);
    let mut products = scratch::dirty(16 * room * 3 * V::LANES);
    for (first, rows) in cut(rows, most) {
        // SAFETY: the buffers hold 16 points of `room` tiles, the weight those of every panel; the caller vouches for
        // the instruction set.
        unsafe {
            for row in 0..rows {
                let to = points[row * wide * pitch..].as_mut_ptr();
                transform_row::<V>(&images, first + row, to, room * pitch);
            }
            for panel in packed.layout.panels(channels) {
                let width = packed.layout.width(panel);
                for point in 0..16 {
                    let mut work = Multiply {
                        depth: inputs,
                        pitch,
                        left: points[point * room * pitch..].as_ptr(),
                        right: packed.weight[(16 * panel.first + point * width) * inputs..]
                            .as_ptr(),
                        to: products[point * room * width..].as_mut_ptr(),
                    };
                    for_each_tile::<V>(rows * wide, panel, &mut work);
                }
                for row in 0..rows {
                    let products = Products {
                        numbers: &products[row * wide * width..],
                        stride: room * width,
                    };
                    finish_row::<V>(finish, products, first + row, panel);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn finish_row<V: Vector>(
    finish: &mut impl Finish,
    products: Products<'_>,
    row: usize,
    panel: Panel,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match panel.registers {
            1 => finish.row::<V, 1>(products, row, panel.first),
            2 => finish.row::<V, 2>(products, row, panel.first),
            _ => finish.row::<V, 3>(products, row, panel.first),
        }
    }
}

/// The products of one point: `[tiles, depth] x [depth, width]`.
struct Multiply {
    depth: usize,
    /// Floats from one tile to the next on the left.
    pitch: usize,
    left: *const f32,
    right: *const f32,
    to: *mut f32,
}

impl Tiles for Multiply {
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &mut self,
        row: usize,
        _column: usize,
    ) {
        let strides = Strides {
            run: 0,
            row: self.pitch,
            step: 1,
            panel: GROUPS * V::LANES,
        };
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[V::zero(); GROUPS]; ROWS];
            let left = self.left.add(row * self.pitch);
            accumulate::<V, ROWS, ROWS, GROUPS>(&mut sums, left, self.right, strides, self.depth);
            store_sums(&sums, self.to.add(row * GROUPS * V::LANES));
        }
    }
}

/// `B' d B` of a row of tiles: point `p` of channel `c` of tile `t` goes to `to[p * stride + t * pitch + c]`, where the
/// pitch is the channels padded to whole registers.
///
/// # Safety
/// The processor has the instruction set; the points are writable.
#[inline(always)]
pub(crate) unsafe fn transform_row<V: Vector>(
    images: &Images<'_>,
    row: usize,
    to: *mut f32,
    stride: usize,
) {
    let channels = images.channels;
    let pitch = channels.next_multiple_of(V::LANES);
    let from = images.row(row);
    for first in (0..channels).step_by(V::LANES) {
        let used = V::LANES.min(channels - first);
        // SAFETY: four lines of all columns are readable; the caller vouches for the rest.
        unsafe {
            let from = from.add(first);
            let mut a = column::<V>(from, images.line, used);
            let mut b = column::<V>(from.add(channels), images.line, used);
            for tile in 0..images.wide {
                let next = from.add((2 * tile + 2) * channels);
                let c = column::<V>(next, images.line, used);
                let d = column::<V>(next.add(channels), images.line, used);
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
unsafe fn column<V: Vector>(at: *const f32, line: usize, used: usize) -> [V; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut d = [V::zero(); 4];
        for row in 0..4 {
            d[row] = V::load_up_to(at.add(row * line), used);
        }
        [
            d[0].sub(d[2]),
            d[1].add(d[2]),
            d[2].sub(d[1]),
            d[1].sub(d[3]),
        ]
    }
}

impl Products<'_> {
    /// `A' m A`: the four outputs of tile `tile` in register `group` of `GROUPS`.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub unsafe fn outputs<V: Vector, const GROUPS: usize>(
        &self,
        tile: usize,
        group: usize,
    ) -> [V; 4] {
        let first = (tile * GROUPS + group) * V::LANES;
        assert!(self.numbers.len() >= 15 * self.stride + first + V::LANES);
        // SAFETY: the assert covers the 16 points; the caller vouches for the instruction set.
        unsafe {
            let mut top = [V::zero(); 4];
            let mut bottom = [V::zero(); 4];
            for column in 0..4 {
                let mut m = [V::zero(); 4];
                for row in 0..4 {
                    let at = (4 * row + column) * self.stride + first;
                    m[row] = V::load(self.numbers.as_ptr().add(at));
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
}
