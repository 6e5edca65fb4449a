//! The backward pass: max-pool and ReLU leave few outputs alive, so both gradients are sums over lists of those.
//!
//! One micro-kernel serves both. A patch of the image is `kernel` rows of `kernel * in_channels` adjacent floats.
//! Weight gradient of a channel: the sum of its gradients times the patch at each. Input gradient of a patch: the sum
//! over the channels alive there of the gradient times the channel's weight in the same order.

use super::{Chunk, DEAD, Shape};
use crate::kernels::primitives::filters::add_up;
use crate::kernels::primitives::sparse::{
    Entries, Entry, accumulate, accumulate_run, for_each_bit,
};
use crate::kernels::simd::{Task, Vector, scratch};

/// Images that share one round of lists: longer lists cost fewer mispredicted branches, more images more cache.
const ROUND: usize = 2;

/// Floats of a weight turned to `[out_channels, kernel, pitch]`.
pub(super) fn turned_size(shape: &Shape) -> usize {
    shape.out_channels * shape.kernel * pitch(shape)
}

/// A row of `kernel * in_channels` floats padded to whole cache lines.
pub(super) fn pitch(shape: &Shape) -> usize {
    (shape.kernel * shape.in_channels).next_multiple_of(16)
}

/// A weight turned from PyTorch's layout; the padding may hold anything.
pub(super) fn turn(shape: &Shape, weight: &[f32]) -> scratch::Scratch {
    let mut turned = scratch::dirty(turned_size(shape));
    for_each_place(shape, |at, place| turned[place] = weight[at]);
    turned
}

/// Adds up the sums of the chunks in their order, and turns them back to PyTorch's layout.
pub(super) fn collect(
    shape: &Shape,
    sums: &mut [f32],
    grad_weight: &mut [f32],
    grad_bias: Option<&mut [f32]>,
) {
    let size = turned_size(shape);
    let total = add_up(sums, size + shape.out_channels);
    for_each_place(shape, |at, place| grad_weight[at] = total[place]);
    if let Some(grad_bias) = grad_bias {
        grad_bias.copy_from_slice(&total[size..]);
    }
}

/// Calls `each(index in PyTorch's layout, index in the turned one)`.
fn for_each_place(shape: &Shape, mut each: impl FnMut(usize, usize)) {
    let Shape {
        in_channels,
        out_channels,
        kernel,
        ..
    } = *shape;
    let mut at = 0;
    for output in 0..out_channels {
        for channel in 0..in_channels {
            for ky in 0..kernel {
                let place = (output * kernel + ky) * pitch(shape) + channel;
                for kx in 0..kernel {
                    each(at, place + kx * in_channels);
                    at += 1;
                }
            }
        }
    }
}

/// The backward pass over one chunk of images: `sums`, if wanted, receives the turned weight gradient, then the bias
/// gradient.
pub(super) struct Backward<'a> {
    pub work: Chunk<'a>,
    /// The gradient of the input, and the turned weight for it.
    pub grad_input: Option<(&'a mut [f32], &'a [f32])>,
    pub sums: Option<&'a mut [f32]>,
}

impl Task for Backward<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let mut lists = Lists::new(self.work.shape);
        if let Some(sums) = self.sums {
            sums.fill(0.0);
            let (weights, biases) = sums.split_at_mut(turned_size(self.work.shape));
            for round in self.work.parts(ROUND) {
                // SAFETY: the caller vouches for the instruction set.
                unsafe {
                    add_biases::<V>(round, biases);
                    lists.grad_weight::<V>(round, weights);
                }
            }
        }
        if let Some((grad_input, turned)) = self.grad_input {
            let targets = grad_input.chunks_exact_mut(self.work.shape.input_size());
            for (image, target) in self.work.parts(1).zip(targets) {
                target.fill(0.0);
                // SAFETY: the caller vouches for the instruction set.
                unsafe { lists.grad_input::<V>(image, turned, target) };
            }
        }
    }
}

/// Adds the gradients of the windows that are alive to `biases [channels]`.
#[inline(always)]
unsafe fn add_biases<V: Vector>(work: Chunk<'_>, biases: &mut [f32]) {
    let whole = biases.len() / V::LANES * V::LANES;
    for (argmax, grads) in work.windows() {
        // SAFETY: `at + LANES <= channels`; the caller vouches for the instruction set.
        unsafe {
            for at in (0..whole).step_by(V::LANES) {
                let dead = V::load_bytes(argmax.as_ptr().add(at)).sub(V::splat(3.5));
                let grad = dead.select_positive(V::zero(), V::load(grads.as_ptr().add(at)));
                let bias = biases.as_mut_ptr().add(at);
                V::load(bias).add(grad).store(bias);
            }
        }
        let rest = argmax[whole..].iter().zip(&grads[whole..]);
        for ((&argmax, &grad), bias) in rest.zip(&mut biases[whole..]) {
            *bias += if argmax < DEAD { grad } else { 0.0 };
        }
    }
}

/// The sizes of the layer and room for the lists.
struct Lists {
    kernel: usize,
    /// Floats of an image's rows, of a patch's rows, and of those in the turned weight.
    line: usize,
    run: usize,
    pitch: usize,
    columns: usize,
    /// Offset of each window's corner in the image.
    corners: Vec<u32>,
    /// Offset of each argmax within a window.
    shifts: [u32; 4],
    /// The ends of the lists.
    ends: Vec<usize>,
    entries: Entries,
}

impl Lists {
    fn new(shape: &Shape) -> Self {
        let (line, columns) = (shape.width * shape.in_channels, shape.pooled_width());
        let (channels, windows) = (shape.out_channels, shape.pooled_pixels());
        let corner = |window: usize| {
            let (row, column) = (window / columns, window % columns);
            (2 * row * line + 2 * column * shape.in_channels) as u32
        };
        let (right, below) = (shape.in_channels as u32, line as u32);
        Self {
            kernel: shape.kernel,
            line,
            run: shape.kernel * shape.in_channels,
            pitch: pitch(shape),
            columns,
            corners: (0..windows).map(corner).collect(),
            shifts: [0, right, below, below + right],
            ends: vec![0; channels.max(4 * windows)],
            entries: Entries::new(channels * windows * ROUND.max(4)),
        }
    }

    /// Empties the first `count` lists, which have room for `room` entries each.
    fn clear(&mut self, count: usize, room: usize) {
        for (list, end) in self.ends[..count].iter_mut().enumerate() {
            *end = list * room;
        }
    }

    /// # Safety
    /// There is such a list, with room for one more.
    #[inline(always)]
    unsafe fn push(&mut self, list: usize, offset: u32, value: f32) {
        // SAFETY: the caller's promise.
        unsafe {
            let end = self.ends.get_unchecked_mut(list);
            *self.entries.as_mut_ptr().add(*end) = Entry { offset, value };
            *end += 1;
        }
    }

    /// # Safety
    /// [`Lists::clear`] was called with this room, and entries pushed since.
    #[inline(always)]
    unsafe fn list(&mut self, list: usize, room: usize) -> &[Entry] {
        let (first, end) = (list * room, self.ends[list]);
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.entries.as_mut_ptr().add(first), end - first) }
    }

    /// One list a channel, over the positions of a round of images.
    #[inline(always)]
    unsafe fn grad_weight<V: Vector>(&mut self, round: Chunk<'_>, weights: &mut [f32]) {
        let (room, patch) = (ROUND * self.corners.len(), self.kernel * self.pitch);
        let size = [self.kernel, self.run, self.pitch];
        let (channels, line) = (round.shape.out_channels, self.line);
        self.clear(channels, room);
        // SAFETY: a list holds at most one entry a window; offsets are convolution positions of these images.
        unsafe {
            for (number, image) in round.parts(1).enumerate() {
                let base = (number * image.input.len()) as u32;
                for (window, (argmax, grads)) in image.windows().enumerate() {
                    let corner = base + self.corners[window];
                    for_each_alive(argmax, |channel, position| {
                        let offset = corner + self.shifts.get_unchecked(position);
                        self.push(channel, offset, *grads.get_unchecked(channel));
                    });
                }
            }
            for channel in 0..channels {
                let to = weights[channel * patch..][..patch].as_mut_ptr();
                let entries = self.list(channel, room);
                add_patch::<V>(entries, round.input.as_ptr(), line, to, size);
            }
        }
    }

    /// One list a position of one image, over the channels that have their maximum there.
    #[inline(always)]
    unsafe fn grad_input<V: Vector>(
        &mut self,
        image: Chunk<'_>,
        turned: &[f32],
        target: &mut [f32],
    ) {
        let (room, patch) = (image.shape.out_channels, self.kernel * self.pitch);
        let size = [self.kernel, self.run, self.line];
        let (windows, columns, pitch) = (self.corners.len(), self.columns, self.pitch);
        self.clear(4 * windows, room);
        // SAFETY: a list holds at most one entry a channel; offsets are channels of the turned weight; the patch of a
        // convolution position lies inside the image.
        unsafe {
            for (window, (argmax, grads)) in image.windows().enumerate() {
                for_each_alive(argmax, |channel, position| {
                    let offset = (channel * patch) as u32;
                    let value = *grads.get_unchecked(channel);
                    self.push(4 * window + position, offset, value);
                });
            }
            // Patches that overlap are kept apart in time: a load that spans two stores on their way waits for both.
            for position in 0..4 {
                for parity in 0..2 {
                    for row in (0..windows).step_by(columns) {
                        for window in (row + parity..row + columns).step_by(2) {
                            let at = self.corners[window] + self.shifts[position];
                            let to = target.as_mut_ptr().add(at as usize);
                            let entries = self.list(4 * window + position, room);
                            add_patch::<V>(entries, turned.as_ptr(), pitch, to, size);
                        }
                    }
                }
            }
        }
    }
}

/// Calls `each(channel, argmax)` for what is not [`DEAD`], 32 at a time.
#[inline(always)]
fn for_each_alive(argmax: &[u8], mut each: impl FnMut(usize, usize)) {
    let mut parts = argmax.chunks_exact(32);
    let mut first = 0;
    for part in &mut parts {
        let mut bits = 0u64;
        for (index, eight) in part.as_chunks::<8>().0.iter().enumerate() {
            // Of the codes 0..=4 only the dead one has bit 2; the product moves those bits into the highest byte.
            let alive = !u64::from_le_bytes(*eight) >> 2 & 0x0101_0101_0101_0101;
            bits |= (alive.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * index);
        }
        for_each_bit(bits, |lane| each(first + lane, usize::from(part[lane] & 3)));
        first += 32;
    }
    for (lane, &argmax) in parts.remainder().iter().enumerate() {
        if argmax < DEAD {
            each(first + lane, usize::from(argmax));
        }
    }
}

/// Adds `rows` rows of `run` floats, `stride` apart at `to` and `line` apart at each entry.
#[inline(always)]
unsafe fn add_patch<V: Vector>(
    entries: &[Entry],
    from: *const f32,
    line: usize,
    to: *mut f32,
    [rows, run, stride]: [usize; 3],
) {
    if entries.is_empty() {
        return;
    }
    // SAFETY: the caller vouches for every row.
    unsafe {
        match (rows, run.div_ceil(V::LANES)) {
            (3, 5) if V::REGISTERS >= 32 => {
                accumulate::<V, 3, 5>(entries, from, line, to, stride, run)
            }
            (3, 9) if V::REGISTERS >= 32 => {
                accumulate::<V, 3, 9>(entries, from, line, to, stride, run)
            }
            (5, 1) => accumulate::<V, 5, 1>(entries, from, line, to, stride, run),
            _ => {
                for row in 0..rows {
                    accumulate_run::<V>(entries, from.add(row * line), to.add(row * stride), run);
                }
            }
        }
    }
}
