//! Muon's update of a matrix (Jordan et al., 2024): by Burn's operations, or with its products,
//! which are most of its time, by our own kernel.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdjustLrFn, Muon, MuonConfig, Optimizer as _};
use burn::tensor::Tensor;

use crate::device::Device;
use crate::kernels::Kernels;
use crate::kernels::matmul::matmul;

/// Newton-Schulz iteration takes every singular value `x` to `a x + b x^3 + c x^5`, this often.
const COEFFICIENTS: (f32, f32, f32) = (3.4445, -4.775, 2.0315);
const ITERATIONS: usize = 5;
/// The least norm that an update is divided by.
const EPSILON: f32 = 1e-7;

/// Takes an update from a parameter, its singular values all made about 1, and the rate adjusted so
/// that it is as large as one of AdamW (arXiv:2502.16982): one learning rate serves both.
#[derive(Clone)]
pub(super) enum Orthogonalised {
    Fused { weight_decay: f64 },
    Burn(Muon),
}

impl Orthogonalised {
    pub fn new(weight_decay: f64, device: &Device) -> Self {
        match device.kernels() {
            Kernels::Fused => Self::Fused { weight_decay },
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
    pub fn step(&self, learning_rate: f64, parameter: Tensor<2>, update: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Fused { weight_decay } => {
                let [rows, columns] = parameter.dims();
                let adjusted = learning_rate * 0.2 * (rows.max(columns) as f64).sqrt();
                let parameter = match *weight_decay > 0.0 {
                    true => parameter * (1.0 - learning_rate * weight_decay),
                    false => parameter,
                };
                parameter - orthogonal(update) * adjusted
            }
            Self::Burn(muon) => muon.step(learning_rate, parameter, update, None).0,
        }
    }
}

/// The matrix with its singular values made about 1. The quintic is computed as
/// `(a I + A (b I + c A)) X` with `A = X X^T`, so that only small matrices are added.
fn orthogonal(matrix: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = matrix.dims();
    let wide = match rows > columns {
        true => matrix.transpose(),
        false => matrix,
    };
    let side = rows.min(columns);
    // Along one dimension at a time: Burn's sum of everything adds in no fixed order on an adapter.
    let squared = wide.clone().square().sum_dim(1).sum_dim(0);
    let mut x = wide / squared.sqrt().clamp_min(EPSILON);
    let identity = Tensor::<2>::eye(side, &x.device());
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
