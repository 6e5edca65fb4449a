//! A matrix made orthogonal by Newton-Schulz iteration, as Muon's updates are (Jordan et al., 2024).

pub mod cpu;
mod gpu;
pub(super) mod iteration;
mod launches;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::flex::{Fresh, floats};
use super::{Kernels, simd, sum_squares};
use iteration::{COEFFICIENTS, EPSILON, STEPS};

impl Kernels {
    /// See [`orthogonal`].
    pub fn orthogonal(self, matrix: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Fused => orthogonal(matrix),
            Self::Burn => by_burn(matrix),
        }
    }
}

/// The `matrix`, of any shape and without gradients, with its singular values brought near 1: to about 0.7 to 1.1, except
/// those that were very small beside the rest.
pub fn orthogonal(matrix: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::orthogonal(matrix.into_dispatch()))
}

/// The same with Burn's own operations.
pub fn by_burn(matrix: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = matrix.dims();
    let wide = |matrix: Tensor<2>| match rows > columns {
        true => matrix.transpose(),
        false => matrix,
    };
    let norm = sum_squares::by_burn(matrix.clone()).sqrt();
    let mut x = wide(matrix) / norm.clamp_min(EPSILON).reshape([1, 1]);
    let [a, b, c] = COEFFICIENTS;
    for _ in 0..STEPS {
        let gram = x.clone().matmul(x.clone().transpose());
        let square = gram.clone().matmul(gram.clone());
        x = x.clone() * a + (gram * b + square * c).matmul(x);
    }
    wide(x)
}

/// The operation as Burn dispatches it; it records no gradients.
#[backend_extension(Cube, Flex)]
pub trait Orthogonal: Backend {
    /// The `matrix` with its singular values made about 1.
    fn orthogonal(matrix: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Orthogonal for Flex {
    fn orthogonal(matrix: FloatTensor<Self>) -> FloatTensor<Self> {
        let matrix = matrix.to_contiguous();
        let dims = [0, 1].map(|axis| matrix.layout().shape()[axis]);
        let mut output = Fresh::new(&dims);
        cpu::orthogonal(simd::detect(), floats(&matrix), dims, output.floats());
        output.into_tensor(dims)
    }
}
