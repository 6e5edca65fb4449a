//! Launches the shaders of global average pooling.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType::F32;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{AveragePool, AveragePoolGradient, launches, shape_of};
use crate::kernels::gpu::{dims, launch_into};

impl AveragePool for CubeBackend {
    fn average_pool(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let input = into_contiguous(input);
        let shape = shape_of(dims(&input));
        let output: &[usize] = &[shape.batch, shape.channels];
        let [output] = launch_into(launches::forward(&shape), &[&input], [(F32, output)]);
        output
    }
}

impl AveragePoolGradient for CubeBackend {
    fn average_pool_backward(
        dims: [usize; 4],
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let grad_output = into_contiguous(grad_output);
        let launch = launches::grad_input(&shape_of(dims));
        let [grad_input] = launch_into(launch, &[&grad_output], [(F32, &dims)]);
        grad_input
    }
}
