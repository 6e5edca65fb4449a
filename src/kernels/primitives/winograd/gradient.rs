//! The gradient of the weight by the transposed algorithm: per tile, the 36 points of the pixels times the 36 points
//! `A g A'` of the gradients; their sums over all tiles become weights once, at the end.

use super::maps::{Gradients, Pixels, Weights, both_sides};
use super::tiles::{Plane, transform};
use super::{Convolution, GAP, POINTS, SEEN, SIDE};
use crate::kernels::primitives::gemm::{
    Layout, Strides, Tiles, accumulate, for_each_tile, load_sums, store_sums,
};
use crate::kernels::simd::{Task, Vector, WIDEST, scratch};

/// Floats of the points of tiles that are multiplied together, as many as a second-level cache has room for.
const POINTS_ROOM: usize = 384 << 10;
/// The fewest and the most such tiles: the sums are read and written once for all of them.
const FEWEST: usize = 48;
const MOST: usize = 128;

/// What is collected over the images of a chunk.
pub(super) struct Collected {
    /// `[room][36, channels]` of pixels and gradients, the channels padded to whole registers.
    points: [scratch::Scratch; 2],
    /// Tiles that are collected before they are multiplied.
    room: usize,
    count: usize,
    /// Panels `[36, inputs, width]`; they hold nothing until the first product.
    sums: scratch::Scratch,
    is_begun: bool,
}

impl Collected {
    /// For a chunk of so many tiles.
    pub fn new(convolution: &Convolution, tiles: usize) -> Self {
        let filters = convolution.filters;
        let sides = [filters.inputs, filters.outputs].map(|side| side.next_multiple_of(WIDEST));
        let fit = POINTS_ROOM / (POINTS * (sides[0] + sides[1]));
        let room = fit.clamp(FEWEST, MOST).min(tiles);
        Self {
            points: sides.map(|side| scratch::dirty(room * (POINTS * side + GAP))),
            room,
            count: 0,
            sums: scratch::dirty(POINTS * filters.inputs * sides[1]),
            is_begun: false,
        }
    }
}

/// Collects the tiles of some images, and adds up the products of those that fill the room.
pub(super) struct Collect<'a> {
    pub convolution: &'a Convolution,
    pub layout: Layout,
    pub pixels: &'a [f32],
    /// Of the outputs.
    pub grads: &'a [f32],
    pub collected: &'a mut Collected,
}

impl Task for Collect<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            convolution,
            layout,
            collected,
            ..
        } = self;
        let filters = convolution.filters;
        let zeros = scratch::zeroed(SEEN * filters.inputs.max(filters.outputs));
        let pixels = Plane {
            pixels: self.pixels,
            sides: convolution.input,
            channels: filters.inputs,
            padding: convolution.padding,
            zeros: &zeros,
        };
        let grads = Plane {
            pixels: self.grads,
            sides: convolution.output,
            channels: filters.outputs,
            padding: 0,
            zeros: &zeros,
        };
        let images = self.pixels.len() / convolution.input_size();
        let [pixels_pitch, grads_pitch] = pitches::<V>(convolution);
        for tile in 0..images * convolution.tiles() {
            let place = convolution.place(tile);
            let [pixels_to, grads_to] = &mut collected.points;
            let pixels_to = pixels_to[collected.count * stride(pixels_pitch)..].as_mut_ptr();
            let grads_to = grads_to[collected.count * stride(grads_pitch)..].as_mut_ptr();
            // SAFETY: there is room for another tile, because they are multiplied when it is full; the caller vouches
            // for the instruction set.
            unsafe {
                transform::<V, Pixels, SEEN>(&pixels, place, pixels_to, pixels_pitch);
                transform::<V, Gradients, SIDE>(&grads, place, grads_to, grads_pitch);
                collected.count += 1;
                if collected.count == collected.room {
                    collected.multiply::<V>(convolution, layout);
                }
            }
        }
    }
}

/// Floats from one tile to the next, of those from one point to the next.
fn stride(pitch: usize) -> usize {
    POINTS * pitch + GAP
}

/// Floats from one point to the next in those of pixels and gradients.
#[inline(always)]
fn pitches<V: Vector>(convolution: &Convolution) -> [usize; 2] {
    let filters = convolution.filters;
    [filters.inputs, filters.outputs].map(|side| side.next_multiple_of(V::LANES))
}

impl Collected {
    /// Adds the products of the collected tiles to the sums, and forgets the tiles.
    #[inline(always)]
    unsafe fn multiply<V: Vector>(&mut self, convolution: &Convolution, layout: Layout) {
        let inputs = convolution.filters.inputs;
        let [input_pitch, output_pitch] = pitches::<V>(convolution);
        for point in 0..POINTS {
            for panel in layout.panels(convolution.filters.outputs) {
                let to = (POINTS * panel.first + point * layout.width(panel)) * inputs;
                let mut work = Multiply {
                    left: self.points[0][point * input_pitch..].as_ptr(),
                    right: self.points[1][point * output_pitch..].as_ptr(),
                    strides: Strides {
                        run: 0,
                        row: 1,
                        step: stride(input_pitch),
                        panel: stride(output_pitch),
                    },
                    tiles: self.count,
                    to: self.sums[to..].as_mut_ptr(),
                    is_begun: self.is_begun,
                };
                // SAFETY: the buffers hold the points of `room` tiles, the sums 36 points of every panel; the caller
                // vouches for the instruction set.
                unsafe { for_each_tile::<V>(inputs, panel, &mut work) };
            }
        }
        self.count = 0;
        self.is_begun = true;
    }
}

/// The product of one point: `[inputs, tiles] x [tiles, width]`.
struct Multiply {
    left: *const f32,
    right: *const f32,
    strides: Strides,
    tiles: usize,
    to: *mut f32,
    is_begun: bool,
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
            let mut sums = [[V::zero(); GROUPS]; ROWS];
            accumulate::<V, ROWS, ROWS, GROUPS>(&mut sums, left, right, self.strides, self.tiles);
            // Sums of few tiles each lose fewer digits than one over all.
            if self.is_begun {
                let before = load_sums::<V, ROWS, GROUPS>(to);
                for (sum, before) in sums
                    .as_flattened_mut()
                    .iter_mut()
                    .zip(before.as_flattened())
                {
                    *sum = before.add(*sum);
                }
            }
            store_sums(&sums, to);
        }
    }
}

/// Multiplies what is left and turns the sums into weights: panels `[3, 3, inputs, width]` at the start of `sums`.
pub(super) struct Finish<'a> {
    pub convolution: &'a Convolution,
    pub layout: Layout,
    pub collected: &'a mut Collected,
    pub sums: &'a mut [f32],
}

impl Task for Finish<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (layout, collected) = (self.layout, self.collected);
        let filters = self.convolution.filters;
        let inputs = filters.inputs;
        assert!(self.sums.len() >= layout.padded(filters.outputs) * 9 * inputs);
        // SAFETY: the buffers are of this shape, and every sum is begun by the first product; the caller vouches for
        // the instruction set.
        unsafe {
            if collected.count > 0 {
                collected.multiply::<V>(self.convolution, layout);
            }
            for panel in layout.panels(filters.outputs) {
                let point = inputs * layout.width(panel);
                for at in (0..point).step_by(V::LANES) {
                    let from = collected.sums[panel.first * POINTS * inputs + at..].as_ptr();
                    let to = self.sums[panel.first * 9 * inputs + at..].as_mut_ptr();
                    both_sides::<V, Weights, 6, 3>((from, point), (to, point));
                }
            }
        }
    }
}
