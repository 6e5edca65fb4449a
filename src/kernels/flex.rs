//! What the SIMD twins see of Burn's tensors on the CPU.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;

/// The numbers of a contiguous tensor, in order.
///
/// # Panics
/// When the tensor is not contiguous or not f32; callers make it so.
pub fn floats(tensor: &FloatTensor<Flex>) -> &[f32] {
    tensor.as_slice().expect("f32 in order")
}
