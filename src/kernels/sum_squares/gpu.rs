//! Launches the shader that adds up squares.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType::F32;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{SumSquares, launches};
use crate::kernels::gpu::launch_into;

impl SumSquares for CubeBackend {
    fn sum_squares(numbers: FloatTensor<Self>) -> FloatTensor<Self> {
        let numbers = into_contiguous(numbers);
        let count = numbers.meta.shape().num_elements();
        let parts = launches::parts(count);
        let [sums] = launch_into(launches::squares(count), &[&numbers], [(F32, &[parts])]);
        if parts == 1 {
            return sums;
        }
        let [sum] = launch_into(launches::total(parts), &[&sums], [(F32, &[1])]);
        sum
    }
}
