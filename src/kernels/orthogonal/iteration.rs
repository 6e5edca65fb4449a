//! The Newton-Schulz iteration of Muon (Jordan et al., 2024).

/// Of the quintic: a step takes every singular value `x` to `a x + b x^3 + c x^5`.
pub const COEFFICIENTS: [f32; 3] = [3.4445, -4.775, 2.0315];
/// Steps.
pub const STEPS: usize = 5;
/// The least norm that a matrix is divided by.
pub const EPSILON: f32 = 1e-7;
