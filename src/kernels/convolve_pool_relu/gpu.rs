//! Launches the shaders of convolution, bias, max-pool and ReLU.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType::{F32, U32};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::launches;
use super::padding::{crop, pad};
use super::{ConvolvePoolRelu, ConvolvePoolReluKernel, State, shape_of};
use crate::kernels::backward::{Grads, Wanted};
use crate::kernels::convolution_weight::{Packing, gradients, packed};
use crate::kernels::gpu::{dims, launch_into};
use crate::kernels::tiles::{Kernel, profile};

impl ConvolvePoolRelu for CubeBackend {
    fn convolve_pool_relu(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        padding: usize,
        relu: bool,
    ) -> FloatTensor<Self> {
        Self::run(input, weight, bias, padding, relu).0
    }
}

impl ConvolvePoolReluKernel for CubeBackend {
    fn run(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        padding: usize,
        relu: bool,
    ) -> (FloatTensor<Self>, State<Self>) {
        let [input, weight, bias] = [pad(input, padding), weight, bias].map(into_contiguous);
        let shape = shape_of(dims(&input), dims(&weight));
        let packed = packed(shape.weight(), &weight, Packing::OutInnermost);
        let (height, width) = (shape.pooled_height(), shape.pooled_width());
        let channels = shape.out_channels;
        let [output, argmax] = launch_into(
            launches::forward(&shape, profile(&input, Kernel::ConvolvePoolRelu), relu),
            &[&input, &packed, &bias],
            [
                (F32, &[shape.batch, height, width, channels]),
                (U32, &[shape.batch, height, width, channels / 4]),
            ],
        );
        let state = State {
            input,
            weight,
            argmax,
            padding,
            relu,
        };
        (output, state)
    }

    fn run_backward(
        state: State<Self>,
        grad_output: FloatTensor<Self>,
        wanted: Wanted,
    ) -> Grads<Self> {
        let argmax = state.argmax;
        let [input, weight, grad_output] =
            [state.input, state.weight, grad_output].map(into_contiguous);
        let shape = shape_of(dims(&input), dims(&weight));
        let profile = profile(&input, Kernel::ConvolvePoolRelu);
        let [grad_weight, grad_bias] = gradients(
            shape.weight(),
            launches::grad_weight(&shape, profile),
            &[&input, &grad_output, &argmax],
            launches::chunks(&shape, profile),
            profile,
        );
        let grad_input = wanted.input.then(|| {
            let weight = packed(shape.weight(), &weight, Packing::InInnermost);
            let [grad_input] = launch_into(
                launches::grad_input(&shape, profile),
                &[&grad_output, &argmax, &weight],
                [(F32, &dims::<4>(&input))],
            );
            crop(grad_input, state.padding)
        });
        Grads {
            input: grad_input,
            weight: grad_weight,
            bias: Some(grad_bias),
        }
    }
}
