//! Launches the shaders of convolution, bias, max-pool and ReLU.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::passes::{self, Packing, Shape};
use super::{ConvolvePoolRelu, ConvolvePoolReluKernel, Grads, Padding, State};
use crate::kernels::gpu::{empty, launch, preset};

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
        let (input, weight) = (into_contiguous(input), into_contiguous(weight));
        let bias = into_contiguous(bias);
        let shape = shape(&input, &weight);
        let packed = pack(&shape, &weight, Packing::OutInnermost);
        let (height, width) = (shape.pooled_height(), shape.pooled_width());
        let channels = shape.out_channels;
        let output = empty(&input, &[shape.batch, height, width, channels], DType::F32);
        let winners = empty(
            &input,
            &[shape.batch, height, width, channels / 4],
            DType::U32,
        );
        launch(
            passes::forward(&shape, preset(&input), relu),
            &[&input, &packed, &bias, &output, &winners],
        );
        (output, winners)
    }

    fn run_backward(
        state: State<Self>,
        grad_output: FloatTensor<Self>,
        with_input: bool,
    ) -> Grads<Self> {
        let State {
            input,
            weight,
            argmax: winners,
        } = state;
        let (input, weight) = (into_contiguous(input), into_contiguous(weight));
        let grad_output = into_contiguous(grad_output);
        let shape = shape(&input, &weight);
        let preset = preset(&input);

        let partial_sums = passes::grad_weight(&shape, preset);
        let words = partial_sums.bindings[3].words;
        let partials = empty(&input, &[words], DType::F32);
        launch(partial_sums, &[&input, &grad_output, &winners, &partials]);
        let Shape {
            in_channels,
            out_channels,
            kernel,
            ..
        } = shape;
        let grad_weight = empty(
            &input,
            &[out_channels, in_channels, kernel, kernel],
            DType::F32,
        );
        let grad_bias = empty(&input, &[out_channels], DType::F32);
        launch(
            passes::sum_weight(&shape, preset),
            &[&partials, &grad_weight, &grad_bias],
        );

        let grad_input = with_input.then(|| {
            let packed = pack(&shape, &weight, Packing::InInnermost);
            let dims = [shape.batch, shape.height, shape.width, in_channels];
            let grad_input = empty(&input, &dims, DType::F32);
            launch(
                passes::grad_input(&shape, preset),
                &[&grad_output, &winners, &packed, &grad_input],
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

fn pack(shape: &Shape, weight: &CubeTensor, packing: Packing) -> CubeTensor {
    let packed = empty(weight, &[weight.meta.shape().num_elements()], DType::F32);
    launch(passes::pack_weight(shape, packing), &[weight, &packed]);
    packed
}

fn shape(input: &CubeTensor, weight: &CubeTensor) -> Shape {
    let (input, weight) = (input.meta.shape(), weight.meta.shape());
    Shape {
        batch: input[0],
        height: input[1],
        width: input[2],
        in_channels: input[3],
        out_channels: weight[0],
        kernel: weight[2],
    }
}
