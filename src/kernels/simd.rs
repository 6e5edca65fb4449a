//! The instruction set the CPU kernels run on: found at run time, capped by `GPU_MNIST_SIMD`, and a small vector
//! trait so that one source serves every set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
pub(crate) mod scratch;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

use std::fmt;
use std::sync::OnceLock;

/// The environment variable that caps the instruction set: `scalar`, `simd128`, `neon`, `avx2`, `avx512` or `auto`.
pub const VARIABLE: &str = "GPU_MNIST_SIMD";

/// An instruction set, from the slowest to the fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Plain Rust, four floats at a time: works on every processor.
    Scalar,
    /// 128-bit vectors of WebAssembly.
    Simd128,
    /// 128-bit vectors of aarch64.
    Neon,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// 512-bit vectors (AVX-512 F, BW, DQ, VL).
    Avx512,
}

impl Level {
    const ALL: [Level; 5] = [
        Level::Scalar,
        Level::Simd128,
        Level::Neon,
        Level::Avx2,
        Level::Avx512,
    ];

    /// The name `GPU_MNIST_SIMD` knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Simd128 => "simd128",
            Level::Neon => "neon",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && Level::Avx2.is_available()
            }
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Simd128 => true,
            #[cfg(target_arch = "aarch64")]
            Level::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why `GPU_MNIST_SIMD` cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The value names no instruction set.
    #[error("{VARIABLE}={0:?} names no instruction set; {here}", here = usable())]
    Unknown(String),
    /// This processor lacks the instruction set asked for.
    #[error("{VARIABLE}={0}: this processor does not have it; {here}", here = usable())]
    Unavailable(Level),
}

fn usable() -> String {
    let here: Vec<_> = available().into_iter().map(Level::name).collect();
    format!("use auto or one of: {}", here.join(", "))
}

/// Every instruction set this processor has, slowest first.
pub fn available() -> Vec<Level> {
    Level::ALL
        .into_iter()
        .filter(|level| level.is_available())
        .collect()
}

/// The instruction set to use: the fastest one, or what `GPU_MNIST_SIMD` asks for. The variable is read once.
///
/// # Errors
/// The variable holds an unknown name, or a set this processor lacks. Call it at start-up to tell the user.
pub fn configured() -> Result<Level, Error> {
    static CHOICE: OnceLock<Result<Level, Error>> = OnceLock::new();
    CHOICE
        .get_or_init(|| {
            parse(
                &std::env::var_os(VARIABLE)
                    .unwrap_or_default()
                    .to_string_lossy(),
            )
        })
        .clone()
}

/// [`configured`], or the fastest set where the variable cannot be followed.
pub fn detect() -> Level {
    configured().unwrap_or_else(|_| fastest())
}

/// Reads a value of `GPU_MNIST_SIMD`; empty means `auto`, capitals do not matter.
///
/// # Errors
/// As [`configured`].
pub fn parse(value: &str) -> Result<Level, Error> {
    let name = value.trim().to_ascii_lowercase();
    if name.is_empty() || name == "auto" {
        return Ok(fastest());
    }
    let level = Level::ALL.into_iter().find(|level| level.name() == name);
    let level = level.ok_or_else(|| Error::Unknown(value.to_owned()))?;
    if level.is_available() {
        Ok(level)
    } else {
        Err(Error::Unavailable(level))
    }
}

fn fastest() -> Level {
    available().into_iter().max().unwrap_or(Level::Scalar)
}

/// Work written once over [`Vector`], run by [`dispatch`] compiled for the chosen instruction set.
pub(crate) trait Task<Output = ()> {
    /// Must be `#[inline(always)]`, so that it is compiled inside the function that enables the instructions.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`.
    unsafe fn run<V: Vector>(self) -> Output;
}

/// Runs `task` at `level`, or at [`Level::Scalar`] where the processor lacks `level`.
pub(crate) fn dispatch<O, T: Task<O>>(level: Level, task: T) -> O {
    match level {
        // SAFETY: each arm is taken only when the processor has the instructions that its function enables.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if level.is_available() => unsafe { avx512::run(task) },
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 if level.is_available() => unsafe { avx2::run(task) },
        #[cfg(target_arch = "aarch64")]
        Level::Neon if level.is_available() => unsafe { neon::run(task) },
        // SAFETY: as above; a module with these instructions runs nowhere else.
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Level::Simd128 => unsafe { simd128::run(task) },
        // SAFETY: plain Rust needs no instruction set.
        _ => unsafe { task.run::<scalar::F32x4>() },
    }
}

/// As [`dispatch`], but in registers of half the width where [`Level::Avx512`] has them: for rows that do not fill a
/// wide register, or that begin in the middle of a cache line.
fn dispatch_narrow<O, T: Task<O>>(level: Level, task: T) -> O {
    match level {
        // SAFETY: taken only when the processor has the instructions that the function enables.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if level.is_available() => unsafe { avx512::run_narrow(task) },
        _ => dispatch(level, task),
    }
}

/// Runs `task`, whose rows are `channels` floats or multiples of that, in registers that waste the least of them.
pub(crate) fn dispatch_for_rows<O, T: Task<O>>((level, channels): (Level, usize), task: T) -> O {
    match (1..=8).contains(&(channels % 16)) {
        true => dispatch_narrow(level, task),
        false => dispatch(level, task),
    }
}

/// Lanes of the widest register; narrower ones divide it.
pub(crate) const WIDEST: usize = 16;

/// Methods of [`Vector`] that are one intrinsic each.
#[allow(unused_macros)]
macro_rules! intrinsics {
    ($($method:ident($($operand:ident),*) = $intrinsic:ident;)*) => {$(
        #[inline(always)]
        fn $method(self, $($operand: Self),*) -> Self {
            // SAFETY: a value exists, so the processor has its instructions.
            #[allow(unused_unsafe)]
            unsafe { Self($intrinsic(self.0, $($operand.0),*)) }
        }
    )*};
}
#[allow(unused_imports)]
use intrinsics;

/// A register of floats. A value can only be made by the unsafe constructors, whose callers vouch that the processor
/// has the instruction set; arithmetic on a value is therefore safe. Every function is `#[inline(always)]`.
pub(crate) trait Vector: Copy {
    /// Floats in a register; a multiple of 4.
    const LANES: usize;
    /// Registers the processor has.
    const REGISTERS: usize;

    /// # Safety
    /// The processor has this instruction set.
    unsafe fn splat(value: f32) -> Self;

    /// # Safety
    /// As [`Vector::splat`]; `LANES` floats are readable.
    unsafe fn load(from: *const f32) -> Self;

    /// The first `count <= LANES` floats, then zeros; reads no further.
    ///
    /// # Safety
    /// As [`Vector::splat`]; `count` floats are readable.
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; WIDEST];
        // SAFETY: the caller's promise.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            Self::load(lanes.as_ptr())
        }
    }

    /// [`Vector::load`] where `count` is all lanes, else [`Vector::load_first`].
    ///
    /// # Safety
    /// As [`Vector::load_first`].
    #[inline(always)]
    unsafe fn load_up_to(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            match count == Self::LANES {
                true => Self::load(from),
                false => Self::load_first(from, count),
            }
        }
    }

    /// `LANES` bytes as floats.
    ///
    /// # Safety
    /// As [`Vector::splat`]; `LANES` bytes are readable.
    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        let mut lanes = [0.0; WIDEST];
        // SAFETY: the caller's promise.
        unsafe {
            for (at, lane) in lanes[..Self::LANES].iter_mut().enumerate() {
                *lane = f32::from(*from.add(at));
            }
            Self::load(lanes.as_ptr())
        }
    }

    /// # Safety
    /// `LANES` floats are writable.
    unsafe fn store(self, to: *mut f32);

    /// # Safety
    /// `count <= LANES` floats are writable.
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(self.lanes().as_ptr(), to, count) }
    }

    /// [`Vector::store`] where `count` is all lanes, else [`Vector::store_first`].
    ///
    /// # Safety
    /// As [`Vector::store_first`].
    #[inline(always)]
    unsafe fn store_up_to(self, to: *mut f32, count: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match count == Self::LANES {
                true => self.store(to),
                false => self.store_first(to, count),
            }
        }
    }

    /// The first `count <= LANES` lanes, which hold whole numbers 0..=255, as bytes.
    ///
    /// # Safety
    /// `count` bytes are writable.
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, count: usize) {
        let bytes = self.lanes().map(|lane| lane as u8);
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, count) }
    }

    /// The lanes, then zeros.
    #[inline(always)]
    fn lanes(self) -> [f32; WIDEST] {
        let mut lanes = [0.0; WIDEST];
        // SAFETY: a register has at most so many lanes.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn sqrt(self) -> Self;

    /// `self * factor + term`.
    fn mul_add(self, factor: Self, term: Self) -> Self;

    /// Where `value` is larger than `self`, or is NaN: `value` and `index`; elsewhere `self` and `best`. PyTorch's
    /// rule for max-pool: the first maximum wins, NaN is never lost.
    fn larger(self, best: Self, value: Self, index: Self) -> (Self, Self);

    /// `dead` where `self <= 0`, `alive` elsewhere (NaN too).
    fn select_positive(self, alive: Self, dead: Self) -> Self;

    /// Bit `lane` is set where the lanes are equal.
    #[inline(always)]
    fn equal_bits(self, other: Self) -> u32 {
        let pairs = self.lanes().into_iter().zip(other.lanes());
        let bits = pairs.take(Self::LANES).enumerate();
        bits.fold(0, |bits, (lane, (one, other))| {
            bits | u32::from(one == other) << lane
        })
    }

    /// Each lane within `low..=high`; NaN becomes `low`.
    fn clamp(self, low: Self, high: Self) -> Self;

    /// Lanes from 0 to below 2^24 without their fractions.
    fn truncate(self) -> Self;

    /// In each lane the four bytes, lowest first, of the word of `table` that `index`, a whole number, names.
    ///
    /// # Safety
    /// As [`Vector::splat`]; the table has a word at each index.
    unsafe fn look_up(table: *const u32, index: Self) -> [Self; 4];

    /// Four floats, repeated over the register.
    ///
    /// # Safety
    /// As [`Vector::splat`]; four floats are readable.
    unsafe fn load_four(from: *const f32) -> Self;

    /// `LANES` bytes 0..=3 as a choice for [`Vector::choose`]; of other bytes the two lowest bits count.
    ///
    /// # Safety
    /// As [`Vector::splat`]; `LANES` bytes are readable.
    unsafe fn load_choice(from: *const u8) -> Self;

    /// In each lane the float that `choice` names among the four of [`Vector::load_four`].
    fn choose(self, choice: Self) -> Self;

    /// # Safety
    /// As [`Vector::splat`].
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise is the one asked for.
        unsafe { Self::splat(0.0) }
    }
}
