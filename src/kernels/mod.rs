//! One folder a kernel; `simd` chooses the instruction set they run on.
pub mod adam;
pub mod convolve_pool_relu;
pub mod count_confusion;
pub mod gather_batch;
pub mod linear_relu;
pub mod simd;
pub mod softmax_cross_entropy;
