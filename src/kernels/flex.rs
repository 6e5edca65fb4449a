//! What the CPU kernels see of Burn's tensors on the CPU: their numbers, and fresh ones in memory that is used again.

use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, Element, TensorData};
use bytemuck::Pod;
use cubecl::bytes::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};
use std::mem::MaybeUninit;

use super::simd::scratch::{self, Scratch};

/// The numbers of a contiguous tensor, in order.
///
/// # Panics
/// When the tensor is not contiguous or not f32; callers make it so.
pub fn floats(tensor: &FloatTensor<Flex>) -> &[f32] {
    tensor.as_slice().expect("f32 in order")
}

/// The tensor itself where its storage is its numbers in order, so that it is updated in place: a second handle on the
/// storage would make the update copy it.
pub fn whole<E: Element + Pod>(tensor: FlexTensor) -> FlexTensor {
    let numbers = tensor.layout().shape().num_elements();
    match tensor.is_contiguous() && tensor.storage::<E>().len() == numbers {
        true => tensor,
        false => tensor.to_contiguous(),
    }
}

/// Every tensor of the CPU, whatever it holds.
type FlexTensor = FloatTensor<Flex>;

/// Numbers that are written first and become a tensor then: what an earlier tensor held is still in them.
pub struct Fresh {
    numbers: Scratch,
    /// Bytes of the tensor.
    length: usize,
}

impl Fresh {
    /// Room for the f32 numbers of a tensor of this shape.
    pub fn new(dims: &[usize]) -> Self {
        let count = dims.iter().product();
        Self {
            numbers: scratch::dirty(count),
            length: count * size_of::<f32>(),
        }
    }

    /// Room for `count` bytes.
    pub fn bytes(count: usize) -> Self {
        Self {
            numbers: scratch::dirty(count.div_ceil(size_of::<f32>())),
            length: count,
        }
    }

    /// The numbers.
    pub fn floats(&mut self) -> &mut [f32] {
        &mut self.numbers
    }

    /// The same as bytes.
    pub fn as_bytes(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.numbers)[..self.length]
    }

    /// The f32 tensor of these numbers.
    pub fn into_tensor<const D: usize>(self, dims: [usize; D]) -> FloatTensor<Flex> {
        FloatTensor::<Flex>::from_data(self.into_data(dims, DType::F32))
    }

    /// The u8 tensor of these bytes.
    pub fn into_byte_tensor<const D: usize>(self, dims: [usize; D]) -> IntTensor<Flex> {
        IntTensor::<Flex>::from_data(self.into_data(dims, DType::U8))
    }

    fn into_data<const D: usize>(self, dims: [usize; D], dtype: DType) -> TensorData {
        let length = dims.iter().product::<usize>() * dtype.size();
        assert_eq!(length, self.length, "bytes of a tensor {dims:?}");
        // SAFETY: scratch memory is always initialised, and holds `length` bytes.
        let bytes = unsafe { Bytes::from_controller(Box::new(Recycled(self.numbers)), length) };
        TensorData::from_bytes(bytes, dims, dtype)
    }
}

/// Scratch memory behind a tensor: it goes back to its store when the tensor is dropped.
struct Recycled(Scratch);

impl AllocationController for Recycled {
    fn alloc_align(&self) -> usize {
        scratch::ALIGN
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(
        &mut self,
        _policy: AccessPolicy,
    ) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.0);
        // SAFETY: the caller writes only initialised bytes (this function's own promise).
        Ok(unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.0);
        // SAFETY: initialised bytes are also bytes that may be uninitialised.
        Ok(unsafe { &*(std::ptr::from_ref(bytes) as *const [MaybeUninit<u8>]) })
    }
}
