//! The shaders that a network launches, as plain WGSL for a person to read.

use std::fmt::Write;

use burn::tensor::Transaction;

use super::steps::first_step;
use crate::config::{Architecture, Config};
use crate::device::{Device, DeviceError};
use crate::evaluation;
use crate::kernels::Kernels;
use crate::kernels::gpu::record;
use crate::kernels::launch::Launch;
use crate::kernels::tiles::{TileProfile, with_profile};

/// A shader with its constants, and everything that is launched of it.
#[derive(Clone, Debug)]
pub struct LaunchedShader {
    /// `PROFILE/NN-NAME.wgsl`, in the order of the first launches.
    pub path: String,
    /// Plain WGSL. A comment in front names the constants, and the workgroups and bindings of each launch.
    pub text: String,
}

/// What a training step and the evaluation of a batch launch with the fused kernels, with the tiles of these
/// profiles. Nothing is computed, so the device need not be able to use them.
///
/// # Errors
/// [`DeviceError::Failed`] when the device fails. Nothing is launched on the CPU, so there is nothing to give.
pub async fn launched(
    device: &Device,
    config: &Config,
    network: &Architecture,
    profiles: &[TileProfile],
) -> Result<Vec<LaunchedShader>, DeviceError> {
    let device = device.clone().with_kernels(Kernels::Fused);
    let mut shaders = Vec::new();
    for &profile in profiles {
        let work = || record(|| step_and_evaluate(&device, config, network));
        let (queued, launches) = with_profile(profile, work);
        // Burn's own operations were launched: a process that ends while they run may crash in the driver.
        device.read("listing shaders", queued?).await?;
        shaders.extend(described(profile.name(), &launches));
    }
    Ok(shaders)
}

fn step_and_evaluate(
    device: &Device,
    config: &Config,
    network: &Architecture,
) -> Result<Transaction, DeviceError> {
    let count = config.training.batch_size;
    let (split, trainer, step) = first_step(device, config, network, "listing shaders")?;
    device
        .guard("listing shaders", || {
            let loss = trainer.loss(&step);
            let model = trainer.eval_model();
            // As where batches are replayed. Nothing is read of it: it is launched to be listed.
            if let Some(steps) = split.step_state(1) {
                let logits = model.forward_eval(split.take(&steps, count, None).images);
                steps.keep(&logits, &logits.zeros_like());
            }
            Ok(evaluation::count(&model, &split, count, device)?.register(loss))
        })
        .flatten()
}

fn described(folder: &str, launches: &[Launch]) -> Vec<LaunchedShader> {
    let mut keys: Vec<String> = Vec::new();
    for launch in launches {
        let key = launch.key();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.iter()
        .enumerate()
        .map(|(number, key)| {
            let same: Vec<&Launch> = launches
                .iter()
                .filter(|launch| launch.key() == *key)
                .collect();
            LaunchedShader {
                path: format!("{folder}/{:02}-{}.wgsl", number + 1, same[0].shader.name),
                text: header(key, &same) + "\n" + &same[0].source(),
            }
        })
        .collect()
}

fn header(key: &str, launches: &[&Launch]) -> String {
    let mut header = format!("// {key}\n");
    for launch in launches {
        let bindings = launch.bindings.iter().enumerate();
        let mut bindings: Vec<String> = bindings
            .map(|(at, binding)| format!("{at} {} ({} words)", binding.name, binding.words))
            .collect();
        if !launch.uniform.is_empty() {
            let at = launch.bindings.len();
            bindings.push(format!("{at} uniform ({} words)", launch.uniform.len()));
        }
        let [x, y, z] = launch.workgroups;
        let [width, height, depth] = launch.workgroup_size;
        let _ = writeln!(
            header,
            "// launched as {x}x{y}x{z} workgroups of {width}x{height}x{depth}: {}",
            bindings.join(", ")
        );
    }
    header
}
