//! Sums and multiples of whole tensors on the CPU.

use crate::kernels::parallel;

/// Numbers that one task takes.
const CHUNK: usize = 16 * 1024;

/// Writes `targets * keep + source * take` into `targets`, the same on every processor. No scratch.
///
/// # Panics
/// The slices differ in length.
pub fn blend(targets: &mut [f32], source: &[f32], [keep, take]: [f32; 2]) {
    assert_eq!(source.len(), targets.len(), "source");
    let chunks = targets.chunks_mut(CHUNK).zip(source.chunks(CHUNK));
    parallel::for_each(chunks, |(targets, source)| {
        // No fused multiply-add: a processor without one would round otherwise.
        for (target, source) in targets.iter_mut().zip(source) {
            *target = *target * keep + source * take;
        }
    });
}

/// Multiplies `numbers` by `factor`, in place. No scratch.
pub fn scale(numbers: &mut [f32], factor: f32) {
    parallel::for_each(numbers.chunks_mut(CHUNK), |numbers| {
        for number in numbers {
            *number *= factor;
        }
    });
}
