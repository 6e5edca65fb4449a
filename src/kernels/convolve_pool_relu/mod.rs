//! Convolution, bias, 2x2 max-pooling and, if asked for, ReLU as one operation with its gradient. Nothing of
//! the un-pooled size is ever written to memory.

pub mod cpu;
mod gpu;
mod launches;
mod padding;
mod shape;
mod tiles;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{DType, Tensor, activation};

use super::backward::{Grads, Wanted, backward};
use super::flex::{Fresh, floats};
use super::gpu::is_adapter;
use super::tiles::TileProfile;
use super::{Kernels, shapes, simd};
pub use shape::Shape;

impl Kernels {
    /// See [`convolve_pool_relu`].
    pub fn convolve_pool_relu(
        self,
        input: Tensor<4>,
        weight: Tensor<4>,
        bias: Option<Tensor<1>>,
        padding: usize,
        relu: bool,
    ) -> Tensor<4> {
        match self {
            Self::Fused => convolve_pool_relu(input, weight, bias, padding, relu),
            Self::Burn => by_burn(input, weight, bias, padding, relu),
        }
    }
}

/// Pooled activations `[n, h', w', out]` of images `[n, h, w, in]` with `padding` pixels of zeros
/// around them, stride 1.
///
/// `weight` is `[out, in, k, k]`, `bias` `[out]` or none; `h' = (h + 2 * padding - k + 1) / 2`, rounded
/// down.
/// Without `relu` the pooled sums are given as they are.
/// On an adapter, shapes that the shaders do not take go through Burn's own operations.
///
/// # Panics
/// The shapes do not fit each other, or nothing is left to pool.
pub fn convolve_pool_relu(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: impl Into<Option<Tensor<1>>>,
    padding: usize,
    relu: bool,
) -> Tensor<4> {
    let bias = bias.into();
    let (of_input, of_weight) = (input.dims(), weight.dims());
    let of_bias = bias.as_ref().map_or([of_weight[0]], Tensor::dims);
    let kernel = of_weight[2];
    let fit = of_input[3] == of_weight[1] && of_weight[3] == kernel && of_bias == [of_weight[0]];
    // Two rows and two columns are pooled at least.
    let is_seen = of_input[1].min(of_input[2]) + 2 * padding > kernel;
    shapes::check(
        fit && is_seen,
        "convolve_pool_relu",
        &[
            ("input", &of_input),
            ("weight", &of_weight),
            ("bias", &of_bias),
            ("padding", &[padding]),
        ],
        "[n, h, w, in], [out, in, k, k] and [out], h and w above k less twice the padding",
    );
    if is_adapter(&input.device()) && !shaders_take(&input, &weight, padding) {
        return by_burn(input, weight, bias, padding, relu);
    }
    let bias = bias.unwrap_or_else(|| {
        let options = (&weight.device(), DType::F32);
        Tensor::zeros([weight.dims()[0]], options)
    });
    Tensor::from_dispatch(Dispatch::convolve_pool_relu(
        input.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        padding,
        relu,
    ))
}

fn shaders_take(input: &Tensor<4>, weight: &Tensor<4>, padding: usize) -> bool {
    let [batch, height, width, channels] = input.dims();
    let [height, width] = [height, width].map(|side| side + 2 * padding);
    let shape = shape_of([batch, height, width, channels], weight.dims());
    TileProfile::ALL
        .iter()
        .all(|&profile| launches::supports(&shape, profile))
}

/// Of padded images `[n, h, w, in]` and a weight `[out, in, k, k]`.
fn shape_of(
    [batch, height, width, in_channels]: [usize; 4],
    [out_channels, _, kernel, _]: [usize; 4],
) -> Shape {
    Shape {
        batch,
        height,
        width,
        in_channels,
        out_channels,
        kernel,
        padding: 0,
    }
}

/// The same with Burn's own operations.
pub fn by_burn(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: impl Into<Option<Tensor<1>>>,
    padding: usize,
    relu: bool,
) -> Tensor<4> {
    let options = ConvOptions::new([1, 1], [padding; 2], [1, 1], 1);
    let x = conv2d(input.permute([0, 3, 1, 2]), weight, bias.into(), options);
    let pooling = MaxPoolOptions::new([2, 2]).with_stride([2, 2]);
    let pooled = max_pool2d(x, pooling);
    match relu {
        true => activation::relu(pooled),
        false => pooled,
    }
    .permute([0, 2, 3, 1])
}

/// The kernel on one backend, without gradients.
pub trait ConvolvePoolReluKernel: Backend {
    /// The output, and what the gradients need.
    fn run(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        padding: usize,
        relu: bool,
    ) -> (FloatTensor<Self>, State<Self>);

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
    /// As the kernel reads it: on an adapter with its padding.
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    /// For each output which of the four it was (4: cut by ReLU, if `relu`).
    argmax: IntTensor<B>,
    padding: usize,
    relu: bool,
}

/// The operation as Burn dispatches it.
#[backend_extension(Cube, Flex, Autodiff)]
pub trait ConvolvePoolRelu: Backend {
    /// `input [n, h, w, in]`, `weight [out, in, k, k]`, `bias [out]` to `[n, h', w', out]`, pooled by two.
    fn convolve_pool_relu(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        padding: usize,
        relu: bool,
    ) -> FloatTensor<Self>;
}

impl ConvolvePoolRelu for Flex {
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

#[derive(Debug)]
struct ConvolvePoolReluBackward;

impl<B: ConvolvePoolReluKernel> Backward<B, 3> for ConvolvePoolReluBackward {
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

impl<B: ConvolvePoolReluKernel + ConvolvePoolRelu, C: CheckpointStrategy> ConvolvePoolRelu
    for Autodiff<B, C>
{
    fn convolve_pool_relu(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        padding: usize,
        relu: bool,
    ) -> FloatTensor<Self> {
        let (input, input_node) = input.into_parts();
        let (weight, weight_node) = weight.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let (output, state) = B::run(input, weight, bias, padding, relu);
        match ConvolvePoolReluBackward
            .prepare::<C>([input_node, weight_node, bias_node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => prepared.finish(state, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

impl ConvolvePoolReluKernel for Flex {
    fn run(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        padding: usize,
        relu: bool,
    ) -> (FloatTensor<Self>, State<Self>) {
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let shape = Shape {
            padding,
            ..shape_of(input.shape().dims(), weight.shape().dims())
        };
        let bias = bias.to_contiguous();
        let dims = [
            shape.batch,
            shape.pooled_height(),
            shape.pooled_width(),
            shape.out_channels,
        ];
        let mut output = Fresh::new(&dims);
        let mut argmax = Fresh::bytes(shape.batch * shape.output_size());
        cpu::forward(
            simd::detect(),
            &shape,
            cpu::Inputs {
                input: floats(&input),
                weight: floats(&weight),
                bias: floats(&bias),
                relu,
            },
            cpu::Outputs {
                output: output.floats(),
                argmax: argmax.as_bytes(),
            },
        );
        let state = State {
            input,
            weight,
            argmax: argmax.into_byte_tensor(dims),
            padding,
            relu,
        };
        (output.into_tensor(dims), state)
    }

    fn run_backward(
        state: State<Self>,
        grad_output: FloatTensor<Self>,
        wanted: Wanted,
    ) -> Grads<Self> {
        let State {
            input,
            weight,
            argmax,
            padding,
            relu,
        } = state;
        let (input_dims, weight_dims) = (input.shape().dims(), weight.shape().dims());
        let shape = Shape {
            padding,
            ..shape_of(input_dims, weight_dims)
        };
        let grad_output = grad_output.to_contiguous();
        let mut grad_input = wanted.input.then(|| Fresh::new(&input_dims));
        let mut grad_weight = Fresh::new(&weight_dims);
        let mut grad_bias = wanted.bias.then(|| Fresh::new(&[shape.out_channels]));
        cpu::backward(
            simd::detect(),
            &shape,
            cpu::Saved {
                input: floats(&input),
                weight: floats(&weight),
                argmax: argmax.as_slice::<u8>().expect("bytes in order"),
                relu,
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
