//! Launches the shaders that add and multiply whole tensors.

use burn::backend::tensor::FloatTensor;
use burn::tensor::Tensor;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{Blend, Factor, launches};
use crate::kernels::gpu::{float_tensor, into_floats, launch, owned};
use crate::kernels::step_state::StepState;

impl Blend for CubeBackend {
    fn blend(
        target: FloatTensor<Self>,
        source: FloatTensor<Self>,
        keep: f32,
        take: f32,
    ) -> FloatTensor<Self> {
        let (target, source) = (owned(target), into_contiguous(source));
        let elements = target.meta.shape().num_elements();
        launch(launches::blend(elements, [keep, take]), &[&target, &source]);
        target
    }

    fn scale(numbers: FloatTensor<Self>, factor: FloatTensor<Self>) -> FloatTensor<Self> {
        let (numbers, factor) = (owned(numbers), into_contiguous(factor));
        let elements = numbers.meta.shape().num_elements();
        launch(launches::scale(elements), &[&numbers, &factor]);
        numbers
    }
}

/// The blend by numbers of the step to come.
///
/// # Panics
/// A tensor is not on the adapter.
pub fn by_schedule<const D: usize>(
    target: Tensor<D>,
    source: Tensor<D>,
    factors: [Factor; 2],
    steps: &StepState,
) -> Tensor<D> {
    let source = into_contiguous(into_floats(source).expect("a source on the adapter"));
    let target = owned(into_floats(target).expect("a target on the adapter"));
    let elements = target.meta.shape().num_elements();
    launch(
        launches::by_schedule(elements, factors.map(Factor::term)),
        &[&target, &source, steps.current()],
    );
    float_tensor(target)
}
