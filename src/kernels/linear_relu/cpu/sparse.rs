//! Products whose left-hand matrix holds many zeros (activations and gradients behind ReLU): only the others are
//! listed and multiplied. The list kernel also serves the backward pass of the convolution.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::tile::Left;
use crate::kernels::parallel;
use crate::kernels::simd::{Task, Vector, scratch};
use std::ops::Range;

/// One number of the left-hand side and where its row of the right-hand side begins, in floats.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Entry {
    pub offset: u32,
    pub value: f32,
}

/// Room for `length` entries, kept by the thread for the next call.
pub(crate) struct Entries(scratch::Scratch);

impl Entries {
    pub(crate) fn new(length: usize) -> Self {
        Self(scratch::dirty(2 * length))
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut Entry {
        self.0.as_mut_ptr().cast()
    }
}

/// Bytes of the right-hand block that stays in the first-level cache.
const BLOCK_BYTES: usize = 32 * 1024;
/// Registers of sums: enough to hide the latency of a multiply-add.
const GROUPS: usize = 8;

/// The share of `data` that is not zero, from every eighth float.
pub(crate) fn density(data: &[f32]) -> f64 {
    // Every second line of 16 floats, so that the order of the data matters little.
    let alive = |part: &[f32]| {
        let lines = part.chunks(16).step_by(2);
        lines.fold((0usize, 0usize), |(alive, all), line| {
            (
                alive
                    + line
                        .iter()
                        .map(|&value| usize::from(value != 0.0))
                        .sum::<usize>(),
                all + line.len(),
            )
        })
    };
    const PART: usize = 64 * 1024;
    let mut parts = vec![(0, 0); data.len().div_ceil(PART)];
    let work = data.chunks(PART).zip(&mut parts);
    parallel::for_each(work, |(data, part)| *part = alive(data));
    let (alive, all) = parts
        .iter()
        .fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    alive as f64 / all.max(1) as f64
}

/// `output [rows, columns] = left [rows, depth] x right [depth, columns] (+ bias) (then ReLU)`, zeros of `left`
/// skipped: a zero times infinity counts as nothing here.
pub(crate) struct MultiplySparse<'a> {
    pub left: Left<'a>,
    pub depth: usize,
    pub right: &'a [f32],
    pub columns: usize,
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
    pub output: &'a mut [f32],
}

impl Task for MultiplySparse<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            left,
            depth,
            right,
            columns,
            bias,
            relu,
            output,
        } = self;
        let rows = output.len() / columns.max(1);
        if rows == 0 || depth == 0 {
            return output
                .chunks_exact_mut(columns.max(1))
                .for_each(|row| match bias {
                    Some(bias) => row.copy_from_slice(bias),
                    None => row.fill(0.0),
                });
        }
        assert!(left.data.len() > (rows - 1) * left.row_stride + (depth - 1) * left.step_stride);
        assert_eq!(right.len(), depth * columns);
        let block = (BLOCK_BYTES / (GROUPS * V::LANES * 4)).clamp(1, depth);
        let mut entries = Entries::new(rows * block);
        let mut counts = vec![0usize; rows];
        let mut packed = scratch::dirty(block * GROUPS * V::LANES);
        for row in output.chunks_exact_mut(columns) {
            match bias {
                Some(bias) => row.copy_from_slice(bias),
                None => row.fill(0.0),
            }
        }
        // SAFETY: the asserts cover every element read; a row's list holds at most `block` entries.
        unsafe {
            let list = entries.as_mut_ptr();
            for first in (0..depth).step_by(block) {
                let steps = first..depth.min(first + block);
                counts.fill(0);
                list_block::<V>(
                    left,
                    steps.clone(),
                    GROUPS * V::LANES,
                    block,
                    list,
                    &mut counts,
                );
                for column in (0..columns).step_by(GROUPS * V::LANES) {
                    let taken = (columns - column).min(GROUPS * V::LANES);
                    // A copy lies side by side: rows a power of two apart would crowd a few sets of the cache.
                    for (step, packed) in steps
                        .clone()
                        .zip(packed.chunks_exact_mut(GROUPS * V::LANES))
                    {
                        packed[..taken].copy_from_slice(&right[step * columns + column..][..taken]);
                    }
                    for row in 0..rows {
                        let entries =
                            std::slice::from_raw_parts(list.add(row * block), counts[row]);
                        let to = output.as_mut_ptr().add(row * columns + column);
                        if taken == GROUPS * V::LANES {
                            accumulate::<V, 1, GROUPS>(entries, packed.as_ptr(), 0, to, 0, taken);
                        } else {
                            accumulate_run::<V>(entries, packed.as_ptr(), to, taken);
                        }
                    }
                }
            }
        }
        if relu {
            output
                .iter_mut()
                .for_each(|value| *value = if *value <= 0.0 { 0.0 } else { *value });
        }
    }
}

/// Lists what is not zero in `steps` of each row, with the step's offset in a block `width` wide: row `r` from `lists[r * room]`, its length in `counts[r]`.
///
/// # Safety
/// The processor has the instruction set; `counts.len()` rows of `left` and `steps` of each exist; `counts` is zero;
/// `lists` has room for `counts.len() * room` entries, and `room >= steps.len()`.
#[inline(always)]
unsafe fn list_block<V: Vector>(
    left: Left<'_>,
    steps: Range<usize>,
    width: usize,
    room: usize,
    lists: *mut Entry,
    counts: &mut [usize],
) {
    let data = left.data.as_ptr();
    // SAFETY: the caller's promise.
    unsafe {
        if left.step_stride == 1 {
            for (row, count) in counts.iter_mut().enumerate() {
                let list = lists.add(row * room);
                for_each_nonzero::<V>(
                    data.add(row * left.row_stride + steps.start),
                    steps.len(),
                    |at, value| {
                        let offset = (at * width) as u32;
                        *list.add(*count) = Entry { offset, value };
                        *count += 1;
                    },
                );
            }
        } else {
            assert_eq!(left.row_stride, 1, "one of the strides");
            for (index, step) in steps.enumerate() {
                let offset = (index * width) as u32;
                for_each_nonzero::<V>(
                    data.add(step * left.step_stride),
                    counts.len(),
                    |row, value| {
                        let count = counts.get_unchecked_mut(row);
                        *lists.add(row * room + *count) = Entry { offset, value };
                        *count += 1;
                    },
                );
            }
        }
    }
}

/// Calls `each(index, value)` for the floats that are not zero. Zeros are dropped 32 at a time: a branch for each
/// would be mispredicted too often.
#[inline(always)]
unsafe fn for_each_nonzero<V: Vector>(
    from: *const f32,
    length: usize,
    mut each: impl FnMut(usize, f32),
) {
    // SAFETY: the caller vouches for `length` floats and the instruction set.
    unsafe {
        for first in (0..length).step_by(32) {
            let mut bits = 0u32;
            if first + 32 <= length {
                for at in (0..32).step_by(V::LANES) {
                    bits |= V::load(from.add(first + at)).equal_bits(V::zero()) << at;
                }
                bits = !bits;
            } else {
                for at in first..length {
                    bits |= u32::from(*from.add(at) != 0.0) << (at - first);
                }
            }
            while bits != 0 {
                let at = first + bits.trailing_zeros() as usize;
                each(at, *from.add(at));
                bits &= bits - 1;
            }
        }
    }
}

/// `to[..run] += sum over entries of value * from[offset..]`, for any `run`.
///
/// # Safety
/// As [`accumulate`].
#[inline(always)]
pub(crate) unsafe fn accumulate_run<V: Vector>(
    entries: &[Entry],
    from: *const f32,
    to: *mut f32,
    run: usize,
) {
    let mut done = 0;
    while done < run {
        // SAFETY: parts of what the caller vouches for.
        unsafe {
            let (from, to, rest) = (from.add(done), to.add(done), run - done);
            let registers = rest.div_ceil(V::LANES);
            let taken = match registers {
                1 => 1,
                2 | 3 => 2,
                5 | 10 => 5,
                9 => 9,
                _ => 4,
            };
            let run = rest.min(taken * V::LANES);
            match taken {
                1 => accumulate::<V, 1, 1>(entries, from, 0, to, 0, run),
                2 => accumulate::<V, 1, 2>(entries, from, 0, to, 0, run),
                4 => accumulate::<V, 1, 4>(entries, from, 0, to, 0, run),
                5 => accumulate::<V, 1, 5>(entries, from, 0, to, 0, run),
                _ => accumulate::<V, 1, 9>(entries, from, 0, to, 0, run),
            }
            done += run;
        }
    }
}

/// `to[row * stride..][..run] += sum over entries of value * from[offset + row * line..][..run]` for `ROWS` rows, all
/// sums in registers: `GROUPS` a row, the last one `run - (GROUPS - 1) * LANES` floats long.
///
/// # Safety
/// The processor has the instruction set; every row of `to` and of each entry holds `run` floats.
#[inline(always)]
pub(crate) unsafe fn accumulate<V: Vector, const ROWS: usize, const GROUPS: usize>(
    entries: &[Entry],
    from: *const f32,
    line: usize,
    to: *mut f32,
    stride: usize,
    run: usize,
) {
    if entries.is_empty() {
        return;
    }
    let last = run - (GROUPS - 1) * V::LANES;
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[V::zero(); GROUPS]; ROWS];
        for row in 0..ROWS {
            for group in 0..GROUPS {
                let at = to.add(row * stride + group * V::LANES);
                sums[row][group] = if group + 1 < GROUPS {
                    V::load(at)
                } else {
                    V::load_first(at, last)
                };
            }
        }
        if last == V::LANES {
            for entry in entries {
                let factor = V::splat(entry.value);
                let from = from.add(entry.offset as usize);
                for row in 0..ROWS {
                    for group in 0..GROUPS {
                        let value = V::load(from.add(row * line + group * V::LANES));
                        sums[row][group] = value.mul_add(factor, sums[row][group]);
                    }
                }
            }
        } else {
            for entry in entries {
                let factor = V::splat(entry.value);
                let from = from.add(entry.offset as usize);
                for row in 0..ROWS {
                    for group in 0..GROUPS {
                        let at = from.add(row * line + group * V::LANES);
                        let value = if group + 1 < GROUPS {
                            V::load(at)
                        } else {
                            V::load_first(at, last)
                        };
                        sums[row][group] = value.mul_add(factor, sums[row][group]);
                    }
                }
            }
        }
        for row in 0..ROWS {
            for group in 0..GROUPS {
                let at = to.add(row * stride + group * V::LANES);
                if group + 1 < GROUPS {
                    sums[row][group].store(at);
                } else {
                    sums[row][group].store_first(at, last);
                }
            }
        }
    }
}
