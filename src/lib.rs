//! `gpu-mnist`: trains small image classifiers through WebGPU compute or on the CPU.
//! The modules in reading order: from the command line down to the statistics.

// The core: also built for a page in a browser, so without files, terminal and network.
pub mod checkpoint;
pub mod checks;
pub mod config;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod kernels;
pub mod model;
pub mod picture;
pub mod run_record;
pub mod session;
pub mod training;

// The command side.
#[cfg(not(target_family = "wasm"))]
pub mod bench;
#[cfg(not(target_family = "wasm"))]
pub mod cli;
#[cfg(not(target_family = "wasm"))]
pub mod commands;
#[cfg(not(target_family = "wasm"))]
pub mod completion;
#[cfg(not(target_family = "wasm"))]
pub mod export;
#[cfg(not(target_family = "wasm"))]
pub mod metrics;
#[cfg(not(target_family = "wasm"))]
pub mod report;
#[cfg(not(target_family = "wasm"))]
pub mod run_folder;
#[cfg(not(target_family = "wasm"))]
pub mod seeds_record;
#[cfg(not(target_family = "wasm"))]
pub mod store;
#[cfg(not(target_family = "wasm"))]
pub mod tensorboard;

// The page's side.
#[cfg(target_family = "wasm")]
pub mod web;
