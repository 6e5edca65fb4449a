//! Diagnostics on stderr, above what is shown at the bottom of the terminal.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::{self, format::FmtSpan};

use super::bars::AboveBars;
use super::colours_wanted;

/// Flags of diagnostics.
#[derive(Args, Debug)]
#[command(next_help_heading = "Diagnostics")]
pub struct LogArgs {
    /// More diagnostics (twice: everything)
    #[arg(short, long, action = clap::ArgAction::Count, global = true, display_order = 990)]
    #[arg(conflicts_with = "quiet")]
    pub verbose: u8,
    /// Only errors, and no progress
    #[arg(short, long, global = true, display_order = 991)]
    pub quiet: bool,
    /// How diagnostics are written
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true, display_order = 992)]
    pub log_format: LogFormat,
}

/// How diagnostics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Writes diagnostics as the flags say from now on, or as `RUST_LOG` does.
pub fn start(args: &LogArgs) {
    let level = match (args.quiet, args.verbose) {
        (true, _) => "error",
        (_, 0) => "error,gpu_mnist=info",
        (_, 1) => "warn,gpu_mnist=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let colour = io::stderr().is_terminal() && colours_wanted();
    let text = args.log_format == LogFormat::Text;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || AboveBars { text })
        // A span that is enabled (-v, or RUST_LOG) says how long it took.
        .with_span_events(FmtSpan::CLOSE)
        .log_internal_errors(false);
    match args.log_format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        // Set on the event format alone: the builder's own `without_time` would also take the
        // durations off the spans.
        LogFormat::Text => builder
            .with_ansi(colour)
            .event_format(
                fmt::format()
                    .with_ansi(colour)
                    .without_time()
                    .with_target(args.verbose > 1),
            )
            .init(),
    }
}
