//! `gpu-mnist`: trains small image classifiers through WebGPU compute or on the CPU.
//!
//! The modules in reading order, from the command line down to the kernels: each asks only those
//! below it, and anyone may ask the leaves. What a page in a browser has no use for (terminal,
//! files, network) is not built for it.

#[cfg(not(target_family = "wasm"))]
pub mod cli;

#[cfg(not(target_family = "wasm"))]
pub mod commands;
pub mod session;
#[cfg(target_family = "wasm")]
pub mod web;

#[cfg(not(target_family = "wasm"))]
pub mod report;

#[cfg(not(target_family = "wasm"))]
pub mod bench;
#[cfg(not(target_family = "wasm"))]
pub mod export;

pub mod runs;

pub mod checks;

pub mod picture;
pub mod training;

pub mod evaluation;

pub mod model;

pub mod data;

pub mod device;

pub mod kernels;

// The leaves.
pub mod config;
pub mod exit;
#[cfg(not(target_family = "wasm"))]
pub mod files;
#[cfg(not(target_family = "wasm"))]
pub mod terminal;
pub mod wording;
