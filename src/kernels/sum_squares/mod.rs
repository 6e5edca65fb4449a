//! The squared norm of a tensor, summed in an order that depends on its size alone: not on the processor, as Burn's sums
//! on the CPU do, nor on the adapter.

pub mod cpu;
mod gpu;
mod launches;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::Kernels;
use super::flex::{Fresh, floats};

impl Kernels {
    /// See [`sum_squares`].
    pub fn sum_squares<const D: usize>(self, numbers: Tensor<D>) -> Tensor<1> {
        match self {
            Self::Fused => sum_squares(numbers),
            Self::Burn => by_burn(numbers),
        }
    }
}

/// The sum `[1]` of the squares of all `numbers`, of any shape and without gradients.
pub fn sum_squares<const D: usize>(numbers: Tensor<D>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::sum_squares(numbers.into_dispatch()))
}

/// The same with Burn's own operations. Along one dimension: its sum of everything adds in no fixed order on an adapter,
/// and a resumed run would differ in its last bits. In parts: of more than 262,144 numbers it passes over the rest there.
pub fn by_burn<const D: usize>(numbers: Tensor<D>) -> Tensor<1> {
    const MOST: usize = 1 << 16;
    let count = numbers.shape().num_elements();
    let squares = numbers.square().reshape([count]);
    let parts = squares.split(MOST, 0).into_iter();
    let sums = parts.map(|part| part.sum_dim(0));
    sums.reduce(Tensor::add).expect("a part")
}

/// The operation as Burn dispatches it; it records no gradients.
#[backend_extension(Cube, Flex)]
pub trait SumSquares: Backend {
    /// The sum `[1]` of the squares of `numbers`.
    fn sum_squares(numbers: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl SumSquares for Flex {
    fn sum_squares(numbers: FloatTensor<Self>) -> FloatTensor<Self> {
        let mut sum = Fresh::new(&[1]);
        sum.floats()[0] = cpu::sum_squares(floats(&numbers.to_contiguous()));
        sum.into_tensor([1])
    }
}
