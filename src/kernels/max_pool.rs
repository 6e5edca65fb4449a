//! 2x2 max-pooling by itself: Burn's own, whatever the kernels.

use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

/// The largest of each 2x2 window, `[n, h, w, c]` to `[n, h / 2, w / 2, c]`; an odd last row or column is
/// left out.
pub fn max_pool(input: Tensor<4>) -> Tensor<4> {
    let options = MaxPoolOptions::new([2, 2]).with_stride([2, 2]);
    max_pool2d(input.permute([0, 3, 1, 2]), options).permute([0, 2, 3, 1])
}
