//! A convolution with what follows it: max-pooling, batch norm, the residual sum, ReLU.

use burn::module::{Module, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use crate::config::ConvolutionConfig;
use crate::kernels::Kernels;
use crate::kernels::max_pool::max_pool;

/// One convolution of the network.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[outputs, inputs, k, k]`
    pub(super) weight: Param<Tensor<4>>,
    /// Without batch norm only.
    pub(super) bias: Option<Param<Tensor<1>>>,
    pub(super) norm: Option<BatchNorm>,
    #[module(skip)]
    pub(super) layer: ConvolutionConfig,
    #[module(skip)]
    pub(super) kernels: Kernels,
}

/// Batch norm (Ioffe & Szegedy, arXiv:1502.03167) over all but the channels.
#[derive(Module, Debug)]
pub struct BatchNorm {
    pub(super) scale: Param<Tensor<1>>,
    pub(super) shift: Param<Tensor<1>>,
    /// Running, as the variance.
    pub(super) mean: Param<Tensor<1>>,
    pub(super) variance: Param<Tensor<1>>,
    pub(super) epsilon: f64,
    pub(super) momentum: f64,
    #[module(skip)]
    pub(super) kernels: Kernels,
}

/// Mean and variance of each channel of a batch, `[c]`, without gradients.
#[derive(Clone, Debug)]
pub struct Statistics {
    pub mean: Tensor<1>,
    /// Of the batch itself: divided by `count`.
    pub variance: Tensor<1>,
    /// Numbers a channel.
    pub count: usize,
}

impl Convolution {
    /// Activations `[n, h', w', outputs]` of `[n, h, w, inputs]`; in `training`, what batch norm
    /// saw of the batch.
    pub(super) fn forward(
        &self,
        input: Tensor<4>,
        training: bool,
    ) -> (Tensor<4>, Option<Statistics>) {
        let residual = self
            .layer
            .residual
            .then(|| self.own_channels(input.clone()));
        let Some(norm) = &self.norm else {
            let rectify = residual.is_none();
            let sums = self.convolve(input, rectify);
            let output = match residual {
                Some(residual) => relu(sums + residual),
                None => sums,
            };
            return (output, None);
        };
        let sums = self.convolve(input, false);
        match training {
            true => {
                let (output, statistics) = norm.of_the_batch(sums, residual);
                (output, Some(statistics))
            }
            false => (norm.of_the_past(sums, residual), None),
        }
    }

    /// The input as a residual: without the channel of zeros that coloured images come with.
    fn own_channels(&self, input: Tensor<4>) -> Tensor<4> {
        let [count, height, width, channels] = input.dims();
        match self.layer.channels < channels {
            true => input.slice([0..count, 0..height, 0..width, 0..self.layer.channels]),
            false => input,
        }
    }

    /// The convolution and its pooling, rectified where nothing comes between.
    fn convolve(&self, input: Tensor<4>, rectify: bool) -> Tensor<4> {
        let ConvolutionConfig {
            stride,
            padding,
            pool,
            ..
        } = self.layer;
        let weight = for_channels(self.weight.val(), input.dims()[3]);
        let bias = self.bias.as_ref().map(Param::val);
        let kernels = self.kernels;
        if !pool {
            return kernels.convolve(input, weight, bias, stride, padding, rectify);
        }
        if stride == 1 {
            return kernels.convolve_pool_relu(input, weight, bias, padding, rectify);
        }
        let pooled = max_pool(kernels.convolve(input, weight, bias, stride, padding, false));
        match rectify {
            true => relu(pooled),
            false => pooled,
        }
    }
}

/// A weight `[outputs, inputs, k, k]` for an input of so many channels: coloured images have a
/// fourth channel of zeros, whose weights are zeros too.
fn for_channels(weight: Tensor<4>, channels: usize) -> Tensor<4> {
    let [outputs, inputs, kernel, _] = weight.dims();
    if inputs >= channels {
        return weight;
    }
    let dims = [outputs, channels - inputs, kernel, kernel];
    let zeros = Tensor::<4>::zeros(dims, (&weight.device(), weight.dtype()));
    let zeros = match weight.is_autodiff() {
        true => zeros.autodiff(),
        false => zeros,
    };
    Tensor::cat(vec![weight, zeros], 1)
}

impl BatchNorm {
    fn of_the_batch(
        &self,
        sums: Tensor<4>,
        residual: Option<Tensor<4>>,
    ) -> (Tensor<4>, Statistics) {
        let [batch, height, width, _] = sums.dims();
        let (output, mean, variance) = self.kernels.batch_norm_relu(
            sums,
            self.scale.val(),
            self.shift.val(),
            residual,
            self.epsilon as f32,
            true,
        );
        let count = batch * height * width;
        let statistics = Statistics {
            mean: mean.without_autodiff(),
            variance: variance.without_autodiff(),
            count,
        };
        (output, statistics)
    }

    fn of_the_past(&self, sums: Tensor<4>, residual: Option<Tensor<4>>) -> Tensor<4> {
        self.kernels.normalise_relu(
            sums,
            self.scale.val(),
            self.shift.val(),
            self.mean.val(),
            self.variance.val(),
            residual,
            self.epsilon as f32,
            true,
        )
    }

    /// Moves the running mean and variance as PyTorch does: the variance is that of the
    /// distribution the batch was drawn from, divided by `count - 1`.
    pub(super) fn follow(&mut self, found: Statistics) {
        let count = found.count as f64;
        let unbiased = count / (count - 1.0).max(1.0);
        move_towards(&mut self.mean, found.mean, self.momentum);
        move_towards(&mut self.variance, found.variance * unbiased, self.momentum);
    }
}

fn move_towards(running: &mut Param<Tensor<1>>, found: Tensor<1>, momentum: f64) {
    let old = running.val();
    let differentiable = old.is_autodiff();
    let moved = old.without_autodiff() * (1.0 - momentum) + found * momentum;
    *running = untrained(match differentiable {
        true => Tensor::from_inner(moved),
        false => moved,
    });
}

/// A tensor that is part of the module but gets no gradients.
pub(super) fn untrained(tensor: Tensor<1>) -> Param<Tensor<1>> {
    Param::initialized(ParamId::new(), tensor)
}
