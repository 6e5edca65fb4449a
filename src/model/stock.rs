//! The layers in Burn's own operations.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

/// The largest of each 2x2 window; an odd last row or column is left out.
pub(super) fn max_pool(input: Tensor<4>) -> Tensor<4> {
    let options = MaxPoolOptions::new([2, 2]).with_stride([2, 2]);
    max_pool2d(input.permute([0, 3, 1, 2]), options).permute([0, 2, 3, 1])
}

/// Batch norm with the mean and variance of the batch, then the residual sum and ReLU: output
/// `[n, h, w, c]`, and without gradients the mean and the variance `[c]` (divided by `n h w`).
pub(super) fn batch_norm_relu(
    input: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    residual: Option<Tensor<4>>,
    epsilon: f64,
) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let dims = input.dims();
    let [batch, height, width, channels] = dims;
    // Along one dimension: Burn's sums over several add in no fixed order on an adapter.
    let rows = input.reshape([batch * height * width, channels]);
    let mean = rows.clone().mean_dim(0);
    let centred = rows - mean.clone();
    let variance = centred.clone().square().mean_dim(0);
    let factor = scale.unsqueeze::<2>() / (variance.clone() + epsilon).sqrt();
    let output = (centred * factor + shift.unsqueeze::<2>()).reshape(dims);
    let plain = |row: Tensor<2>| row.without_autodiff().reshape([channels]);
    (
        add_and_rectify(output, residual),
        plain(mean),
        plain(variance),
    )
}

/// Batch norm with a known mean and variance, then the residual sum and ReLU.
pub(super) fn normalise_relu(
    input: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    residual: Option<Tensor<4>>,
    epsilon: f64,
) -> Tensor<4> {
    let factor = (scale / (variance + epsilon).sqrt()).unsqueeze::<4>();
    let output = (input - mean.unsqueeze::<4>()) * factor + shift.unsqueeze::<4>();
    add_and_rectify(output, residual)
}

fn add_and_rectify(output: Tensor<4>, residual: Option<Tensor<4>>) -> Tensor<4> {
    relu(match residual {
        Some(residual) => output + residual,
        None => output,
    })
}
