//! Muon (Jordan et al., 2024): by Burn's operations, or with its products, which are most of its
//! time, by our own kernel.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdjustLrFn, Muon as BurnMuon, MuonConfig, Optimizer as _};
use burn::tensor::Tensor;

use super::rules::{Rate, Rule, Slots, Update};
use super::sgd::Momentum;
use crate::config::TrainingConfig;
use crate::device::Device;
use crate::kernels::Kernels;
use crate::kernels::matmul::matmul;
use crate::kernels::sum_squares::sum_squares;

/// Newton-Schulz iteration takes every singular value `x` to `a x + b x^3 + c x^5`, this often.
const COEFFICIENTS: (f32, f32, f32) = (3.4445, -4.775, 2.0315);
const ITERATIONS: usize = 5;
/// The least norm that an update is divided by.
const EPSILON: f32 = 1e-7;

/// Momentum whose updates of a matrix are made orthogonal.
#[derive(Clone)]
pub(super) struct Muon {
    momentum: Momentum,
    orthogonalised: Orthogonalised,
}

impl Muon {
    /// For parameters of these sizes.
    pub fn new(settings: &TrainingConfig, dims: &[usize], device: &Device) -> Self {
        Self {
            momentum: Momentum::new(settings),
            orthogonalised: Orthogonalised::new(settings.weight_decay, dims, device),
        }
    }
}

/// Rows and columns of a parameter as a matrix: filters are rows, `[outputs, inputs * height * width]`.
fn sides(dims: &[usize]) -> [usize; 2] {
    [dims[0], dims.iter().product::<usize>() / dims[0]]
}

impl Rule for Muon {
    const NAME: &'static str = "muon";

    fn slot_names(&self) -> &'static [&'static str] {
        &["velocity"]
    }

    fn step<const D: usize>(
        &self,
        update: Update<'_>,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: Slots<D>,
    ) -> (Tensor<D>, Slots<D>) {
        let (direction, slots) = self.momentum.apply(gradient, slots);
        let dims = parameter.dims();
        let [rows, columns] = sides(&dims);
        let parameter = self.orthogonalised.step(
            update.rate,
            parameter.reshape([rows, columns]),
            direction.reshape([rows, columns]),
        );
        (parameter.reshape(dims), slots)
    }
}

/// Takes an update from a parameter, its singular values all made about 1, and the rate adjusted so
/// that it is as large as one of AdamW (arXiv:2502.16982): one learning rate serves both.
#[derive(Clone)]
enum Orthogonalised {
    Fused {
        weight_decay: f64,
        /// Of the shorter side of the matrix. The host writes it, which it must not in a step that is recorded.
        identity: Box<Tensor<2>>,
    },
    Burn(BurnMuon),
}

impl Orthogonalised {
    fn new(weight_decay: f64, dims: &[usize], device: &Device) -> Self {
        match device.kernels() {
            Kernels::Fused => Self::Fused {
                weight_decay,
                identity: Box::new(identity(sides(dims), device)),
            },
            // Without momentum: its own cannot be read back.
            Kernels::Burn => Self::Burn(
                MuonConfig::new()
                    .with_momentum(MomentumConfig {
                        momentum: 0.0,
                        dampening: 0.0,
                        nesterov: false,
                    })
                    .with_ns_coefficients(COEFFICIENTS)
                    .with_ns_steps(ITERATIONS)
                    .with_epsilon(EPSILON)
                    .with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW)
                    .with_weight_decay(
                        (weight_decay > 0.0).then(|| WeightDecayConfig::new(weight_decay as f32)),
                    )
                    .build(),
            ),
        }
    }

    /// The parameter `[rows, columns]` after the update.
    fn step(&self, rate: Rate<'_>, parameter: Tensor<2>, update: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Fused {
                weight_decay,
                identity,
            } => {
                let [rows, columns] = parameter.dims();
                let adjusted = rate.scaled(0.2).scaled((rows.max(columns) as f64).sqrt());
                let parameter = match *weight_decay > 0.0 {
                    true => rate.scaled(*weight_decay).shrunk(parameter),
                    false => parameter,
                };
                parameter - adjusted.times(orthogonal(update, identity))
            }
            Self::Burn(muon) => muon.step(rate.value(), parameter, update, None).0,
        }
    }
}

fn identity([rows, columns]: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::eye(rows.min(columns), device.burn())
}

/// The matrix with its singular values made about 1. The quintic is computed as
/// `(a I + A (b I + c A)) X` with `A = X X^T`, so that only small matrices are added.
fn orthogonal(matrix: Tensor<2>, identity: &Tensor<2>) -> Tensor<2> {
    let [rows, columns] = matrix.dims();
    let norm = sum_squares(matrix.clone()).sqrt().clamp_min(EPSILON);
    let wide = match rows > columns {
        true => matrix.transpose(),
        false => matrix,
    };
    let mut x = wide / norm.reshape([1, 1]);
    let (a, b, c) = COEFFICIENTS;
    for _ in 0..ITERATIONS {
        let gram = matmul(x.clone(), x.clone().transpose());
        let inner = identity.clone() * b + gram.clone() * c;
        let outer = identity.clone() * a + matmul(gram, inner);
        x = matmul(outer, x);
    }
    match rows > columns {
        true => x.transpose(),
        false => x,
    }
}
