//! The operations on Burn's tensors of the CPU.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};

use super::{BatchNormRelu, BatchNormReluGradient, Gradients, NormaliseRelu, State, cpu};
use crate::kernels::flex::{Fresh, floats};
use crate::kernels::simd;

impl BatchNormRelu for Flex {
    fn batch_norm_relu(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        with_residual: bool,
        epsilon: f32,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let input = input.to_contiguous();
        let [_, _, _, channels] = input.shape().dims();
        let (mut mean, mut variance) = (Fresh::new(&[channels]), Fresh::new(&[channels]));
        cpu::statistics(
            simd::detect(),
            floats(&input),
            mean.floats(),
            variance.floats(),
        );
        let (mean, variance) = (
            mean.into_tensor([channels]),
            variance.into_tensor([channels]),
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

impl NormaliseRelu for Flex {
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
        let input = input.to_contiguous();
        let residual = with_residual.then(|| residual.to_contiguous());
        let [scale, shift, mean, variance] =
            [scale, shift, mean, variance].map(|tensor| tensor.to_contiguous());
        let norm = cpu::Norm {
            scale: floats(&scale),
            shift: floats(&shift),
            mean: floats(&mean),
            variance: floats(&variance),
            epsilon,
            relu,
        };
        let dims: [usize; 4] = input.shape().dims();
        let mut output = Fresh::new(&dims);
        cpu::normalise(
            simd::detect(),
            &norm,
            floats(&input),
            residual.as_ref().map(floats),
            output.floats(),
        );
        output.into_tensor(dims)
    }
}

impl BatchNormReluGradient for Flex {
    fn batch_norm_relu_backward(
        state: State<Self>,
        grad_output: FloatTensor<Self>,
    ) -> Gradients<Self> {
        let State {
            with_residual,
            epsilon,
            relu,
            ..
        } = state;
        let [input, scale, shift, mean, variance, output, grad_output] = [
            state.input,
            state.scale,
            state.shift,
            state.mean,
            state.variance,
            state.output,
            grad_output,
        ]
        .map(|tensor| tensor.to_contiguous());
        let norm = cpu::Norm {
            scale: floats(&scale),
            shift: floats(&shift),
            mean: floats(&mean),
            variance: floats(&variance),
            epsilon,
            relu,
        };
        let (dims, channels) = (input.shape().dims::<4>(), [floats(&scale).len()]);
        let (mut grad_input, mut grad_scale, mut grad_shift) = (
            Fresh::new(&dims),
            Fresh::new(&channels),
            Fresh::new(&channels),
        );
        let is_cut = with_residual && relu;
        let mut grad_residual = is_cut.then(|| Fresh::new(&dims));
        cpu::backward(
            simd::detect(),
            &norm,
            cpu::Saved {
                input: floats(&input),
                output: is_cut.then(|| floats(&output)),
                grad_output: floats(&grad_output),
            },
            cpu::Grads {
                input: grad_input.floats(),
                scale: grad_scale.floats(),
                shift: grad_shift.floats(),
                residual: grad_residual.as_mut().map(Fresh::floats),
            },
        );
        Gradients {
            input: grad_input.into_tensor(dims),
            scale: grad_scale.into_tensor(channels),
            shift: grad_shift.into_tensor(channels),
            residual: match grad_residual {
                Some(grad) => Some(grad.into_tensor(dims)),
                None => with_residual.then_some(grad_output),
            },
        }
    }
}
