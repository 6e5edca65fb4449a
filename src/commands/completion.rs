//! What shells complete: presets, settings, data sets, adapters, run folders.

use std::ffi::OsStr;

use clap::Command;
use clap_complete::CompleteEnv;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::Shells;

use crate::config::{Api, Layers, PRESETS};
use crate::data::catalog::CATALOG;
use crate::device::{AdapterInfo, adapters as found_adapters};

/// A shell that completes sets this to its name when it asks the program.
pub const VARIABLE: &str = "GPU_MNIST_COMPLETE";

/// Answers a shell that asks how to complete `command`; `false` when none asks.
///
/// # Errors
/// An unknown shell, or a closed stdout.
pub fn answer(command: fn() -> Command) -> clap::error::Result<bool> {
    CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref())
}

/// What a shell must read so that it asks `program` for completions.
///
/// # Errors
/// A shell without a script.
pub fn script(shell: &str, program: &str) -> std::io::Result<Vec<u8>> {
    let shells = Shells::builtins();
    let shell = shells
        .completer(shell)
        .ok_or_else(|| std::io::Error::other(format!("no completions for {shell}")))?;
    let name = env!("CARGO_PKG_NAME");
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, name, name, program, &mut script)?;
    Ok(script)
}

/// `--config`: presets, then files.
pub fn presets() -> ArgValueCompleter {
    let names = || PRESETS.iter().map(|(name, _)| candidate(name, "preset"));
    ArgValueCompleter::new(move |current: &OsStr| {
        with_paths(names().collect(), current, PathCompleter::file())
    })
}

/// `--dataset`: the known sets, then folders.
pub fn data_sets() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut names = known();
        names.push(candidate("synthetic", "digits this program draws"));
        names.push(candidate("auto", "MNIST if it can be had, else synthetic"));
        with_paths(names, current, PathCompleter::dir())
    })
}

/// The sets that can be fetched.
pub fn known_sets() -> ArgValueCandidates {
    ArgValueCandidates::new(known)
}

/// `--set`: every setting, with what it is now.
pub fn settings() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let entries = Layers::default().entries();
        entries
            .iter()
            .map(|entry| {
                let value = entry.value.clone().decorated("", "");
                candidate(&format!("{}=", entry.key), &format!("default {value}"))
            })
            .collect()
    })
}

/// `--adapter`: numbers, and a word of each name that no other has.
pub fn adapters() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let infos: Vec<AdapterInfo> = found_adapters(Api::Any)
            .into_iter()
            .map(|adapter| adapter.info)
            .collect();
        let numbers = infos
            .iter()
            .map(|info| candidate(&info.index.to_string(), &info.to_string()));
        let words = infos
            .iter()
            .filter_map(|info| Some(candidate(distinct_word(info, &infos)?, &info.to_string())));
        numbers.chain(words).collect()
    })
}

/// RUN: folders, and weights themselves.
pub fn runs() -> ArgValueCompleter {
    let wanted = |path: &std::path::Path| {
        path.is_dir() || path.extension().is_some_and(|end| end == "safetensors")
    };
    ArgValueCompleter::new(PathCompleter::any().filter(wanted))
}

fn known() -> Vec<CompletionCandidate> {
    let help = |classes: usize| format!("{classes} classes");
    CATALOG
        .iter()
        .map(|set| candidate(set.id, &help(set.class_names.len())))
        .collect()
}

/// A word that needs no quotes in a shell.
fn distinct_word<'a>(info: &'a AdapterInfo, all: &[AdapterInfo]) -> Option<&'a str> {
    let plain = |word: &&str| word.len() > 2 && word.chars().all(|c| c.is_ascii_alphanumeric());
    let owners = |word: &str| {
        let word = word.to_lowercase();
        let names = all.iter().map(|info| info.name.to_lowercase());
        names.filter(|name| name.contains(&word)).count()
    };
    let mut words = info.name.split_whitespace().filter(plain);
    words.find(|word| owners(word) == 1)
}

fn candidate(value: &str, help: &str) -> CompletionCandidate {
    CompletionCandidate::new(value).help(Some(help.to_string().into()))
}

fn with_paths(
    names: Vec<CompletionCandidate>,
    current: &OsStr,
    paths: PathCompleter,
) -> Vec<CompletionCandidate> {
    let typed = current.to_string_lossy();
    let mut found: Vec<CompletionCandidate> = names
        .into_iter()
        .filter(|name| name.get_value().to_string_lossy().starts_with(&*typed))
        .collect();
    found.extend(paths.complete(current));
    found
}
