//! One folder a kernel: the operation and its gradient, the launch of its shaders (`gpu`, with
//! `passes` as plain data) and its CPU kernel (`cpu`).

pub mod adam;
pub mod augment_batch;
pub mod average_pool;
pub mod batch_norm_relu;
pub mod convolve;
pub mod convolve_pool_relu;
pub mod count_confusion;
pub mod flex;
pub mod gather_batch;
pub mod gpu;
pub mod images;
pub mod linear_relu;
pub mod matmul;
pub mod parallel;
mod parts;
mod primitives;
pub mod shader;
pub mod simd;
pub mod softmax_cross_entropy;
