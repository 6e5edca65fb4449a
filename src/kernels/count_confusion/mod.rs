//! The confusion table counted on the device.
//! Both forms are tested; the evaluation still counts by Burn's matmul.

pub mod cpu;
pub mod passes;
