//! Whether a device computes right numbers: every operation the model uses, forward and gradient,
//! against float64 on the CPU, then training steps beside the CPU.

mod adam;
mod augment;
pub mod band;
#[cfg(not(target_family = "wasm"))]
pub mod before_training;
mod gather;
mod images;
mod loss;
pub mod replay;
pub(crate) mod right_device;
pub mod shaders;
mod shared;
pub mod steps;
#[cfg(not(target_family = "wasm"))]
pub mod tiles;
mod updates;
#[cfg(not(target_family = "wasm"))]
pub mod verdicts;
pub(crate) mod waves;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::{Architecture, Config};
use crate::data::synthetic;
use crate::device::{Device, DeviceError, Fault};
use crate::exit::{Code, Exit};
use crate::kernels::Kernels;
use crate::kernels::case::{self, Case, Subject};
use crate::kernels::images::ImageShape;
use crate::model::ParameterShape;
use crate::model::layers::{self, Place};

/// Whose operation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Burn's, used whatever the kernels.
    Shared,
    /// Ours.
    Fused,
    /// Burn's, in place of ours.
    #[serde(alias = "stock")]
    Burn,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared => "shared",
            Self::Fused => "fused",
            Self::Burn => "burn",
        })
    }
}

impl From<Kernels> for Group {
    fn from(kernels: Kernels) -> Self {
        match kernels {
            Kernels::Fused => Self::Fused,
            Kernels::Burn => Self::Burn,
        }
    }
}

/// One comparison: an output or gradient of an operation at one shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Whose operation it is.
    pub kernels: Group,
    /// The operation.
    pub op: String,
    /// Its output or a gradient.
    pub part: String,
    /// The shape, in words.
    pub shape: String,
    /// Largest difference, relative to the largest number expected; `None` when it is no number.
    pub error: Option<f64>,
    /// The largest that passes.
    pub tolerance: f64,
    /// Whether it does.
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
    /// Images in each of those steps.
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
    for &group in groups {
        let device = match group {
            Group::Shared => device.clone(),
            Group::Fused => device.clone().with_kernels(Kernels::Fused),
            Group::Burn => device.clone().with_kernels(Kernels::Burn),
        };
        for case in networks
            .iter()
            .flat_map(|(network, scope)| cases(group, network, *scope))
        {
            let (findings, lost) = judge(&device, group, &case).await;
            findings.iter().for_each(&mut *observer);
            found.extend(findings);
            if lost {
                return found;
            }
        }
        for (network, scope) in &networks {
            if group != Group::Shared && scope.steps > 0 {
                let finding = steps::beside_the_cpu(&device, config, network, *scope).await;
                observer(&finding);
                found.push(finding);
            }
        }
        if group == Group::Fused && scope.steps > 0 && config.device.replay && device.is_gpu() {
            let finding = replay::beside_launches(&device, config, network, scope).await;
            finding.iter().for_each(&mut *observer);
            found.extend(finding);
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
    other.places().is_ok().then_some(other)
}

/// The operations of a group that `network` needs.
fn cases(group: Group, network: &Architecture, scope: Scope) -> Vec<Case> {
    let (shape, classes) = (network.input, network.classes);
    if group == Group::Shared {
        return shared::cases(classes, scope);
    }
    let mut cases = Vec::new();
    for place in distinct(network.checked_places()) {
        cases.extend(place.layer.describe().cases(&place, scope.batch));
    }
    let shapes = network.parameters();
    let largest = shapes.iter().map(ParameterShape::count).max();
    cases.extend(adam::cases(largest.unwrap_or_default()));
    cases.extend(updates::cases(largest.unwrap_or_default()));
    cases.extend([[64, 288], [33, 20]].map(updates::orthogonal));
    if scope.odd_shapes {
        cases.extend(layers::odd_cases());
        cases.extend([1, 131].into_iter().flat_map(adam::cases));
        cases.extend([1, 131, 6000].into_iter().flat_map(updates::cases));
        cases.extend([[1, 1], [5, 7], [260, 12]].map(updates::orthogonal));
    }
    cases.extend(gather::cases(shape, scope));
    cases.extend(augment::cases(shape, scope));
    cases.extend(loss::cases(classes, scope));
    cases
}

/// The places but for those where the same layer gets the same input.
fn distinct(places: Vec<Place>) -> Vec<Place> {
    let mut found: Vec<Place> = Vec::new();
    for place in places {
        let alike = |other: &Place| {
            Place {
                number: 0,
                ..*other
            } == Place { number: 0, ..place }
        };
        if !found.iter().any(alike) {
            found.push(place);
        }
    }
    found
}

/// Findings of one case, and whether the device is gone.
async fn judge(device: &Device, group: Group, case: &Case) -> (Vec<Finding>, bool) {
    let subject = Subject {
        device: device.burn().clone(),
        kernels: device.kernels(),
    };
    let outputs = match device.guard("checking", || (case.work)(&subject)) {
        Ok(outputs) => outputs,
        Err(error) => return failed(group, case, &error),
    };
    let data = match device.read("checking", outputs.tensors).await {
        Ok(data) => data,
        Err(error) => return failed(group, case, &error),
    };
    let factor = device.injection().factor(case.op, &group.to_string());
    let findings = outputs
        .parts
        .iter()
        .zip(data)
        .map(|(part, data)| {
            let numbers: Vec<f64> = data.iter::<f64>().map(|number| number * factor).collect();
            let error = relative_error(&numbers, &part.expected);
            Finding {
                kernels: group,
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

fn failed(group: Group, case: &Case, error: &DeviceError) -> (Vec<Finding>, bool) {
    let finding = Finding {
        kernels: group,
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
    /// Its name.
    pub device: String,
    /// What failed, in a line.
    pub failed: String,
}

impl Exit for WrongNumbers {
    fn code(&self) -> Code {
        Code::WrongNumbers
    }
}

/// What failed among `findings`, each operation once, with its parts.
pub fn failures(findings: &[Finding]) -> Vec<String> {
    let mut failed: Vec<(String, Vec<String>)> = Vec::new();
    for finding in findings.iter().filter(|finding| !finding.passed) {
        let op = format!("{} ({})", finding.op, finding.kernels);
        let part = match (&finding.error, &finding.note) {
            (_, Some(note)) => note.lines().next().unwrap_or_default().to_string(),
            (Some(error), None) => format!("{} off by {error:.1e}", finding.part),
            (None, None) => format!("{} is not a number", finding.part),
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
