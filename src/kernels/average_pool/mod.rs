//! Global average pooling and its gradient.

pub mod cpu;
mod gpu;
mod launches;
mod shape;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::flex::{Fresh, floats};
use super::gpu::is_adapter;
use super::{Kernels, simd};
pub use shape::Shape;

impl Kernels {
    /// See [`average_pool`].
    pub fn average_pool(self, input: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Fused => average_pool(input),
            Self::Burn => by_burn(input),
        }
    }
}

/// The mean over height and width: `[n, h, w, c]` to `[n, c]` (Lin, Chen and Yan, "Network In
/// Network", arXiv:1312.4400).
///
/// On an adapter, a tensor of more than 128 MiB goes through Burn's own operations.
pub fn average_pool(input: Tensor<4>) -> Tensor<2> {
    if is_adapter(&input.device()) && !launches::supports(&shape_of(input.dims())) {
        return by_burn(input);
    }
    Tensor::from_dispatch(Dispatch::average_pool(input.into_dispatch()))
}

/// The same with Burn's own operations.
pub fn by_burn(input: Tensor<4>) -> Tensor<2> {
    let [batch, height, width, channels] = input.dims();
    let pixels = input.reshape([batch, height * width, channels]);
    pixels.mean_dim(1).reshape([batch, channels])
}

/// The operation as Burn dispatches it.
#[backend_extension(Cube, Flex, Autodiff)]
pub trait AveragePool: Backend {
    /// `[n, height, width, channels]` to the means `[n, channels]`.
    fn average_pool(input: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The gradient on one backend.
pub trait AveragePoolGradient: Backend {
    /// Gradient of the input, whose `dims` are `[n, h, w, c]`.
    fn average_pool_backward(dims: [usize; 4], grad_output: FloatTensor<Self>)
    -> FloatTensor<Self>;
}

#[derive(Debug)]
struct AveragePoolBackward;

impl<B: AveragePoolGradient> Backward<B, 1> for AveragePoolBackward {
    type State = [usize; 4];

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [input] = ops.parents;
        let grad_output = grads.consume::<B>(&ops.node);
        if let Some(node) = input {
            grads.register::<B>(node.id, B::average_pool_backward(ops.state, grad_output));
        }
    }
}

impl<B: AveragePool + AveragePoolGradient, C: CheckpointStrategy> AveragePool for Autodiff<B, C> {
    fn average_pool(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let (input, node) = input.into_parts();
        let dims = input.shape().dims();
        let output = B::average_pool(input);
        match AveragePoolBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => prepared.finish(dims, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

impl AveragePool for Flex {
    fn average_pool(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let input = input.to_contiguous();
        let shape = shape_of(input.shape().dims());
        let dims = [shape.batch, shape.channels];
        let mut output = Fresh::new(&dims);
        cpu::forward(simd::detect(), &shape, floats(&input), output.floats());
        output.into_tensor(dims)
    }
}

impl AveragePoolGradient for Flex {
    fn average_pool_backward(
        dims: [usize; 4],
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let grad_output = grad_output.to_contiguous();
        let mut grad_input = Fresh::new(&dims);
        cpu::backward(&shape_of(dims), floats(&grad_output), grad_input.floats());
        grad_input.into_tensor(dims)
    }
}

fn shape_of([batch, height, width, channels]: [usize; 4]) -> Shape {
    Shape {
        batch,
        pixels: height * width,
        channels,
    }
}
