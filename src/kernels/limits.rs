//! What WebGPU guarantees of every adapter.

/// Words (f32, i32 or u32) of the largest buffer that may be bound: 128 MiB.
pub(crate) const LARGEST_BINDING: usize = (128 << 20) / 4;
