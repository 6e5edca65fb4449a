//! Four floats in a 128-bit register of aarch64. Every unsafe block calls an intrinsic the type's existence vouches
//! for.

use super::super::{Task, Vector};
use std::arch::aarch64::*;

/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(crate) unsafe fn run<T: Task>(task: T) -> T::Output {
    // SAFETY: this function's own promise.
    unsafe { task.run::<F32x4>() }
}

#[derive(Clone, Copy)]
pub(crate) struct F32x4(float32x4_t);

// SAFETY of every block below: a value exists or its maker vouched, so the instructions exist; pointers are the
// caller's promise.
#[allow(unused_unsafe)]
impl Vector for F32x4 {
    const LANES: usize = 4;
    const REGISTERS: usize = 32;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { Self(vdupq_n_f32(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(vld1q_f32(from)) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0f32; 4];
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            Self(vld1q_f32(lanes.as_ptr()))
        }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        unsafe {
            let bytes = from.cast::<[u8; 4]>().read_unaligned();
            let lanes = bytes.map(f32::from);
            Self(vld1q_f32(lanes.as_ptr()))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        let mut lanes = [0.0f32; 4];
        unsafe {
            vst1q_f32(lanes.as_mut_ptr(), self.0);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        let mut lanes = [0.0f32; 4];
        unsafe {
            vst1q_f32(lanes.as_mut_ptr(), self.0);
            to.cast::<[u8; 4]>()
                .write_unaligned(lanes.map(|lane| lane as u8));
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        unsafe { Self(vaddq_f32(self.0, other.0)) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        unsafe { Self(vsubq_f32(self.0, other.0)) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        unsafe { Self(vmulq_f32(self.0, other.0)) }
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        unsafe { Self(vdivq_f32(self.0, other.0)) }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        unsafe { Self(vsqrtq_f32(self.0)) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        unsafe { Self(vfmaq_f32(term.0, self.0, factor.0)) }
    }

    #[inline(always)]
    fn larger(self, best: Self, value: Self, index: Self) -> (Self, Self) {
        unsafe {
            let above = vcgtq_f32(value.0, self.0);
            let number = vceqq_f32(value.0, value.0);
            let take = vorrq_u32(above, vmvnq_u32(number));
            (
                Self(vbslq_f32(take, value.0, self.0)),
                Self(vbslq_f32(take, index.0, best.0)),
            )
        }
    }

    #[inline(always)]
    fn select_positive(self, alive: Self, dead: Self) -> Self {
        unsafe {
            Self(vbslq_f32(
                vcleq_f32(self.0, vdupq_n_f32(0.0)),
                dead.0,
                alive.0,
            ))
        }
    }

    #[inline(always)]
    fn equal_bits(self, other: Self) -> u32 {
        let mut lanes = [0u32; 4];
        unsafe { vst1q_u32(lanes.as_mut_ptr(), vceqq_f32(self.0, other.0)) };
        lanes
            .iter()
            .enumerate()
            .fold(0, |bits, (lane, equal)| bits | (equal & 1) << lane)
    }

    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        // The number wins over NaN.
        unsafe { Self(vminnmq_f32(vmaxnmq_f32(self.0, low.0), high.0)) }
    }

    #[inline(always)]
    fn truncate(self) -> Self {
        unsafe { Self(vrndq_f32(self.0)) }
    }

    #[inline(always)]
    unsafe fn look_up(table: *const u32, index: Self) -> [Self; 4] {
        let mut lanes = [0u32; 4];
        unsafe {
            vst1q_u32(lanes.as_mut_ptr(), vcvtq_u32_f32(index.0));
            let words = lanes.map(|index| table.add(index as usize).read());
            let words = vld1q_u32(words.as_ptr());
            let low = vdupq_n_u32(255);
            let second = vandq_u32(vshrq_n_u32::<8>(words), low);
            let third = vandq_u32(vshrq_n_u32::<16>(words), low);
            [
                Self(vcvtq_f32_u32(vandq_u32(words, low))),
                Self(vcvtq_f32_u32(second)),
                Self(vcvtq_f32_u32(third)),
                Self(vcvtq_f32_u32(vshrq_n_u32::<24>(words))),
            ]
        }
    }

    #[inline(always)]
    unsafe fn load_four(from: *const f32) -> Self {
        unsafe { Self(vld1q_f32(from)) }
    }

    // A choice is kept as the byte positions that a table look-up takes.
    #[inline(always)]
    unsafe fn load_choice(from: *const u8) -> Self {
        unsafe {
            let bytes = from.cast::<[u8; 4]>().read_unaligned();
            let words = bytes.map(|byte| u32::from(byte & 3) * 0x0404_0404 + 0x0302_0100);
            Self(vreinterpretq_f32_u32(vld1q_u32(words.as_ptr())))
        }
    }

    #[inline(always)]
    fn choose(self, choice: Self) -> Self {
        unsafe {
            let bytes = vqtbl1q_u8(vreinterpretq_u8_f32(self.0), vreinterpretq_u8_f32(choice.0));
            Self(vreinterpretq_f32_u8(bytes))
        }
    }
}
