//! The network: its settings and the place of each layer (`architecture`), the kinds of layers, their tensors by
//! name, the Burn module and the loss.

pub mod architecture;
pub mod layers;
pub mod loss;
mod network;
#[cfg(not(target_family = "wasm"))]
pub mod onnx;
mod parameters;
mod tensors;

pub use architecture::{Architecture, ModelConfig};
pub use network::{BatchStatistics, Model};
pub use parameters::{Initial, ParameterList, ParameterShape, Role, initial_values};
pub use tensors::{register, take, values};
