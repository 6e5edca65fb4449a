//! The launches of Newton-Schulz iteration.

use super::iteration::EPSILON;
use crate::kernels::launch::Launch;
use crate::kernels::linear_relu::launches::{Shape, forward};
use crate::kernels::shader::shader;
use crate::kernels::tiles::TileProfile;

/// A matrix divided by its norm, and turned where it is not wide. Bindings: matrix f32 `[rows, columns]`, sum of its
/// squares f32 `[1]`, wide matrix.
pub fn start([rows, columns]: [usize; 2]) -> Launch {
    let count = rows * columns;
    Launch::each(shader!("orthogonal_start"), count)
        .constants([("TURNED", usize::from(rows > columns))])
        .bind([("matrix", count), ("squares", 1), ("wide", count)])
        .sizes([rows, columns])
        .numbers([EPSILON])
}

/// Bindings: left-hand matrix `[rows, depth]`, right-hand matrix `[depth, columns]`, zeros `[columns]`, product
/// `[rows, columns]`.
pub fn product([rows, depth, columns]: [usize; 3], profile: TileProfile) -> Launch {
    let shape = Shape {
        batch: rows,
        inputs: depth,
        outputs: columns,
        relu: false,
    };
    forward(&shape, profile)
}

/// A square times `factor`, with a number added to its diagonal. Bindings: square `[side, side]`, the result.
pub fn diagonal(side: usize, factor: f32, added: f32) -> Launch {
    let count = side * side;
    Launch::each(shader!("orthogonal_diagonal"), count)
        .bind([("square", count), ("result", count)])
        .sizes([side])
        .numbers([factor, added])
}
