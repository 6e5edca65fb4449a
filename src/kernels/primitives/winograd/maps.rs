//! The transforms, for the points 0, 1, -1, 1/2, -2 and infinity. The numbers of the pixels are sums of few powers of
//! two, in an order that keeps them exact where neighbours are alike: the outputs of a tile that sees a plain area alone
//! are equal to the last bit, so their first maximum stays the first. Of the points that do so, these lose few digits:
//! errors are some three times those of a direct sum, half of those with 0, 1, -1, 2, -2.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use crate::kernels::simd::Vector;

/// A linear map of `N` numbers to `M`, which is applied to columns and to rows.
pub(super) trait Map<const N: usize, const M: usize> {
    /// Must be `#[inline(always)]`.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn apply<V: Vector>(numbers: [V; N]) -> [V; M];
}

/// `S x S'` of one register, the numbers of both sides `stride` apart.
///
/// # Safety
/// The processor has the instruction set; `N * N` registers are readable, `M * M` writable.
#[inline(always)]
pub(super) unsafe fn both_sides<V: Vector, S: Map<N, M>, const N: usize, const M: usize>(
    (from, pitch): (*const f32, usize),
    (to, stride): (*mut f32, usize),
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut rows = [[V::zero(); N]; M];
        for column in 0..N {
            let mut numbers = [V::zero(); N];
            for row in 0..N {
                numbers[row] = V::load(from.add((N * row + column) * pitch));
            }
            let all = S::apply(numbers);
            for row in 0..M {
                rows[row][column] = all[row];
            }
        }
        for row in 0..M {
            let all = S::apply(rows[row]);
            for column in 0..M {
                all[column].store(to.add((M * row + column) * stride));
            }
        }
    }
}

/// `B'`, from pixels to points.
pub(super) struct Pixels;

impl Map<6, 6> for Pixels {
    #[inline(always)]
    unsafe fn apply<V: Vector>([d0, d1, d2, d3, d4, d5]: [V; 6]) -> [V; 6] {
        let (even, odd) = (d4.sub(d2), d3.sub(d1));
        // SAFETY: the caller's promise.
        unsafe {
            let (half, more) = (V::splat(0.5), V::splat(1.5));
            [
                odd.mul_add(more, d0.sub(d2).add(even)),
                d3.mul_add(V::splat(2.5), d2.mul_add(half, d4.sub(d1))),
                d3.sub(d2).mul_add(half, d1.sub(d2).add(even)),
                odd.mul_add(V::splat(2.0), even),
                odd.mul_add(V::splat(-0.5), even),
                even.mul_add(more, d5.sub(d3).sub(odd)),
            ]
        }
    }
}

/// `A'`, from points to outputs.
pub(super) struct Outputs;

impl Map<6, 4> for Outputs {
    #[inline(always)]
    unsafe fn apply<V: Vector>([m0, m1, m2, m3, m4, m5]: [V; 6]) -> [V; 4] {
        let (sum, difference) = (m1.add(m2), m1.sub(m2));
        // SAFETY: the caller's promise.
        unsafe {
            let half = m3.mul_add(V::splat(0.5), difference);
            let quarter = m3.mul_add(V::splat(0.25), sum);
            let eighth = m3.mul_add(V::splat(0.125), difference);
            [
                m0.add(sum).add(m3.add(m4)),
                m4.mul_add(V::splat(-2.0), half),
                m4.mul_add(V::splat(4.0), quarter),
                m4.mul_add(V::splat(-8.0), eighth).add(m5),
            ]
        }
    }
}

/// `A`, from gradients of outputs to points.
pub(super) struct Gradients;

impl Map<4, 6> for Gradients {
    #[inline(always)]
    unsafe fn apply<V: Vector>([g0, g1, g2, g3]: [V; 4]) -> [V; 6] {
        let (even, odd) = (g0.add(g2), g1.add(g3));
        // SAFETY: the caller's promise.
        unsafe {
            let half = g2.mul_add(V::splat(0.25), g1.mul_add(V::splat(0.5), g0));
            let two = g2.mul_add(V::splat(4.0), g1.mul_add(V::splat(-2.0), g0));
            [
                g0,
                even.add(odd),
                even.sub(odd),
                g3.mul_add(V::splat(0.125), half),
                g3.mul_add(V::splat(-8.0), two),
                g3,
            ]
        }
    }
}

/// `B`, from points to gradients of pixels.
pub(super) struct PixelGradients;

impl Map<6, 6> for PixelGradients {
    #[inline(always)]
    unsafe fn apply<V: Vector>([m0, m1, m2, m3, m4, m5]: [V; 6]) -> [V; 6] {
        // SAFETY: the caller's promise.
        unsafe {
            let (half, more) = (V::splat(0.5), V::splat(1.5));
            let even = m5.mul_add(more, m0.add(m2).add(m3.add(m4)));
            let odd = m3.mul_add(
                V::splat(2.0),
                m4.mul_add(V::splat(-0.5), m0.mul_add(more, V::zero().sub(m5))),
            );
            [
                m0,
                m2.sub(m1).sub(odd),
                m2.mul_add(V::splat(-1.5), m1.mul_add(half, V::zero().sub(m0)))
                    .sub(even),
                m1.mul_add(V::splat(2.5), m2.mul_add(half, odd.sub(m5))),
                even.add(m1),
                m5,
            ]
        }
    }
}

/// `G`, from taps to points.
pub(super) struct Taps;

impl Map<3, 6> for Taps {
    #[inline(always)]
    unsafe fn apply<V: Vector>([w0, w1, w2]: [V; 3]) -> [V; 6] {
        let outer = w0.add(w2);
        // SAFETY: the caller's promise.
        unsafe {
            let third = V::splat(1.0 / 3.0);
            let half = w2.mul_add(V::splat(0.25), w1.mul_add(V::splat(0.5), w0));
            let two = w2.mul_add(V::splat(4.0), w1.mul_add(V::splat(-2.0), w0));
            [
                w0,
                outer.add(w1).mul(third),
                w1.sub(outer).mul(third),
                half.mul(V::splat(-16.0 / 15.0)),
                two.mul(V::splat(1.0 / 15.0)),
                w2,
            ]
        }
    }
}

/// `G'`, from points to gradients of taps.
pub(super) struct Weights;

impl Map<6, 3> for Weights {
    #[inline(always)]
    unsafe fn apply<V: Vector>([m0, m1, m2, m3, m4, m5]: [V; 6]) -> [V; 3] {
        // SAFETY: the caller's promise.
        unsafe {
            let third = V::splat(1.0 / 3.0);
            let (sum, difference) = (m1.add(m2).mul(third), m1.sub(m2).mul(third));
            let (half, two) = (m3.mul(V::splat(-16.0 / 15.0)), m4.mul(V::splat(1.0 / 15.0)));
            [
                m0.add(difference).add(half.add(two)),
                two.mul_add(V::splat(-2.0), half.mul_add(V::splat(0.5), sum)),
                two.mul_add(V::splat(4.0), half.mul_add(V::splat(0.25), difference))
                    .add(m5),
            ]
        }
    }
}
