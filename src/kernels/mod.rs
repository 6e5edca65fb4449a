//! One folder a kernel: the operation and its gradient (`mod`), its launches as plain data (`launches`), how they are
//! launched (`gpu`) and its CPU kernel (`cpu`).

pub mod adam;
pub mod augment_batch;
pub mod average_pool;
pub mod batch_norm_relu;
pub mod convolution_weight;
pub mod convolve;
pub mod convolve_pool_relu;
pub mod count_confusion;
pub mod flex;
pub mod gather_batch;
pub mod gpu;
pub mod images;
pub mod launch;
pub mod linear_relu;
pub mod parallel;
mod parts;
pub mod shader;
pub mod simd;
pub mod softmax_cross_entropy;
