//! The CPU twin of the kernel.
pub mod cpu;
