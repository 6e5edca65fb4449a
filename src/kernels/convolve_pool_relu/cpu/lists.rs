//! The backward pass: max-pool and ReLU leave few outputs alive, so both gradients are sums over lists of those.
//!
//! One micro-kernel serves both. A patch of the picture is `kernel` rows of `kernel * in_channels` adjacent floats.
//! Weight gradient of a channel: the sum of its gradients times the patch at each. Input gradient of a patch: the sum
//! over the channels alive there of the gradient times the channel's weight in the same order.

use super::{DEAD, Shape};
use crate::kernels::linear_relu::cpu::sparse::{Entries, Entry, accumulate, accumulate_run};
use crate::kernels::simd::{Task, Vector, scratch};

/// Pictures that share one round of lists: longer lists cost fewer mispredicted branches, more pictures more cache.
const ROUND: usize = 2;

/// Floats of a weight turned to `[out_channels, kernel, pitch]`.
pub(super) fn turned_size(shape: &Shape) -> usize {
    shape.out_channels * shape.kernel * pitch(shape)
}

/// A row of `kernel * in_channels` floats padded to whole cache lines.
pub(super) fn pitch(shape: &Shape) -> usize {
    (shape.kernel * shape.in_channels).next_multiple_of(16)
}

/// Turns a weight from PyTorch's layout; the padding stays as it is.
pub(super) fn turn(shape: &Shape, weight: &[f32], turned: &mut [f32]) {
    for_each_place(shape, |at, place| turned[place] = weight[at]);
}

/// Adds up the sums of the chunks in their order, and turns them back to PyTorch's layout.
pub(super) fn collect(shape: &Shape, sums: &[f32], grad_weight: &mut [f32], grad_bias: &mut [f32]) {
    let size = turned_size(shape);
    let mut total = scratch::zeroed(size + shape.out_channels);
    for sums in sums.chunks_exact(size + shape.out_channels) {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    for_each_place(shape, |at, place| grad_weight[at] = total[place]);
    grad_bias.copy_from_slice(&total[size..]);
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

/// The backward pass over one chunk of pictures: `sums`, if wanted, receives the turned weight gradient, then the bias
/// gradient.
pub(super) struct Backward<'a> {
    pub shape: &'a Shape,
    pub input: &'a [f32],
    pub turned: &'a [f32],
    pub winners: &'a [u8],
    pub grad_output: &'a [f32],
    pub grad_input: Option<&'a mut [f32]>,
    pub sums: Option<&'a mut [f32]>,
}

impl Task for Backward<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            shape,
            input,
            turned,
            winners,
            grad_output,
            mut grad_input,
            mut sums,
        } = self;
        if let Some(sums) = sums.as_deref_mut() {
            sums.fill(0.0);
        }
        let mut lists = Lists::new(shape);
        let (size, pixels) = (shape.output_size(), shape.input_size());
        let pooled = winners
            .chunks(ROUND * size)
            .zip(grad_output.chunks(ROUND * size));
        for (round, (input, (winners, grads))) in
            input.chunks(ROUND * pixels).zip(pooled).enumerate()
        {
            // SAFETY: the slices hold the same pictures; the caller vouches for the instruction set.
            unsafe {
                if let Some(sums) = sums.as_deref_mut() {
                    let (weights, biases) = sums.split_at_mut(turned_size(shape));
                    add_biases::<V>(shape.out_channels, winners, grads, biases);
                    lists.grad_weight::<V>(winners, grads, input, weights);
                }
                if let Some(grad_input) = grad_input.as_deref_mut() {
                    let pictures = winners.chunks_exact(size).zip(grads.chunks_exact(size));
                    let targets = grad_input[round * ROUND * pixels..].chunks_exact_mut(pixels);
                    for ((winners, grads), target) in pictures.zip(targets) {
                        target.fill(0.0);
                        lists.grad_input::<V>(winners, grads, turned, target);
                    }
                }
            }
        }
    }
}

/// Adds the gradients of the windows that are alive to `biases [channels]`.
#[inline(always)]
unsafe fn add_biases<V: Vector>(
    channels: usize,
    winners: &[u8],
    grads: &[f32],
    biases: &mut [f32],
) {
    for (winners, grads) in winners
        .chunks_exact(channels)
        .zip(grads.chunks_exact(channels))
    {
        let whole = channels / V::LANES * V::LANES;
        // SAFETY: `at + LANES <= channels`; the caller vouches for the instruction set.
        unsafe {
            for at in (0..whole).step_by(V::LANES) {
                let dead = V::load_bytes(winners.as_ptr().add(at)).sub(V::splat(3.5));
                let grad = dead.select_positive(V::zero(), V::load(grads.as_ptr().add(at)));
                let bias = biases.as_mut_ptr().add(at);
                V::load(bias).add(grad).store(bias);
            }
        }
        let rest = winners[whole..]
            .iter()
            .zip(&grads[whole..])
            .zip(&mut biases[whole..]);
        rest.for_each(|((&winner, &grad), bias)| *bias += if winner < 4 { grad } else { 0.0 });
    }
}

/// The sizes of the layer and room for the lists.
struct Lists {
    channels: usize,
    kernel: usize,
    /// Floats of a picture, of its rows, of a patch's rows, and of those in the turned weight.
    pixels: usize,
    line: usize,
    run: usize,
    pitch: usize,
    columns: usize,
    /// Offset of each window's corner in the picture.
    corners: Vec<u32>,
    /// Offset of each winner within a window.
    shifts: [u32; 4],
    /// The ends of the lists.
    ends: Vec<usize>,
    entries: Entries,
}

impl Lists {
    fn new(shape: &Shape) -> Self {
        let Shape {
            in_channels,
            out_channels: channels,
            kernel,
            ..
        } = *shape;
        let line = shape.width * in_channels;
        let columns = shape.pooled_width();
        let windows = shape.pooled_height() * columns;
        let corner = |window: usize| {
            (2 * (window / columns) * line + 2 * (window % columns) * in_channels) as u32
        };
        let (right, below) = (in_channels as u32, line as u32);
        Self {
            channels,
            kernel,
            pixels: shape.input_size(),
            line,
            run: kernel * in_channels,
            pitch: pitch(shape),
            columns,
            corners: (0..windows).map(corner).collect(),
            shifts: [0, right, below, below + right],
            ends: vec![0; channels.max(4 * windows)],
            entries: Entries::new(channels * windows * ROUND.max(4)),
        }
    }

    /// One list a channel, over the positions of a round of pictures.
    #[inline(always)]
    unsafe fn grad_weight<V: Vector>(
        &mut self,
        winners: &[u8],
        grads: &[f32],
        input: &[f32],
        weights: &mut [f32],
    ) {
        let windows = self.corners.len();
        let room = ROUND * windows;
        let patch = self.kernel * self.pitch;
        // SAFETY: a list holds at most one entry a window; offsets are convolution positions of these pictures.
        unsafe {
            let lists = self.entries.as_mut_ptr();
            for (channel, end) in self.ends[..self.channels].iter_mut().enumerate() {
                *end = channel * room;
            }
            let pictures = winners
                .chunks_exact(windows * self.channels)
                .zip(grads.chunks_exact(windows * self.channels));
            for (picture, (winners, grads)) in pictures.enumerate() {
                let base = (picture * self.pixels) as u32;
                let places = winners
                    .chunks_exact(self.channels)
                    .zip(grads.chunks_exact(self.channels));
                for ((winners, grads), corner) in places.zip(&self.corners) {
                    for_each_alive(winners, |channel, winner| {
                        let offset = base + corner + self.shifts.get_unchecked(winner);
                        let end = self.ends.get_unchecked_mut(channel);
                        *lists.add(*end) = Entry {
                            offset,
                            value: *grads.get_unchecked(channel),
                        };
                        *end += 1;
                    });
                }
            }
            for (channel, &end) in self.ends[..self.channels].iter().enumerate() {
                let first = channel * room;
                let entries = std::slice::from_raw_parts(lists.add(first), end - first);
                let to = weights[channel * patch..][..patch].as_mut_ptr();
                add_patch::<V>(
                    entries,
                    input.as_ptr(),
                    self.line,
                    to,
                    [self.kernel, self.run, self.pitch],
                );
            }
        }
    }

    /// One list a position of one picture, over the channels that won there.
    #[inline(always)]
    unsafe fn grad_input<V: Vector>(
        &mut self,
        winners: &[u8],
        grads: &[f32],
        turned: &[f32],
        target: &mut [f32],
    ) {
        let room = self.channels;
        let patch = self.kernel * self.pitch;
        // SAFETY: a list holds at most one entry a channel; offsets are channels of the turned weight; the patch of a
        // convolution position lies inside the picture.
        unsafe {
            let lists = self.entries.as_mut_ptr();
            for (list, end) in self.ends[..4 * self.corners.len()].iter_mut().enumerate() {
                *end = list * room;
            }
            let places = winners
                .chunks_exact(self.channels)
                .zip(grads.chunks_exact(self.channels));
            for (window, (winners, grads)) in places.enumerate() {
                for_each_alive(winners, |channel, winner| {
                    let offset = (channel * patch) as u32;
                    let end = self.ends.get_unchecked_mut(4 * window + winner);
                    *lists.add(*end) = Entry {
                        offset,
                        value: *grads.get_unchecked(channel),
                    };
                    *end += 1;
                });
            }
            // Patches that overlap are kept apart in time: a load that spans two stores on their way waits for both.
            for (position, &shift) in self.shifts.iter().enumerate() {
                for parity in 0..2 {
                    for row in (0..self.corners.len()).step_by(self.columns) {
                        for window in (row + parity..row + self.columns).step_by(2) {
                            let list = 4 * window + position;
                            let first = list * room;
                            let entries = std::slice::from_raw_parts(
                                lists.add(first),
                                self.ends[list] - first,
                            );
                            let to = target
                                .as_mut_ptr()
                                .add((self.corners[window] + shift) as usize);
                            add_patch::<V>(
                                entries,
                                turned.as_ptr(),
                                self.pitch,
                                to,
                                [self.kernel, self.run, self.line],
                            );
                        }
                    }
                }
            }
        }
    }
}

/// Calls `each(channel, winner)` for the winners that are not [`DEAD`]. The dead are dropped 32 at a time: a branch for
/// each would be mispredicted too often.
#[inline(always)]
fn for_each_alive(winners: &[u8], mut each: impl FnMut(usize, usize)) {
    let mut parts = winners.chunks_exact(32);
    let mut first = 0;
    for part in &mut parts {
        let mut bits = 0u64;
        for (index, eight) in part.as_chunks::<8>().0.iter().enumerate() {
            // Of the codes 0..=4 only the dead one has bit 2; the product moves those bits into the highest byte.
            let alive = !u64::from_le_bytes(*eight) >> 2 & 0x0101_0101_0101_0101;
            bits |= (alive.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * index);
        }
        while bits != 0 {
            let lane = bits.trailing_zeros() as usize;
            each(first + lane, usize::from(part[lane] & 3));
            bits &= bits - 1;
        }
        first += 32;
    }
    for (lane, &winner) in parts.remainder().iter().enumerate() {
        if winner < DEAD {
            each(first + lane, usize::from(winner));
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
