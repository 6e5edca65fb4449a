//! Launches the shaders of the linear layer.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::passes::{self, Shape};
use super::{Grads, LinearRelu, LinearReluKernel, State};
use crate::kernels::gpu::{empty, launch, preset};

impl LinearRelu for CubeBackend {
    fn linear_relu(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let (input, weight) = (into_contiguous(input), into_contiguous(weight));
        let bias = into_contiguous(bias);
        let shape = shape(&input, &weight, relu);
        let output = empty(&input, &[shape.batch, shape.outputs], DType::F32);
        launch(
            passes::forward(&shape, preset(&input)),
            &[&input, &weight, &bias, &output],
        );
        output
    }
}

impl LinearReluKernel for CubeBackend {
    fn run_backward(state: State<Self>, grad_output: FloatTensor<Self>) -> Grads<Self> {
        let (input, weight) = (into_contiguous(state.input), into_contiguous(state.weight));
        let output = into_contiguous(state.output);
        let grad_output = into_contiguous(grad_output);
        let shape = shape(&input, &weight, state.relu);
        let preset = preset(&input);
        let Shape {
            batch,
            inputs,
            outputs,
            ..
        } = shape;

        let grad_sum = empty(&input, &[batch, outputs], DType::F32);
        let grad_bias = empty(&input, &[outputs], DType::F32);
        launch(
            passes::mask_grad(&shape),
            &[&grad_output, &output, &grad_sum, &grad_bias],
        );
        let grad_input = empty(&input, &[batch, inputs], DType::F32);
        launch(
            passes::grad_input(&shape, preset),
            &[&grad_sum, &weight, &grad_input],
        );
        let chunks = passes::weight_chunks(&shape, preset);
        let grad_weight = empty(&input, &[inputs, outputs], DType::F32);
        if chunks == 1 {
            launch(
                passes::grad_weight(&shape, preset),
                &[&input, &grad_sum, &grad_weight],
            );
        } else {
            let partials = empty(&input, &[chunks, inputs, outputs], DType::F32);
            launch(
                passes::grad_weight(&shape, preset),
                &[&input, &grad_sum, &partials],
            );
            launch(
                passes::sum_weight(&shape, preset),
                &[&partials, &grad_weight],
            );
        }
        Grads {
            input: grad_input,
            weight: grad_weight,
            bias: grad_bias,
        }
    }
}

fn shape(input: &CubeTensor, weight: &CubeTensor, relu: bool) -> Shape {
    Shape {
        batch: input.meta.shape()[0],
        inputs: weight.meta.shape()[0],
        outputs: weight.meta.shape()[1],
        relu,
    }
}
