//! Weights as the register tiles stream them, and how rows and channels are cut into tiles.

use super::Shape;
use crate::kernels::simd::{Task, Vector, scratch};

/// Floats that a panel may reach past the last channel.
pub(super) const SLACK: usize = 64;

/// Calls `$body` with `$rows` as a constant `$ROWS`; no tile has more than 14 rows.
macro_rules! with_rows {
    ($rows:expr, $ROWS:ident => $body:expr) => {
        with_rows!(@ $rows, $ROWS => $body, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
    (@ $rows:expr, $ROWS:ident => $body:expr, $($count:literal)*) => {
        match $rows {
            $($count => {
                const $ROWS: usize = $count;
                $body
            })*
            rows => unreachable!("a tile of {rows} rows"),
        }
    };
}
pub(super) use with_rows;

/// Rows of a tile of `groups` registers: its sums, a row of the panel and one broadcast fit the registers.
#[inline(always)]
pub(super) fn most_rows<V: Vector>(groups: usize) -> usize {
    match (V::REGISTERS >= 32, groups) {
        (true, 1 | 2) => 14,
        (true, _) => 9,
        (false, 1) => 12,
        (false, 2) => 6,
        (false, _) => 4,
    }
}

/// Cuts `count` rows evenly into tiles of at most `most`: `(first, rows)` of each.
#[inline(always)]
pub(super) fn cut(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = count.div_ceil(most);
    (0..parts).map(move |part| {
        let first = count * part / parts;
        (first, count * (part + 1) / parts - first)
    })
}

/// `(first channel, registers)` of each panel: pairs of registers, after three where their number is odd and there are
/// enough for the sums.
#[inline(always)]
pub(super) fn panels<V: Vector>(channels: usize) -> impl Iterator<Item = (usize, usize)> {
    let registers = channels.div_ceil(V::LANES);
    let mut done = 0;
    std::iter::from_fn(move || {
        let groups = match registers - done {
            0 => return None,
            left if left % 2 == 1 && left > 1 && V::REGISTERS >= 32 => 3,
            left => left.min(2),
        };
        let first = done * V::LANES;
        done += groups;
        Some((first, groups))
    })
}

/// The weight as panels `[kernel, kernel, in_channels, width]` one after the other and the bias, both padded with
/// zeros.
pub(super) struct Packed {
    pub weight: scratch::Scratch,
    pub bias: scratch::Scratch,
}

/// Packs the weight for the instruction set it is run on.
pub(super) struct Plan<'a> {
    shape: &'a Shape,
    weight: &'a [f32],
    /// None packs the weight for the gradient of the input: in- and outputs exchanged, turned by 180 degrees.
    bias: Option<&'a [f32]>,
}

impl<'a> Plan<'a> {
    pub fn of(shape: &'a Shape, weight: &'a [f32], bias: &'a [f32]) -> Self {
        Self {
            shape,
            weight,
            bias: Some(bias),
        }
    }

    pub fn turned(shape: &'a Shape, weight: &'a [f32]) -> Self {
        Self {
            shape,
            weight,
            bias: None,
        }
    }
}

impl Task for Plan<'_> {
    type Output = Packed;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Packed {
        let Self {
            shape,
            weight,
            bias: given,
        } = self;
        let (taps, inputs) = (shape.kernel * shape.kernel, shape.in_channels);
        let (depth, channels) = match given {
            Some(_) => (inputs, shape.out_channels),
            None => (shape.out_channels, inputs),
        };
        let padded = channels.next_multiple_of(V::LANES);
        let mut packed = scratch::zeroed(padded * taps * depth);
        let mut bias = scratch::zeroed(padded);
        if let Some(given) = given {
            bias[..channels].copy_from_slice(given);
        }
        for (first, groups) in panels::<V>(channels) {
            let width = groups * V::LANES;
            let panel = &mut packed[first * taps * depth..][..taps * depth * width];
            let used = width.min(channels - first);
            for (row, to) in panel.chunks_exact_mut(width).enumerate() {
                let (tap, channel) = (row / depth, row % depth);
                for (lane, to) in to[..used].iter_mut().enumerate() {
                    *to = match given {
                        Some(_) => weight[((first + lane) * inputs + channel) * taps + tap],
                        None => weight[(channel * inputs + first + lane) * taps + taps - 1 - tap],
                    };
                }
            }
        }
        Packed {
            weight: packed,
            bias,
        }
    }
}

/// Adds up `sums` (chunks of `size`: a weight gradient in panels, then the bias gradient) in their order, and puts the
/// weights where PyTorch has them.
pub(super) struct Collect<'a> {
    pub shape: &'a Shape,
    pub sums: &'a mut [f32],
    pub size: usize,
    pub grad_weight: &'a mut [f32],
    pub grad_bias: Option<&'a mut [f32]>,
}

impl Task for Collect<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            shape,
            sums,
            size,
            grad_weight,
            grad_bias,
        } = self;
        let (total, others) = sums.split_at_mut(size);
        for sums in others.chunks_exact(size) {
            for (total, sum) in total.iter_mut().zip(sums) {
                *total += sum;
            }
        }
        let (taps, inputs) = (shape.kernel * shape.kernel, shape.in_channels);
        for (first, groups) in panels::<V>(shape.out_channels) {
            let width = groups * V::LANES;
            let panel = &total[first * taps * inputs..][..taps * inputs * width];
            let used = width.min(shape.out_channels - first);
            for (row, from) in panel.chunks_exact(width).enumerate() {
                let (tap, channel) = (row / inputs, row % inputs);
                for (lane, from) in from[..used].iter().enumerate() {
                    grad_weight[((first + lane) * inputs + channel) * taps + tap] = *from;
                }
            }
        }
        if let Some(grad_bias) = grad_bias {
            let padded = shape.out_channels.next_multiple_of(V::LANES);
            let bias = &total[padded * taps * inputs..];
            grad_bias.copy_from_slice(&bias[..shape.out_channels]);
        }
    }
}
