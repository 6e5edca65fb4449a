//! The network that `predict` uses before anything was trained.

use super::weights::{self, Description};
use crate::device::{Device, DeviceError};
use crate::model::Model;

/// Weights of `gpu-mnist train --config tiny --set data.validation_size=5000 --device cpu`.
const WEIGHTS: &[u8] = include_bytes!("digits.safetensors");

/// What messages call it.
pub const NAME: &str = "the built-in network for handwritten digits";

/// A network of 7,862 parameters, trained on 55,000 of MNIST's images; it has 99.48 % of its test images right.
///
/// # Errors
/// [`DeviceError::Failed`].
///
/// # Panics
/// Never: the file is part of the program.
pub fn digits(device: &Device) -> Result<(Model, Description), DeviceError> {
    let (parameters, description) = weights::decode(WEIGHTS).expect("weights that a test reads");
    let network = description.network();
    let model = device.guard("copying the weights", || {
        Model::from_values(&network, parameters, device)
    })?;
    Ok((model, description))
}
