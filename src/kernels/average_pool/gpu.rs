//! Launches the shaders of global average pooling.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{AveragePool, AveragePoolGradient, passes, shape_of};
use crate::kernels::gpu::{empty, launch};

impl AveragePool for CubeBackend {
    fn average_pool(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let input = into_contiguous(input);
        let dims = input.meta.shape();
        let shape = shape_of([dims[0], dims[1], dims[2], dims[3]]);
        let output = empty(&input, &[shape.batch, shape.channels], DType::F32);
        launch(passes::forward(&shape), &[&input, &output]);
        output
    }
}

impl AveragePoolGradient for CubeBackend {
    fn average_pool_backward(
        dims: [usize; 4],
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let grad_output = into_contiguous(grad_output);
        let grad_input = empty(&grad_output, &dims, DType::F32);
        launch(
            passes::grad_input(&shape_of(dims)),
            &[&grad_output, &grad_input],
        );
        grad_input
    }
}
