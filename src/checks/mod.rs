//! Whether a device computes right numbers: every operation the model uses, forward and gradient,
//! against float64 on the CPU, then training steps beside the CPU.

mod augment;
mod average_pool;
pub mod band;
mod batch_norm;
mod case;
mod convolve;
mod fused;
mod gather;
mod images;
mod loss;
pub mod reference;
pub mod shaders;
mod shared;
pub mod steps;
mod stock;
pub mod waves;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::{Architecture, Config, Kernels};
use crate::data::synthetic;
use crate::device::{Device, DeviceError, Fault};
use crate::kernels::images::ImageShape;
use case::Case;

/// Whose operation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Burn's, used whatever the kernels.
    Shared,
    Fused,
    Stock,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared => "shared",
            Self::Fused => "fused",
            Self::Stock => "stock",
        })
    }
}

impl From<Kernels> for Group {
    fn from(kernels: Kernels) -> Self {
        match kernels {
            Kernels::Fused => Self::Fused,
            Kernels::Stock => Self::Stock,
        }
    }
}

/// One comparison: an output or gradient of an operation at one shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub kernels: Group,
    pub op: String,
    pub part: String,
    pub shape: String,
    /// Largest difference, relative to the largest number expected; `None` when it is no number.
    pub error: Option<f64>,
    pub tolerance: f64,
    pub passed: bool,
    /// Why nothing could be compared.
    pub note: Option<String>,
}

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Images in a batch at the network's own shapes.
    pub batch: usize,
    /// Whether shapes that fit no tile are checked too.
    pub odd_shapes: bool,
    /// Training steps beside the CPU, and the images in each.
    pub steps: usize,
    pub step_batch: usize,
}

impl Scope {
    /// What `doctor` checks.
    pub fn full(config: &Config) -> Self {
        Self {
            batch: config.training.batch_size,
            odd_shapes: true,
            steps: config.doctor.steps,
            step_batch: config.doctor.batch_size,
        }
    }

    /// What is checked before a training on an adapter that was never checked.
    pub fn short() -> Self {
        Self {
            batch: 8,
            odd_shapes: false,
            steps: 3,
            step_batch: 32,
        }
    }

    /// The same on few images, at the network's own shapes alone.
    fn few(self) -> Self {
        Self {
            batch: self.batch.min(8),
            odd_shapes: false,
            steps: self.steps.min(5),
            step_batch: self.step_batch.min(16),
        }
    }
}

/// Checks the operations of `groups` that `network` needs on `device`, telling `observer` of each finding. With odd
/// shapes also those of the same layers over images of the other layout: coloured where `network` takes grey ones, and
/// the reverse. An operation that fails instead of computing is a finding too; a lost device ends the check.
pub async fn run(
    device: &Device,
    config: &Config,
    network: &Architecture,
    scope: Scope,
    groups: &[Group],
    observer: &mut impl FnMut(&Finding),
) -> Vec<Finding> {
    let mut networks = vec![(network.clone(), scope)];
    if scope.odd_shapes {
        networks.extend(other_layout(network).map(|other| (other, scope.few())));
    }
    let mut found = Vec::new();
    for case in cases(&networks) {
        if !groups.contains(&case.group) {
            continue;
        }
        let (findings, lost) = judge(device, &case).await;
        findings.iter().for_each(&mut *observer);
        found.extend(findings);
        if lost {
            return found;
        }
    }
    for (network, scope) in &networks {
        for kernels in [Kernels::Fused, Kernels::Stock] {
            if groups.contains(&kernels.into()) && scope.steps > 0 {
                let finding = steps::beside_the_cpu(device, config, network, *scope, kernels).await;
                observer(&finding);
                found.push(finding);
            }
        }
    }
    found
}

/// The same layers over images of the other layout; `None` where they do not fit.
fn other_layout(network: &Architecture) -> Option<Architecture> {
    let input = match network.input.channels {
        1 => ImageShape::rgb(32, 32),
        _ => synthetic::SHAPE,
    };
    let other = network.model.network(input, network.classes);
    other.sizes().is_ok().then_some(other)
}

fn cases(networks: &[(Architecture, Scope)]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (network, scope) in networks {
        let (shape, classes) = (network.input, network.classes);
        let layers = case::Layers::new(network, scope.batch);
        cases.extend(shared::cases(classes, *scope));
        cases.extend(fused::cases(&layers, *scope));
        cases.extend(stock::cases(&layers, *scope));
        for group in [Group::Fused, Group::Stock] {
            cases.extend(gather::cases(group, shape, *scope));
            cases.extend(augment::cases(group, shape, *scope));
            cases.extend(loss::cases(group, classes, *scope));
        }
    }
    cases
}

/// Findings of one case, and whether the device is gone.
async fn judge(device: &Device, case: &Case) -> (Vec<Finding>, bool) {
    let outputs = match device.guard("checking", || (case.work)(device)) {
        Ok(outputs) => outputs,
        Err(error) => return failed(case, &error),
    };
    let data = match device.read("checking", outputs.tensors).await {
        Ok(data) => data,
        Err(error) => return failed(case, &error),
    };
    let factor = device.injection().factor(case.op);
    let findings = outputs
        .parts
        .iter()
        .zip(data)
        .map(|(part, data)| {
            let numbers: Vec<f64> = data.iter::<f64>().map(|number| number * factor).collect();
            let error = relative_error(&numbers, &part.expected);
            Finding {
                kernels: case.group,
                op: case.op.into(),
                part: part.name.into(),
                shape: case.shape.clone(),
                error: error.is_finite().then_some(error),
                tolerance: part.tolerance,
                // Not `error > tolerance`: NaN must fail.
                passed: error <= part.tolerance,
                note: None,
            }
        })
        .collect();
    (findings, false)
}

fn failed(case: &Case, error: &DeviceError) -> (Vec<Finding>, bool) {
    let finding = Finding {
        kernels: case.group,
        op: case.op.into(),
        part: "whole".into(),
        shape: case.shape.clone(),
        error: None,
        tolerance: case::TOLERANCE,
        passed: false,
        note: Some(error.to_string()),
    };
    (vec![finding], error.fault() == Some(Fault::Lost))
}

/// Largest difference, relative to the largest number expected; NaN where a number is NaN, where
/// counts differ or where nothing is compared.
pub fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    if found.len() != expected.len() || expected.is_empty() {
        return f64::NAN;
    }
    let scale = expected
        .iter()
        .fold(f64::MIN_POSITIVE, |scale, number| scale.max(number.abs()));
    let mut largest = 0.0f64;
    for (found, expected) in found.iter().zip(expected) {
        let difference = (found - expected).abs() / scale;
        if difference.is_nan() {
            return f64::NAN;
        }
        largest = largest.max(difference);
    }
    largest
}

/// A device that must not be trained on.
#[derive(thiserror::Error, Debug)]
#[error(
    "{device} computes wrong numbers: {failed}\nupdate its driver and report the output of `gpu-mnist doctor --json`; until then use --device cpu"
)]
pub struct WrongNumbers {
    pub device: String,
    pub failed: String,
}

/// What failed among `findings`, each operation once, with its parts.
pub fn failures(findings: &[Finding]) -> Vec<String> {
    let mut failed: Vec<(String, Vec<String>)> = Vec::new();
    for finding in findings.iter().filter(|finding| !finding.passed) {
        let op = format!("{} ({})", finding.op, finding.kernels);
        let part = match (&finding.error, &finding.note) {
            (_, Some(note)) => note.lines().next().unwrap_or_default().to_string(),
            (Some(error), None) => format!("{} off by {error:.1e}", finding.part),
            (None, None) => format!("{} is no number", finding.part),
        };
        match failed.iter_mut().find(|(name, _)| *name == op) {
            Some((_, parts)) => parts.push(part),
            None => failed.push((op, vec![part])),
        }
    }
    failed
        .into_iter()
        .map(|(op, parts)| format!("{op}: {}", parts.join(", ")))
        .collect()
}
