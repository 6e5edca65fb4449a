//! The subcommands: each file holds a command's flags and its `run`, which joins the stages.

pub mod args;
pub mod bench;
pub mod completion;
pub mod completions;
pub mod config;
pub mod data;
pub mod devices;
pub mod doctor;
pub mod evaluate;
pub mod export;
pub mod lr_find;
pub mod man;
pub mod predict;
pub mod report;
pub mod runs;
pub mod slots;
pub mod sweep;
pub mod train;
pub mod training_args;
