//! One folder a kernel: the operation and its gradient (`mod`), its launches as plain data (`launches`), how they are
//! launched (`gpu`) and its CPU kernel (`cpu`). Operations that a layer calls are methods of [`Kernels`], which chooses
//! between ours and Burn's own. Images and activations are NHWC, `[n, height, width, channels]`; the weights of a
//! convolution are `[out, in, k, k]`, those of a linear layer `[in, out]`. Tensors whose shapes do not fit each other
//! make an operation panic, with the shapes, on the CPU as on an adapter.

pub mod adam;
pub mod augment_batch;
pub mod average_pool;
mod backward;
pub mod batch_norm_relu;
pub mod blend;
pub(crate) mod case;
mod convolution_weight;
pub mod convolve;
pub mod convolve_pool_relu;
pub mod count_confusion;
mod flex;
pub mod gather_batch;
pub mod gpu;
pub mod images;
pub mod launch;
mod limits;
pub mod linear_relu;
pub mod max_pool;
pub mod orthogonal;
pub mod parallel;
mod parts;
mod primitives;
pub mod reference;
pub(crate) mod replay;
pub mod shader;
mod shapes;
pub mod simd;
pub mod softmax_cross_entropy;
pub(crate) mod step_state;
pub mod sum_squares;
pub mod tiles;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod timing;

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose operations compute. It is chosen where a device is opened; what is made with the device keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(
    all(feature = "cli", not(target_family = "wasm")),
    derive(clap::ValueEnum)
)]
#[serde(rename_all = "kebab-case")]
pub enum Kernels {
    /// The shaders of `shaders/` on an adapter, SIMD kernels on the CPU
    #[default]
    Fused,
    /// Burn's own operations
    #[cfg_attr(
        all(feature = "cli", not(target_family = "wasm")),
        value(alias = "stock")
    )]
    #[serde(alias = "stock")]
    Burn,
}

impl Kernels {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Fused, Self::Burn];
}

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fused => "fused",
            Self::Burn => "burn",
        })
    }
}
