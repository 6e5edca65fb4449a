//! The gradients of an operation of an input, a weight and a bias, on their way through Burn's autodiff.

use burn::backend::Backend;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::Ops;
use burn::backend::tensor::FloatTensor;

/// Which gradients are computed beside the weight's.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub input: bool,
    pub bias: bool,
}

/// Gradients of input (if wanted), weight and bias (if wanted).
pub struct Grads<B: Backend> {
    pub input: Option<FloatTensor<B>>,
    pub weight: FloatTensor<B>,
    pub bias: Option<FloatTensor<B>>,
}

/// Has `run` compute what is wanted from the state of the forward pass and the gradient of the output, and hands
/// it on.
pub fn backward<B: Backend, S>(
    ops: Ops<S, 3>,
    grads: &mut Gradients,
    run: impl FnOnce(S, FloatTensor<B>, Wanted) -> Grads<B>,
) {
    let [input, weight, bias] = ops.parents;
    let grad_output = grads.consume::<B>(&ops.node);
    let wanted = Wanted {
        input: input.is_some(),
        bias: bias.is_some(),
    };
    let found = run(ops.state, grad_output, wanted);
    for (node, grad) in [
        (input, found.input),
        (weight, Some(found.weight)),
        (bias, found.bias),
    ] {
        if let (Some(node), Some(grad)) = (node, grad) {
            grads.register::<B>(node.id, grad);
        }
    }
}
