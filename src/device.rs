//! Adapters: list, choose and open them. Only this file and `kernels/` name a backend.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::wgpu::WgpuSetup;
use burn::tensor::{Device as BurnDevice, TensorData, Transaction};
use serde::{Deserialize, Serialize};

use crate::config::{Api, DeviceConfig, DeviceKind};
use crate::kernels::gpu::is_software;

/// What an adapter is, in the words of its driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdapterInfo {
    /// Its number in `gpu-mnist devices`.
    pub index: usize,
    pub name: String,
    pub api: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub adapter_type: String,
    pub driver: String,
    /// PCI ids as `vendor:device`, in hexadecimal.
    pub id: String,
}

impl AdapterInfo {
    /// Whether it computes on the CPU: llvmpipe, SwiftShader, WARP.
    pub fn is_software(&self) -> bool {
        self.adapter_type == "software"
    }
}

impl fmt::Display for AdapterInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.api, self.adapter_type)
    }
}

/// An adapter of this machine, not yet opened.
pub struct Adapter {
    pub info: AdapterInfo,
    handle: wgpu::Adapter,
    instance: wgpu::Instance,
}

/// The device a run computes on, as its reports name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// `gpu` or `cpu`.
    pub kind: String,
    pub name: String,
    pub api: String,
    pub driver: String,
    pub adapter_type: String,
}

/// An opened device.
#[derive(Clone, Debug)]
pub struct Device {
    pub info: DeviceInfo,
    burn: BurnDevice,
}

/// Why no device could be used; every text says what was found and what to do.
#[derive(thiserror::Error, Debug)]
pub enum DeviceError {
    #[error("no GPU adapter found{filter}\n{advice}\nor use --device cpu", advice = driver_advice())]
    NoAdapter { filter: String },
    #[error(
        "only software adapters found, and --hardware-only refuses them:\n{found}{advice}\nor use --device cpu",
        advice = driver_advice()
    )]
    OnlySoftware { found: String },
    #[error(
        "no adapter matches --adapter {wanted}; found:\n{found}use a number or a part of a name from this list, or --device cpu"
    )]
    NoMatch { wanted: String, found: String },
    #[error(
        "adapter {adapter} could not be opened: {reason}\nupdate its driver, choose another with --adapter, or use --device cpu"
    )]
    Open { adapter: String, reason: String },
    #[error(
        "device {device} failed while {doing}: {reason}\nrun again, update the driver, or use --device cpu"
    )]
    Failed {
        device: String,
        doing: &'static str,
        reason: String,
    },
}

/// A device that was chosen, and why in one line.
pub struct Choice {
    /// `None` is the CPU.
    pub adapter: Option<Adapter>,
    pub reason: String,
}

/// Every adapter of this machine, hardware first, best first. Numbers are stable: they count
/// all adapters, whatever `api` filters.
pub fn adapters(api: Api) -> Vec<Adapter> {
    let backends = backends(Api::Any);
    let found = guarded(|| {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let handles = pollster::block_on(instance.enumerate_adapters(backends));
        (instance, handles)
    });
    let (instance, mut handles) = match found {
        Ok(found) => found,
        Err(reason) => {
            tracing::warn!("the adapters could not be listed: {reason}");
            return Vec::new();
        }
    };
    handles.sort_by_key(|handle| rank(&handle.get_info()));
    let wanted = self::backends(api);
    handles
        .into_iter()
        .enumerate()
        .filter(|(_, handle)| wanted.contains(handle.get_info().backend.into()))
        .map(|(index, handle)| Adapter {
            info: describe(index, &handle.get_info()),
            handle,
            instance: instance.clone(),
        })
        .collect()
}

/// Chooses a device as the settings ask (`DESIGN.md`, section 1).
///
/// # Errors
/// [`DeviceError::NoAdapter`], [`DeviceError::OnlySoftware`] or [`DeviceError::NoMatch`].
pub fn choose(config: &DeviceConfig) -> Result<Choice, DeviceError> {
    if config.kind == DeviceKind::Cpu {
        return Ok(cpu("--device cpu".into()));
    }
    choose_from(adapters(config.api), config)
}

fn choose_from(found: Vec<Adapter>, config: &DeviceConfig) -> Result<Choice, DeviceError> {
    let infos: Vec<AdapterInfo> = found.iter().map(|adapter| adapter.info.clone()).collect();
    match select(&infos, config)? {
        (Some(position), reason) => Ok(Choice {
            adapter: found.into_iter().nth(position),
            reason,
        }),
        (None, reason) => Ok(cpu(reason)),
    }
}

/// The choice among `infos` (best first): a position, or `None` for the CPU, and the reason.
///
/// # Errors
/// As [`choose`].
pub fn select(
    infos: &[AdapterInfo],
    config: &DeviceConfig,
) -> Result<(Option<usize>, String), DeviceError> {
    let filter = match config.api {
        Api::Any => String::new(),
        api => format!(" for --api {}", format!("{api:?}").to_lowercase()),
    };
    let allowed = |info: &AdapterInfo| !(config.hardware_only && info.is_software());
    if !config.adapter.is_empty() {
        let position = named(infos, &config.adapter).ok_or_else(|| {
            if infos.is_empty() {
                DeviceError::NoAdapter {
                    filter: filter.clone(),
                }
            } else {
                DeviceError::NoMatch {
                    wanted: config.adapter.clone(),
                    found: list(infos),
                }
            }
        })?;
        if !allowed(&infos[position]) {
            return Err(DeviceError::OnlySoftware {
                found: list(&infos[position..=position]),
            });
        }
        return Ok((Some(position), format!("--adapter {}", config.adapter)));
    }
    if let Some(position) = infos.iter().position(|info| !info.is_software()) {
        return Ok((Some(position), "the best hardware adapter".into()));
    }
    match (config.kind, infos.is_empty()) {
        (DeviceKind::Auto, true) => Ok((None, format!("no GPU adapter found{filter}"))),
        (DeviceKind::Auto, false) => Ok((
            None,
            format!("no hardware adapter, only software ({})", infos[0].name),
        )),
        (_, true) => Err(DeviceError::NoAdapter { filter }),
        (_, false) if config.hardware_only => Err(DeviceError::OnlySoftware { found: list(infos) }),
        (_, false) => Ok((Some(0), "a software adapter: no hardware found".into())),
    }
}

fn named(infos: &[AdapterInfo], wanted: &str) -> Option<usize> {
    if let Ok(number) = wanted.parse::<usize>() {
        return infos.iter().position(|info| info.index == number);
    }
    let wanted = wanted.to_lowercase();
    infos
        .iter()
        .position(|info| info.name.to_lowercase().contains(&wanted))
}

fn list(infos: &[AdapterInfo]) -> String {
    infos
        .iter()
        .map(|info| format!("  {}: {info}\n", info.index))
        .collect()
}

fn cpu(reason: String) -> Choice {
    Choice {
        adapter: None,
        reason,
    }
}

impl Choice {
    /// Opens the device for computing.
    ///
    /// # Errors
    /// [`DeviceError::Open`] when the driver refuses.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self.adapter {
            None => Ok(Device::cpu()),
            Some(adapter) => Device::from_adapter(adapter),
        }
    }
}

impl Device {
    /// The CPU, through Burn's Flex backend.
    pub fn cpu() -> Self {
        Self {
            info: DeviceInfo {
                kind: "cpu".into(),
                name: cpu_name(),
                api: "none".into(),
                driver: format!("{} threads", rayon::current_num_threads()),
                adapter_type: "cpu".into(),
            },
            burn: BurnDevice::flex(),
        }
    }

    fn from_adapter(adapter: Adapter) -> Result<Self, DeviceError> {
        let info = adapter.info.clone();
        let failed = |reason: String| DeviceError::Open {
            adapter: info.to_string(),
            reason,
        };
        let burn = guarded(|| -> Result<BurnDevice, String> {
            let (device, queue) = pollster::block_on(
                adapter.handle.request_device(&wgpu::DeviceDescriptor {
                    label: Some("gpu-mnist"),
                    required_features: adapter
                        .handle
                        .features()
                        .difference(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS)
                        .difference(wgpu::Features::all_experimental_mask()),
                    required_limits: adapter.handle.limits(),
                    memory_hints: wgpu::MemoryHints::MemoryUsage,
                    ..Default::default()
                }),
            )
            .map_err(|error| error.to_string())?;
            let setup = WgpuSetup {
                backend: adapter.handle.get_info().backend,
                instance: adapter.instance,
                adapter: adapter.handle,
                device,
                queue,
            };
            BurnDevice::wgpu_options()
                .setup(setup)
                .init()
                .map_err(|error| error.to_string())
        })
        .and_then(|opened| opened)
        .map_err(failed)?;
        Ok(Self {
            info: DeviceInfo {
                kind: "gpu".into(),
                name: info.name,
                api: info.api,
                driver: info.driver,
                adapter_type: info.adapter_type,
            },
            burn,
        })
    }

    /// The device for Burn's tensors, without gradients.
    pub fn burn(&self) -> &BurnDevice {
        &self.burn
    }

    /// The device for tensors that record gradients.
    pub fn autodiff(&self) -> BurnDevice {
        self.burn.clone().autodiff()
    }

    pub fn is_gpu(&self) -> bool {
        self.info.kind == "gpu"
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
        tensors
            .execute_async()
            .await
            .map_err(|error| self.failed(doing, error.to_string()))
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
        guarded(work).map_err(|reason| self.failed(doing, reason))
    }

    fn failed(&self, doing: &'static str, reason: String) -> DeviceError {
        DeviceError::Failed {
            device: self.info.name.clone(),
            doing,
            reason,
        }
    }
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

fn backends(api: Api) -> wgpu::Backends {
    let asked = match api {
        Api::Any => wgpu::Backends::all(),
        Api::Vulkan => wgpu::Backends::VULKAN,
        Api::Metal => wgpu::Backends::METAL,
        Api::Dx12 => wgpu::Backends::DX12,
        Api::Gl => wgpu::Backends::GL,
    };
    match wgpu::Backends::from_env() {
        Some(environment) if api == Api::Any => asked & environment,
        _ => asked,
    }
}

fn rank(info: &wgpu::AdapterInfo) -> (u8, u8) {
    let device_type = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    let api = match info.backend {
        wgpu::Backend::Vulkan | wgpu::Backend::Metal => 0,
        wgpu::Backend::Dx12 => 1,
        _ => 2,
    };
    (device_type, api)
}

fn describe(index: usize, info: &wgpu::AdapterInfo) -> AdapterInfo {
    let software = info.device_type == wgpu::DeviceType::Cpu || is_software(&info.name);
    let adapter_type = match info.device_type {
        _ if software => "software",
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        _ => "other",
    };
    let api = match info.backend {
        wgpu::Backend::Vulkan => "vulkan",
        wgpu::Backend::Metal => "metal",
        wgpu::Backend::Dx12 => "dx12",
        wgpu::Backend::Gl => "gl",
        _ => "other",
    };
    AdapterInfo {
        index,
        name: info.name.clone(),
        api: api.into(),
        adapter_type: adapter_type.into(),
        driver: format!("{} {}", info.driver, info.driver_info)
            .trim()
            .into(),
        id: format!("{:04x}:{:04x}", info.vendor, info.device),
    }
}

fn cpu_name() -> String {
    #[cfg(target_os = "linux")]
    if let Ok(text) = std::fs::read_to_string("/proc/cpuinfo")
        && let Some(line) = text.lines().find(|line| line.starts_with("model name"))
        && let Some((_, name)) = line.split_once(':')
    {
        return name.trim().into();
    }
    format!("{} CPU", std::env::consts::ARCH)
}

/// What to install on this system so that an adapter appears.
pub fn driver_advice() -> &'static str {
    if cfg!(target_os = "linux") {
        "install a Vulkan driver: `apt install mesa-vulkan-drivers libvulkan1` (AMD, Intel, or a software adapter), the NVIDIA driver package for NVIDIA cards; `vulkaninfo --summary` shows what the system sees"
    } else if cfg!(target_os = "windows") {
        "install the graphics driver of your card's maker (it brings DX12 and Vulkan), or Windows updates"
    } else if cfg!(target_os = "macos") {
        "Metal comes with macOS: update the system; virtual machines often have no GPU"
    } else {
        "install a Vulkan driver for your graphics card"
    }
}
