//! Four floats in a 128-bit register of WebAssembly. The instructions are in the module or not: a processor is never
//! asked.

use super::{Task, Vector, intrinsics};
use std::arch::wasm32::*;

/// # Safety
/// None beyond that of `task`: the module was compiled with SIMD128.
pub(crate) unsafe fn run<O, T: Task<O>>(task: T) -> O {
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
    unsafe fn load_bytes(from: *const u8) -> Self {
        unsafe { Self(f32x4_convert_u32x4(load_four_bytes(from))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { v128_store(to.cast(), self.0) }
    }

    intrinsics! {
        add(other) = f32x4_add;
        sub(other) = f32x4_sub;
        mul(other) = f32x4_mul;
        div(other) = f32x4_div;
        sqrt() = f32x4_sqrt;
        truncate() = f32x4_trunc;
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
