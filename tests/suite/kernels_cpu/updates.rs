//! The parts of parameter updates other than Adam's.

use gpu_mnist::kernels::blend::cpu::{blend, scale};
use gpu_mnist::kernels::orthogonal::cpu::orthogonal;
use gpu_mnist::kernels::reference;
use gpu_mnist::kernels::simd::{self, Level};

use super::{bits, difference, random};

fn made_orthogonal(level: Level, matrix: &[f32], sides: [usize; 2]) -> Vec<f32> {
    let mut output = vec![f32::NAN; matrix.len()];
    orthogonal(level, matrix, sides, &mut output);
    output
}

#[test]
fn newton_schulz_iteration_agrees_with_float64() {
    for level in simd::available() {
        for sides in [[1, 1], [1, 9], [9, 1], [33, 20], [32, 144], [300, 70]] {
            let [rows, columns] = sides;
            let matrix = random(4, rows * columns);
            let wide: Vec<f64> = matrix.iter().copied().map(f64::from).collect();
            let want = reference::orthogonal(&wide, columns);
            let found = made_orthogonal(level, &matrix, sides);
            // Small singular values grow up to 485-fold, and what was rounded with them.
            let worst = difference(&found, &want);
            assert!(worst <= 2e-5, "{level} {rows}x{columns}: {worst:e}");
        }
    }
}

/// Rows of `matrix` are nearly of length 1 and at right angles to each other.
#[test]
fn rows_end_up_at_right_angles() {
    let (rows, columns) = (24, 200);
    let matrix = made_orthogonal(Level::Scalar, &random(5, rows * columns), [rows, columns]);
    for (at, row) in matrix.chunks(columns).enumerate() {
        for (other_at, other) in matrix.chunks(columns).enumerate() {
            let product: f32 = row.iter().zip(other).map(|(a, b)| a * b).sum();
            match at == other_at {
                true => assert!((0.4..1.5).contains(&product), "{at}: {product}"),
                false => assert!(product.abs() < 0.3, "{at} {other_at}: {product}"),
            }
        }
    }
}

#[test]
fn zeros_stay_zeros_and_what_is_no_number_is_not_hidden() {
    for level in simd::available() {
        assert_eq!(made_orthogonal(level, &[0.0; 12], [3, 4]), [0.0; 12]);
        // So many zeros that products pass over them, which must not pass over the norm.
        let mut matrix = vec![0.0; 80 * 80];
        matrix[5] = f32::NAN;
        let found = made_orthogonal(level, &matrix, [80, 80]);
        assert!(found.iter().all(|number| number.is_nan()), "{level}");
    }
}

/// The bits are those of any processor: each multiple is rounded before they are added.
#[test]
fn blends_and_multiples_round_after_each_operation() {
    for count in [0, 1, 15, 40_001] {
        let (target, source) = (random(7, count), random(8, count));
        let (keep, take) = (0.95f32, -0.3f32);
        let pairs = target.iter().zip(&source);
        let want: Vec<f32> = pairs
            .map(|(target, source)| {
                let (kept, taken) = (target * keep, source * take);
                kept + taken
            })
            .collect();
        let mut found = target.clone();
        blend(&mut found, &source, [keep, take]);
        assert_eq!(bits(&found), bits(&want), "{count}");

        let want: Vec<f32> = target.iter().map(|number| number * keep).collect();
        let mut found = target;
        scale(&mut found, keep);
        assert_eq!(bits(&found), bits(&want), "{count}");
    }
}
