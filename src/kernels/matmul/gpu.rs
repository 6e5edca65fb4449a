//! Launches the shader of a linear layer, whose bias is zero.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType::F32;
use burn::tensor::Shape;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::Matmul;
use crate::kernels::gpu::{dims, launch_into};
use crate::kernels::linear_relu::launches;
use crate::kernels::tiles::{Kernel, profile};

impl Matmul for CubeBackend {
    fn matmul(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self> {
        let (left, right) = (into_contiguous(left), into_contiguous(right));
        let ([batch, _], [inputs, outputs]) = (dims(&left), dims(&right));
        let shape = launches::Shape {
            batch,
            inputs,
            outputs,
            relu: false,
        };
        let zeros = Self::float_zeros(Shape::from(vec![outputs]), &left.device, F32.into());
        let [output] = launch_into(
            launches::forward(&shape, profile(&left, Kernel::Product)),
            &[&left, &right, &zeros],
            [(F32, &[batch, outputs])],
        );
        output
    }
}
