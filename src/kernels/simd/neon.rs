//! Four floats in a 128-bit register of aarch64. Every unsafe block calls an intrinsic the type's existence vouches
//! for.

use super::{Task, Vector, intrinsics};
use std::arch::aarch64::*;

/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(crate) unsafe fn run<O, T: Task<O>>(task: T) -> O {
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
    unsafe fn load_bytes(from: *const u8) -> Self {
        unsafe {
            let bytes = u32::from_le_bytes(from.cast::<[u8; 4]>().read_unaligned());
            let bytes = vcreate_u8(u64::from(bytes));
            let words = vmovl_u16(vget_low_u16(vmovl_u8(bytes)));
            Self(vcvtq_f32_u32(words))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, count: usize) {
        unsafe {
            let halves = vmovn_u32(vcvtq_u32_f32(self.0));
            let bytes = vmovn_u16(vcombine_u16(halves, halves));
            let bytes = vget_lane_u32::<0>(vreinterpret_u32_u8(bytes)).to_le_bytes();
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, count);
        }
    }

    intrinsics! {
        add(other) = vaddq_f32;
        sub(other) = vsubq_f32;
        mul(other) = vmulq_f32;
        div(other) = vdivq_f32;
        sqrt() = vsqrtq_f32;
        truncate() = vrndq_f32;
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
        unsafe {
            let bits = vld1q_u32([1, 2, 4, 8].as_ptr());
            vaddvq_u32(vandq_u32(vceqq_f32(self.0, other.0), bits))
        }
    }

    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        // The number wins over NaN.
        unsafe { Self(vminnmq_f32(vmaxnmq_f32(self.0, low.0), high.0)) }
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
