//! Data sets: images with labels, read, checked and fetched, and held on a device.

mod assembly;
pub mod augment;
pub mod batches;
pub mod catalog;
mod error;
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod fetch;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod files;
#[cfg(not(target_family = "wasm"))]
pub mod find;
mod fingerprint;
pub mod formats;
pub mod image_set;
pub mod memory;
#[cfg(not(target_family = "wasm"))]
mod mnist;
#[cfg(not(target_family = "wasm"))]
pub mod named;
mod open_set;
mod published;
pub mod sampling;
pub mod split;
pub mod synthetic;
pub mod test_split;
pub mod traits;
#[cfg(not(target_family = "wasm"))]
pub mod verify;

pub use error::{DataError, FailedMirror, Fault, Published};
pub use formats::idx;
pub use image_set::{ImageSet, ImageShape};
pub use open_set::{Loaded, ReadOptions};
pub use split::Split;
