//! One operation at one shape: its numbers, its work on the device, what is expected of it.

use burn::tensor::{DType, Device, Gradients, Int, Tensor, TensorData, Transaction};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::Kernels;

/// For float32 against float64 over sums of up to some 150,000 products; measured errors are
/// below 1e-5, wrong kernels are off by far more.
pub const TOLERANCE: f64 = 1e-4;

/// A difference of two sums below this share of the largest is left out where it decides which
/// way a gradient goes.
const DOUBT: f64 = 1e-4;

/// A device with the kernels that are put to the test.
#[derive(Clone, Debug)]
pub struct Subject {
    pub device: Device,
    pub kernels: Kernels,
}

/// An operation at a shape, whatever computes it.
pub struct Case {
    pub op: &'static str,
    pub shape: String,
    pub work: Box<dyn Fn(&Subject) -> Outputs>,
}

/// What a device computed, not yet read, beside what is expected.
#[derive(Default)]
pub struct Outputs {
    pub tensors: Transaction,
    pub parts: Vec<Part>,
}

/// One output of an operation, or a gradient.
pub struct Part {
    pub name: &'static str,
    pub expected: Vec<f64>,
    pub tolerance: f64,
}

impl Outputs {
    /// Adds floats, compared within [`TOLERANCE`].
    #[must_use]
    pub fn with<const D: usize>(
        self,
        name: &'static str,
        tensor: Tensor<D>,
        expected: Vec<f64>,
    ) -> Self {
        Self {
            tensors: self.tensors.register(tensor),
            parts: append(self.parts, name, expected, TOLERANCE),
        }
    }

    /// Adds whole numbers, compared exactly.
    #[must_use]
    pub fn with_exact<const D: usize>(
        self,
        name: &'static str,
        tensor: Tensor<D, Int>,
        expected: Vec<f64>,
    ) -> Self {
        Self {
            tensors: self.tensors.register(tensor),
            parts: append(self.parts, name, expected, 0.0),
        }
    }

    /// Adds the gradient that `leaf` got.
    #[must_use]
    pub fn with_gradient<const D: usize>(
        self,
        name: &'static str,
        leaf: &Tensor<D>,
        gradients: &Gradients,
        expected: Vec<f64>,
    ) -> Self {
        let gradient = leaf
            .grad(gradients)
            .unwrap_or_else(|| panic!("no {name} came back"));
        self.with(name, gradient, expected)
    }
}

fn append(
    mut parts: Vec<Part>,
    name: &'static str,
    expected: Vec<f64>,
    tolerance: f64,
) -> Vec<Part> {
    parts.push(Part {
        name,
        expected,
        tolerance,
    });
    parts
}

/// Numbers for one case, the same on every device.
pub struct Numbers(ChaCha12Rng);

impl Numbers {
    /// Numbers that follow from this seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha12Rng::seed_from_u64(seed))
    }

    /// Uniform in ±`bound`.
    pub fn floats(&mut self, count: usize, bound: f32) -> Vec<f32> {
        (0..count)
            .map(|_| self.0.random_range(-bound..bound))
            .collect()
    }

    /// Whole numbers from 0 to below `end`.
    pub fn whole(&mut self, count: usize, end: usize) -> Vec<i32> {
        (0..count)
            .map(|_| self.0.random_range(0..end as i32))
            .collect()
    }

    /// Any bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.0.random::<u8>()).collect()
    }
}

/// The same numbers in float64.
pub fn f64s(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| number.into()).collect()
}

/// `upstream` where the sum passes ReLU.
pub fn masked(upstream: &[f32], sums: &[f64]) -> Vec<f64> {
    upstream
        .iter()
        .zip(sums)
        .map(|(&grad, &sum)| if sum > 0.0 { grad.into() } else { 0.0 })
        .collect()
}

/// The sums after ReLU.
pub fn rectified(mut sums: Vec<f64>) -> Vec<f64> {
    for sum in &mut sums {
        *sum = sum.max(0.0);
    }
    sums
}

/// Below what difference a choice between two of `sums` is left out.
pub fn doubt(sums: &[f64]) -> f64 {
    DOUBT * sums.iter().fold(0.0f64, |most, sum| most.max(sum.abs()))
}

/// A tensor that gets a gradient.
pub fn leaf<const D: usize>(numbers: &[f32], dims: [usize; D], subject: &Subject) -> Tensor<D> {
    Tensor::from_data(
        TensorData::new(numbers.to_vec(), dims),
        (&subject.device.clone().autodiff(), DType::F32),
    )
    .require_grad()
}

/// A tensor without gradients.
pub fn plain<const D: usize>(numbers: &[f32], dims: [usize; D], subject: &Subject) -> Tensor<D> {
    Tensor::from_data(
        TensorData::new(numbers.to_vec(), dims),
        (&subject.device, DType::F32),
    )
}

/// A tensor of whole numbers.
pub fn whole<const D: usize>(
    numbers: &[i32],
    dims: [usize; D],
    subject: &Subject,
) -> Tensor<D, Int> {
    Tensor::from_data(
        TensorData::new(numbers.to_vec(), dims),
        (&subject.device, DType::I32),
    )
}

/// Sends `upstream` back through `output`.
pub fn send_back<const D: usize>(output: &Tensor<D>, upstream: &[f32]) -> Gradients {
    let dims = output.dims();
    let upstream = Tensor::<D>::from_data(
        TensorData::new(upstream.to_vec(), dims),
        (&output.device(), DType::F32),
    );
    (output.clone() * upstream).sum().backward()
}
