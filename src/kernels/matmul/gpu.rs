//! Launches the shader of a linear layer, whose bias is zero.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType, Shape};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::Matmul;
use crate::kernels::gpu::{empty, launch, preset};
use crate::kernels::linear_relu::passes;

impl Matmul for CubeBackend {
    fn matmul(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self> {
        let (left, right) = (into_contiguous(left), into_contiguous(right));
        let shape = passes::Shape {
            batch: left.meta.shape()[0],
            inputs: right.meta.shape()[0],
            outputs: right.meta.shape()[1],
            relu: false,
        };
        let zeros = Self::float_zeros(
            Shape::from(vec![shape.outputs]),
            &left.device,
            DType::F32.into(),
        );
        let output = empty(&left, &[shape.batch, shape.outputs], DType::F32);
        launch(
            passes::forward(&shape, preset(&left)),
            &[&left, &right, &zeros, &output],
        );
        output
    }
}
