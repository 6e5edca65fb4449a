//! `gpu-mnist`: trains small image classifiers through WebGPU compute or on the CPU.
//! The modules in reading order: from the command line down to the statistics.

// The core: also built for a page in a browser, so without files, terminal and network.
pub mod checks;
pub mod config;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod exit;
pub mod kernels;
pub mod model;
pub mod picture;
pub mod runs;
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
pub mod export;
#[cfg(not(target_family = "wasm"))]
pub mod files;
#[cfg(not(target_family = "wasm"))]
pub mod report;
#[cfg(not(target_family = "wasm"))]
pub mod terminal;

// The page's side.
#[cfg(target_family = "wasm")]
pub mod web;
