//! Newton-Schulz iteration on an adapter: its products by the shader of a linear layer, whose bias is zero. (Those of
//! the layer's gradients have no bias and take a side transposed, and are slower on llvmpipe.)

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType::F32;
use burn::tensor::Shape;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::iteration::{COEFFICIENTS, STEPS};
use super::{Orthogonal, launches};
use crate::kernels::gpu::{dims, launch_into};
use crate::kernels::launch::Launch;
use crate::kernels::sum_squares::SumSquares;
use crate::kernels::tiles::{Kernel, profile};

impl Orthogonal for CubeBackend {
    fn orthogonal(matrix: FloatTensor<Self>) -> FloatTensor<Self> {
        let matrix = into_contiguous(matrix);
        let [rows, columns] = dims(&matrix);
        let (small, large) = (rows.min(columns), rows.max(columns));
        let profile = profile(&matrix, Kernel::Product);
        let zeros = Shape::from(vec![large]);
        let zeros = Self::float_zeros(zeros, &matrix.device, F32.into());
        let multiply = |left: &CubeTensor, right: &CubeTensor| {
            let ([rows, depth], [_, columns]) = (dims(left), dims(right));
            let launch = launches::product([rows, depth, columns], profile);
            launched(launch, &[left, right, &zeros], [rows, columns])
        };

        let squares = Self::sum_squares(matrix.clone());
        let launch = launches::start([rows, columns]);
        let mut x = launched(launch, &[&matrix, &squares], [small, large]);
        let [a, b, c] = COEFFICIENTS;
        for _ in 0..STEPS {
            let turned = into_contiguous(Self::float_transpose(x.clone()));
            let gram = multiply(&x, &turned);
            let inner = with_diagonal(&gram, c, b);
            let outer = with_diagonal(&multiply(&gram, &inner), 1.0, a);
            x = multiply(&outer, &x);
        }
        match rows > columns {
            true => into_contiguous(Self::float_transpose(x)),
            false => x,
        }
    }
}

/// `factor * square + added * I`.
fn with_diagonal(square: &CubeTensor, factor: f32, added: f32) -> CubeTensor {
    let [side, _] = dims(square);
    let launch = launches::diagonal(side, factor, added);
    launched(launch, &[square], [side, side])
}

fn launched(launch: Launch, inputs: &[&CubeTensor], dims: [usize; 2]) -> CubeTensor {
    let [output] = launch_into(launch, inputs, [(F32, &dims)]);
    output
}
