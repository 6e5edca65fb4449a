//! Four floats in a 128-bit register of WebAssembly. The instructions are in the module or not: a processor is never
//! asked.

use super::super::{Task, Vector};
use std::arch::wasm32::*;

/// # Safety
/// None beyond that of `task`: the module was compiled with SIMD128.
pub(crate) unsafe fn run<T: Task>(task: T) -> T::Output {
    // SAFETY: this function's own promise.
    unsafe { task.run::<F32x4>() }
}

#[derive(Clone, Copy)]
pub(crate) struct F32x4(v128);

// SAFETY of every block below: pointers are the caller's promise; nothing else is unsafe.
impl Vector for F32x4 {
    const LANES: usize = 4;
    // Engines compile for 16 registers of x86-64 at least.
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(v128_load(from.cast())) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0f32; 4];
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            Self(v128_load(lanes.as_ptr().cast()))
        }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        unsafe { Self(f32x4_convert_u32x4(load_four_bytes(from))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { v128_store(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        let mut lanes = [0.0f32; 4];
        unsafe {
            v128_store(lanes.as_mut_ptr().cast(), self.0);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        let whole = i32x4_trunc_sat_f32x4(self.0);
        let words = i16x8_narrow_i32x4(whole, whole);
        let bytes = u8x16_narrow_i16x8(words, words);
        unsafe { v128_store32_lane::<0>(bytes, to.cast()) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(f32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(f32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(f32x4_div(self.0, other.0))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(f32x4_sqrt(self.0))
    }

    // Two roundings: the fused instruction is in relaxed SIMD, which not every browser has.
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(f32x4_add(f32x4_mul(self.0, factor.0), term.0))
    }

    #[inline(always)]
    fn larger(self, best: Self, value: Self, index: Self) -> (Self, Self) {
        let above = f32x4_gt(value.0, self.0);
        let take = v128_or(above, f32x4_ne(value.0, value.0));
        (
            Self(v128_bitselect(value.0, self.0, take)),
            Self(v128_bitselect(index.0, best.0, take)),
        )
    }

    #[inline(always)]
    fn select_positive(self, alive: Self, dead: Self) -> Self {
        let cut = f32x4_le(self.0, f32x4_splat(0.0));
        Self(v128_bitselect(dead.0, alive.0, cut))
    }

    #[inline(always)]
    fn equal_bits(self, other: Self) -> u32 {
        u32::from(i32x4_bitmask(f32x4_eq(self.0, other.0)))
    }

    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        // `pmax(a, b)` is b where a < b, else a: so low wins over NaN when it comes first.
        Self(f32x4_pmin(high.0, f32x4_pmax(low.0, self.0)))
    }

    #[inline(always)]
    fn truncate(self) -> Self {
        Self(f32x4_trunc(self.0))
    }

    #[inline(always)]
    unsafe fn look_up(table: *const u32, index: Self) -> [Self; 4] {
        let index = u32x4_trunc_sat_f32x4(index.0);
        let word = |lane: u32| unsafe { table.add(lane as usize).read() };
        let words = u32x4(
            word(u32x4_extract_lane::<0>(index)),
            word(u32x4_extract_lane::<1>(index)),
            word(u32x4_extract_lane::<2>(index)),
            word(u32x4_extract_lane::<3>(index)),
        );
        let low = u32x4_splat(255);
        let float = |bytes| Self(f32x4_convert_i32x4(bytes));
        [
            float(v128_and(words, low)),
            float(v128_and(u32x4_shr(words, 8), low)),
            float(v128_and(u32x4_shr(words, 16), low)),
            float(u32x4_shr(words, 24)),
        ]
    }

    #[inline(always)]
    unsafe fn load_four(from: *const f32) -> Self {
        unsafe { Self::load(from) }
    }

    // A choice is kept as the byte positions that a swizzle takes.
    #[inline(always)]
    unsafe fn load_choice(from: *const u8) -> Self {
        let words = v128_and(unsafe { load_four_bytes(from) }, u32x4_splat(3));
        let places = i32x4_mul(words, u32x4_splat(0x0404_0404));
        Self(i32x4_add(places, u32x4_splat(0x0302_0100)))
    }

    #[inline(always)]
    fn choose(self, choice: Self) -> Self {
        Self(i8x16_swizzle(self.0, choice.0))
    }
}

/// Four bytes as words.
///
/// # Safety
/// Four bytes are readable.
#[inline(always)]
unsafe fn load_four_bytes(from: *const u8) -> v128 {
    let bytes = unsafe { v128_load32_zero(from.cast()) };
    u32x4_extend_low_u16x8(u16x8_extend_low_u8x16(bytes))
}
