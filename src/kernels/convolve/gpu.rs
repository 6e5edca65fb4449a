//! Launches the shaders of convolution, bias and ReLU.

use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType::F32;
use burn::tensor::ops::ConvOptions;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::launches::{self, Shape, weight_shape};
use super::{Convolve, ConvolveKernel, State, shape_of};
use crate::kernels::backward::{Grads, Wanted};
use crate::kernels::convolution_weight::{Packing, gradients, packed};
use crate::kernels::gpu::{dims, empty, launch_into};
use crate::kernels::tiles::{Kernel, profile};

impl Convolve for CubeBackend {
    fn convolve(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
        relu: bool,
    ) -> FloatTensor<Self> {
        let [input, weight, bias] = [input, weight, bias].map(into_contiguous);
        let shape = shape_of(dims(&input), dims(&weight), stride, padding);
        let weight = packed(weight_shape(&shape), &weight, Packing::OutInnermost);
        let (height, width) = (shape.output_height(), shape.output_width());
        let [output] = launch_into(
            launches::forward(&shape, relu, profile(&input, Kernel::Convolve)),
            &[&input, &weight, &bias],
            [(F32, &[shape.batch, height, width, shape.out_channels])],
        );
        output
    }
}

impl ConvolveKernel for CubeBackend {
    fn run_backward(
        state: State<Self>,
        grad_output: FloatTensor<Self>,
        wanted: Wanted,
    ) -> Grads<Self> {
        let [input, weight, mut grad_output] =
            [state.input, state.weight, grad_output].map(into_contiguous);
        let shape = shape_of(dims(&input), dims(&weight), state.stride, state.padding);
        let profile = profile(&input, Kernel::Convolve);
        if let Some(output) = state.output {
            let outputs = [(F32, &dims::<4>(&grad_output)[..])];
            let inputs = [&grad_output, &into_contiguous(output)];
            [grad_output] = launch_into(launches::mask_grad(&shape), &inputs, outputs);
        }
        let [grad_weight, grad_bias] = gradients(
            weight_shape(&shape),
            launches::grad_weight(&shape, profile),
            &[&input, &grad_output],
            launches::chunks(&shape, profile),
            profile,
        );
        let grad_input = wanted.input.then(|| match launches::single(&shape) {
            true => grad_single_channel(&shape, input, weight, grad_output),
            false => {
                let weight = packed(weight_shape(&shape), &weight, Packing::InInnermost);
                let bias = empty(&input, &[shape.in_channels], F32);
                let [grad_input] = launch_into(
                    launches::grad_input(&shape, profile),
                    &[&grad_output, &weight, &bias],
                    [(F32, &dims::<4>(&input))],
                );
                grad_input
            }
        });
        Grads {
            input: grad_input,
            weight: grad_weight,
            bias: wanted.bias.then_some(grad_bias),
        }
    }
}

/// No network trains the pixels of its first layer, so this is left to Burn's own operation.
fn grad_single_channel(
    shape: &Shape,
    input: CubeTensor,
    weight: CubeTensor,
    grad_output: CubeTensor,
) -> CubeTensor {
    let channels_first = |tensor| CubeBackend::float_permute(tensor, &[0, 3, 1, 2]);
    let options = ConvOptions::new([shape.stride; 2], [shape.padding; 2], [1, 1], 1);
    let (input, grad_output) = (channels_first(input), channels_first(grad_output));
    let grad = CubeBackend::conv2d_x_backward(input, weight, grad_output, options);
    CubeBackend::float_permute(grad, &[0, 2, 3, 1])
}
