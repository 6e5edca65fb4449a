//! Gradient clipping by the norm of all gradients together (Pascanu et al., arXiv:1211.5063), as
//! PyTorch's `clip_grad_norm_` computes it; the norm stays on the device.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::model::Model;

/// What every gradient is multiplied by, `[1]`, so that their common norm is at most `most`.
pub(super) fn factor(model: &Model, gradients: &GradientsParams, most: f64) -> Option<Tensor<1>> {
    let mut squares = Squares {
        gradients,
        sum: None,
    };
    model.visit(&mut squares);
    let norm = squares.sum?.sqrt();
    Some(
        norm.add_scalar(1e-6)
            .recip()
            .mul_scalar(most)
            .clamp_max(1.0),
    )
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(parameter.id) else {
            return;
        };
        // Along one dimension, because Burn's sum of everything adds in no fixed order on an
        // adapter, and a resumed run would differ in its last bits.
        let count = gradient.shape().num_elements();
        let squares = gradient
            .square()
            .reshape([1, count])
            .sum_dim(1)
            .reshape([1]);
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + squares,
            None => squares,
        });
    }
}
