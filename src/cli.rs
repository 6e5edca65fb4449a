//! The parser, and what becomes of an error: its words on stderr, its exit code.

mod refused;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::bench::compare::SavedError;
use crate::checks::WrongNumbers;
use crate::commands;
use crate::commands::completion;
use crate::commands::predict::{Unread, Unsure};
use crate::config::ConfigError;
use crate::data::DataError;
use crate::device::{DeviceError, guarded, runtime_folder};
use crate::exit::{Code, Interrupted, UsageError, code_of};
use crate::kernels::simd;
use crate::runs::ensemble::OtherImages;
use crate::runs::folder::RunFolderError;
use crate::runs::from::FromError;
use crate::runs::resume::ResumeError;
use crate::runs::weights::CheckpointError;
use crate::terminal::colours_wanted;
use crate::terminal::log::{self, LogArgs, LogFormat};
use crate::terminal::wrap::{columns_of_stderr, message};

/// How many threads compute on the CPU, as Rayon reads it.
const THREADS: &str = "RAYON_NUM_THREADS";
const MOST_THREADS: usize = 1024;

/// Train small image classifiers on the GPU you own, through WebGPU compute, or on the CPU.
#[derive(Parser, Debug)]
#[command(
    name = "gpu-mnist",
    version,
    max_term_width = 100,
    after_help = "\
For example:
  gpu-mnist train              on MNIST, or else on built-in digits
  gpu-mnist predict digit.png  classifies an image with the newest run
  gpu-mnist COMMAND --help     the flags of a command, with examples"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: LogArgs,
}

/// What the program does.
#[derive(Subcommand, Debug)]
enum Command {
    /// Train a model and evaluate it on the test set
    Train(Box<commands::train::TrainArgs>),
    /// Find a learning rate: train with rising ones and look at the loss
    LrFind(Box<commands::lr_find::LrFindArgs>),
    /// Train under many settings, side by side, and keep the best
    Sweep(Box<commands::sweep::SweepArgs>),
    /// Print the confusion statistics of a trained model
    Evaluate(Box<commands::evaluate::EvaluateArgs>),
    /// Classify image files
    Predict(Box<commands::predict::PredictArgs>),
    /// List the runs, or remove old ones
    Runs(commands::runs::RunsArgs),
    /// Time the same training work on every adapter and the CPU
    Bench(Box<commands::bench::BenchArgs>),
    /// List the adapters and say which one would be used, and why
    Devices(commands::devices::DevicesArgs),
    /// Check that an adapter computes the right numbers
    Doctor(commands::doctor::DoctorArgs),
    /// Fetch, verify, list or show data sets, and doubt their labels
    Data(commands::data::DataArgs),
    /// Write the report page of a run, or one that compares several
    Report(commands::report::ReportArgs),
    /// Write a trained model as safetensors or ONNX
    Export(Box<commands::export::ExportArgs>),
    /// Show the settings and where each comes from
    Config(commands::config::ConfigArgs),
    /// Print what a shell needs to complete the command line
    Completions(commands::completions::CompletionsArgs),
    /// Print or write manual pages
    Man(commands::man::ManArgs),
}

impl Command {
    /// Whether drivers are loaded.
    fn asks_adapters(&self) -> bool {
        match self {
            Self::Train(_)
            | Self::LrFind(_)
            | Self::Sweep(_)
            | Self::Evaluate(_)
            | Self::Predict(_)
            | Self::Bench(_)
            | Self::Devices(_)
            | Self::Doctor(_)
            | Self::Export(_) => true,
            Self::Data(args) => args.asks_adapters(),
            Self::Runs(_)
            | Self::Report(_)
            | Self::Config(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }
}

/// Parses the command line, runs the command, prints its error.
pub fn main() -> ExitCode {
    match completion::answer(Cli::command) {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => {}
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(2);
        }
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::InvalidUtf8 => {
            let _ = writeln!(
                io::stderr(),
                "error: {}",
                no_text(std::env::args_os().skip(1))
            );
            return ExitCode::from(Code::Usage as u8);
        }
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = refused::plain(error).print();
            return ExitCode::from(code);
        }
    };
    if cli.command.asks_adapters() {
        runtime_folder::provide();
    }
    log::start(&cli.log);
    // A panic in a dependency becomes an error at the boundary; -vv shows where it came from.
    std::panic::set_hook(Box::new(|panic| tracing::debug!("{panic}")));
    let (quiet, log_format) = (cli.log.quiet, cli.log.log_format);
    let result = guarded(|| {
        simd::configured().map_err(|error| anyhow::Error::from(ConfigError::Environment(error)))?;
        check_threads()?;
        dispatch(cli.command, quiet)
    }).unwrap_or_else(|reason| {
        Err(anyhow::anyhow!(
            "a part of the program failed: {reason}; -vv shows where, --device cpu avoids the graphics driver"
        ))
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if log_format == LogFormat::Json => {
            let line = serde_json::json!({
                "timestamp": jiff::Timestamp::now().to_string(),
                "level": "ERROR",
                "message": describe(&error),
                "target": "gpu_mnist",
            });
            let _ = writeln!(io::stderr(), "{line}");
            ExitCode::from(exit_code(&error) as u8)
        }
        Err(error) => {
            let word = match io::stderr().is_terminal() && colours_wanted() {
                true => "\x1b[31;1merror:\x1b[0m",
                false => "error:",
            };
            let text = format!("{word} {}", describe(&error));
            let text = match columns_of_stderr() {
                Some(columns) => message(&text, columns, "  "),
                None => text,
            };
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::from(exit_code(&error) as u8)
        }
    }
}

/// Refuses a number of threads that Rayon would pass over, or that no machine starts.
fn check_threads() -> Result<(), UsageError> {
    let Some(given) = std::env::var_os(THREADS).filter(|given| !given.is_empty()) else {
        return Ok(());
    };
    let given = given.to_string_lossy();
    match given.parse::<usize>() {
        Ok(0..=MOST_THREADS) => Ok(()),
        _ => Err(UsageError(format!(
            "{THREADS}={given}: must be a number of threads up to {MOST_THREADS}, or unset for one a processor"
        ))),
    }
}

fn dispatch(command: Command, quiet: bool) -> anyhow::Result<()> {
    match command {
        Command::Train(args) => commands::train::run(&args, quiet),
        Command::LrFind(args) => commands::lr_find::run(&args),
        Command::Sweep(args) => commands::sweep::run(&args, quiet),
        Command::Evaluate(args) => commands::evaluate::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Runs(args) => commands::runs::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Devices(args) => commands::devices::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Data(args) => commands::data::run(&args, quiet),
        Command::Report(args) => commands::report::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Config(args) => commands::config::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Man(args) => commands::man::run(&args),
    }
}

/// What to do about words that are no UTF-8 where the parser takes text.
fn no_text(words: impl Iterator<Item = OsString>) -> String {
    let words = words.filter(|word| word.to_str().is_none());
    let words: Vec<String> = words.map(|word| word.display().to_string()).collect();
    format!(
        "{}: not UTF-8 text, and settings can hold nothing else; for a path, change to that folder and name it from there, or rename it",
        words.join(", ")
    )
}

/// The error with its causes, less those that it already quotes.
fn describe(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |text, cause| {
        let cause = cause.to_string();
        match text.contains(&cause) {
            true => text,
            false if text.is_empty() => cause,
            false => format!("{text}: {cause}"),
        }
    })
}

/// The errors that have an exit code of their own.
const CODES: &[fn(&(dyn Error + 'static)) -> Option<Code>] = &[
    code_of::<Interrupted>,
    code_of::<UsageError>,
    code_of::<ConfigError>,
    code_of::<DeviceError>,
    code_of::<DataError>,
    code_of::<RunFolderError>,
    code_of::<CheckpointError>,
    code_of::<ResumeError>,
    code_of::<FromError>,
    code_of::<OtherImages>,
    code_of::<SavedError>,
    code_of::<WrongNumbers>,
    code_of::<Unsure>,
    code_of::<Unread>,
];

/// That of the first error in the chain that has one.
fn exit_code(error: &anyhow::Error) -> Code {
    let of_cause = |cause| CODES.iter().find_map(|code| code(cause));
    error.chain().find_map(of_cause).unwrap_or(Code::Failed)
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
