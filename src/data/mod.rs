//! Data sets: images with labels, read, checked and fetched, and held on a device.

mod assembly;
pub mod augment;
pub mod batches;
mod error;
#[cfg(not(target_family = "wasm"))]
pub mod fetch;
pub mod idx;
pub mod image_set;
mod known;
pub mod memory;
#[cfg(not(target_family = "wasm"))]
pub mod mnist;
#[cfg(not(target_family = "wasm"))]
mod source;
pub mod split;
pub mod synthetic;
pub mod training_images;
#[cfg(not(target_family = "wasm"))]
pub mod verify;

pub use error::{DataError, FailedMirror, Fault};
pub use image_set::{ImageSet, ImageShape};
pub use known::{FileRole, KnownFile, KnownSet, SetFiles};
#[cfg(not(target_family = "wasm"))]
pub use source::Source;
pub use split::Split;
