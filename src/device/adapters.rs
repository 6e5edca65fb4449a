//! The adapters of this machine: what they are, in which order.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{DeviceError, guarded_future};
use crate::config::Api;

/// What an adapter is, in the words of its driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdapterInfo {
    /// Its number in `gpu-mnist devices`.
    pub index: usize,
    /// What the driver calls it.
    pub name: String,
    /// The API it is reached through, such as `vulkan`.
    pub api: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub adapter_type: String,
    /// Name and version.
    pub driver: String,
    /// PCI ids as `vendor:device`, in hexadecimal.
    pub id: String,
    /// Where it sits on the PCI bus; empty where the API does not tell.
    pub bus: String,
    /// Invocations of a subgroup, where all have so many and shaders can use them.
    #[serde(skip)]
    pub subgroup: Option<u32>,
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
    /// What is known of it.
    pub info: AdapterInfo,
    pub(super) handle: wgpu::Adapter,
    pub(super) instance: wgpu::Instance,
}

/// What a bug report about an adapter needs besides its [`AdapterInfo`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// The limits that bear on compute shaders, by wgpu's names.
    pub limits: BTreeMap<&'static str, u64>,
    /// wgpu's names of those it has.
    pub features: Vec<String>,
    /// Least and greatest.
    pub subgroup_sizes: [u32; 2],
}

impl Adapter {
    /// What it can do.
    pub fn capabilities(&self) -> Capabilities {
        let limits = self.handle.limits();
        let info = self.handle.get_info();
        let named = [
            ("max_buffer_size", limits.max_buffer_size),
            (
                "max_storage_buffer_binding_size",
                limits.max_storage_buffer_binding_size,
            ),
            (
                "max_storage_buffers_per_shader_stage",
                limits.max_storage_buffers_per_shader_stage.into(),
            ),
            (
                "min_storage_buffer_offset_alignment",
                limits.min_storage_buffer_offset_alignment.into(),
            ),
            (
                "max_compute_workgroup_storage_size",
                limits.max_compute_workgroup_storage_size.into(),
            ),
            (
                "max_compute_invocations_per_workgroup",
                limits.max_compute_invocations_per_workgroup.into(),
            ),
            (
                "max_compute_workgroup_size_x",
                limits.max_compute_workgroup_size_x.into(),
            ),
            (
                "max_compute_workgroup_size_y",
                limits.max_compute_workgroup_size_y.into(),
            ),
            (
                "max_compute_workgroup_size_z",
                limits.max_compute_workgroup_size_z.into(),
            ),
            (
                "max_compute_workgroups_per_dimension",
                limits.max_compute_workgroups_per_dimension.into(),
            ),
        ];
        Capabilities {
            limits: named.into_iter().collect(),
            features: self
                .handle
                .features()
                .iter_names()
                .map(|(name, _)| name.to_string())
                .collect(),
            subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
        }
    }
}

/// As [`find`], waiting for the answer.
#[cfg(not(target_family = "wasm"))]
pub fn adapters(api: Api) -> Vec<Adapter> {
    pollster::block_on(find(api))
}

/// Every adapter of this machine, hardware first, best first. Numbers are stable: they count
/// all adapters, whatever `api` filters. A browser gives one at most.
pub async fn find(api: Api) -> Vec<Adapter> {
    let backends = backends(Api::Any);
    let found = guarded_future(async {
        let plain = wgpu::InstanceDescriptor::new_without_display_handle();
        // wgpu's own variables, such as WGPU_ALLOW_UNDERLYING_NONCOMPLIANT_ADAPTER for dzn in WSL2.
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            flags: plain.flags.with_env(),
            backend_options: plain.backend_options.clone().with_env(),
            ..plain
        });
        let handles = enumerate(&instance, backends).await;
        (instance, handles)
    });
    let (instance, mut handles) = match found.await {
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
            info: describe(index, &handle),
            handle,
            instance: instance.clone(),
        })
        .collect()
}

#[cfg(not(target_family = "wasm"))]
async fn enumerate(instance: &wgpu::Instance, backends: wgpu::Backends) -> Vec<wgpu::Adapter> {
    instance.enumerate_adapters(backends).await
}

/// A browser with two cards is asked for the faster one.
#[cfg(target_family = "wasm")]
async fn enumerate(instance: &wgpu::Instance, _: wgpu::Backends) -> Vec<wgpu::Adapter> {
    let asked = instance.request_adapter(&wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    });
    asked.await.into_iter().collect()
}

fn backends(api: Api) -> wgpu::Backends {
    let asked = match api {
        Api::Any => wgpu::Backends::all(),
        Api::Vulkan => wgpu::Backends::VULKAN,
        Api::Metal => wgpu::Backends::METAL,
        Api::Dx12 => wgpu::Backends::DX12,
        Api::Gl => wgpu::Backends::GL,
    };
    match named_backends() {
        Ok(Some(named)) if api == Api::Any => asked & named,
        _ => asked,
    }
}

/// wgpu's variable for the APIs to use.
const BACKENDS: &str = "WGPU_BACKEND";

/// Checks what wgpu would take from the environment; an empty variable counts as unset.
///
/// # Errors
/// [`DeviceError::Environment`].
pub fn environment() -> Result<(), DeviceError> {
    named_backends().map(|_| ())
}

fn named_backends() -> Result<Option<wgpu::Backends>, DeviceError> {
    backends_named(&std::env::var(BACKENDS).unwrap_or_default())
}

/// The APIs that a list of wgpu's words names; `None` where it is empty.
fn backends_named(value: &str) -> Result<Option<wgpu::Backends>, DeviceError> {
    if value.trim().is_empty() {
        return Ok(None);
    }
    let mut named = wgpu::Backends::empty();
    for word in value.split(',').map(str::trim) {
        named |= match word.to_lowercase().as_str() {
            "" => continue,
            "vulkan" | "vk" => wgpu::Backends::VULKAN,
            "metal" | "mtl" => wgpu::Backends::METAL,
            "dx12" | "d3d12" => wgpu::Backends::DX12,
            "gl" | "gles" | "opengl" => wgpu::Backends::GL,
            "webgpu" => wgpu::Backends::BROWSER_WEBGPU,
            _ => {
                return Err(DeviceError::Environment {
                    variable: BACKENDS,
                    value: value.into(),
                    word: word.into(),
                });
            }
        };
    }
    Ok(Some(named))
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

/// Whether an adapter of this name runs shaders on the CPU.
pub fn is_software(name: &str) -> bool {
    let name = name.to_lowercase();
    ["llvmpipe", "swiftshader", "basic render"]
        .iter()
        .any(|software| name.contains(software))
}

fn describe(index: usize, handle: &wgpu::Adapter) -> AdapterInfo {
    let info = handle.get_info();
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
        wgpu::Backend::BrowserWebGpu => "webgpu",
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
        bus: info.device_pci_bus_id.clone(),
        subgroup: subgroup(&info, handle.features()),
    }
}

/// What a browser asks a shader to declare before it uses subgroups, naga does not know.
fn subgroup(info: &wgpu::AdapterInfo, features: wgpu::Features) -> Option<u32> {
    let has_one_size = info.subgroup_min_size == info.subgroup_max_size;
    let can_use =
        features.contains(wgpu::Features::SUBGROUP) && info.backend != wgpu::Backend::BrowserWebGpu;
    (has_one_size && can_use).then_some(info.subgroup_min_size)
}
