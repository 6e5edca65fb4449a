//! What of a picture is plain ground, as around a digit: pixels like its first one, and windows over nothing else.

use super::Shape;
use crate::kernels::simd::Vector;

/// For each row of a picture of one channel, at most 64 pixels wide, the pixels that differ from the picture's first.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub(super) unsafe fn foreground_rows<V: Vector>(shape: &Shape, input: &[f32]) -> Vec<u64> {
    let width = shape.width;
    let mut rows = vec![0u64; shape.height];
    for (bits, row) in rows.iter_mut().zip(input.chunks_exact(width)) {
        for at in (0..width).step_by(V::LANES) {
            let used = V::LANES.min(width - at);
            // SAFETY: `at + used <= width`; the caller vouches for the instruction set.
            let equal =
                unsafe { V::load_first(row.as_ptr().add(at), used).equal_bits(V::splat(input[0])) };
            *bits |= (u64::from(!equal) & ((1 << used) - 1)) << at;
        }
    }
    rows
}

/// The windows of a picture of one channel whose whole patch equals the picture's first pixel.
pub(super) struct Blank {
    /// For each pooled row the pixels that are blank in all rows the windows there see; empty where none is looked for.
    columns: Vec<u64>,
    /// The bits of a window's patch.
    patch: u64,
}

impl Blank {
    /// None are looked for in pictures of several channels or wider than a mask.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub(super) unsafe fn find<V: Vector>(shape: &Shape, input: &[f32]) -> Self {
        let Shape {
            width,
            in_channels,
            kernel,
            ..
        } = *shape;
        assert_eq!(input.len(), shape.input_size());
        let patch = (1u64 << (kernel + 1).min(63)) - 1;
        if in_channels != 1 || width > 64 || kernel > 32 {
            return Self {
                columns: vec![],
                patch,
            };
        }
        // SAFETY: the caller vouches for the instruction set.
        let rows = unsafe { foreground_rows::<V>(shape, input) };
        let all = |row: usize| {
            !rows[2 * row..=2 * row + kernel]
                .iter()
                .fold(0, |any, bits| any | bits)
        };
        Self {
            columns: (0..shape.pooled_height()).map(all).collect(),
            patch,
        }
    }

    #[inline(always)]
    pub(super) fn has(&self, row: usize, column: usize) -> bool {
        self.columns
            .get(row)
            .is_some_and(|bits| bits >> (2 * column) & self.patch == self.patch)
    }
}
