//! All gradients of a convolution.

use super::Convolution;
use super::forward::{Filtered, Store, images_of_a_pass};
use super::gradient::{Collect, Collected, Finish};
use crate::kernels::parallel;
use crate::kernels::primitives::gemm::{AskLayout, Layout};
use crate::kernels::primitives::layer::Grads;
use crate::kernels::simd::{Level, Task, Vector, dispatch, dispatch_for_rows, scratch};
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
    let lanes = (level, filters.outputs);
    let with_input = grads.input.is_some();
    let work = Backward {
        level,
        convolution,
        images,
        source,
        layout: dispatch_for_rows(lanes, AskLayout::ANY),
        turned: with_input.then(|| Filtered::turned(level, convolution, images.weight)),
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
    images: Images<'a>,
    source: &'a S,
    layout: Layout,
    /// The convolution that gives the gradient of the input, where that is sought.
    turned: Option<Filtered>,
    with_bias: bool,
}

impl<S: Source> Backward<'_, S> {
    /// Writes the gradients of weight and bias, summed over some images, and that of their input.
    fn chunk(&self, images: Range<usize>, sums: &mut [f32], grad_input: &mut [f32]) {
        let convolution = self.convolution;
        let lanes = (self.level, convolution.filters.outputs);
        let [inputs, outputs] = [convolution.input_size(), convolution.output_size()];
        // As many at a time as fill a pass over the weight for the gradient of the input.
        let step = images_of_a_pass(&convolution.turned());
        let mut room = scratch::dirty(step.min(images.len()) * outputs);
        let tiles = images.len() * convolution.tiles();
        let mut collected = Collected::new(convolution, tiles);
        let biases = self.layout.padded(convolution.filters.outputs) * convolution.filters.patch();
        let (weights, biases) = sums.split_at_mut(biases);
        biases.fill(0.0);
        for first in images.clone().step_by(step) {
            let part = first..images.end.min(first + step);
            let grads = self.source.of(part.clone(), &mut room);
            assert_eq!(grads.len(), part.len() * outputs, "gradients");
            let work = Collect {
                convolution,
                layout: self.layout,
                pixels: &self.images.pixels[part.start * inputs..part.end * inputs],
                grads,
                collected: &mut collected,
            };
            dispatch_for_rows(lanes, work);
            if self.with_bias {
                let channels = convolution.filters.outputs;
                dispatch(
                    self.level,
                    AddRows {
                        grads,
                        channels,
                        biases,
                    },
                );
            }
            if let Some(turned) = &self.turned {
                let to = (part.start - images.start) * inputs..(part.end - images.start) * inputs;
                let store = Store {
                    sides: convolution.input,
                    bias: None,
                    relu: false,
                    channels: convolution.filters.inputs,
                    to: &mut grad_input[to],
                };
                turned.run(grads, store);
            }
        }
        let work = Finish {
            convolution,
            layout: self.layout,
            collected: &mut collected,
            sums: weights,
        };
        dispatch_for_rows(lanes, work);
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
