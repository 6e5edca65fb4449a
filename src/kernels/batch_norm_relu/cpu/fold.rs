//! Sums down the columns of a chunk: for each place of a unit, over all units.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use crate::kernels::simd::{Vector, scratch};

/// What is summed: two sums at once.
pub(super) trait Terms<V: Vector> {
    /// What the terms of one place need in every unit.
    type Constants: Copy;

    /// # Safety
    /// `place + LANES` is within a unit; the processor has the instruction set.
    unsafe fn constants(&self, place: usize) -> Self::Constants;

    /// Adds what the numbers at `at..at + used` give to the sums. The lanes beyond `used <= LANES`
    /// count for nothing.
    ///
    /// # Safety
    /// `at + used` is within the chunk; the processor has the instruction set.
    unsafe fn add(
        &self,
        at: usize,
        used: usize,
        constants: Self::Constants,
        sums: [V; 2],
    ) -> [V; 2];
}

/// The two sums of every place of a `unit` over the `length` numbers of a chunk.
///
/// # Safety
/// The processor has the instruction set; `unit` is a multiple of 16 and `terms` takes every place
/// below it and every number below `length`.
#[inline(always)]
pub(super) unsafe fn fold<V: Vector, T: Terms<V>>(
    terms: &T,
    unit: usize,
    length: usize,
) -> [scratch::Scratch; 2] {
    let mut totals = [scratch::dirty(unit), scratch::dirty(unit)];
    let [first, second] = &mut totals;
    let to = [first.as_mut_ptr(), second.as_mut_ptr()];
    let whole = length / unit * unit;
    // SAFETY: every register of a unit is in one column; the totals hold a unit each.
    unsafe {
        let mut place = 0;
        while place + 4 * V::LANES <= unit {
            columns::<V, T, 4>(terms, unit, whole, place, to);
            place += 4 * V::LANES;
        }
        while place < unit {
            columns::<V, T, 1>(terms, unit, whole, place, to);
            place += V::LANES;
        }
        for at in (whole..length).step_by(V::LANES) {
            let (place, used) = (at - whole, V::LANES.min(length - at));
            let [first, second] = [to[0].add(place), to[1].add(place)];
            let sums = [V::load(first), V::load(second)];
            let [first_sum, second_sum] = terms.add(at, used, terms.constants(place), sums);
            first_sum.store_first(first, used);
            second_sum.store_first(second, used);
        }
    }
    totals
}

/// The sums of `WIDTH` registers from `place`, stored at that place.
#[inline(always)]
unsafe fn columns<V: Vector, T: Terms<V>, const WIDTH: usize>(
    terms: &T,
    unit: usize,
    whole: usize,
    place: usize,
    to: [*mut f32; 2],
) {
    // SAFETY: `fold` asks for places within the unit; `whole` is a multiple of it.
    unsafe {
        let mut constants = [terms.constants(place); WIDTH];
        for index in 1..WIDTH {
            constants[index] = terms.constants(place + index * V::LANES);
        }
        let mut sums = [[V::zero(); 2]; WIDTH];
        for start in (0..whole).step_by(unit) {
            for index in 0..WIDTH {
                let at = start + place + index * V::LANES;
                sums[index] = terms.add(at, V::LANES, constants[index], sums[index]);
            }
        }
        for index in 0..WIDTH {
            sums[index][0].store(to[0].add(place + index * V::LANES));
            sums[index][1].store(to[1].add(place + index * V::LANES));
        }
    }
}
