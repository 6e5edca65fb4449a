//! Batch normalisation, residual addition and ReLU fused, forward and backward, on the CPU.
//!
//! All of it is limited by memory. The statistics take one pass, the output another; backward
//! takes one for the two sums and one for the gradient of the input. The second pass of each pair
//! begins where the first one ended, so that it finds the end of the tensors still in the caches.

mod fold;
mod lanes;
mod sums;
mod write;

use self::lanes::{Lanes, chunk_size};
use crate::kernels::parallel;
use crate::kernels::simd::{Level, dispatch};

/// What normalises the channels of activations `[rows, channels]`, and what follows. Each slice is
/// `[channels]`.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// What normalised numbers are multiplied by.
    pub scale: &'a [f32],
    /// What is then added.
    pub shift: &'a [f32],
    /// Of the channel.
    pub mean: &'a [f32],
    /// Divided by the number of rows, not by one less.
    pub variance: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether ReLU follows.
    pub relu: bool,
}

impl Norm<'_> {
    fn channels(&self) -> usize {
        let channels = self.scale.len();
        assert!(channels > 0, "no channels");
        assert_eq!(self.shift.len(), channels, "shift");
        assert_eq!(self.mean.len(), channels, "mean");
        assert_eq!(self.variance.len(), channels, "variance");
        channels
    }

    /// `1 / sqrt(variance + epsilon)` of a channel.
    fn inverse_deviation(&self, channel: usize) -> f64 {
        1.0 / (f64::from(self.variance[channel]) + f64::from(self.epsilon)).sqrt()
    }

    /// What a deviation from the mean is multiplied by.
    fn factor(&self, channel: usize) -> f32 {
        (f64::from(self.scale[channel]) * self.inverse_deviation(channel)) as f32
    }
}

/// Mean and variance of each channel of `input [rows, channels]`; `channels` is the length of both
/// slices. The variance is divided by the number of rows; without rows both are NaN.
///
/// Chunks of fixed size are summed in float32 about their own mean, then put together in float64 in
/// their order (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983): a
/// mean that is large beside the deviation does no harm, and the number of threads changes no bit.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn statistics(level: Level, input: &[f32], mean: &mut [f32], variance: &mut [f32]) {
    let channels = mean.len();
    assert_eq!(variance.len(), channels, "variance");
    assert_rows(channels, input.len(), "input");
    let size = chunk_size(channels);
    let mut parts = vec![0.0f64; input.len().div_ceil(size) * 2 * channels];
    let chunks = input.chunks(size).zip(parts.chunks_exact_mut(2 * channels));
    parallel::for_each(chunks, |(input, part)| {
        dispatch(level, sums::Moments { input, part })
    });
    let rows = (input.len() / channels) as f64;
    let counts = input
        .chunks(size)
        .map(|chunk| (chunk.len() / channels) as f64);
    let parts = || parts.chunks_exact(2 * channels).zip(counts.clone());
    let mut centres = vec![0.0f64; channels];
    for (part, count) in parts() {
        for (centre, mean) in centres.iter_mut().zip(part) {
            *centre += mean * (count / rows);
        }
    }
    let mut squares = vec![0.0f64; channels];
    for (part, count) in parts() {
        let (means, part_squares) = part.split_at(channels);
        let pairs = means.iter().zip(part_squares).zip(&centres);
        for (squares, ((mean, part_squares), centre)) in squares.iter_mut().zip(pairs) {
            *squares += part_squares + count * (mean - centre) * (mean - centre);
        }
    }
    for channel in 0..channels {
        let [found, squares] = match rows > 0.0 {
            true => [centres[channel], squares[channel] / rows],
            false => [f64::NAN; 2],
        };
        (mean[channel], variance[channel]) = (found as f32, squares as f32);
    }
}

/// `output = (input - mean) / sqrt(variance + epsilon) * scale + shift (+ residual)`, then ReLU if
/// `norm` says so; all `[rows, channels]`. NaN reaches the output.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn normalise(
    level: Level,
    norm: &Norm<'_>,
    input: &[f32],
    residual: Option<&[f32]>,
    output: &mut [f32],
) {
    let channels = norm.channels();
    assert_rows(channels, input.len(), "input");
    assert_eq!(output.len(), input.len(), "output");
    if let Some(residual) = residual {
        assert_eq!(residual.len(), input.len(), "residual");
    }
    let lanes = &Lanes::new(norm);
    let size = chunk_size(channels);
    let chunks = input.chunks(size).zip(output.chunks_mut(size)).enumerate();
    parallel::for_each(chunks.rev(), |(chunk, (input, output))| {
        let task = write::Normalise {
            lanes,
            input,
            residual: residual.map(|residual| &residual[chunk * size..]),
            output,
        };
        dispatch(level, task);
    });
}

/// What [`backward`] starts from. All are `[rows, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct Saved<'a> {
    /// What was normalised, `[rows, channels]`.
    pub input: &'a [f32],
    /// The output, needed only where a residual was added and ReLU followed: elsewhere the input
    /// says what ReLU cut, and a tensor less is read.
    pub output: Option<&'a [f32]>,
    /// The gradient of what followed, `[rows, channels]`.
    pub grad_output: &'a [f32],
}

/// Where [`backward`] writes: `[rows, channels]`, `[channels]` twice, and `[rows, channels]`.
#[derive(Debug)]
pub struct Grads<'a> {
    /// `[rows, channels]`.
    pub input: &'a mut [f32],
    /// `[channels]`.
    pub scale: &'a mut [f32],
    /// `[channels]`.
    pub shift: &'a mut [f32],
    /// Only with an output to mask by; else the residual's gradient is that of the output.
    pub residual: Option<&'a mut [f32]>,
}

/// Gradients of [`normalise`] where mean and variance are the [`statistics`] of its input. Sums are
/// taken per chunk of fixed size, then in their order.
///
/// # Panics
/// A slice does not have the length its shape says, or there is an output without a place for the
/// residual's gradient, or the reverse.
pub fn backward(level: Level, norm: &Norm<'_>, saved: Saved<'_>, grads: Grads<'_>) {
    let channels = norm.channels();
    let Saved {
        input,
        output,
        grad_output,
    } = saved;
    assert_rows(channels, input.len(), "input");
    assert_eq!(grad_output.len(), input.len(), "gradient of the output");
    assert_eq!(grads.input.len(), input.len(), "gradient of the input");
    assert_eq!(grads.scale.len(), channels, "gradient of the scale");
    assert_eq!(grads.shift.len(), channels, "gradient of the shift");
    let mut masked = grads.residual;
    let lengths = (output.map(<[f32]>::len), masked.as_ref().map(|to| to.len()));
    let expected = output.map(|_| input.len());
    assert_eq!(lengths, (expected, expected), "output, residual's gradient");

    let mut lanes = Lanes::new(norm);
    let size = chunk_size(channels);
    let chunks = input.len().div_ceil(size);
    let mut parts = vec![0.0f64; chunks * 2 * channels];
    let masked_chunks: Vec<_> = match &mut masked {
        Some(masked) => masked.chunks_mut(size).map(Some).collect(),
        None => (0..chunks).map(|_| None).collect(),
    };
    let work = parts.chunks_exact_mut(2 * channels).zip(masked_chunks);
    parallel::for_each(work.enumerate(), |(chunk, (part, masked))| {
        let task = sums::Gradients {
            lanes: &lanes,
            input: of_chunk(input, chunk, size),
            grad_output: of_chunk(grad_output, chunk, size),
            output: output.map(|output| of_chunk(output, chunk, size)),
            masked,
            part,
        };
        dispatch(level, task);
    });

    let rows = (input.len() / channels) as f64;
    let mut sums = vec![0.0f64; 2 * channels];
    for part in parts.chunks_exact(2 * channels) {
        for (sum, part) in sums.iter_mut().zip(part) {
            *sum += part;
        }
    }
    let mut constants = vec![[0.0; 2]; channels];
    for channel in 0..channels {
        let (shift, products) = (sums[channel], sums[channels + channel]);
        let inverse = norm.inverse_deviation(channel);
        grads.shift[channel] = shift as f32;
        grads.scale[channel] = (products * inverse) as f32;
        let factor = f64::from(norm.scale[channel]) * inverse;
        constants[channel] = [
            (-factor * shift / rows) as f32,
            (-factor * inverse * inverse * products / rows) as f32,
        ];
    }
    lanes.set_gradient(&constants);
    let (lanes, masked) = (&lanes, masked.as_deref());
    let chunks = grads.input.chunks_mut(size).enumerate();
    parallel::for_each(chunks.rev(), |(chunk, grad_input)| {
        let grad = masked.unwrap_or(grad_output);
        let task = write::GradInput {
            lanes,
            input: of_chunk(input, chunk, size),
            grad: of_chunk(grad, chunk, size),
            is_masked: masked.is_some(),
            grad_input,
        };
        dispatch(level, task);
    });
}

fn of_chunk(all: &[f32], chunk: usize, size: usize) -> &[f32] {
    &all[chunk * size..all.len().min((chunk + 1) * size)]
}

fn assert_rows(channels: usize, length: usize, what: &str) {
    assert!(
        channels > 0 && length.is_multiple_of(channels),
        "{what}: {length} numbers are no rows of {channels} channels"
    );
}
