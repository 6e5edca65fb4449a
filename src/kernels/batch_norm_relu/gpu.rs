//! Launches the shaders of batch normalisation, residual addition and ReLU.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType::F32;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::launches::{self, After, Shape};
use super::{BatchNormRelu, BatchNormReluGradient, Gradients, NormaliseRelu, State};
use crate::kernels::gpu::{dims, empty, launch_into};
use crate::kernels::tiles::{Kernel, profile};

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
        let (shape, profile) = (shape(&input), profile(&input, Kernel::BatchNormRelu));
        let words = launches::partial_words(&shape, profile);
        let statistics = launches::statistics(&shape, profile);
        let [partials] = launch_into(statistics, &[&input], [(F32, &[words])]);
        let [mean, variance] = launch_into(
            launches::merge_statistics(&shape, profile),
            &[&partials],
            [(F32, &[shape.channels]); 2],
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
        let [input, scale, shift, mean, variance] =
            [input, scale, shift, mean, variance].map(into_contiguous);
        // Bindings that are written must not overlap: nothing stands for a residual that is not there.
        let residual = match with_residual {
            true => into_contiguous(residual),
            false => empty(&input, &[4], F32),
        };
        let after = After {
            residual: with_residual,
            epsilon,
            relu,
        };
        let [output] = launch_into(
            launches::normalise(&shape(&input), after),
            &[&input, &scale, &shift, &mean, &variance, &residual],
            [(F32, &dims::<4>(&input))],
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
        let (shape, profile) = (shape(&input), profile(&input, Kernel::BatchNormRelu));
        let (pixels, channels) = (dims::<4>(&input), shape.channels);
        let words = launches::partial_words(&shape, profile);
        let [partials] = launch_into(
            launches::grad_parameters(&shape, profile, after),
            &[&input, &output, &grad_output, &mean],
            [(F32, &[words])],
        );
        let [grad_scale, grad_shift, factors] = launch_into(
            launches::sum_parameters(&shape, profile, after),
            &[&partials, &scale, &variance],
            [
                (F32, &[channels]),
                (F32, &[channels]),
                (F32, &[3, channels]),
            ],
        );
        let is_cut = after.residual && after.relu;
        let residual: &[usize] = if is_cut { &pixels } else { &[4] };
        let [grad_input, grad_residual] = launch_into(
            launches::grad_input(&shape, after),
            &[&input, &output, &grad_output, &mean, &factors],
            [(F32, &pixels), (F32, residual)],
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

fn shape(input: &CubeTensor) -> Shape {
    let [batch, height, width, channels] = dims(input);
    Shape {
        rows: batch * height * width,
        channels,
    }
}
