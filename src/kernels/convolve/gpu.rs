//! Launches the shaders of convolution, bias and ReLU.

use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn::tensor::ops::ConvOptions;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::passes::{self, Packing, Shape};
use super::{Convolve, ConvolveKernel, Grads, State, Wanted, shape_of};
use crate::kernels::gpu::{empty, launch, preset};

impl Convolve for CubeBackend {
    fn convolve(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
        relu: bool,
    ) -> FloatTensor<Self> {
        let (input, weight) = (into_contiguous(input), into_contiguous(weight));
        let bias = into_contiguous(bias);
        let shape = shape_of(dims(&input), dims(&weight), stride, padding);
        let packed = pack(&shape, &weight, Packing::OutInnermost);
        let output = empty(
            &input,
            &[
                shape.batch,
                shape.output_height(),
                shape.output_width(),
                shape.out_channels,
            ],
            DType::F32,
        );
        launch(
            passes::forward(&shape, relu, preset(&input)),
            &[&input, &packed, &bias, &output],
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
        let (input, weight) = (into_contiguous(state.input), into_contiguous(state.weight));
        let (input_dims, weight_dims) = (dims(&input), dims(&weight));
        let shape = shape_of(input_dims, weight_dims, state.stride, state.padding);
        let preset = preset(&input);
        let mut grad_output = into_contiguous(grad_output);
        if let Some(output) = state.output {
            let masked = empty(&input, &dims(&grad_output), DType::F32);
            launch(
                passes::mask_grad(&shape),
                &[&grad_output, &into_contiguous(output), &masked],
            );
            grad_output = masked;
        }

        let partial_sums = passes::grad_weight(&shape, preset);
        let partials = empty(&input, &[partial_sums.bindings[2].words], DType::F32);
        launch(partial_sums, &[&input, &grad_output, &partials]);
        let grad_weight = empty(&input, &weight_dims, DType::F32);
        let grad_bias = empty(&input, &[shape.out_channels], DType::F32);
        launch(
            passes::sum_weight(&shape, preset),
            &[&partials, &grad_weight, &grad_bias],
        );
        let grad_input = wanted.input.then(|| match passes::single(&shape) {
            true => grad_single_channel(&shape, input, weight, grad_output),
            false => {
                let packed = pack(&shape, &weight, Packing::InInnermost);
                let grad_input = empty(&input, &input_dims, DType::F32);
                let bias = empty(&input, &[shape.in_channels], DType::F32);
                launch(
                    passes::grad_input(&shape, preset),
                    &[&grad_output, &packed, &bias, &grad_input],
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

fn pack(shape: &Shape, weight: &CubeTensor, packing: Packing) -> CubeTensor {
    let packed = empty(weight, &[shape.weight_size()], DType::F32);
    launch(passes::pack_weight(shape, packing), &[weight, &packed]);
    packed
}

fn dims(tensor: &CubeTensor) -> [usize; 4] {
    let shape = tensor.meta.shape();
    [shape[0], shape[1], shape[2], shape[3]]
}
