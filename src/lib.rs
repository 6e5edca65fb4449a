//! `gpu-mnist`: trains small image classifiers through WebGPU compute or on the CPU.
//! The modules in reading order: from the command line down to the statistics.

pub mod bench;
pub mod checkpoint;
pub mod checks;
pub mod cli;
pub mod commands;
pub mod completion;
pub mod config;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod export;
pub mod kernels;
pub mod metrics;
pub mod model;
pub mod picture;
pub mod report;
pub mod run_folder;
pub mod run_record;
pub mod seeds_record;
pub mod store;
pub mod tensorboard;
pub mod training;
