//! What of an image is plain background, as around a digit: pixels of one value, and windows over nothing else.

use super::Shape;
use crate::kernels::simd::Vector;

/// Images have a background where so many of their pixels, one in so many, have one value.
const SHARE: usize = 3;
/// Pixels that are asked for it where the first one is not of it.
const SAMPLES: usize = 64;

/// The background of an image of one channel, at most 64 pixels wide.
pub(super) struct Background {
    /// Whether there is one: photographs have none.
    pub is_plain: bool,
    /// The value of its pixels.
    pub value: f32,
    /// For each row the pixels that differ from it.
    pub foreground: Vec<u64>,
}

impl Background {
    /// The first pixel's value where that is common, as it is around a subject; else the value that most pixels have:
    /// something may reach into the corner, and zeros may lie around the image.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub(super) unsafe fn find<V: Vector>(shape: &Shape, input: &[f32]) -> Self {
        let enough = input.len().div_ceil(SHARE);
        let mut rows = vec![0u64; shape.height];
        let mut value = input[0];
        // SAFETY: the caller vouches for the instruction set.
        let mut is_plain = unsafe { mark::<V>(shape, input, value, &mut rows) } >= enough;
        if !is_plain {
            value = most_frequent(input);
            // SAFETY: as above.
            is_plain = unsafe { mark::<V>(shape, input, value, &mut rows) } >= enough;
        }
        Self {
            is_plain,
            value,
            foreground: rows,
        }
    }
}

/// Sets the bits of the pixels of each row that differ from `value`; how many do not.
#[inline(always)]
unsafe fn mark<V: Vector>(shape: &Shape, input: &[f32], value: f32, rows: &mut [u64]) -> usize {
    let width = shape.width;
    let mut differ = 0;
    for (bits, row) in rows.iter_mut().zip(input.chunks_exact(width)) {
        *bits = 0;
        for at in (0..width).step_by(V::LANES) {
            let used = V::LANES.min(width - at);
            // SAFETY: `at + used <= width`; the caller vouches for the instruction set.
            let equal =
                unsafe { V::load_first(row.as_ptr().add(at), used).equal_bits(V::splat(value)) };
            *bits |= (u64::from(!equal) & ((1 << used) - 1)) << at;
        }
        differ += bits.count_ones() as usize;
    }
    input.len() - differ
}

/// The value of more than half of some pixels, if there is one, else any of them (Boyer and Moore's majority vote).
fn most_frequent(input: &[f32]) -> f32 {
    let (mut value, mut lead) = (input[0], 0);
    for &pixel in input.iter().step_by((input.len() / SAMPLES).max(1)) {
        match (pixel == value, lead) {
            (true, _) => lead += 1,
            (false, 0) => (value, lead) = (pixel, 1),
            (false, _) => lead -= 1,
        }
    }
    value
}

/// The windows of an image of one channel whose whole patch is background.
pub(super) struct Blank {
    /// The value of the background.
    pub value: f32,
    /// For each pooled row the pixels that are blank in all rows the windows there see; empty where none is looked for.
    columns: Vec<u64>,
    /// The bits of a window's patch.
    patch: u64,
}

impl Blank {
    /// None are looked for in images of several channels, wider than a mask, or without a plain background.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub(super) unsafe fn find<V: Vector>(shape: &Shape, input: &[f32]) -> Self {
        let kernel = shape.kernel;
        assert_eq!(input.len(), shape.input_size());
        let mut blank = Self {
            value: input[0],
            columns: vec![],
            patch: (1u64 << (kernel + 1).min(63)) - 1,
        };
        if shape.in_channels != 1 || shape.width > 64 || kernel > 32 {
            return blank;
        }
        // SAFETY: the caller vouches for the instruction set.
        let background = unsafe { Background::find::<V>(shape, input) };
        blank.value = background.value;
        if background.is_plain {
            let all = |row: usize| {
                let seen = &background.foreground[2 * row..=2 * row + kernel];
                !seen.iter().fold(0, |any, bits| any | bits)
            };
            blank.columns = (0..shape.pooled_height()).map(all).collect();
        }
        blank
    }

    #[inline(always)]
    pub(super) fn has(&self, row: usize, column: usize) -> bool {
        self.columns
            .get(row)
            .is_some_and(|bits| bits >> (2 * column) & self.patch == self.patch)
    }
}
