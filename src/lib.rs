//! `gpu-mnist`: trains small image classifiers through WebGPU compute or on the CPU.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use gpu_mnist::config::Layers;
//! use gpu_mnist::data::find;
//! use gpu_mnist::device::Device;
//! use gpu_mnist::evaluation::test_split::answer;
//! use gpu_mnist::runs::weights;
//!
//! # fn main() -> anyhow::Result<()> {
//! // A network that `gpu-mnist train` made, on the test images of a folder of your own.
//! let device = Device::cpu();
//! let (model, description) = weights::load(Path::new("runs/latest/model.safetensors"), &device)?;
//! let mut settings = Layers::default();
//! settings.assign("data.set=./my-images")?;
//! let config = settings.resolve()?;
//! let set = find::load(&config.data, config.seed)?;
//! let answers = answer(&model, &description, &set.test, &config, &device);
//! let answers = pollster::block_on(answers)?;
//! let found = answers.evaluation(&set.test, &set.description.class_names);
//! println!("{:.2} % of {} images right", found.accuracy * 100.0, found.total);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/train.rs` is a whole training, `examples/custom_layer.rs` has a layer of its own,
//! `examples/burn_model.rs` puts the [`kernels`] into a Burn program
//! of one's own. Activations are NHWC, `[n, height, width, channels]`, everywhere.
//!
//! The modules in reading order, from the command line down to the kernels: each asks only those
//! below it, and anyone may ask the leaves. What a page in a browser has no use for (terminal,
//! files, network) is not built for it. The feature `cli` (default) holds the command line, the reports and the
//! downloads.

#![warn(missing_docs)]

#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod cli;

#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub mod commands;
pub mod session;
#[cfg(target_family = "wasm")]
pub mod web;

#[cfg(all(feature = "cli", not(target_family = "wasm")))]
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
