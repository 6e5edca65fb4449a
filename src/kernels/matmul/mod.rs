//! The product of two matrices.

pub(crate) mod cpu;
mod gpu;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::flex::{Fresh, floats};
use super::{shapes, simd};

/// `left [rows, depth] x right [depth, columns]`, both without gradients.
///
/// # Panics
/// The shapes do not fit each other.
pub fn matmul(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    let (of_left, of_right) = (left.dims(), right.dims());
    shapes::check(
        of_left[1] == of_right[0],
        "matmul",
        &[("left", &of_left), ("right", &of_right)],
        "[rows, depth] and [depth, columns]",
    );
    Tensor::from_dispatch(Dispatch::matmul(
        left.into_dispatch(),
        right.into_dispatch(),
    ))
}

/// The operation as Burn dispatches it; it records no gradients.
#[backend_extension(Cube, Flex)]
pub trait Matmul: Backend {
    /// `left [rows, depth]` times `right [depth, columns]`.
    fn matmul(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Matmul for Flex {
    fn matmul(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self> {
        let (left, right) = (left.to_contiguous(), right.to_contiguous());
        let depth = right.layout().shape()[0];
        let dims = [left.layout().shape()[0], right.layout().shape()[1]];
        let mut output = Fresh::new(&dims);
        let product = cpu::Product {
            left: cpu::Left::rows(floats(&left), depth),
            right: floats(&right),
            depth,
            columns: dims[1],
            bias: None,
            relu: false,
        };
        product.write(simd::detect(), output.floats());
        output.into_tensor(dims)
    }
}
