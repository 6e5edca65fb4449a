//! Launches the shaders of convolution, bias, max-pool and ReLU.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType::{F32, U32};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::launches;
use super::{ConvolvePoolRelu, ConvolvePoolReluKernel, Grads, Padding, State, shape_of};
use crate::kernels::convolution_weight::{Packing, gradients, packed};
use crate::kernels::gpu::{dims, launch_into, profile};

impl ConvolvePoolRelu for CubeBackend {
    fn convolve_pool_relu(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        padding: usize,
        relu: bool,
    ) -> FloatTensor<Self> {
        Self::run(Self::pad(input, padding), weight, bias, relu).0
    }
}

impl ConvolvePoolReluKernel for CubeBackend {
    fn run(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> (FloatTensor<Self>, IntTensor<Self>) {
        let [input, weight, bias] = [input, weight, bias].map(into_contiguous);
        let shape = shape_of(dims(&input), dims(&weight));
        let weight = packed(shape.weight(), &weight, Packing::OutInnermost);
        let (height, width) = (shape.pooled_height(), shape.pooled_width());
        let channels = shape.out_channels;
        let [output, argmax] = launch_into(
            launches::forward(&shape, profile(&input), relu),
            &[&input, &weight, &bias],
            [
                (F32, &[shape.batch, height, width, channels]),
                (U32, &[shape.batch, height, width, channels / 4]),
            ],
        );
        (output, argmax)
    }

    fn run_backward(
        state: State<Self>,
        grad_output: FloatTensor<Self>,
        with_input: bool,
    ) -> Grads<Self> {
        let argmax = state.argmax;
        let [input, weight, grad_output] =
            [state.input, state.weight, grad_output].map(into_contiguous);
        let shape = shape_of(dims(&input), dims(&weight));
        let profile = profile(&input);
        let [grad_weight, grad_bias] = gradients(
            shape.weight(),
            launches::grad_weight(&shape, profile),
            &[&input, &grad_output, &argmax],
            launches::chunks(&shape, profile),
        );
        let grad_input = with_input.then(|| {
            let weight = packed(shape.weight(), &weight, Packing::InInnermost);
            let [grad_input] = launch_into(
                launches::grad_input(&shape, profile),
                &[&grad_output, &argmax, &weight],
                [(F32, &dims::<4>(&input))],
            );
            grad_input
        });
        Grads {
            input: grad_input,
            weight: grad_weight,
            bias: grad_bias,
        }
    }
}
