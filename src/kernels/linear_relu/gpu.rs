//! Launches the shaders of the linear layer.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType::F32;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::launches::{self, Shape};
use super::{Grads, LinearRelu, LinearReluKernel, State};
use crate::kernels::gpu::{dims, launch_into};
use crate::kernels::tiles::{Kernel, profile};

impl LinearRelu for CubeBackend {
    fn linear_relu(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let [input, weight, bias] = [input, weight, bias].map(into_contiguous);
        let shape = shape(&input, &weight, relu);
        let [output] = launch_into(
            launches::forward(&shape, profile(&input, Kernel::Product)),
            &[&input, &weight, &bias],
            [(F32, &[shape.batch, shape.outputs])],
        );
        output
    }
}

impl LinearReluKernel for CubeBackend {
    fn run_backward(state: State<Self>, grad_output: FloatTensor<Self>) -> Grads<Self> {
        let [input, weight, output, grad_output] =
            [state.input, state.weight, state.output, grad_output].map(into_contiguous);
        let shape = shape(&input, &weight, state.relu);
        let profile = profile(&input, Kernel::Product);
        let Shape {
            batch,
            inputs,
            outputs,
            ..
        } = shape;

        let [grad_sum, grad_bias] = launch_into(
            launches::mask_grad(&shape),
            &[&grad_output, &output],
            [(F32, &[batch, outputs]), (F32, &[outputs])],
        );
        let [grad_input] = launch_into(
            launches::grad_input(&shape, profile),
            &[&grad_sum, &weight],
            [(F32, &[batch, inputs])],
        );
        let [grad_weight] = launch_into(
            launches::grad_weight(&shape, profile),
            &[&input, &grad_sum],
            [(F32, &[inputs, outputs])],
        );
        Grads {
            input: grad_input,
            weight: grad_weight,
            bias: grad_bias,
        }
    }
}

fn shape(input: &CubeTensor, weight: &CubeTensor, relu: bool) -> Shape {
    let ([batch, _], [inputs, outputs]) = (dims(input), dims(weight));
    Shape {
        batch,
        inputs,
        outputs,
        relu,
    }
}
