//! How Burn's autodiff runs the operation and its gradient.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients as Graph;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend};

use super::{BatchNormRelu, BatchNormReluGradient, State};

#[derive(Debug)]
struct BatchNormReluBackward;

impl<B: BatchNormReluGradient> Backward<B, 4> for BatchNormReluBackward {
    type State = State<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        graph: &mut Graph,
        _checkpointer: &mut Checkpointer,
    ) {
        let [input, scale, shift, residual] = ops.parents;
        let grad_output = graph.consume::<B>(&ops.node);
        let found = B::batch_norm_relu_backward(ops.state, grad_output);
        if let Some(node) = input {
            graph.register::<B>(node.id, found.input);
        }
        if let Some(node) = scale {
            graph.register::<B>(node.id, found.scale);
        }
        if let Some(node) = shift {
            graph.register::<B>(node.id, found.shift);
        }
        if let (Some(node), Some(grad)) = (residual, found.residual) {
            graph.register::<B>(node.id, grad);
        }
    }
}

impl<B: BatchNormRelu + BatchNormReluGradient, C: CheckpointStrategy> BatchNormRelu
    for Autodiff<B, C>
{
    fn batch_norm_relu(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        with_residual: bool,
        epsilon: f32,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (input, input_node) = input.into_parts();
        let (scale, scale_node) = scale.into_parts();
        let (shift, shift_node) = shift.into_parts();
        let (residual, residual_node) = residual.into_parts();
        let (output, mean, variance) = B::batch_norm_relu(
            input.clone(),
            scale.clone(),
            shift.clone(),
            residual,
            with_residual,
            epsilon,
            relu,
        );
        let statistics = [mean.clone(), variance.clone()].map(Self::from_inner);
        let output = match BatchNormReluBackward
            .prepare::<C>([input_node, scale_node, shift_node, residual_node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => prepared.finish(
                State {
                    input,
                    scale,
                    shift,
                    mean,
                    variance,
                    output: output.clone(),
                    with_residual,
                    epsilon,
                    relu,
                },
                output,
            ),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        };
        let [mean, variance] = statistics;
        (output, mean, variance)
    }
}
