//! Numbers moved towards others in place, as a moving average of the weights is.

mod launches;

use burn::tensor::Tensor;
use burn_wgpu::into_contiguous;

use super::gpu::{float_tensor, into_floats, launch, of_floats, owned};
use super::step_state::{Column, StepState};

/// `target * keep + source * take` by two numbers of the step to come, `column` and the next; in place where nobody
/// else holds `target`. Both lie on the adapter of `steps` and record no gradients.
///
/// # Panics
/// One of them is not on an adapter.
pub fn blend<const D: usize>(
    target: Tensor<D>,
    source: &Tensor<D>,
    steps: &StepState,
    column: Column,
) -> Tensor<D> {
    let source = into_contiguous(of_floats(source).expect("a source on the adapter"));
    let target = owned(into_floats(target).expect("a target on the adapter"));
    let elements = target.meta.shape().num_elements();
    launch(
        launches::blend(elements, column as usize),
        &[&target, &source, steps.current()],
    );
    float_tensor(target)
}
