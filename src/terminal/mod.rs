//! The terminal: results on stdout, diagnostics and bars on stderr, Ctrl-C.

pub mod bars;
pub mod interrupt;
#[cfg(feature = "cli")]
pub(crate) mod log;
pub mod wrap;

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::Context;

pub use crate::wording::quoted;

/// Writes a result to stdout.
///
/// # Errors
/// When stdout is closed.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("stdout could not be written")
}

/// Whether a terminal may show colours: not under `NO_COLOR`, nor where it has none.
pub fn colours_wanted() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    !refused && !dumb
}

/// A share as a percentage with two decimals.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "n/a".into(), |share| format!("{:.2} %", share * 100.0))
}

/// The command line of this program, as a POSIX shell takes it.
pub fn command_line() -> String {
    let arguments = std::env::args_os().skip(1);
    command_line_of(arguments.map(|word| word.to_string_lossy().into_owned()))
}

/// The program with these arguments, as a POSIX shell takes it.
pub fn command_line_of(arguments: impl IntoIterator<Item = impl Display>) -> String {
    std::iter::once("gpu-mnist".into())
        .chain(arguments.into_iter().map(quoted))
        .collect::<Vec<String>>()
        .join(" ")
}
