//! The short check of an adapter before the first training on it, and its remembered verdict.

use std::time::Instant;

use super::verdicts::Verdict;
use crate::checks::{self, Group, Scope, WrongNumbers};
use crate::config::{Architecture, Config};
use crate::device::store::Store;
use crate::device::{AdapterInfo, Device};
use crate::kernels::Kernels;
use crate::terminal::bars::Shown;

/// The device to train on: `device` where it computes right with its kernels, else with Burn's own
/// operations and a warning. What is not known yet is checked and remembered.
///
/// # Errors
/// [`WrongNumbers`] when the adapter computes right with neither.
pub fn before_training(
    device: Device,
    config: &Config,
    network: &Architecture,
) -> Result<Device, WrongNumbers> {
    let wanted = device.kernels();
    let Some(adapter) = device.adapter().filter(|_| config.device.check) else {
        return Ok(device);
    };
    let store = Store::of(adapter);
    let subject = Verdict::new(adapter, network);
    let mut verdict = store
        .as_ref()
        .and_then(|store| store.verdict(&subject))
        .unwrap_or(subject);
    let right = settle(wanted, &mut verdict, |kernels, verdict| {
        let device = device.clone().with_kernels(kernels);
        check(&device, config, network, verdict);
        remember(store.as_ref(), verdict);
    });
    match right {
        Some(kernels) if kernels == wanted => Ok(device),
        Some(kernels) => {
            tracing::warn!(
                "{adapter} computes wrong numbers with the fused kernels ({}): training with --kernels burn, which is slower; `gpu-mnist doctor` shows the whole",
                verdict.failed.join("; ")
            );
            Ok(device.with_kernels(kernels))
        }
        None => Err(WrongNumbers {
            device: adapter.to_string(),
            failed: verdict.failed.join("; "),
        }),
    }
}

/// The first of the wanted kernels and Burn's own that are right; `check` fills in what `verdict` does
/// not know.
fn settle(
    wanted: Kernels,
    verdict: &mut Verdict,
    mut check: impl FnMut(Kernels, &mut Verdict),
) -> Option<Kernels> {
    let mut order = vec![wanted];
    if wanted == Kernels::Fused {
        order.push(Kernels::Burn);
    }
    order.into_iter().find(|&kernels| {
        if verdict.of(kernels).is_none() {
            check(kernels, verdict);
        }
        verdict.of(kernels) == Some(true)
    })
}

fn check(device: &Device, config: &Config, network: &Architecture, verdict: &mut Verdict) {
    let start = Instant::now();
    tracing::info!(
        "first training on {} with this driver and these kernels: checking its numbers",
        device.info.name
    );
    let mark = Shown::mark("checking");
    let findings = pollster::block_on(checks::run(
        device,
        config,
        network,
        Scope::short(),
        &[Group::Shared, device.kernels().into()],
        &mut |finding| {
            tracing::debug!("{finding:?}");
            if let Some(mark) = &mark {
                mark.say(format!("checking {}", finding.op));
            }
        },
    ));
    drop(mark);
    let failed = checks::failures(&findings);
    tracing::info!(
        "checked {} numbers in {:.1} s: {}",
        findings.len(),
        start.elapsed().as_secs_f64(),
        match failed.is_empty() {
            true => "right",
            false => "wrong",
        }
    );
    *verdict.of_mut(device.kernels()) = Some(failed.is_empty());
    verdict.failed.extend(failed);
}

/// Remembers what `doctor` found about `adapter` with all kernels.
pub fn remember_findings(
    adapter: &AdapterInfo,
    network: &Architecture,
    findings: &[checks::Finding],
) {
    let right = |kernels: Group| {
        findings
            .iter()
            .filter(|finding| finding.kernels == kernels || finding.kernels == Group::Shared)
            .all(|finding| finding.passed)
    };
    let verdict = Verdict {
        fused: Some(right(Group::Fused)),
        burn: Some(right(Group::Burn)),
        failed: checks::failures(findings),
        ..Verdict::new(adapter, network)
    };
    remember(Store::of(adapter).as_ref(), &verdict);
}

fn remember(store: Option<&Store>, verdict: &Verdict) {
    let Some(store) = store else { return };
    if let Err(error) = store.remember(verdict) {
        tracing::warn!(
            "{}: the verdict could not be remembered ({error}); the next training checks again",
            store.folder().display()
        );
    }
}
