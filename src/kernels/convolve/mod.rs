//! Convolution with stride and zero padding, bias, and ReLU where it is asked for, as one
//! operation with its gradient.

pub mod cpu;
mod gpu;
mod launches;
mod shape;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::backward::{Grads, Wanted, backward};
use super::flex::{Fresh, floats};
use super::gpu::is_adapter;
use super::tiles::TileProfile;
use super::{Kernels, shapes, simd};
pub use shape::Shape;

impl Kernels {
    /// See [`convolve`].
    pub fn convolve(
        self,
        input: Tensor<4>,
        weight: Tensor<4>,
        bias: Option<Tensor<1>>,
        stride: usize,
        padding: usize,
        relu: bool,
    ) -> Tensor<4> {
        let convolve = match self {
            Self::Fused => convolve,
            Self::Burn => by_burn,
        };
        convolve(input, weight, bias, stride, padding, relu)
    }
}

/// Convolved images `[n, h', w', out]` of images `[n, h, w, in]`, then ReLU if `relu`.
///
/// `weight` is `[out, in, k, k]`, `bias` `[out]`; `h' = (h + 2 * padding - k) / stride + 1`,
/// rounded down. On an adapter, shapes that the shaders do not take go through Burn's own
/// operations.
///
/// # Panics
/// The shapes do not fit each other, `stride` is 0, or `padding` is not below `k`: whole outputs would see nothing but zeros.
pub fn convolve(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
    relu: bool,
) -> Tensor<4> {
    let (of_input, of_weight) = (input.dims(), weight.dims());
    let of_bias = bias.as_ref().map_or([of_weight[0]], Tensor::dims);
    let kernel = of_weight[2];
    let fit = of_input[3] == of_weight[1] && of_weight[3] == kernel && of_bias == [of_weight[0]];
    shapes::check(
        fit && of_input[1].min(of_input[2]) + 2 * padding >= kernel,
        "convolve",
        &[
            ("input", &of_input),
            ("weight", &of_weight),
            ("bias", &of_bias),
            ("padding", &[padding]),
        ],
        "[n, h, w, in], [out, in, k, k] and [out], h and w at least k less twice the padding",
    );
    let shape = shape_of(of_input, of_weight, stride, padding);
    if is_adapter(&input.device()) && !shaders_take(&shape) {
        return by_burn(input, weight, bias, stride, padding, relu);
    }
    let device = input.device();
    let bias = bias.unwrap_or_else(|| Tensor::zeros([shape.out_channels], &device));
    Tensor::from_dispatch(Dispatch::convolve(
        input.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        stride,
        padding,
        relu,
    ))
}

fn shaders_take(shape: &Shape) -> bool {
    TileProfile::ALL
        .iter()
        .all(|&profile| launches::supports(shape, profile))
}

fn shape_of(
    [batch, height, width, in_channels]: [usize; 4],
    [out_channels, _, kernel, _]: [usize; 4],
    stride: usize,
    padding: usize,
) -> Shape {
    assert!(stride > 0, "the stride is 0");
    assert!(
        padding < kernel,
        "padding {padding} is not below kernel {kernel}"
    );
    Shape {
        batch,
        height,
        width,
        in_channels,
        out_channels,
        kernel,
        stride,
        padding,
    }
}

/// The same with Burn's own operations.
pub fn by_burn(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
    relu: bool,
) -> Tensor<4> {
    let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
    let x = conv2d(input.permute([0, 3, 1, 2]), weight, bias, options);
    let x = match relu {
        true => burn::tensor::activation::relu(x),
        false => x,
    };
    x.permute([0, 2, 3, 1])
}

/// The gradients on one backend.
pub trait ConvolveKernel: Backend {
    /// The wanted ones of the gradients of input, weight and bias.
    fn run_backward(
        state: State<Self>,
        grad_output: FloatTensor<Self>,
        wanted: Wanted,
    ) -> Grads<Self>;
}

/// What the forward pass keeps for the gradients.
#[derive(Clone, Debug)]
pub struct State<B: Backend> {
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    /// Where ReLU was applied: it says which outputs pass a gradient.
    output: Option<FloatTensor<B>>,
    stride: usize,
    padding: usize,
}

/// The operation as Burn dispatches it.
#[backend_extension(Cube, Flex, Autodiff)]
pub trait Convolve: Backend {
    /// `input [n, h, w, in]`, `weight [out, in, k, k]`, `bias [out]` to `[n, h', w', out]`.
    fn convolve(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
        relu: bool,
    ) -> FloatTensor<Self>;
}

#[derive(Debug)]
struct ConvolveBackward;

impl<B: ConvolveKernel> Backward<B, 3> for ConvolveBackward {
    type State = State<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        backward::<B, _>(ops, grads, B::run_backward);
    }
}

impl<B: ConvolveKernel + Convolve, C: CheckpointStrategy> Convolve for Autodiff<B, C> {
    fn convolve(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
        relu: bool,
    ) -> FloatTensor<Self> {
        let (input, input_node) = input.into_parts();
        let (weight, weight_node) = weight.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let output = B::convolve(input.clone(), weight.clone(), bias, stride, padding, relu);
        match ConvolveBackward
            .prepare::<C>([input_node, weight_node, bias_node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => {
                let state = State {
                    input,
                    weight,
                    output: relu.then(|| output.clone()),
                    stride,
                    padding,
                };
                prepared.finish(state, output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

impl Convolve for Flex {
    fn convolve(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
        relu: bool,
    ) -> FloatTensor<Self> {
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let bias = bias.to_contiguous();
        let shape = shape_of(dims(&input), dims(&weight), stride, padding);
        let dims = [
            shape.batch,
            shape.output_height(),
            shape.output_width(),
            shape.out_channels,
        ];
        let mut output = Fresh::new(&dims);
        cpu::forward(
            simd::detect(),
            &shape,
            cpu::Inputs {
                input: floats(&input),
                weight: floats(&weight),
                bias: floats(&bias),
                relu,
            },
            output.floats(),
        );
        output.into_tensor(dims)
    }
}

impl ConvolveKernel for Flex {
    fn run_backward(
        state: State<Self>,
        grad_output: FloatTensor<Self>,
        wanted: Wanted,
    ) -> Grads<Self> {
        let (input, weight) = (state.input.to_contiguous(), state.weight.to_contiguous());
        let output = state.output.map(|output| output.to_contiguous());
        let grad_output = grad_output.to_contiguous();
        let (input_dims, weight_dims) = (dims(&input), dims(&weight));
        let shape = shape_of(input_dims, weight_dims, state.stride, state.padding);
        let mut grad_input = wanted.input.then(|| Fresh::new(&input_dims));
        let mut grad_weight = Fresh::new(&weight_dims);
        let mut grad_bias = wanted.bias.then(|| Fresh::new(&[shape.out_channels]));
        cpu::backward(
            simd::detect(),
            &shape,
            cpu::Saved {
                input: floats(&input),
                weight: floats(&weight),
                output: output.as_ref().map(floats),
                grad_output: floats(&grad_output),
            },
            cpu::Grads {
                input: grad_input.as_mut().map(Fresh::floats),
                weight: grad_weight.floats(),
                bias: grad_bias.as_mut().map(Fresh::floats),
            },
        );
        Grads {
            input: grad_input.map(|grad| grad.into_tensor(input_dims)),
            weight: grad_weight.into_tensor(weight_dims),
            bias: grad_bias.map(|grad| grad.into_tensor([shape.out_channels])),
        }
    }
}

fn dims(tensor: &FloatTensor<Flex>) -> [usize; 4] {
    let shape = tensor.layout().shape();
    [shape[0], shape[1], shape[2], shape[3]]
}
