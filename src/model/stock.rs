//! A layer in Burn's own operations.

use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

/// The largest of each 2x2 window; an odd last row or column is left out.
pub(super) fn max_pool(input: Tensor<4>) -> Tensor<4> {
    let options = MaxPoolOptions::new([2, 2]).with_stride([2, 2]);
    max_pool2d(input.permute([0, 3, 1, 2]), options).permute([0, 2, 3, 1])
}
