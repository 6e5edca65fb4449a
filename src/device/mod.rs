//! Adapters: list, choose and open them. Only this folder and `kernels/` name a backend.

pub mod adapters;
mod choice;
mod error;
mod inject;
#[cfg(not(target_family = "wasm"))]
pub mod opening;
#[cfg(not(target_family = "wasm"))]
pub mod runtime_folder;
#[cfg(not(target_family = "wasm"))]
pub mod store;
#[cfg(not(target_family = "wasm"))]
mod timed;

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(not(target_family = "wasm"))]
use std::path::Path;
use std::task::Poll;

use burn::tensor::wgpu::WgpuSetup;
use burn::tensor::{Device as BurnDevice, TensorData, Transaction};
#[cfg(target_family = "wasm")]
use cubecl::config::memory::PersistentMemory;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use serde::{Deserialize, Serialize};

use crate::kernels::Kernels;
use crate::kernels::tiles::{TileProfile, Tiles, Timed, use_tiles};
#[cfg(not(target_family = "wasm"))]
pub use adapters::adapters;
pub use adapters::{Adapter, AdapterInfo, Capabilities, environment, find};
#[cfg(not(target_family = "wasm"))]
pub use choice::choose;
pub use choice::{Choice, choose_from, fitting, list, select};
pub use error::{DeviceError, Fault, driver_advice};
pub use inject::Injection;

/// Dispatches that are handed to the driver together, unless something waits for them: some steps.
const DISPATCHES_A_SUBMIT: usize = 128;

/// The device a run computes on, as its reports name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// `gpu` or `cpu`.
    pub kind: String,
    /// What the driver or the system calls it.
    pub name: String,
    /// The API of an adapter; empty for the CPU.
    pub api: String,
    /// Name and version of an adapter's driver.
    pub driver: String,
    /// wgpu's word for the kind of adapter.
    pub adapter_type: String,
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_api(&self.name, &self.api))
    }
}

/// A device's name with the API it is reached through: one card may be listed once for each.
pub fn with_api(name: &str, api: &str) -> String {
    match api {
        "none" => format!("{name} (CPU)"),
        api => format!("{name} ({api})"),
    }
}

/// An opened device.
#[derive(Clone, Debug)]
pub struct Device {
    /// What it is.
    pub info: DeviceInfo,
    burn: BurnDevice,
    /// `None` for the CPU.
    adapter: Option<AdapterInfo>,
    #[cfg_attr(target_family = "wasm", allow(dead_code))]
    queue: Option<wgpu::Queue>,
    kernels: Kernels,
    replays: bool,
    injection: Injection,
}

impl Device {
    /// The CPU, through Burn's Flex backend.
    pub fn cpu() -> Self {
        Self {
            info: DeviceInfo {
                kind: "cpu".into(),
                name: cpu_name(),
                api: "none".into(),
                driver: match rayon::current_num_threads() {
                    1 => "1 thread".into(),
                    threads => format!("{threads} threads"),
                },
                adapter_type: "cpu".into(),
            },
            burn: BurnDevice::flex(),
            adapter: None,
            queue: None,
            kernels: Kernels::default(),
            replays: true,
            injection: Injection::default(),
        }
    }

    /// As [`Self::open`], waiting until it is done.
    ///
    /// # Errors
    /// [`DeviceError::Open`] when the driver refuses.
    #[cfg(not(target_family = "wasm"))]
    pub fn from_adapter(adapter: Adapter) -> Result<Self, DeviceError> {
        pollster::block_on(Self::open(adapter))
    }

    /// Opens an adapter for computing.
    ///
    /// # Errors
    /// [`DeviceError::Open`] when the driver refuses.
    pub async fn open(adapter: Adapter) -> Result<Self, DeviceError> {
        let info = adapter.info.clone();
        let failed = |reason: String| DeviceError::Open {
            adapter: info.to_string(),
            reason,
        };
        #[cfg(target_family = "wasm")]
        share_no_memory();
        let opening = async {
            let (device, queue) = adapter
                .handle
                .request_device(&wgpu::DeviceDescriptor {
                    label: Some("gpu-mnist"),
                    required_features: adapter
                        .handle
                        .features()
                        .difference(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS)
                        .difference(wgpu::Features::all_experimental_mask()),
                    required_limits: adapter.handle.limits(),
                    memory_hints: wgpu::MemoryHints::MemoryUsage,
                    ..Default::default()
                })
                .await
                .map_err(|error| error.to_string())?;
            let setup = WgpuSetup {
                backend: adapter.handle.get_info().backend,
                instance: adapter.instance,
                adapter: adapter.handle,
                device,
                queue: queue.clone(),
            };
            let burn = BurnDevice::wgpu_options()
                .setup(setup)
                .tasks_max(DISPATCHES_A_SUBMIT)
                .init();
            Ok((burn.map_err(|error| error.to_string())?, queue))
        };
        let (burn, queue) = guarded_future(opening)
            .await
            .and_then(|opened| opened)
            .map_err(failed)?;
        let opened = Self {
            info: DeviceInfo {
                kind: "gpu".into(),
                name: info.name.clone(),
                api: info.api.clone(),
                driver: info.driver.clone(),
                adapter_type: info.adapter_type.clone(),
            },
            burn,
            adapter: Some(info),
            queue: Some(queue),
            kernels: Kernels::default(),
            replays: true,
            injection: Injection::default(),
        };
        opened.use_fastest(&[]);
        Ok(opened)
    }

    /// Gives back the memory that no tensor needs now.
    pub fn give_back_memory(&self) {
        self.burn.memory_cleanup();
    }

    /// How often work was handed to the driver so far, this question included; `None` where nobody tells.
    #[cfg(not(target_family = "wasm"))]
    pub fn submits(&self) -> Option<u64> {
        // wgpu numbers them, and shows the number here alone.
        let number = format!("{:?}", self.queue.as_ref()?.submit([]));
        number
            .trim_matches(|of: char| !of.is_ascii_digit())
            .parse()
            .ok()
    }

    /// The device for Burn's tensors, without gradients.
    pub fn burn(&self) -> &BurnDevice {
        &self.burn
    }

    /// The device for tensors that record gradients.
    pub fn autodiff(&self) -> BurnDevice {
        self.burn.clone().autodiff()
    }

    /// Whether it is an adapter, hardware or software, and not the CPU.
    pub fn is_gpu(&self) -> bool {
        self.info.kind == "gpu"
    }

    /// The adapter it was opened from; `None` for the CPU.
    pub fn adapter(&self) -> Option<&AdapterInfo> {
        self.adapter.as_ref()
    }

    /// Has kernels use what was found fastest on its adapter from now on, and the usual tiles for the rest.
    pub fn use_fastest(&self, timed: &[Timed]) {
        use_tiles(&self.burn, Tiles::fastest(self.usual_tiles(), timed));
    }

    /// The tiles of kernels where nothing was timed on it.
    pub fn usual_tiles(&self) -> TileProfile {
        TileProfile::usual((self.adapter.as_ref()).is_some_and(AdapterInfo::is_software))
    }

    /// The same, computing with these.
    #[must_use]
    pub fn with_kernels(self, kernels: Kernels) -> Self {
        Self { kernels, ..self }
    }

    /// Whose operations compute on it; the fused ones unless it was opened for others.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// The same; steps are recorded and replayed on it, or launched one by one.
    #[must_use]
    pub fn with_replays(self, replays: bool) -> Self {
        Self { replays, ..self }
    }

    /// Whether steps may be recorded and replayed on it, as they may unless it was opened for others.
    pub fn replays(&self) -> bool {
        self.replays
    }

    /// Injects faults into what is done on this device.
    #[must_use]
    pub fn injecting(mut self, injection: Injection) -> Self {
        self.injection = injection;
        self
    }

    /// The faults that are injected.
    pub fn injection(&self) -> &Injection {
        &self.injection
    }

    /// Waits until everything queued is done.
    ///
    /// # Errors
    /// [`DeviceError::Failed`] with what the device reported.
    #[cfg(not(target_family = "wasm"))]
    pub fn wait(&self, doing: &'static str) -> Result<(), DeviceError> {
        guarded(|| self.burn.sync())
            .and_then(|done| done.map_err(|error| error.to_string()))
            .map_err(|reason| self.failed(doing, reason))
    }

    /// Bytes that the allocator of an adapter holds; `None` for the CPU.
    pub fn memory_reserved(&self) -> Option<u64> {
        let usage = guarded(|| self.burn.memory_pool_usage()).ok()??;
        Some(usage.bytes_reserved)
    }

    /// Reads tensors back: the one place where the host waits for the device.
    ///
    /// # Errors
    /// [`DeviceError::Failed`] with what the device reported.
    pub async fn read(
        &self,
        doing: &'static str,
        tensors: Transaction,
    ) -> Result<Vec<TensorData>, DeviceError> {
        guarded_future(tensors.execute_async())
            .await
            .and_then(|read| read.map_err(|error| error.to_string()))
            .map_err(|reason| self.failed(doing, reason))
    }

    /// Runs work that may panic inside a driver or a backend, and makes that an error.
    ///
    /// # Errors
    /// [`DeviceError::Failed`] with the panic's message.
    pub fn guard<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T,
    ) -> Result<T, DeviceError> {
        self.injection
            .before(doing)
            .and_then(|()| guarded(work))
            .map_err(|reason| self.failed(doing, reason))
    }

    pub(crate) fn failed(&self, doing: &'static str, reason: String) -> DeviceError {
        let fault = Fault::of(&reason);
        // Backtraces of dependencies help nobody at a terminal.
        let reason = reason
            .split("\nBacktrace")
            .next()
            .unwrap_or(&reason)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        DeviceError::Failed {
            device: self.info.name.clone(),
            doing,
            fault,
            reason,
        }
    }
}

/// Has each buffer reuse those of its own size only. In a browser a buffer is a page of memory of its own, and CubeCL would give
/// any free one that is large enough: then the same launches take other pages each time, and cannot be recorded.
#[cfg(target_family = "wasm")]
fn share_no_memory() {
    let mut config = CubeClRuntimeConfig::default();
    config.memory.persistent_memory = PersistentMemory::Enforced;
    // The first device is opened with it.
    CubeClRuntimeConfig::try_set(config);
}

/// Has CubeCL keep what it keeps between runs in `folder`, from now on. By itself it would look
/// for a `target` folder above the current one, and share one store among adapters.
#[cfg(not(target_family = "wasm"))]
pub fn keep_tuning_in(folder: &Path) {
    // Its own settings are read on first use and would come later.
    let _ = CubeClRuntimeConfig::get();
    cubecl::environment::set_root(folder);
    cubecl::environment::activate("tuning");
}

/// Turns a panic of `work` into its message.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_else(|| "a panic without a message".into())
    })
}

/// Turns a panic of `work`, whenever it is polled, into its message.
pub async fn guarded_future<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = Box::pin(work);
    poll_fn(|context| match guarded(|| work.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn cpu_name() -> String {
    #[cfg(target_os = "linux")]
    if let Ok(text) = std::fs::read_to_string("/proc/cpuinfo")
        && let Some(line) = text.lines().find(|line| line.starts_with("model name"))
        && let Some((_, name)) = line.split_once(':')
    {
        return name.trim().into();
    }
    match cfg!(target_family = "wasm") {
        true => format!("CPU (WebAssembly, {})", crate::kernels::simd::detect()),
        false => format!("{} CPU", std::env::consts::ARCH),
    }
}
