//! Newton-Schulz iteration on the CPU.

use super::iteration::{COEFFICIENTS, EPSILON, STEPS};
use crate::kernels::primitives::product::{Left, Product, transpose};
use crate::kernels::simd::{Level, scratch};
use crate::kernels::sum_squares::cpu::sum_squares;

/// Writes `matrix [rows, columns]` with its singular values brought near 1 into `output`, of the same shape. For a matrix
/// `X` with at least as many rows as columns, the quintic is computed as `X (a I + A (b I + c A))` with `A = X^T X`, so
/// that only small matrices are added.
///
/// Scratch: two copies of the matrix and three squares of its shorter side, kept by the calling thread.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn orthogonal(level: Level, matrix: &[f32], [rows, columns]: [usize; 2], output: &mut [f32]) {
    assert_eq!(matrix.len(), rows * columns, "matrix");
    assert_eq!(output.len(), matrix.len(), "output");
    let (small, large) = (rows.min(columns), rows.max(columns));
    let is_wide = columns > rows;
    let [mut tall, mut next] = [(); 2].map(|()| scratch::dirty(matrix.len()));
    match is_wide {
        true => transpose(matrix, rows, columns, &mut tall),
        false => tall.copy_from_slice(matrix),
    }
    let norm = sum_squares(matrix).sqrt();
    // Not `max`, which would take a norm that is no number for a small one.
    let norm = if norm < EPSILON { EPSILON } else { norm };
    for number in &mut *tall {
        *number /= norm;
    }

    let [a, b, c] = COEFFICIENTS;
    let multiply = |left: Left<'_>, right: &[f32], output: &mut [f32]| {
        let product = Product {
            left,
            right,
            depth: right.len() / small,
            columns: small,
            bias: None,
            relu: false,
        };
        product.write(level, output);
    };
    let [mut gram, mut inner, mut outer] = [(); 3].map(|()| scratch::dirty(small * small));
    for _ in 0..STEPS {
        multiply(Left::transposed(&tall, small), &tall, &mut gram);
        for (inner, gram) in inner.iter_mut().zip(&*gram) {
            *inner = gram * c;
        }
        add_to_diagonal(&mut inner, small, b);
        multiply(Left::rows(&inner, small), &gram, &mut outer);
        add_to_diagonal(&mut outer, small, a);
        multiply(Left::rows(&tall, small), &outer, &mut next);
        std::mem::swap(&mut tall, &mut next);
    }
    match is_wide {
        true => transpose(&tall, large, small, output),
        false => output.copy_from_slice(&tall),
    }
}

fn add_to_diagonal(square: &mut [f32], side: usize, number: f32) {
    for on_diagonal in square.iter_mut().step_by(side + 1) {
        *on_diagonal += number;
    }
}
