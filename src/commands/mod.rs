//! The subcommands: each file holds a command's flags and its `run`, which joins the stages.

mod args;
pub(crate) mod bench;
pub(crate) mod completion;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod lr_find;
pub(crate) mod man;
pub(crate) mod predict;
pub(crate) mod report;
pub(crate) mod runs;
pub mod slots;
pub(crate) mod sweep;
pub(crate) mod train;
mod training_args;
