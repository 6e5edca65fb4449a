//! How long an adapter takes for a launch, by its own clock where it has one.

use std::time::Duration;

use burn::tensor::{Device, Tensor};
use burn_wgpu::CubeTensor;
use cubecl::client::Client;
use cubecl::profile::TimingMethod;

use super::gpu::{into_floats, launch};
use super::launch::Launch;
use super::tiles::adapter;

/// Timed together are so many at most,
const MOST_AT_ONCE: u32 = 20;
/// or as many as take so long.
const LONG_ENOUGH: Duration = Duration::from_millis(5);
/// Of so many times the least counts, where one is not long enough.
const TIMES: usize = 3;

/// The least time of one of several launches, on buffers of zeros of their own.
///
/// # Errors
/// The adapter's reason.
pub async fn time(timed: &Launch, device: &Device) -> Result<Duration, String> {
    let zeros = |words: usize| Tensor::<1>::zeros([words.max(1)], device);
    let buffers: Option<Vec<CubeTensor>> = (timed.bindings.iter())
        .map(|binding| into_floats(zeros(binding.words)))
        .collect();
    let buffers = buffers.ok_or("nothing is launched on the CPU")?;
    let buffers: Vec<&CubeTensor> = buffers.iter().collect();
    // Compiles the shader.
    several(timed, &buffers, 1).await?;
    let first = several(timed, &buffers, 1).await?;
    let fit = LONG_ENOUGH.as_nanos() / first.as_nanos().max(1);
    let count = u32::try_from(fit)
        .unwrap_or(u32::MAX)
        .clamp(1, MOST_AT_ONCE);
    let mut least = first;
    let times = if count == 1 { 1 } else { TIMES };
    for _ in 0..times {
        least = least.min(several(timed, &buffers, count).await? / count);
    }
    Ok(least)
}

async fn several(timed: &Launch, buffers: &[&CubeTensor], count: u32) -> Result<Duration, String> {
    let queue = || (0..count).for_each(|_| launch(timed.clone(), buffers));
    taken(&buffers[0].client, queue).await
}

/// How long an adapter takes for what `work` queues, by its own clock; `None` on the CPU, and where it has none.
///
/// # Errors
/// The adapter's reason.
pub async fn on_the_device(
    device: &Device,
    work: impl FnOnce(),
) -> Result<Option<Duration>, String> {
    let client = adapter(device).map(|adapter| adapter.client());
    match client.filter(|client| client.properties().timing_method == TimingMethod::Device) {
        Some(client) => taken(&client, work).await.map(Some),
        None => Ok(None),
    }
}

async fn taken(client: &Client, work: impl FnOnce()) -> Result<Duration, String> {
    let window = client.profile_start().map_err(|error| error.to_string())?;
    work();
    let taken = client
        .profile_end(window)
        .map_err(|error| error.to_string())?;
    let taken = taken.into_future().await;
    taken
        .map(|taken| taken.duration())
        .ok_or_else(|| "the adapter told no time".into())
}
