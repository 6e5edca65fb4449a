//! One test binary; a file a subject.

mod bench;
mod commands;
mod config;
mod confusion;
mod data;
mod device;
mod doctor;
mod export;
mod faults;
mod fetch;
mod help;
mod kernels;
mod kernels_cpu;
mod kills;
mod optimizers;
mod parallel;
mod picture;
mod predict;
mod report;
mod resume;
mod run_folders;
mod shell;
mod support;
mod synthetic;
mod tensorboard;
mod training;
