//! Sixteen floats in a 512-bit register. Every unsafe block calls an intrinsic the type's existence vouches for.

use super::avx2::F32x8;
use super::{Task, Vector, intrinsics};
use std::arch::x86_64::*;

/// # Safety
/// The processor has AVX-512 F, BW, DQ, VL, AVX2 and FMA.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub(crate) unsafe fn run<O, T: Task<O>>(task: T) -> O {
    // SAFETY: this function's own promise.
    unsafe { task.run::<F32x16>() }
}

/// Half registers, twice as many in flight.
///
/// # Safety
/// As [`run`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub(crate) unsafe fn run_narrow<O, T: Task<O>>(task: T) -> O {
    // SAFETY: this function's own promise.
    unsafe { task.run::<F32x8<32>>() }
}

#[derive(Clone, Copy)]
pub(crate) struct F32x16(__m512);

// SAFETY of every block below: a value exists or its maker vouched, so the instructions exist; pointers are the
// caller's promise.
impl Vector for F32x16 {
    const LANES: usize = 16;
    const REGISTERS: usize = 32;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { Self(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        unsafe { Self(_mm512_maskz_loadu_ps(first(count), from)) }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        unsafe {
            Self(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(
                from.cast(),
            ))))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        unsafe { _mm512_mask_storeu_ps(to, first(count), self.0) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, count: usize) {
        unsafe {
            let bytes = _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(self.0));
            match count == Self::LANES {
                true => _mm_storeu_si128(to.cast(), bytes),
                false => _mm_mask_storeu_epi8(to.cast(), first(count), bytes),
            }
        }
    }

    intrinsics! {
        add(other) = _mm512_add_ps;
        sub(other) = _mm512_sub_ps;
        mul(other) = _mm512_mul_ps;
        div(other) = _mm512_div_ps;
        sqrt() = _mm512_sqrt_ps;
        mul_add(factor, term) = _mm512_fmadd_ps;
    }

    #[inline(always)]
    fn larger(self, best: Self, value: Self, index: Self) -> (Self, Self) {
        unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(value.0, self.0);
            let take = above | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value.0, value.0);
            (
                Self(_mm512_mask_blend_ps(take, self.0, value.0)),
                Self(_mm512_mask_blend_ps(take, best.0, index.0)),
            )
        }
    }

    #[inline(always)]
    fn select_positive(self, alive: Self, dead: Self) -> Self {
        unsafe {
            let cut = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, _mm512_setzero_ps());
            Self(_mm512_mask_blend_ps(cut, alive.0, dead.0))
        }
    }

    #[inline(always)]
    fn equal_bits(self, other: Self) -> u32 {
        unsafe { u32::from(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0)) }
    }

    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        // The second operand wins over NaN.
        unsafe { Self(_mm512_min_ps(_mm512_max_ps(self.0, low.0), high.0)) }
    }

    #[inline(always)]
    fn truncate(self) -> Self {
        unsafe { Self(_mm512_cvtepi32_ps(_mm512_cvttps_epi32(self.0))) }
    }

    #[inline(always)]
    unsafe fn look_up(table: *const u32, index: Self) -> [Self; 4] {
        unsafe {
            let words = _mm512_i32gather_epi32::<4>(_mm512_cvttps_epi32(index.0), table.cast());
            let low = _mm512_set1_epi32(255);
            let second = _mm512_and_si512(_mm512_srli_epi32::<8>(words), low);
            let third = _mm512_and_si512(_mm512_srli_epi32::<16>(words), low);
            [
                Self(_mm512_cvtepi32_ps(_mm512_and_si512(words, low))),
                Self(_mm512_cvtepi32_ps(second)),
                Self(_mm512_cvtepi32_ps(third)),
                Self(_mm512_cvtepi32_ps(_mm512_srli_epi32::<24>(words))),
            ]
        }
    }

    #[inline(always)]
    unsafe fn load_four(from: *const f32) -> Self {
        unsafe { Self(_mm512_broadcast_f32x4(_mm_loadu_ps(from))) }
    }

    #[inline(always)]
    unsafe fn load_choice(from: *const u8) -> Self {
        unsafe {
            Self(_mm512_castsi512_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(
                from.cast(),
            ))))
        }
    }

    #[inline(always)]
    fn choose(self, choice: Self) -> Self {
        unsafe { Self(_mm512_permutevar_ps(self.0, _mm512_castps_si512(choice.0))) }
    }
}

#[inline(always)]
fn first(count: usize) -> u16 {
    ((1u32 << count) - 1) as u16
}
