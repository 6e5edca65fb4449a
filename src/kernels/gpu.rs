//! Launches on Burn's own buffers, through CubeCL.

use std::cell::{Cell, RefCell};

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, Shape};
use burn_wgpu::{CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous};
use cubecl::prelude::{CubeCount, KernelId};
use cubecl::server::{KernelArguments, MetadataBindingInfo};

use super::launch::{Launch, TileProfile};
use super::shader::Shader;

/// A specialised shader as CubeCL wants it.
struct Specialised {
    /// Everything that changes the source.
    key: String,
    shader: Shader,
    constants: Vec<(&'static str, u32)>,
}

impl KernelSource for Specialised {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.shader.source(&self.constants))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(self.key.clone())
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Queues `launch` with `inputs` as its first bindings and new tensors of these shapes as the rest, which it gives.
pub fn launch_into<const N: usize>(
    launch: Launch,
    inputs: &[&CubeTensor],
    outputs: [(DType, &[usize]); N],
) -> [CubeTensor; N] {
    let outputs = outputs.map(|(dtype, dims)| empty(inputs[0], dims, dtype));
    let tensors: Vec<&CubeTensor> = inputs.iter().copied().chain(&outputs).collect();
    self::launch(launch, &tensors);
    outputs
}

/// Queues `launch` with `tensors` as its bindings in order; all are contiguous and on one device.
pub fn launch(launch: Launch, tensors: &[&CubeTensor]) {
    let name = launch.shader.name;
    debug_assert_eq!(tensors.len(), launch.bindings.len(), "{name}");
    for (tensor, binding) in tensors.iter().zip(&launch.bindings) {
        let elements = tensor.meta.shape().num_elements();
        debug_assert!(elements >= binding.words, "{name}: {}", binding.name);
    }
    let Some(launch) = kept(launch) else { return };
    let [x, y, z] = launch.workgroup_size;
    let shader = Specialised {
        key: launch.key(),
        shader: launch.shader,
        constants: launch.constants,
    };
    let mut arguments = KernelArguments::new().with_buffers(
        tensors
            .iter()
            .map(|tensor| tensor.handle.clone().binding())
            .collect(),
    );
    let mut words = launch.uniform;
    if !words.is_empty() {
        // Uniform buffers are read by 16 bytes.
        words.resize(words.len().next_multiple_of(4), 0);
        let words = words
            .chunks(2)
            .map(|pair| u64::from(pair[0]) | u64::from(pair[1]) << 32)
            .collect();
        arguments = arguments.with_info(MetadataBindingInfo::custom(words));
    }
    let [columns, rows, layers] = launch.workgroups;
    tensors[0].client.launch(
        Box::new(SourceKernel::new(shader, CubeDim::new_3d(x, y, z))),
        CubeCount::Static(columns, rows, layers),
        arguments,
    );
}

thread_local! {
    static RECORDED: RefCell<Option<Vec<Launch>>> = const { RefCell::new(None) };
}

/// What `work` gives and what it would launch, in order. It is not launched: tensors that shaders would write hold
/// anything.
pub fn record<T>(work: impl FnOnce() -> T) -> (T, Vec<Launch>) {
    struct Stop;
    impl Drop for Stop {
        fn drop(&mut self) {
            RECORDED.set(None);
        }
    }
    let _stop = Stop;
    RECORDED.set(Some(Vec::new()));
    let found = work();
    (found, RECORDED.take().unwrap_or_default())
}

/// The launch, unless it is recorded.
fn kept(launch: Launch) -> Option<Launch> {
    RECORDED.with_borrow_mut(|recorded| match recorded {
        Some(launches) => {
            launches.push(launch);
            None
        }
        None => Some(launch),
    })
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

/// The sizes of a tensor of `D` dimensions.
pub fn dims<const D: usize>(tensor: &CubeTensor) -> [usize; D] {
    std::array::from_fn(|axis| tensor.meta.shape()[axis])
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
pub fn profile(tensor: &CubeTensor) -> TileProfile {
    FORCED.get().unwrap_or_else(
        || match is_software(&tensor.client.properties().identity.name) {
            true => TileProfile::Software,
            false => TileProfile::Hardware,
        },
    )
}

thread_local! {
    static FORCED: Cell<Option<TileProfile>> = const { Cell::new(None) };
}

/// Has launches of this thread use these tiles, where an adapter has no name to choose by.
#[cfg(target_family = "wasm")]
pub fn assume(profile: TileProfile) {
    FORCED.set(Some(profile));
}

/// Runs `work` with these tiles on whatever adapter it uses, so that both kinds can be checked and timed everywhere.
pub fn with_profile<T>(profile: TileProfile, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<TileProfile>);
    impl Drop for Restore {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    let _restore = Restore(FORCED.replace(Some(profile)));
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
