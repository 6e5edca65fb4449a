//! Batch normalisation, residual addition and ReLU as one operation with its gradient (Ioffe and
//! Szegedy, "Batch Normalization", arXiv:1502.03167).

mod autodiff;
pub mod cpu;
mod flex;
mod gpu;
mod launches;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Tensor, activation};

use super::Kernels;
use super::gpu::is_adapter;
use super::shapes;

impl Kernels {
    /// See [`batch_norm_relu`].
    pub fn batch_norm_relu(
        self,
        input: Tensor<4>,
        scale: Tensor<1>,
        shift: Tensor<1>,
        residual: Option<Tensor<4>>,
        epsilon: f32,
        relu: bool,
    ) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
        let normalise = match self {
            Self::Fused => batch_norm_relu,
            Self::Burn => by_burn,
        };
        normalise(input, scale, shift, residual, epsilon, relu)
    }

    /// See [`normalise_relu`].
    #[allow(clippy::too_many_arguments)]
    pub fn normalise_relu(
        self,
        input: Tensor<4>,
        scale: Tensor<1>,
        shift: Tensor<1>,
        mean: Tensor<1>,
        variance: Tensor<1>,
        residual: Option<Tensor<4>>,
        epsilon: f32,
        relu: bool,
    ) -> Tensor<4> {
        let normalise = match self {
            Self::Fused => normalise_relu,
            Self::Burn => normalise_by_burn,
        };
        normalise(input, scale, shift, mean, variance, residual, epsilon, relu)
    }
}

/// Normalises each channel of `input [n, h, w, c]` by the statistics of this batch:
/// `(input - mean) / sqrt(variance + epsilon) * scale + shift`, plus `residual [n, h, w, c]` if
/// there is one, then ReLU if `relu`. `scale` and `shift` are `[c]`.
///
/// Gives the output `[n, h, w, c]`, and the mean and the variance of each channel `[c]`, which
/// record no gradients. The variance is divided by `n * h * w` (biased).
/// On an adapter, channels that are no fours go through Burn's own operations.
///
/// # Panics
/// The shapes do not fit each other.
pub fn batch_norm_relu(
    input: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    residual: Option<Tensor<4>>,
    epsilon: f32,
    relu: bool,
) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let each = [("scale", &scale), ("shift", &shift)];
    check_shapes("batch_norm_relu", &input, &each, residual.as_ref());
    if is_adapter(&input.device()) && !shaders_take(&input) {
        return by_burn(input, scale, shift, residual, epsilon, relu);
    }
    let with_residual = residual.is_some();
    let (output, mean, variance) = Dispatch::batch_norm_relu(
        input.into_dispatch(),
        scale.clone().into_dispatch(),
        shift.into_dispatch(),
        or_nothing(residual, &scale),
        with_residual,
        epsilon,
        relu,
    );
    (
        Tensor::from_dispatch(output),
        Tensor::from_dispatch(mean),
        Tensor::from_dispatch(variance),
    )
}

/// As [`batch_norm_relu`], with a `mean [c]` and a `variance [c]` that are given: for inference.
///
/// Tensors that record gradients go through Burn's own operations, and so do, on an adapter,
/// channels that are no fours.
///
/// # Panics
/// The shapes do not fit each other.
#[allow(clippy::too_many_arguments)]
pub fn normalise_relu(
    input: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    residual: Option<Tensor<4>>,
    epsilon: f32,
    relu: bool,
) -> Tensor<4> {
    let each = [
        ("scale", &scale),
        ("shift", &shift),
        ("mean", &mean),
        ("variance", &variance),
    ];
    check_shapes("normalise_relu", &input, &each, residual.as_ref());
    let device = input.device();
    if device.is_autodiff() || is_adapter(&device) && !shaders_take(&input) {
        return normalise_by_burn(input, scale, shift, mean, variance, residual, epsilon, relu);
    }
    let with_residual = residual.is_some();
    Tensor::from_dispatch(Dispatch::normalise_relu(
        input.into_dispatch(),
        scale.clone().into_dispatch(),
        shift.into_dispatch(),
        mean.into_dispatch(),
        variance.into_dispatch(),
        or_nothing(residual, &scale),
        with_residual,
        epsilon,
        relu,
    ))
}

/// [`batch_norm_relu`] with Burn's own operations.
pub fn by_burn(
    input: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    residual: Option<Tensor<4>>,
    epsilon: f32,
    relu: bool,
) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let [batch, height, width, channels] = input.dims();
    // One dimension after the other: Burn's sums over several add in no fixed order on an adapter, and
    // those over all 200,704 rows of 256 images of 28x28 pixels leave rows out on llvmpipe.
    let pixels = input.clone().reshape([batch, height * width, channels]);
    let over_all = |numbers: Tensor<3>| numbers.mean_dim(1).mean_dim(0);
    let mean = over_all(pixels.clone());
    let deviations = pixels - mean.clone();
    let variance = over_all(deviations.clone() * deviations);
    let flat = |numbers: Tensor<3>| numbers.reshape([channels]);
    let (mean, variance) = (flat(mean), flat(variance));
    let output = normalise_by_burn(
        input,
        scale,
        shift,
        mean.clone(),
        variance.clone(),
        residual,
        epsilon,
        relu,
    );
    (output, mean.detach(), variance.detach())
}

/// [`normalise_relu`] with Burn's own operations.
#[allow(clippy::too_many_arguments)]
pub fn normalise_by_burn(
    input: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    residual: Option<Tensor<4>>,
    epsilon: f32,
    relu: bool,
) -> Tensor<4> {
    let dims @ [batch, height, width, channels] = input.dims();
    let area = height * width;
    let pixels = input.reshape([batch, area, channels]);
    // To all pixels of an image first: gradients are then summed in two steps, as the statistics are.
    let each = |numbers: Tensor<1>| {
        numbers
            .reshape([1, 1, channels])
            .expand([1, area, channels])
    };
    let factor = scale / (variance + epsilon).sqrt();
    let normalised = (pixels - each(mean)) * each(factor) + each(shift);
    let normalised = normalised.reshape(dims);
    let sum = match residual {
        Some(residual) => normalised + residual,
        None => normalised,
    };
    match relu {
        true => activation::relu(sum),
        false => sum,
    }
}

/// `each` has a number for each channel.
fn check_shapes(
    operation: &str,
    input: &Tensor<4>,
    each: &[(&str, &Tensor<1>)],
    residual: Option<&Tensor<4>>,
) {
    let of_input = input.dims();
    let of_each: Vec<(&str, [usize; 1])> = (each.iter())
        .map(|(name, tensor)| (*name, tensor.dims()))
        .collect();
    let of_residual = residual.map_or(of_input, Tensor::dims);
    let mut found: Vec<(&str, &[usize])> = vec![("input", &of_input)];
    found.extend(of_each.iter().map(|(name, shape)| (*name, &shape[..])));
    found.push(("residual", &of_residual));
    let fit = of_each.iter().all(|(_, shape)| *shape == [of_input[3]]) && of_residual == of_input;
    let needed = "[n, h, w, c], [c] for each of its channels, and the residual as the input";
    shapes::check(fit, operation, &found, needed);
}

fn shaders_take(input: &Tensor<4>) -> bool {
    let [batch, height, width, channels] = input.dims();
    launches::supports(&launches::Shape {
        rows: batch * height * width,
        channels,
    })
}

/// The residual, or a tensor that stands for none: an extension of Burn takes no `Option`.
fn or_nothing(residual: Option<Tensor<4>>, like: &Tensor<1>) -> FloatTensor<Dispatch> {
    match residual {
        Some(residual) => residual.into_dispatch(),
        None => like.clone().detach().into_dispatch(),
    }
}

/// The operations as Burn dispatches them. Without `with_residual`, `residual` is not looked at.
#[backend_extension(Cube, Flex, Autodiff)]
pub trait BatchNormRelu: Backend {
    /// Output, mean and variance.
    fn batch_norm_relu(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        with_residual: bool,
        epsilon: f32,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The operation of inference as Burn dispatches it; it records no gradients.
#[backend_extension(Cube, Flex)]
pub trait NormaliseRelu: Backend {
    /// `[n, height, width, channels]` to the same shape; scale, shift, mean and variance are `[channels]`.
    #[allow(clippy::too_many_arguments)]
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
    ) -> FloatTensor<Self>;
}

/// The gradients on one backend.
pub trait BatchNormReluGradient: Backend {
    /// Gradients of input, scale, shift and residual from that of the output.
    fn batch_norm_relu_backward(
        state: State<Self>,
        grad_output: FloatTensor<Self>,
    ) -> Gradients<Self>;
}

/// What the forward pass keeps for the gradients.
#[derive(Clone, Debug)]
pub struct State<B: Backend> {
    input: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
    mean: FloatTensor<B>,
    variance: FloatTensor<B>,
    output: FloatTensor<B>,
    with_residual: bool,
    epsilon: f32,
    relu: bool,
}

/// Gradients of input, scale, shift and (if one was added) residual.
pub struct Gradients<B: Backend> {
    input: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
    residual: Option<FloatTensor<B>>,
}
