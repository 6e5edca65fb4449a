//! Launches a [`Pass`] on Burn's own buffers, through CubeCL.

use std::cell::Cell;

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, Shape};
use burn_wgpu::{CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous};
use cubecl::prelude::{CubeCount, KernelId};
use cubecl::server::{KernelArguments, MetadataBindingInfo};

use super::shader::{Pass, TilePreset};

/// A specialised shader as CubeCL wants it.
struct Shader {
    /// Everything that changes the source.
    key: String,
    template: &'static str,
    constants: Vec<(&'static str, u32)>,
}

impl KernelSource for Shader {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(super::shader::with_constants(
            self.template,
            &self.constants,
        ))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(self.key.clone())
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Queues `pass` with `tensors` as its bindings in order; all are contiguous and on one device.
pub fn launch(pass: Pass, tensors: &[&CubeTensor]) {
    debug_assert_eq!(tensors.len(), pass.bindings.len(), "{}", pass.name);
    for (tensor, binding) in tensors.iter().zip(&pass.bindings) {
        debug_assert!(
            tensor.meta.shape().num_elements() >= binding.words,
            "{}: {}",
            pass.name,
            binding.name
        );
    }
    let [x, y, z] = pass.workgroup_size;
    let shader = Shader {
        key: pass.key(),
        template: pass.template,
        constants: pass.constants,
    };
    let mut arguments = KernelArguments::new().with_buffers(
        tensors
            .iter()
            .map(|tensor| tensor.handle.clone().binding())
            .collect(),
    );
    if !pass.uniform.is_empty() {
        let words = pass
            .uniform
            .chunks(2)
            .map(|pair| u64::from(pair[0]) | u64::from(pair[1]) << 32)
            .collect();
        arguments = arguments.with_info(MetadataBindingInfo::custom(words));
    }
    let [columns, rows, layers] = pass.workgroups;
    tensors[0].client.launch(
        Box::new(SourceKernel::new(shader, CubeDim::new_3d(x, y, z))),
        CubeCount::Static(columns, rows, layers),
        arguments,
    );
}

/// A tensor on the device of `like`, its numbers not yet written.
pub fn empty(like: &CubeTensor, dims: &[usize], dtype: DType) -> CubeTensor {
    let shape = Shape::from(dims.to_vec());
    let bytes = shape.num_elements() * dtype.size();
    CubeTensor::new_contiguous(
        like.client.clone(),
        like.device.clone(),
        shape,
        like.client.empty(bytes),
        dtype,
    )
}

/// A tensor that a shader may write in place: one that others hold too is copied first.
pub fn owned(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    match tensor.can_mut() {
        true => tensor,
        false => tensor.copy(),
    }
}

/// The tiles for the adapter that holds `tensor`.
pub fn preset(tensor: &CubeTensor) -> TilePreset {
    FORCED.get().unwrap_or_else(
        || match is_software(&tensor.client.properties().identity.name) {
            true => TilePreset::Software,
            false => TilePreset::Hardware,
        },
    )
}

thread_local! {
    static FORCED: Cell<Option<TilePreset>> = const { Cell::new(None) };
}

/// Has launches of this thread use these tiles, where an adapter has no name to choose by.
#[cfg(target_family = "wasm")]
pub fn assume(preset: TilePreset) {
    FORCED.set(Some(preset));
}

/// Runs `work` with these tiles on whatever adapter it uses, so that both kinds can be checked and timed everywhere.
pub fn with_preset<T>(preset: TilePreset, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<TilePreset>);
    impl Drop for Restore {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    let _restore = Restore(FORCED.replace(Some(preset)));
    work()
}

/// Whether an adapter of this name runs shaders on the CPU.
pub fn is_software(name: &str) -> bool {
    let name = name.to_lowercase();
    ["llvmpipe", "swiftshader", "basic render"]
        .iter()
        .any(|software| name.contains(software))
}

/// Whether tensors on `device` live on an adapter.
pub fn is_adapter(device: &Device) -> bool {
    let inner = device.clone().inner();
    matches!(inner.as_dispatch(), DispatchDevice::Cube(_))
}
