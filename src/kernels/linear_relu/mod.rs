//! A linear layer with bias, and ReLU where it is asked for, as one operation with its gradient.

pub mod cpu;
mod gpu;
pub(crate) mod launches;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Tensor, activation, module};

use super::flex::{Fresh, floats};
use super::{Kernels, shapes, simd};

impl Kernels {
    /// See [`linear_relu`].
    pub fn linear_relu(
        self,
        input: Tensor<2>,
        weight: Tensor<2>,
        bias: Tensor<1>,
        relu: bool,
    ) -> Tensor<2> {
        match self {
            Self::Fused => linear_relu(input, weight, bias, relu),
            Self::Burn => by_burn(input, weight, bias, relu),
        }
    }
}

/// `input [n, i] x weight [i, o] + bias [o]`, then ReLU if `relu`: `[n, o]`.
///
/// # Panics
/// The shapes do not fit each other.
pub fn linear_relu(input: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, relu: bool) -> Tensor<2> {
    let (of_input, of_weight, of_bias) = (input.dims(), weight.dims(), bias.dims());
    shapes::check(
        of_input[1] == of_weight[0] && of_bias == [of_weight[1]],
        "linear_relu",
        &[
            ("input", &of_input),
            ("weight", &of_weight),
            ("bias", &of_bias),
        ],
        "[n, in], [in, out] and [out]",
    );
    Tensor::from_dispatch(Dispatch::linear_relu(
        input.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        relu,
    ))
}

/// The same with Burn's own operations.
pub fn by_burn(input: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, relu: bool) -> Tensor<2> {
    let sums = module::linear(input, weight, Some(bias));
    match relu {
        true => activation::relu(sums),
        false => sums,
    }
}

/// The gradients on one backend.
pub trait LinearReluKernel: Backend {
    /// Gradients of input, weight and bias from that of the output.
    fn run_backward(state: State<Self>, grad_output: FloatTensor<Self>) -> Grads<Self>;
}

/// What the forward pass keeps for the gradients.
#[derive(Clone, Debug)]
pub struct State<B: Backend> {
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    output: FloatTensor<B>,
    relu: bool,
}

/// Gradients of input, weight and bias.
pub struct Grads<B: Backend> {
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
}

/// The operation as Burn dispatches it.
#[backend_extension(Cube, Flex, Autodiff)]
pub trait LinearRelu: Backend {
    /// `input [n, in]`, `weight [in, out]`, `bias [out]` to `[n, out]`.
    fn linear_relu(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self>;
}

impl LinearRelu for Flex {
    fn linear_relu(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let bias = bias.to_contiguous();
        let shape = shape(&input, &weight);
        let dims = [shape.batch, shape.outputs];
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

#[derive(Debug)]
struct LinearReluBackward;

impl<B: LinearReluKernel> Backward<B, 3> for LinearReluBackward {
    type State = State<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [input, weight, bias] = ops.parents;
        let grad_output = grads.consume::<B>(&ops.node);
        let found = B::run_backward(ops.state, grad_output);
        for (node, grad) in [
            (input, found.input),
            (weight, found.weight),
            (bias, found.bias),
        ] {
            if let Some(node) = node {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

impl<B: LinearReluKernel + LinearRelu, C: CheckpointStrategy> LinearRelu for Autodiff<B, C> {
    fn linear_relu(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let (input, input_node) = input.into_parts();
        let (weight, weight_node) = weight.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let output = B::linear_relu(input.clone(), weight.clone(), bias, relu);
        match LinearReluBackward
            .prepare::<C>([input_node, weight_node, bias_node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => prepared.finish(
                State {
                    input,
                    weight,
                    output: output.clone(),
                    relu,
                },
                output,
            ),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

impl LinearReluKernel for Flex {
    fn run_backward(state: State<Self>, grad_output: FloatTensor<Self>) -> Grads<Self> {
        let (input, weight) = (state.input.to_contiguous(), state.weight.to_contiguous());
        let (output, grad_output) = (state.output.to_contiguous(), grad_output.to_contiguous());
        let shape = shape(&input, &weight);
        let mut grad_input = Fresh::new(&[shape.batch, shape.inputs]);
        let mut grad_weight = Fresh::new(&[shape.inputs, shape.outputs]);
        let mut grad_bias = Fresh::new(&[shape.outputs]);
        cpu::backward(
            simd::detect(),
            &shape,
            cpu::Saved {
                input: floats(&input),
                weight: floats(&weight),
                output: state.relu.then(|| floats(&output)),
                grad_output: floats(&grad_output),
            },
            cpu::Grads {
                input: Some(grad_input.floats()),
                weight: grad_weight.floats(),
                bias: Some(grad_bias.floats()),
            },
        );
        Grads {
            input: grad_input.into_tensor([shape.batch, shape.inputs]),
            weight: grad_weight.into_tensor([shape.inputs, shape.outputs]),
            bias: grad_bias.into_tensor([shape.outputs]),
        }
    }
}

fn shape(input: &FloatTensor<Flex>, weight: &FloatTensor<Flex>) -> cpu::Shape {
    cpu::Shape {
        batch: input.layout().shape()[0],
        inputs: weight.layout().shape()[0],
        outputs: weight.layout().shape()[1],
    }
}
