//! Work on the numbers of some slices, a register after another.

use crate::kernels::simd::Vector;

/// What is done with one register. (No closure: it would be compiled without the instruction set.)
pub(crate) trait Registers {
    /// Takes the numbers `at..at + used`; `place` is where they lie in their unit. Must be `#[inline(always)]`.
    ///
    /// # Safety
    /// The processor has the instruction set; there are such numbers, and `used <= LANES`.
    unsafe fn write<V: Vector>(&mut self, at: usize, place: usize, used: usize);
}

/// Calls `work` for every register of `length` numbers that are units of `unit` numbers each, a multiple of a
/// register's.
///
/// # Safety
/// The processor has the instruction set; `work` has `length` numbers.
#[inline(always)]
pub(crate) unsafe fn for_each_register<V: Vector>(
    unit: usize,
    length: usize,
    work: &mut impl Registers,
) {
    let whole = length / unit * unit;
    // SAFETY: the places of a unit are whole registers, of the rest `used` are left.
    unsafe {
        for start in (0..whole).step_by(unit) {
            for place in (0..unit).step_by(V::LANES) {
                work.write::<V>(start + place, place, V::LANES);
            }
        }
        for at in (whole..length).step_by(V::LANES) {
            work.write::<V>(at, at - whole, V::LANES.min(length - at));
        }
    }
}
