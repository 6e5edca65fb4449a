//! Adds up squares on the CPU.

/// Numbers whose squares are added in f32; these sums are added in f64.
const BLOCK: usize = 4096;
/// Sums side by side, so that the compiler can use the registers of any processor.
const LANES: usize = 16;

/// The sum of the squares of `numbers`, in the same order on every processor. No scratch.
pub fn sum_squares(numbers: &[f32]) -> f32 {
    let blocks = numbers.chunks(BLOCK).map(of_block);
    blocks.map(f64::from).sum::<f64>() as f32
}

fn of_block(numbers: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for numbers in numbers.chunks(LANES) {
        // No fused multiply-add: a processor without one would round otherwise.
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum += number * number;
        }
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}
