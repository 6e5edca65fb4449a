//! Gradient clipping by the norm of all gradients together (Pascanu et al., arXiv:1211.5063), as
//! PyTorch's `clip_grad_norm_` computes it; the norm stays on the device.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::kernels::Kernels;
use crate::model::Model;

/// What every gradient is multiplied by, `[1]`, so that their common norm is at most `most`.
pub(super) fn factor(
    kernels: Kernels,
    model: &Model,
    gradients: &GradientsParams,
    most: f64,
) -> Option<Tensor<1>> {
    let mut squares = Squares {
        kernels,
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
    kernels: Kernels,
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(parameter.id) else {
            return;
        };
        let squares = self.kernels.sum_squares(gradient);
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + squares,
            None => squares,
        });
    }
}
