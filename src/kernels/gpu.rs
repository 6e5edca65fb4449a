//! Launches on Burn's own buffers, through CubeCL.

use std::cell::RefCell;

use burn::backend::DispatchDevice;
use burn::tensor::{Bytes, DType, Device, Int, Shape, Tensor};
use burn_wgpu::{
    CubeBackend, CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous,
};
use bytemuck::NoUninit;
use cubecl::prelude::{CubeCount, KernelId};
use cubecl::server::{KernelArguments, MetadataBindingInfo};

use super::launch::Launch;
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

/// The tensor's buffer on its adapter; `None` for one on the CPU, or that records gradients.
pub fn into_floats<const D: usize>(tensor: Tensor<D>) -> Option<CubeTensor> {
    tensor.try_into_primitive::<CubeBackend>().ok()
}

/// The same, beside the tensor.
pub fn of_floats<const D: usize>(tensor: &Tensor<D>) -> Option<CubeTensor> {
    into_floats(tensor.clone())
}

/// The same of whole numbers.
pub fn of_ints<const D: usize>(tensor: &Tensor<D, Int>) -> Option<CubeTensor> {
    tensor.clone().try_into_primitive::<CubeBackend>().ok()
}

/// The tensor of a buffer of numbers.
pub fn float_tensor<const D: usize>(buffer: CubeTensor) -> Tensor<D> {
    Tensor::from_primitive::<CubeBackend>(buffer)
}

/// The tensor of a buffer of whole numbers.
pub fn int_tensor<const D: usize>(buffer: CubeTensor) -> Tensor<D, Int> {
    Tensor::from_primitive::<CubeBackend>(buffer)
}

/// Writes over a buffer's numbers from its first on, behind what is queued.
pub fn write<E: NoUninit>(buffer: &CubeTensor, numbers: Vec<E>) {
    let bytes = bytemuck::cast_slice::<E, u8>(&numbers).to_vec();
    (buffer.client).write(&buffer.handle, Bytes::from_bytes_vec(bytes));
}

/// Which buffer a tensor lies in, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(usize, Option<u64>);

impl Place {
    /// That of a tensor on an adapter without gradients.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        Some(Self::of_buffer(&of_floats(tensor)?))
    }

    /// That of a buffer.
    pub(super) fn of_buffer(buffer: &CubeTensor) -> Self {
        let handle = &buffer.handle;
        let id = handle.memory.clone().binding().id();
        Self(id.value, handle.offset_start)
    }
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

/// Whether tensors on `device` live on an adapter.
pub fn is_adapter(device: &Device) -> bool {
    let inner = device.clone().inner();
    matches!(inner.as_dispatch(), DispatchDevice::Cube(_))
}
