//! A product whose left-hand matrix holds many zeros (activations and gradients behind ReLU): only the others are
//! listed and multiplied.

use super::{Left, Product};
use crate::kernels::primitives::sparse::{
    Entries, Entry, accumulate, accumulate_run, for_each_nonzero,
};
use crate::kernels::simd::{Task, Vector, scratch};
use std::ops::Range;

/// Bytes of the right-hand block that stays in the first-level cache.
const BLOCK_BYTES: usize = 32 * 1024;
/// Registers of sums: enough to hide the latency of a multiply-add.
const GROUPS: usize = 8;

/// The rows that `output` has room for.
pub(super) struct Multiply<'a> {
    pub product: Product<'a>,
    pub output: &'a mut [f32],
}

impl Task for Multiply<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { product, output } = self;
        let Product {
            left,
            right,
            depth,
            columns,
            ..
        } = product;
        let (rows, width) = (output.len() / columns, GROUPS * V::LANES);
        left.assert_holds(rows, depth);
        assert_eq!(right.len(), depth * columns);
        for row in output.chunks_exact_mut(columns) {
            match product.bias {
                Some(bias) => row.copy_from_slice(bias),
                None => row.fill(0.0),
            }
        }
        let room = (BLOCK_BYTES / (width * size_of::<f32>())).clamp(1, depth.max(1));
        let mut lists = Lists {
            entries: Entries::new(rows * room),
            counts: vec![0; rows],
            room,
            width,
        };
        let mut packed = scratch::dirty(room * width);
        for first in (0..depth).step_by(room) {
            let steps = first..depth.min(first + room);
            // SAFETY: the asserts cover every element read; the caller vouches for the instruction set.
            unsafe { lists.fill::<V>(left, steps.clone()) };
            for column in (0..columns).step_by(width) {
                let taken = (columns - column).min(width);
                // A copy lies side by side: rows a power of two apart would crowd a few sets of the cache.
                for (step, packed) in steps.clone().zip(packed.chunks_exact_mut(width)) {
                    packed[..taken].copy_from_slice(&right[step * columns + column..][..taken]);
                }
                for row in 0..rows {
                    let to = output[row * columns + column..][..taken].as_mut_ptr();
                    // SAFETY: entries are steps of the block; the caller vouches for the instruction set.
                    unsafe {
                        let (entries, from) = (lists.row(row), packed.as_ptr());
                        match taken == width {
                            true => accumulate::<V, 1, GROUPS>(entries, from, 0, to, 0, taken),
                            false => accumulate_run::<V>(entries, from, to, taken),
                        }
                    }
                }
            }
        }
        if product.relu {
            output
                .iter_mut()
                .for_each(|value| *value = if *value <= 0.0 { 0.0 } else { *value });
        }
    }
}

/// What is not zero in some steps of each row, with the step's offset in a block `width` wide.
struct Lists {
    entries: Entries,
    /// Entries of each row.
    counts: Vec<usize>,
    /// Entries that a row has room for.
    room: usize,
    width: usize,
}

impl Lists {
    /// Lists the numbers of `steps`, no more than there is room for.
    ///
    /// # Safety
    /// The processor has the instruction set; the rows of `left` and `steps` of each exist.
    #[inline(always)]
    unsafe fn fill<V: Vector>(&mut self, left: Left<'_>, steps: Range<usize>) {
        assert!(steps.len() <= self.room && (left.step_stride == 1 || left.row_stride == 1));
        self.counts.fill(0);
        let (lists, data) = (self.entries.as_mut_ptr(), left.data.as_ptr());
        let (room, width, rows) = (self.room, self.width, self.counts.len());
        let mut list = |row: usize, step: usize, value: f32| {
            let offset = (step * width) as u32;
            // SAFETY: a row's list holds at most one entry a step.
            unsafe {
                let count = self.counts.get_unchecked_mut(row);
                *lists.add(row * room + *count) = Entry { offset, value };
                *count += 1;
            }
        };
        // SAFETY: the caller's promise.
        unsafe {
            if left.step_stride == 1 {
                for row in 0..rows {
                    let from = data.add(row * left.row_stride + steps.start);
                    for_each_nonzero::<V>(from, steps.len(), |at, value| list(row, at, value));
                }
            } else {
                for (index, step) in steps.enumerate() {
                    let from = data.add(step * left.step_stride);
                    for_each_nonzero::<V>(from, rows, |row, value| list(row, index, value));
                }
            }
        }
    }

    /// The entries of a row.
    fn row(&mut self, row: usize) -> &[Entry] {
        // SAFETY: `fill` wrote so many.
        unsafe {
            let first = self.entries.as_mut_ptr().add(row * self.room);
            std::slice::from_raw_parts(first, self.counts[row])
        }
    }
}
