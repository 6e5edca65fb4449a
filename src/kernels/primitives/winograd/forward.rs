//! The convolution of some images.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::maps::Pixels;
use super::products::{Finish, Products};
use super::tiles::{Place, Plane, TileBuffer};
use super::weight::{Direction, Weight};
use super::{Convolution, POINTS, SEEN, SIDE};
use crate::kernels::primitives::gemm::cut;
use crate::kernels::simd::{Level, Task, Vector, WIDEST, dispatch_for_rows, scratch};

/// Floats of the points of tiles that are multiplied together: they stay in a second-level cache.
const POINTS_ROOM: usize = 192 << 10;
/// The fewest and the most such tiles, in register tiles of 14: few pass over all of the weight too often, more gain
/// nothing.
const FEWEST: usize = 28;
pub(super) const MOST: usize = 56;

/// A convolution with the points of its weight.
pub(crate) struct Filtered {
    convolution: Convolution,
    lanes: (Level, usize),
    weight: Weight,
}

impl Filtered {
    /// `weight` is `[outputs, inputs, 3, 3]`.
    pub fn new(level: Level, convolution: Convolution, weight: &[f32]) -> Self {
        let filters = convolution.filters;
        Self {
            convolution,
            lanes: (level, filters.outputs),
            weight: Weight::new(level, filters, Direction::Forward, weight),
        }
    }

    /// Images that fill a pass over the weight.
    pub fn images(&self) -> usize {
        room(self.convolution.filters.inputs).div_ceil(self.convolution.tiles())
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

/// Tiles that are multiplied together.
fn room(depth: usize) -> usize {
    let fit = POINTS_ROOM / (POINTS * depth.next_multiple_of(WIDEST));
    (fit / 14 * 14).clamp(FEWEST, MOST)
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
        let inputs = convolution.filters.inputs;
        let zeros = scratch::zeroed(SEEN * inputs);
        let plane = Plane {
            pixels: self.pixels,
            sides: convolution.input,
            channels: inputs,
            padding: convolution.padding,
            zeros: &zeros,
        };
        let count = self.pixels.len() / convolution.input_size() * convolution.tiles();
        let room = room(inputs).min(count);
        let mut points = TileBuffer::new(room, inputs);
        for (first, tiles) in cut(count, room) {
            // SAFETY: there are as many tiles as there is room; the caller vouches for the instruction set, of which
            // the weight's layout is.
            unsafe {
                for tile in 0..tiles {
                    points.transform::<V, Pixels, SEEN>(
                        &plane,
                        convolution.place(first + tile),
                        tile,
                    );
                }
                let tiles = (first, tiles);
                weight.multiply::<V>(convolution, tiles, points.from(0), &mut self.finish);
            }
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
