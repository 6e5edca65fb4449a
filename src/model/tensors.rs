//! The numbers of a network: before the first step, and read back from its device.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData, Transaction};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::{Architecture, Initial, Model};
use crate::device::DeviceError;

/// Initial values of every tensor, the same on every device.
pub fn initial_values(network: &Architecture, seed: u64) -> Vec<Vec<f32>> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    network
        .parameters()
        .iter()
        .map(|shape| match shape.initial {
            Initial::Zeros => vec![0.0; shape.count()],
            Initial::Ones => vec![1.0; shape.count()],
            Initial::Uniform { fan_in } => {
                let bound = 1.0 / (fan_in as f32).sqrt();
                (0..shape.count())
                    .map(|_| random.random_range(-bound..bound))
                    .collect()
            }
        })
        .collect()
}

/// Every tensor's numbers in the order and layout of [`Architecture::parameters`].
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
pub async fn values(
    model: &Model,
    device: &crate::device::Device,
) -> Result<Vec<Vec<f32>>, DeviceError> {
    let tensors = register(model, Transaction::default());
    let data = device.read("reading the weights", tensors).await?;
    Ok(data.into_iter().map(numbers).collect())
}

/// Adds every tensor to a read-back.
pub fn register(model: &Model, transaction: Transaction) -> Transaction {
    let mut reading = Reading(transaction);
    model.visit(&mut reading);
    reading.0
}

/// The numbers of the tensors that [`register`] had read of a network with these settings.
pub fn take(network: &Architecture, data: &mut impl Iterator<Item = TensorData>) -> Vec<Vec<f32>> {
    let count = network.parameters().len();
    data.take(count).map(numbers).collect()
}

fn numbers(data: TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}

struct Reading(Transaction);

impl ModuleVisitor for Reading {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let transaction = std::mem::take(&mut self.0);
        self.0 = transaction.register(parameter.val());
    }
}
