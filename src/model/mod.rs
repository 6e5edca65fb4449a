//! The network: its settings and the place of each layer (`architecture`), the kinds of layers, their tensors by
//! name, the Burn module and the loss. `family` makes networks for images of any size.

pub(crate) mod architecture;
pub mod family;
pub mod layers;
pub mod loss;
mod network;
#[cfg(not(target_family = "wasm"))]
pub mod onnx;
mod parameters;
mod tensors;

use burn::tensor::Tensor;

pub use architecture::{Architecture, ModelConfig};
pub use network::{BatchStatistics, Model};
pub use parameters::{Initial, ParameterList, ParameterShape, Role};
pub use tensors::{initial_values, register, take, values};

/// A constant as operations take it beside `other`, which may record gradients.
fn beside<const D: usize, const E: usize>(constant: Tensor<D>, other: &Tensor<E>) -> Tensor<D> {
    match other.is_autodiff() {
        true => constant.autodiff(),
        false => constant,
    }
}
