//! A number with a gradient that is known already: how a loss whose kernel gives its gradient enters Burn's autodiff.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::CubeBackend;

/// `loss` `[1]` as a function of `logits`, by which its gradient is `gradient`. Sums of such numbers can be
/// differentiated, multiples can't: what flows in is taken to be 1.
pub fn with_gradient(loss: Tensor<1>, logits: Tensor<2>, gradient: Tensor<2>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::known_gradient(
        loss.into_dispatch(),
        logits.into_dispatch(),
        gradient.into_dispatch(),
    ))
}

/// The operation as Burn dispatches it.
#[backend_extension(Cube, Flex, Autodiff)]
pub trait KnownGradient: Backend {
    fn known_gradient(
        loss: FloatTensor<Self>,
        logits: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl KnownGradient for Flex {
    fn known_gradient(
        loss: FloatTensor<Self>,
        _logits: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        loss
    }
}

impl KnownGradient for CubeBackend {
    fn known_gradient(
        loss: FloatTensor<Self>,
        _logits: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        loss
    }
}

#[derive(Debug)]
struct KnownGradientBackward;

impl<B: Backend> Backward<B, 1> for KnownGradientBackward {
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [logits] = ops.parents;
        grads.consume::<B>(&ops.node);
        if let Some(node) = logits {
            grads.register::<B>(node.id, ops.state);
        }
    }
}

impl<B: KnownGradient, C: CheckpointStrategy> KnownGradient for Autodiff<B, C> {
    fn known_gradient(
        loss: FloatTensor<Self>,
        logits: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (loss, _) = loss.into_parts();
        let (_, node) = logits.into_parts();
        let (gradient, _) = gradient.into_parts();
        match KnownGradientBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => prepared.finish(gradient, loss),
            OpsKind::UnTracked(prepared) => prepared.finish(loss),
        }
    }
}
