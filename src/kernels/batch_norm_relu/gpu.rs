//! Launches the shaders of batch normalisation, residual addition and ReLU.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::passes::{self, After, Shape};
use super::{BatchNormRelu, BatchNormReluGradient, Gradients, NormaliseRelu, State};
use crate::kernels::gpu::{empty, launch, preset};

impl BatchNormRelu for CubeBackend {
    fn batch_norm_relu(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        with_residual: bool,
        epsilon: f32,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let input = into_contiguous(input);
        let (shape, preset) = (shape(&input), preset(&input));
        let words = passes::partial_words(&shape, preset);
        let partials = empty(&input, &[words], DType::F32);
        let mean = empty(&input, &[shape.channels], DType::F32);
        let variance = empty(&input, &[shape.channels], DType::F32);
        launch(passes::statistics(&shape, preset), &[&input, &partials]);
        launch(
            passes::merge_statistics(&shape, preset),
            &[&partials, &mean, &variance],
        );
        let output = Self::normalise_relu(
            input,
            scale,
            shift,
            mean.clone(),
            variance.clone(),
            residual,
            with_residual,
            epsilon,
            relu,
        );
        (output, mean, variance)
    }
}

impl NormaliseRelu for CubeBackend {
    fn normalise_relu(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        with_residual: bool,
        epsilon: f32,
        relu: bool,
    ) -> FloatTensor<Self> {
        let input = into_contiguous(input);
        let [scale, shift, mean, variance] = [scale, shift, mean, variance].map(into_contiguous);
        let residual = match with_residual {
            true => into_contiguous(residual),
            false => nothing(&input),
        };
        let output = empty(&input, &dims(&input), DType::F32);
        let after = After {
            residual: with_residual,
            epsilon,
            relu,
        };
        launch(
            passes::normalise(&shape(&input), after),
            &[&input, &scale, &shift, &mean, &variance, &residual, &output],
        );
        output
    }
}

impl BatchNormReluGradient for CubeBackend {
    fn batch_norm_relu_backward(
        state: State<Self>,
        grad_output: FloatTensor<Self>,
    ) -> Gradients<Self> {
        let after = After {
            residual: state.with_residual,
            epsilon: state.epsilon,
            relu: state.relu,
        };
        let [input, scale, mean, variance, output, grad_output] = [
            state.input,
            state.scale,
            state.mean,
            state.variance,
            state.output,
            grad_output,
        ]
        .map(into_contiguous);
        let (shape, preset) = (shape(&input), preset(&input));
        let words = passes::partial_words(&shape, preset);
        let partials = empty(&input, &[words], DType::F32);
        launch(
            passes::grad_parameters(&shape, preset, after),
            &[&input, &output, &grad_output, &mean, &partials],
        );
        let grad_scale = empty(&input, &[shape.channels], DType::F32);
        let grad_shift = empty(&input, &[shape.channels], DType::F32);
        let factors = empty(&input, &[3, shape.channels], DType::F32);
        launch(
            passes::sum_parameters(&shape, preset, after),
            &[
                &partials,
                &scale,
                &variance,
                &grad_scale,
                &grad_shift,
                &factors,
            ],
        );
        let grad_input = empty(&input, &dims(&input), DType::F32);
        let is_cut = after.residual && after.relu;
        let grad_residual = match is_cut {
            true => empty(&input, &dims(&input), DType::F32),
            false => nothing(&input),
        };
        launch(
            passes::grad_input(&shape, after),
            &[
                &input,
                &output,
                &grad_output,
                &mean,
                &factors,
                &grad_input,
                &grad_residual,
            ],
        );
        Gradients {
            input: grad_input,
            scale: grad_scale,
            shift: grad_shift,
            residual: match is_cut {
                true => Some(grad_residual),
                false => after.residual.then_some(grad_output),
            },
        }
    }
}

/// What is bound where a tensor is not there: bindings that are written must not overlap.
fn nothing(like: &CubeTensor) -> CubeTensor {
    empty(like, &[4], DType::F32)
}

fn dims(tensor: &CubeTensor) -> [usize; 4] {
    let shape = tensor.meta.shape();
    [shape[0], shape[1], shape[2], shape[3]]
}

fn shape(input: &CubeTensor) -> Shape {
    let [batch, height, width, channels] = dims(input);
    Shape {
        rows: batch * height * width,
        channels,
    }
}
