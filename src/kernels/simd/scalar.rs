//! Four floats in plain Rust, for processors without a tuned instruction set and for the tests.

use super::Vector;

#[derive(Clone, Copy)]
pub(crate) struct F32x4([f32; 4]);

/// Applies an expression to each lane.
macro_rules! lanes {
    ($index:ident => $value:expr) => {{
        let mut lanes = [0.0f32; 4];
        for $index in 0..4 {
            lanes[$index] = $value;
        }
        F32x4(lanes)
    }};
}

// SAFETY of every block below: pointers are the caller's promise; nothing else is unsafe.
impl Vector for F32x4 {
    const LANES: usize = 4;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(from.cast::<[f32; 4]>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        lanes!(i => self.0[i] + other.0[i])
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        lanes!(i => self.0[i] - other.0[i])
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        lanes!(i => self.0[i] * other.0[i])
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        lanes!(i => self.0[i] / other.0[i])
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        lanes!(i => self.0[i].sqrt())
    }

    // Two roundings: `f32::mul_add` calls a slow library function where the processor has no fused instruction.
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        lanes!(i => self.0[i] * factor.0[i] + term.0[i])
    }

    #[inline(always)]
    fn larger(self, best: Self, value: Self, index: Self) -> (Self, Self) {
        let take = |i: usize| value.0[i] > self.0[i] || value.0[i].is_nan();
        (
            lanes!(i => if take(i) { value.0[i] } else { self.0[i] }),
            lanes!(i => if take(i) { index.0[i] } else { best.0[i] }),
        )
    }

    #[inline(always)]
    fn select_positive(self, alive: Self, dead: Self) -> Self {
        lanes!(i => if self.0[i] <= 0.0 { dead.0[i] } else { alive.0[i] })
    }

    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        lanes!(i => self.0[i].max(low.0[i]).min(high.0[i]))
    }

    #[inline(always)]
    fn truncate(self) -> Self {
        lanes!(i => self.0[i] as i32 as f32)
    }

    #[inline(always)]
    unsafe fn look_up(table: *const u32, index: Self) -> [Self; 4] {
        let mut bytes = [[0.0; 4]; 4];
        for (lane, index) in index.0.into_iter().enumerate() {
            let word = unsafe { table.add(index as usize).read() };
            for (place, byte) in word.to_le_bytes().into_iter().enumerate() {
                bytes[place][lane] = f32::from(byte);
            }
        }
        bytes.map(Self)
    }

    #[inline(always)]
    unsafe fn load_four(from: *const f32) -> Self {
        unsafe { Self::load(from) }
    }

    #[inline(always)]
    unsafe fn load_choice(from: *const u8) -> Self {
        unsafe {
            Self(
                from.cast::<[u8; 4]>()
                    .read_unaligned()
                    .map(|byte| f32::from_bits(u32::from(byte & 3))),
            )
        }
    }

    #[inline(always)]
    fn choose(self, choice: Self) -> Self {
        lanes!(i => self.0[choice.0[i].to_bits() as usize & 3])
    }
}
