//! The short check of an adapter before the first training on it, and its remembered verdict.

use std::time::Instant;

use super::right_device::right_device;
use super::tiles;
use super::verdicts::Verdict;
use crate::checks::{self, Finding, Group, Scope, WrongNumbers};
use crate::config::{Architecture, Config};
use crate::device::store::Store;
use crate::device::{AdapterInfo, Device};
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
    let Some(adapter) = device.adapter().filter(|_| config.device.check).cloned() else {
        return Ok(device);
    };
    let store = Store::of(&adapter);
    let subject = Verdict::new(&adapter, network);
    let mut verdict = store
        .as_ref()
        .and_then(|store| store.verdict(&subject))
        .unwrap_or(subject);
    let right = right_device(device, async |device| {
        if verdict.of(device.kernels()).is_none() {
            check(device, config, network, &mut verdict).await;
            remember(store.as_ref(), &verdict);
        }
        match verdict.of(device.kernels()) {
            Some(true) => Ok(()),
            _ => Err(verdict.failed.clone()),
        }
    });
    let right = pollster::block_on(right);
    let failed = verdict.failed.join("; ");
    let Ok((mut device, _)) = right else {
        return Err(WrongNumbers {
            device: adapter.to_string(),
            failed,
        });
    };
    if verdict.replay == Some(false) && device.replays() {
        tracing::warn!(
            "{adapter} replays steps wrongly: training with --no-replay, which is slower; `gpu-mnist doctor` shows the details"
        );
        device = device.with_replays(false);
    }
    if device.kernels() != wanted {
        tracing::warn!(
            "{adapter} computes wrong numbers with the fused kernels ({failed}): training with --kernels burn, which is slower; `gpu-mnist doctor` shows the details"
        );
    }
    Ok(device)
}

async fn check(device: &Device, config: &Config, network: &Architecture, verdict: &mut Verdict) {
    let start = Instant::now();
    tracing::info!(
        "first training on {} with this driver and these kernels: checking its numbers",
        device.info.name
    );
    let mark = Shown::mark("checking");
    tiles::choose_or_warn(device, config, network).await;
    let mut findings = short(device, config, network, mark.as_ref()).await;
    if tiles::forget(device, &findings) {
        tracing::debug!("wrong numbers with the fastest tiles: checking the usual ones");
        findings = short(device, config, network, mark.as_ref()).await;
    }
    drop(mark);
    let (replay, findings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(Finding::is_of_replay);
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
    if let Some(finding) = replay.first() {
        verdict.replay = Some(finding.passed);
    }
    *verdict.of_mut(device.kernels()) = Some(failed.is_empty());
    verdict.failed.extend(failed);
}

/// What a short check finds.
async fn short(
    device: &Device,
    config: &Config,
    network: &Architecture,
    mark: Option<&Shown>,
) -> Vec<Finding> {
    checks::run(
        device,
        config,
        network,
        Scope::short(),
        &[Group::Shared, device.kernels().into()],
        &mut |finding| {
            tracing::debug!("{finding:?}");
            if let Some(mark) = mark {
                mark.say(format!("checking {}", finding.op));
            }
        },
    )
    .await
}

/// Remembers what `doctor` found about `adapter` with all kernels.
pub fn remember_findings(adapter: &AdapterInfo, network: &Architecture, findings: &[Finding]) {
    let right = |kernels: Group| {
        findings
            .iter()
            .filter(|finding| finding.kernels == kernels || finding.kernels == Group::Shared)
            .filter(|finding| !finding.is_of_replay())
            .all(|finding| finding.passed)
    };
    let replay = findings.iter().find(|finding| finding.is_of_replay());
    let verdict = Verdict {
        fused: Some(right(Group::Fused)),
        burn: Some(right(Group::Burn)),
        replay: replay.map(|finding| finding.passed),
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
