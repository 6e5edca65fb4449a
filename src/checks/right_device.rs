//! Which kernels a device computes right with.

use crate::device::Device;
use crate::kernels::Kernels;

/// The device with kernels that `check` finds right: its own, or Burn's own operations where its own
/// are the fused ones; with what is wrong with those that were given up.
///
/// # Errors
/// What is wrong with its own kernels, where no others are right.
pub async fn right_device(
    device: Device,
    mut check: impl AsyncFnMut(&Device) -> Result<(), Vec<String>>,
) -> Result<(Device, Vec<String>), Vec<String>> {
    let Err(wrong) = check(&device).await else {
        return Ok((device, Vec::new()));
    };
    if device.kernels() != Kernels::Fused {
        return Err(wrong);
    }
    let other = device.with_kernels(Kernels::Burn);
    match check(&other).await {
        Ok(()) => Ok((other, wrong)),
        Err(_) => Err(wrong),
    }
}
