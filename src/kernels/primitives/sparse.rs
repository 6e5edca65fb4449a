//! Sums over lists of the few numbers that are not zero, and what makes the lists.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use crate::kernels::simd::{Vector, scratch};

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

/// Calls `each` with the place of every bit that is set, lowest first: a branch for each number itself would be
/// mispredicted too often.
#[inline(always)]
pub(crate) fn for_each_bit(mut bits: u64, mut each: impl FnMut(usize)) {
    while bits != 0 {
        each(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

/// Calls `each(index, value)` for the floats that are not zero, 32 at a time.
///
/// # Safety
/// The processor has the instruction set; `length` floats are readable.
#[inline(always)]
pub(crate) unsafe fn for_each_nonzero<V: Vector>(
    from: *const f32,
    length: usize,
    mut each: impl FnMut(usize, f32),
) {
    // SAFETY: the caller's promise.
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
            for_each_bit(bits.into(), |bit| each(first + bit, *from.add(first + bit)));
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
                let used = if group + 1 < GROUPS { V::LANES } else { last };
                sums[row][group] = V::load_up_to(at, used);
            }
        }
        match last == V::LANES {
            true => add::<V, ROWS, GROUPS>(&mut sums, entries, from, line, V::LANES),
            false => add::<V, ROWS, GROUPS>(&mut sums, entries, from, line, last),
        }
        for row in 0..ROWS {
            for group in 0..GROUPS {
                let at = to.add(row * stride + group * V::LANES);
                let used = if group + 1 < GROUPS { V::LANES } else { last };
                sums[row][group].store_up_to(at, used);
            }
        }
    }
}

/// Adds the entries to sums in registers; of the last one of a row `last` floats count.
#[inline(always)]
unsafe fn add<V: Vector, const ROWS: usize, const GROUPS: usize>(
    sums: &mut [[V; GROUPS]; ROWS],
    entries: &[Entry],
    from: *const f32,
    line: usize,
    last: usize,
) {
    for entry in entries {
        // SAFETY: the caller's promise.
        unsafe {
            let factor = V::splat(entry.value);
            let from = from.add(entry.offset as usize);
            for row in 0..ROWS {
                for group in 0..GROUPS {
                    let at = from.add(row * line + group * V::LANES);
                    let used = if group + 1 < GROUPS { V::LANES } else { last };
                    sums[row][group] = V::load_up_to(at, used).mul_add(factor, sums[row][group]);
                }
            }
        }
    }
}
