//! Eight floats in a 256-bit register. Every unsafe block calls an intrinsic the type's existence vouches for.

use super::{Task, Vector, intrinsics};
use std::arch::x86_64::*;

/// # Safety
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn run<O, T: Task<O>>(task: T) -> O {
    // SAFETY: this function's own promise.
    unsafe { task.run::<F32x8<16>>() }
}

/// `REGISTERS` is 16, or 32 where AVX-512 VL gives this width as many as the wider one.
#[derive(Clone, Copy)]
pub(crate) struct F32x8<const REGISTERS: usize>(__m256);

// SAFETY of every block below: a value exists or its maker vouched, so the instructions exist; pointers are the
// caller's promise.
impl<const REGISTERS: usize> Vector for F32x8<REGISTERS> {
    const LANES: usize = 8;
    const REGISTERS: usize = REGISTERS;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { Self(_mm256_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        unsafe { Self(_mm256_maskload_ps(from, first(count))) }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        unsafe {
            Self(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(
                from.cast(),
            ))))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        unsafe { _mm256_maskstore_ps(to, first(count), self.0) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, count: usize) {
        unsafe {
            let whole = _mm256_cvttps_epi32(self.0);
            let words = _mm_packs_epi32(
                _mm256_castsi256_si128(whole),
                _mm256_extracti128_si256::<1>(whole),
            );
            let bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words)).to_le_bytes();
            match count == Self::LANES {
                true => to.cast::<[u8; 8]>().write_unaligned(bytes),
                false => std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, count),
            }
        }
    }

    intrinsics! {
        add(other) = _mm256_add_ps;
        sub(other) = _mm256_sub_ps;
        mul(other) = _mm256_mul_ps;
        div(other) = _mm256_div_ps;
        sqrt() = _mm256_sqrt_ps;
        mul_add(factor, term) = _mm256_fmadd_ps;
    }

    #[inline(always)]
    fn larger(self, best: Self, value: Self, index: Self) -> (Self, Self) {
        unsafe {
            let above = _mm256_cmp_ps::<_CMP_GT_OQ>(value.0, self.0);
            let take = _mm256_or_ps(above, _mm256_cmp_ps::<_CMP_UNORD_Q>(value.0, value.0));
            (
                Self(_mm256_blendv_ps(self.0, value.0, take)),
                Self(_mm256_blendv_ps(best.0, index.0, take)),
            )
        }
    }

    #[inline(always)]
    fn select_positive(self, alive: Self, dead: Self) -> Self {
        unsafe {
            let cut = _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, _mm256_setzero_ps());
            Self(_mm256_blendv_ps(alive.0, dead.0, cut))
        }
    }

    #[inline(always)]
    fn equal_bits(self, other: Self) -> u32 {
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0)) as u32 }
    }

    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        // The second operand wins over NaN.
        unsafe { Self(_mm256_min_ps(_mm256_max_ps(self.0, low.0), high.0)) }
    }

    #[inline(always)]
    fn truncate(self) -> Self {
        unsafe { Self(_mm256_cvtepi32_ps(_mm256_cvttps_epi32(self.0))) }
    }

    #[inline(always)]
    unsafe fn look_up(table: *const u32, index: Self) -> [Self; 4] {
        unsafe {
            let words = _mm256_i32gather_epi32::<4>(table.cast(), _mm256_cvttps_epi32(index.0));
            let low = _mm256_set1_epi32(255);
            let second = _mm256_and_si256(_mm256_srli_epi32::<8>(words), low);
            let third = _mm256_and_si256(_mm256_srli_epi32::<16>(words), low);
            [
                Self(_mm256_cvtepi32_ps(_mm256_and_si256(words, low))),
                Self(_mm256_cvtepi32_ps(second)),
                Self(_mm256_cvtepi32_ps(third)),
                Self(_mm256_cvtepi32_ps(_mm256_srli_epi32::<24>(words))),
            ]
        }
    }

    #[inline(always)]
    unsafe fn load_four(from: *const f32) -> Self {
        unsafe { Self(_mm256_broadcast_ps(&from.cast::<__m128>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn load_choice(from: *const u8) -> Self {
        unsafe {
            Self(_mm256_castsi256_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(
                from.cast(),
            ))))
        }
    }

    #[inline(always)]
    fn choose(self, choice: Self) -> Self {
        unsafe { Self(_mm256_permutevar_ps(self.0, _mm256_castps_si256(choice.0))) }
    }
}

#[inline(always)]
fn first(count: usize) -> __m256i {
    static ONES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    debug_assert!(count <= 8);
    // SAFETY: `count <= 8`, so eight of the sixteen numbers lie behind the pointer; AVX exists as above.
    unsafe { _mm256_loadu_si256(ONES.as_ptr().add(8 - count).cast()) }
}
