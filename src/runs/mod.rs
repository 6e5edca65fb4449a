//! A run: its training from the settings to the evaluation, and all that it leaves. What needs
//! files is the command side's.

#[cfg(not(target_family = "wasm"))]
pub mod built_in;
#[cfg(not(target_family = "wasm"))]
pub mod checkpoint;
#[cfg(not(target_family = "wasm"))]
pub mod ensemble;
pub mod fit;
#[cfg(not(target_family = "wasm"))]
pub mod folder;
pub mod from;
#[cfg(not(target_family = "wasm"))]
pub mod in_folder;
#[cfg(not(target_family = "wasm"))]
mod keeper;
#[cfg(not(target_family = "wasm"))]
pub mod metrics;
#[cfg(not(target_family = "wasm"))]
pub mod prepare;
#[cfg(not(target_family = "wasm"))]
pub mod processes;
#[cfg(not(target_family = "wasm"))]
pub mod progress;
pub mod record;
#[cfg(not(target_family = "wasm"))]
pub mod resume;
#[cfg(not(target_family = "wasm"))]
pub mod seeds_record;
#[cfg(not(target_family = "wasm"))]
pub mod series;
mod start_from;
#[cfg(not(target_family = "wasm"))]
pub mod sweep;
#[cfg(not(target_family = "wasm"))]
pub mod tensorboard;
pub mod train;
pub mod training_images;
pub mod weights;
#[cfg(not(target_family = "wasm"))]
pub mod which;
