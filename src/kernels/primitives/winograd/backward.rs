//! All gradients of a convolution.

use super::gradient::{Finish, Sums};
use super::maps::{Gradients, Pixels};
use super::spread::Spread;
use super::tiles::{Plane, TileBuffer};
use super::weight::{Direction, Weight};
use super::{Convolution, POINTS, SEEN, SIDE};
use crate::kernels::parallel;
use crate::kernels::primitives::filters::Filters;
use crate::kernels::primitives::gemm::{AskLayout, Layout, cut};
use crate::kernels::primitives::layer::Grads;
use crate::kernels::simd::{Level, Task, Vector, WIDEST, dispatch, dispatch_for_rows, scratch};
use std::ops::Range;

/// Images that one task takes. It depends on the shape alone, so that sums over the batch do not depend on the number
/// of threads. Of small images there are more: the sums of a chunk are as large as the weight.
const IMAGES: usize = 16;
const MOST_IMAGES: usize = 64;
/// Tiles that a chunk should have.
const TILES: usize = 128;
/// Chunks there should be, for the threads.
const CHUNKS: usize = 4;

/// Images of a convolution's input, and its weight.
#[derive(Clone, Copy)]
pub(crate) struct Images<'a> {
    pub pixels: &'a [f32],
    pub weight: &'a [f32],
}

/// Where the gradient of the convolution's output comes from.
pub(crate) trait Source: Sync {
    /// That of some images: `[images, rows, columns, outputs]`, where it lies already or in `room`.
    fn of<'a>(&'a self, images: Range<usize>, room: &'a mut [f32]) -> &'a [f32];
}

/// The gradients of a convolution of `batch` images. Sums over the batch are taken per chunk, then in the order of the
/// chunks.
///
/// Scratch: a weight gradient a chunk, a weight, and for each thread some tiles and the points of a weight.
pub(crate) fn backward(
    level: Level,
    convolution: &Convolution,
    images: Images<'_>,
    source: &impl Source,
    grads: Grads<'_>,
) {
    let filters = convolution.filters;
    let size = convolution.input_size();
    let batch = images.pixels.len() / size;
    let with_input = grads.input.is_some();
    let work = Backward {
        level,
        convolution,
        pixels: images.pixels,
        source,
        layout: dispatch_for_rows((level, filters.outputs), AskLayout::ANY),
        weight: with_input.then(|| Weight::new(level, filters, Direction::Backward, images.weight)),
        with_bias: grads.bias.is_some(),
    };
    let most = (TILES / convolution.tiles()).clamp(IMAGES, MOST_IMAGES);
    let chunk = batch.div_ceil(CHUNKS).clamp(IMAGES, most);
    let sums_size = filters.sums_size(work.layout);
    let mut sums = scratch::dirty(batch.div_ceil(chunk) * sums_size);
    let chunks = (0..batch).step_by(chunk);
    let chunks = chunks.map(|first| first..batch.min(first + chunk));
    let parts = chunks.zip(sums.chunks_mut(sums_size));
    match grads.input {
        Some(input) => {
            let parts = parts.zip(input.chunks_mut(chunk * size));
            parallel::for_each(parts, |((images, sums), to)| work.chunk(images, sums, to));
        }
        None => parallel::for_each(parts, |(images, sums)| work.chunk(images, sums, &mut [])),
    }
    filters.collect(work.layout, &mut sums, grads.weight, grads.bias);
}

/// The backward pass, whatever the chunk.
struct Backward<'a, S> {
    level: Level,
    convolution: &'a Convolution,
    pixels: &'a [f32],
    source: &'a S,
    layout: Layout,
    /// For the gradient of the input, where that is sought.
    weight: Option<Weight>,
    with_bias: bool,
}

/// The tiles of some images.
struct Work {
    /// Tiles that are multiplied together.
    room: usize,
    pixels: TileBuffer,
    grads: TileBuffer,
    sums: Sums,
}

impl<S: Source> Backward<'_, S> {
    /// Writes the gradients of weight and bias, summed over some images, and that of their input.
    fn chunk(&self, images: Range<usize>, sums: &mut [f32], grad_input: &mut [f32]) {
        let convolution = self.convolution;
        let filters = convolution.filters;
        let (inputs, outputs) = (convolution.input_size(), convolution.output_size());
        // As many images at a time as fill the room.
        let room = room(filters).min(images.len() * convolution.tiles());
        let step = room.div_ceil(convolution.tiles());
        let mut own = scratch::dirty(step.min(images.len()) * outputs);
        let mut work = Work {
            room,
            pixels: TileBuffer::new(room, filters.inputs),
            grads: TileBuffer::new(room, filters.outputs),
            sums: Sums::new(filters, self.layout),
        };
        let biases = self.layout.padded(filters.outputs) * filters.patch();
        let (weights, biases) = sums.split_at_mut(biases);
        biases.fill(0.0);
        grad_input.fill(0.0);
        for first in images.clone().step_by(step) {
            let part = first..images.end.min(first + step);
            let grads = self.source.of(part.clone(), &mut own);
            assert_eq!(grads.len(), part.len() * outputs, "gradients");
            let pixels = &self.pixels[part.start * inputs..part.end * inputs];
            if self.with_bias {
                let add = AddRows {
                    grads,
                    channels: filters.outputs,
                    biases,
                };
                dispatch(self.level, add);
            }
            let grad_input = match self.weight {
                Some(_) => {
                    let first = part.start - images.start;
                    &mut grad_input[first * inputs..][..part.len() * inputs]
                }
                None => &mut [],
            };
            for tiles in cut(part.len() * convolution.tiles(), room) {
                self.tiles(&mut work, tiles, (pixels, grads), grad_input);
            }
        }
        let finish = Finish {
            sums: &work.sums,
            to: weights,
        };
        dispatch_for_rows((self.level, filters.outputs), finish);
    }

    /// Adds what `(first, count)` tiles contribute.
    fn tiles(
        &self,
        work: &mut Work,
        (first, count): (usize, usize),
        (pixels, grads): (&[f32], &[f32]),
        grad_input: &mut [f32],
    ) {
        let filters = self.convolution.filters;
        let collect = Collect {
            convolution: self.convolution,
            pixels,
            grads,
            first,
            count,
            work,
        };
        dispatch_for_rows((self.level, filters.outputs), collect);
        if let Some(weight) = &self.weight {
            let spread = Spread {
                convolution: self.convolution,
                weight,
                grads: &work.grads,
                first,
                count,
                to: grad_input,
            };
            dispatch_for_rows((self.level, filters.inputs), spread);
        }
    }
}

/// Floats of the points of tiles that are multiplied together, as many as a second-level cache has room for.
const POINTS_ROOM: usize = 384 << 10;
/// The fewest and the most such tiles: the sums are read and written once for all of them.
const FEWEST: usize = 48;
const MOST: usize = 128;

/// Tiles that are multiplied together.
fn room(filters: Filters) -> usize {
    let [inputs, outputs] =
        [filters.inputs, filters.outputs].map(|side| side.next_multiple_of(WIDEST));
    (POINTS_ROOM / (POINTS * (inputs + outputs))).clamp(FEWEST, MOST)
}

/// Transforms some tiles, and adds their products to the sums.
struct Collect<'a> {
    convolution: &'a Convolution,
    pixels: &'a [f32],
    /// Of the outputs.
    grads: &'a [f32],
    first: usize,
    count: usize,
    work: &'a mut Work,
}

impl Task for Collect<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            convolution, work, ..
        } = self;
        let filters = convolution.filters;
        assert!(self.count <= work.room);
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
        // SAFETY: there is room for the tiles; the caller vouches for the instruction set, which is that of the layout.
        unsafe {
            for tile in 0..self.count {
                let place = convolution.place(self.first + tile);
                work.pixels
                    .transform::<V, Pixels, SEEN>(&pixels, place, tile);
                work.grads
                    .transform::<V, Gradients, SIDE>(&grads, place, tile);
            }
            let (pixels, grads) = (work.pixels.from(0), work.grads.from(0));
            work.sums.add::<V>(pixels, grads, self.count);
        }
    }
}

/// Adds gradients `[pixels, channels]` to the sums of their channels.
struct AddRows<'a> {
    grads: &'a [f32],
    channels: usize,
    biases: &'a mut [f32],
}

/// Pixels that are added up before they are added to the rest: long sums lose digits.
const ROWS: usize = 64;

impl Task for AddRows<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.channels;
        assert!(self.grads.len().is_multiple_of(channels) && self.biases.len() >= channels);
        for grads in self.grads.chunks(ROWS * channels) {
            for first in (0..channels).step_by(V::LANES) {
                let used = V::LANES.min(channels - first);
                // SAFETY: `first + used` is within the channels; the caller vouches for the instruction set.
                unsafe {
                    let mut sum = V::zero();
                    for at in (first..grads.len()).step_by(channels) {
                        sum = sum.add(V::load_up_to(grads.as_ptr().add(at), used));
                    }
                    let to = self.biases.as_mut_ptr().add(first);
                    V::load_up_to(to, used).add(sum).store_up_to(to, used);
                }
            }
        }
    }
}
