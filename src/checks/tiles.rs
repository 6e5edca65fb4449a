//! The fastest tiles of each kernel on an adapter, timed at the shapes of a network.

use std::time::{Duration, Instant};

use burn::tensor::Transaction;

use super::steps::first_step;
use super::{Finding, Group};
use crate::config::{Architecture, Config};
use crate::device::store::Store;
use crate::device::{Device, DeviceError};
use crate::kernels::Kernels;
use crate::kernels::gpu::record;
use crate::kernels::launch::Launch;
use crate::kernels::tiles::{Kernel, TileProfile, Tiles, Timed, Trial, tiles, with_tiles};
use crate::kernels::timing::time;

/// What timing may take on a card, and where shaders run on the CPU and take seconds to compile.
const LIMIT: Duration = Duration::from_secs(1);
const LIMIT_OF_SOFTWARE: Duration = Duration::from_secs(5);

async fn choose(
    device: &Device,
    config: &Config,
    network: &Architecture,
) -> Result<(), DeviceError> {
    let is_fused = device.kernels() == Kernels::Fused;
    let Some(adapter) = device.adapter().filter(|_| is_fused) else {
        return Ok(());
    };
    let store = Store::of(adapter);
    let mut timed = store.as_ref().map(Store::timed).unwrap_or_default();
    let known: Vec<Kernel> = timed.iter().map(|timed| timed.kernel).collect();
    let new = fastest(device, config, network, &known).await?;
    if new.is_empty() {
        return Ok(());
    }
    timed.extend(new);
    device.use_fastest(&timed);
    remember(store.as_ref(), &timed);
    Ok(())
}

/// Times what was not timed on the adapter of `device` yet, if the fused kernels compute there, remembers it, and has the
/// fastest tiles used from now on. Where the device fails, the usual ones are, with a warning.
pub async fn choose_or_warn(device: &Device, config: &Config, network: &Architecture) {
    if let Err(error) = choose(device, config, network).await {
        tracing::warn!("{error}; kernels use the tiles that are usual on such adapters");
    }
}

/// Where `findings` say that fused kernels compute wrong numbers, has the usual tiles used on the adapter of `device` from
/// now on, and remembers that; whether others were, so that those are to be checked.
pub fn forget(device: &Device, findings: &[Finding]) -> bool {
    let usual = device.usual_tiles();
    let is_wrong = |finding: &Finding| {
        finding.kernels == Group::Fused && !finding.is_of_replay() && !finding.passed
    };
    let are_usual = |tiles| tiles == Tiles::all(usual);
    if !findings.iter().any(is_wrong) || tiles(device.burn()).is_none_or(are_usual) {
        return false;
    }
    device.use_fastest(&[]);
    if let Some(store) = device.adapter().and_then(Store::of) {
        let mut timed = store.timed();
        timed.iter_mut().for_each(|timed| timed.chosen = usual);
        remember(Some(&store), &timed);
    }
    true
}

fn remember(store: Option<&Store>, timed: &[Timed]) {
    let Some(store) = store else { return };
    if let Err(error) = store.remember_timed(timed) {
        tracing::warn!(
            "{}: which tiles are fastest could not be remembered ({error}); the next training times them again",
            store.folder().display()
        );
    }
}

/// Times the tiles of the kernels that `network` uses in a training step, but for those of `known`. A kernel whose
/// launches do not differ, or that there is no time left for, is not among what comes back; tiles that fail are left out, with a warning.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails.
async fn fastest(
    device: &Device,
    config: &Config,
    network: &Architecture,
    known: &[Kernel],
) -> Result<Vec<Timed>, DeviceError> {
    let Some(adapter) = device.adapter() else {
        return Ok(Vec::new());
    };
    let is_software = adapter.is_software();
    let limit = if is_software {
        LIMIT_OF_SOFTWARE
    } else {
        LIMIT
    };
    let end = Instant::now() + limit;
    let device = device.clone().with_kernels(Kernels::Fused);
    let usual = device.usual_tiles();
    let launched = step(&device, config, network, Tiles::all(usual)).await?;
    let mut found = Vec::new();
    for kernel in Kernel::ALL
        .into_iter()
        .filter(|kernel| !known.contains(kernel))
    {
        let mut tried = Vec::new();
        for tiles in TileProfile::others(is_software, adapter.subgroup) {
            if tiles.subgroup().is_some() && kernel != Kernel::Product {
                continue;
            }
            let all = Tiles::all(usual).with(kernel, tiles);
            let others = step(&device, config, network, all).await?;
            let trial = async {
                let replaced = microseconds(&without(&launched, &others), &device, end).await?;
                let new = microseconds(&without(&others, &launched), &device, end).await?;
                Ok::<_, DeviceError>(replaced.zip(new))
            };
            match trial.await {
                Ok(Some((usual_microseconds, microseconds))) if microseconds > 0.0 => {
                    tried.push(Trial {
                        tiles,
                        microseconds,
                        usual_microseconds,
                    });
                }
                Ok(_) => {}
                Err(error) => tracing::warn!("{error}; the tiles {} are left out", tiles.name()),
            }
        }
        if !tried.is_empty() {
            found.push(Timed::of(kernel, usual, tried));
        }
    }
    Ok(found)
}

/// What a training step launches with these tiles. Nothing of ours is computed.
async fn step(
    device: &Device,
    config: &Config,
    network: &Architecture,
    tiles: Tiles,
) -> Result<Vec<Launch>, DeviceError> {
    const DOING: &str = "timing tiles";
    let work = || {
        let (_, trainer, step) = first_step(device, config, network, DOING)?;
        device.guard(DOING, || {
            Transaction::default().register(trainer.loss(&step))
        })
    };
    let (queued, launches) = with_tiles(tiles, || record(work));
    // Burn's own operations were launched.
    device.read(DOING, queued?).await?;
    Ok(launches)
}

/// The launches that are not among others.
fn without(launches: &[Launch], others: &[Launch]) -> Vec<Launch> {
    let same = |launch: &Launch| others.contains(launch);
    launches
        .iter()
        .filter(|launch| !same(launch))
        .cloned()
        .collect()
}

/// What they take together; `None` where the end comes first.
async fn microseconds(
    launches: &[Launch],
    device: &Device,
    end: Instant,
) -> Result<Option<f64>, DeviceError> {
    let mut sum = 0.0;
    for launch in launches {
        if Instant::now() >= end {
            return Ok(None);
        }
        let taken = time(launch, device.burn()).await;
        let taken = taken.map_err(|reason| device.failed("timing tiles", reason))?;
        tracing::debug!("{}: {taken:?}", launch.key());
        sum += taken.as_secs_f64() * 1e6;
    }
    Ok(Some(sum))
}
