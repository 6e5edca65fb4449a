//! The convolution of some images.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::maps::{Map, Outputs, Pixels};
use super::tiles::{Place, Plane, transform};
use super::weight::{Filter, Weight};
use super::{Convolution, GAP, POINTS, SEEN, SIDE};
use crate::kernels::primitives::gemm::{Panel, Strides, Tiles, accumulate, cut, for_each_tile};
use crate::kernels::simd::{Level, Task, Vector, WIDEST, dispatch_for_rows, scratch};

/// Floats of the points of tiles that are multiplied together: they stay in a second-level cache.
const POINTS_ROOM: usize = 192 << 10;
/// The fewest and the most such tiles, in register tiles of 14: few pass over all of the weight too often, more gain
/// nothing.
const FEWEST: usize = 28;
const MOST: usize = 56;

/// A convolution with the points of its weight.
pub(crate) struct Filtered {
    convolution: Convolution,
    lanes: (Level, usize),
    weight: Weight,
}

impl Filtered {
    /// `weight` is `[outputs, inputs, 3, 3]`.
    pub fn new(level: Level, convolution: Convolution, weight: &[f32]) -> Self {
        Self::with(level, convolution, Filter::AsIs, weight)
    }

    /// The convolution that gives the gradient of the input of `convolution`, whose weight this is.
    pub(super) fn turned(level: Level, convolution: &Convolution, weight: &[f32]) -> Self {
        Self::with(level, convolution.turned(), Filter::Turned, weight)
    }

    fn with(level: Level, convolution: Convolution, filter: Filter, weight: &[f32]) -> Self {
        Self {
            lanes: (level, convolution.filters.outputs),
            weight: Weight::new(level, &convolution, filter, weight),
            convolution,
        }
    }

    /// Images that fill a pass over the weight.
    pub fn images(&self) -> usize {
        images_of_a_pass(&self.convolution)
    }

    /// Convolves images `[rows, columns, inputs]`.
    pub fn run(&self, pixels: &[f32], finish: impl Finish) {
        let work = Run {
            filtered: self,
            pixels,
            finish,
        };
        dispatch_for_rows(self.lanes, work);
    }
}

/// Images that fill a pass over the weight.
pub(super) fn images_of_a_pass(convolution: &Convolution) -> usize {
    room(convolution.filters.inputs).div_ceil(convolution.tiles())
}

/// Tiles that are multiplied together.
fn room(inputs: usize) -> usize {
    let fit = POINTS_ROOM / (POINTS * inputs.next_multiple_of(WIDEST));
    (fit / 14 * 14).clamp(FEWEST, MOST)
}

/// What becomes of the outputs.
pub(crate) trait Finish {
    /// Takes the tile at `place`, number `tile` of the products, for the `GROUPS` registers of channels from
    /// `channel` on. Must be `#[inline(always)]`.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn tile<V: Vector, const GROUPS: usize>(
        &mut self,
        products: Products<'_>,
        tile: usize,
        place: Place,
        channel: usize,
    );
}

struct Run<'a, F> {
    filtered: &'a Filtered,
    pixels: &'a [f32],
    finish: F,
}

impl<F: Finish> Task for Run<'_, F> {
    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let Filtered {
            convolution,
            weight,
            ..
        } = self.filtered;
        let (inputs, outputs) = (convolution.filters.inputs, convolution.filters.outputs);
        let zeros = scratch::zeroed(SEEN * inputs);
        let plane = Plane {
            pixels: self.pixels,
            sides: convolution.input,
            channels: inputs,
            padding: convolution.padding,
            zeros: &zeros,
        };
        assert!(weight.points.len() >= weight.layout.padded(outputs) * POINTS * inputs);
        let count = self.pixels.len() / convolution.input_size() * convolution.tiles();
        let (room, pitch) = (room(inputs).min(count), inputs.next_multiple_of(V::LANES));
        let stride = POINTS * pitch + GAP;
        let mut points = scratch::dirty(room * stride);
        let mut products = scratch::dirty(room * (POINTS * 3 * V::LANES + GAP));
        for (first, tiles) in cut(count, room) {
            // SAFETY: the buffers hold the points of `room` tiles, the weight those of every panel; the caller vouches
            // for the instruction set.
            unsafe {
                for tile in 0..tiles {
                    let place = convolution.place(first + tile);
                    let to = points[tile * stride..].as_mut_ptr();
                    transform::<V, Pixels, SEEN>(&plane, place, to, pitch);
                }
                for panel in weight.layout.panels(outputs) {
                    let width = weight.layout.width(panel);
                    let step = POINTS * width + GAP;
                    for point in 0..POINTS {
                        let right = (POINTS * panel.first + point * width) * inputs;
                        let mut work = Multiply {
                            depth: inputs,
                            left: (points[point * pitch..].as_ptr(), stride),
                            right: weight.points[right..].as_ptr(),
                            to: (products[point * width..].as_mut_ptr(), step),
                        };
                        for_each_tile::<V>(tiles, panel, &mut work);
                    }
                    let products = Products {
                        numbers: &products,
                        stride: step,
                    };
                    for tile in 0..tiles {
                        let place = convolution.place(first + tile);
                        finish_tile::<V>(&mut self.finish, products, tile, place, panel);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn finish_tile<V: Vector>(
    finish: &mut impl Finish,
    products: Products<'_>,
    tile: usize,
    place: Place,
    panel: Panel,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match panel.registers {
            1 => finish.tile::<V, 1>(products, tile, place, panel.first),
            2 => finish.tile::<V, 2>(products, tile, place, panel.first),
            _ => finish.tile::<V, 3>(products, tile, place, panel.first),
        }
    }
}

/// The products of one point: `[tiles, depth] x [depth, width]`.
struct Multiply {
    depth: usize,
    /// And floats from one tile to the next, on both sides.
    left: (*const f32, usize),
    right: *const f32,
    to: (*mut f32, usize),
}

impl Tiles for Multiply {
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const GROUPS: usize>(
        &mut self,
        row: usize,
        _column: usize,
    ) {
        let ((left, pitch), (to, step)) = (self.left, self.to);
        let strides = Strides {
            run: 0,
            row: pitch,
            step: 1,
            panel: GROUPS * V::LANES,
        };
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[V::zero(); GROUPS]; ROWS];
            let left = left.add(row * pitch);
            accumulate::<V, ROWS, ROWS, GROUPS>(&mut sums, left, self.right, strides, self.depth);
            for (index, sums) in sums.iter().enumerate() {
                for (group, sum) in sums.iter().enumerate() {
                    sum.store(to.add((row + index) * step + group * V::LANES));
                }
            }
        }
    }
}

/// The products of some tiles with a panel of filters, `[tiles][36, width]`.
#[derive(Clone, Copy)]
pub(crate) struct Products<'a> {
    numbers: &'a [f32],
    /// Floats from one tile to the next.
    stride: usize,
}

impl Products<'_> {
    /// `A' m A`: the rows of outputs of tile `tile` in register `group` of `GROUPS`.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub unsafe fn outputs<V: Vector, const GROUPS: usize>(
        &self,
        tile: usize,
        group: usize,
    ) -> [[V; SIDE]; SIDE] {
        let width = GROUPS * V::LANES;
        let numbers = self.numbers[tile * self.stride..][..POINTS * width].as_ptr();
        // SAFETY: the slice has the 36 points; the caller vouches for the instruction set.
        unsafe {
            let mut rows = [[V::zero(); SEEN]; SIDE];
            for column in 0..SEEN {
                let mut products = [V::zero(); SEEN];
                for row in 0..SEEN {
                    let at = (SEEN * row + column) * width + group * V::LANES;
                    products[row] = V::load(numbers.add(at));
                }
                let all = Outputs::apply(products);
                for row in 0..SIDE {
                    rows[row][column] = all[row];
                }
            }
            let mut outputs = [[V::zero(); SIDE]; SIDE];
            for row in 0..SIDE {
                outputs[row] = Outputs::apply(rows[row]);
            }
            outputs
        }
    }
}

/// Writes the outputs, after bias and ReLU.
pub(crate) struct Store<'a> {
    /// Rows and columns of the output.
    pub sides: [usize; 2],
    /// One a channel, where there is one.
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
    pub channels: usize,
    pub to: &'a mut [f32],
}

impl Finish for Store<'_> {
    #[inline(always)]
    unsafe fn tile<V: Vector, const GROUPS: usize>(
        &mut self,
        products: Products<'_>,
        tile: usize,
        place: Place,
        channel: usize,
    ) {
        let ([rows, columns], channels) = (self.sides, self.channels);
        let line = columns * channels;
        let inside = [rows - place.row, columns - place.column].map(|left| left.min(SIDE));
        let corner = (place.image * rows + place.row) * line + place.column * channels;
        let end = (inside[0] - 1) * line + inside[1] * channels;
        let to = self.to[corner..corner + end].as_mut_ptr();
        // Where all channels are one panel, what the last register writes past a pixel is written again: by the next
        // pixel, the next tile, or the registers before it. Such stores are cheaper than those of a part of a register.
        let spills = channels <= GROUPS * V::LANES && place.column + SIDE < columns;
        for group in (0..GROUPS).rev() {
            let first = channel + group * V::LANES;
            let used = V::LANES.min(channels - first);
            // SAFETY: the slice has the pixels inside of the image, and after them those of the next tile if there is
            // one; the caller vouches for the instruction set.
            unsafe {
                let mut outputs = products.outputs::<V, GROUPS>(tile, group);
                if let Some(bias) = self.bias {
                    let bias = V::load_up_to(bias[first..first + used].as_ptr(), used);
                    for output in outputs.as_flattened_mut() {
                        *output = output.add(bias);
                    }
                }
                if self.relu {
                    for output in outputs.as_flattened_mut() {
                        *output = output.select_positive(*output, V::zero());
                    }
                }
                let to = to.add(first);
                let is_whole = inside == [SIDE; 2] && (used == V::LANES || spills);
                for y in 0..SIDE {
                    for x in 0..SIDE {
                        let to = to.wrapping_add(y * line + x * channels);
                        match is_whole {
                            true => outputs[y][x].store(to),
                            false if y < inside[0] && x < inside[1] => {
                                outputs[y][x].store_up_to(to, used);
                            }
                            false => {}
                        }
                    }
                }
            }
        }
    }
}
