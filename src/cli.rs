//! The parser, the flags that commands share, and the exit codes.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::{self, format::FmtSpan};

use crate::bench::compare::SavedError;
use crate::checkpoint::CheckpointError;
use crate::checks::WrongNumbers;
use crate::commands::bars::AboveBars;
use crate::commands::evaluate::OtherImages;
use crate::commands::resume::ResumeError;
use crate::commands::{self, Interrupted};
use crate::completion;
use crate::config::{Api, Config, ConfigError, DeviceKind, Layers, Origin};
use crate::data::DataError;
use crate::device::{DeviceError, guarded};
use crate::kernels::simd;
use crate::report::look::colours_wanted;
use crate::run_folder::RunFolderError;

/// Train small image classifiers on the GPU you own, through WebGPU compute, or on the CPU.
#[derive(Parser, Debug)]
#[command(
    name = "gpu-mnist",
    version,
    max_term_width = 100,
    after_help = "\
For example:
  gpu-mnist train                    trains on MNIST, or on built-in digits where there is none
  gpu-mnist predict digit.png        classifies an image with the newest run
  gpu-mnist COMMAND --help           the flags of a command, with examples"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub log: LogArgs,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Train a model and evaluate it on the test set
    Train(Box<commands::train::TrainArgs>),
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
    /// Fetch, verify or list data sets
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
            | Self::Evaluate(_)
            | Self::Predict(_)
            | Self::Bench(_)
            | Self::Devices(_)
            | Self::Doctor(_)
            | Self::Export(_) => true,
            Self::Runs(_)
            | Self::Data(_)
            | Self::Report(_)
            | Self::Config(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }
}

/// Flags that contradict each other in a way the parser cannot know.
#[derive(thiserror::Error, Debug)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Diagnostics on stderr.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Layers of settings.
#[derive(Args, Debug)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// A preset (default, smoke, fast, tiny, best, fashion, fashion-fast) or a settings file
    #[arg(long, value_name = "FILE|PRESET", add = completion::presets())]
    pub config: Option<String>,
    /// One setting of `gpu-mnist config`, such as training.epochs=3; may be repeated
    #[arg(long, value_name = "KEY=VALUE", add = completion::settings())]
    pub set: Vec<String>,
}

/// The seed, where something random happens.
#[derive(Args, Debug)]
#[command(next_help_heading = "Settings")]
pub struct SeedArgs {
    /// Every random choice follows from it [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    #[arg(allow_negative_numbers = true)]
    pub seed: Option<i64>,
}

/// Where to compute.
#[derive(Args, Debug)]
#[command(next_help_heading = "Device")]
pub struct DeviceArgs {
    /// Where to compute [default: auto]
    #[arg(long, value_enum)]
    pub device: Option<DeviceKind>,
    /// One adapter of `gpu-mnist devices`, by number or part of its name [default: the best]
    #[arg(long, value_name = "INDEX|NAME", add = completion::adapters())]
    #[arg(allow_negative_numbers = true)]
    pub adapter: Option<String>,
    /// Only adapters of this API [default: any]
    #[arg(long, value_enum)]
    pub api: Option<Api>,
    /// Refuse software adapters
    #[arg(long)]
    pub hardware_only: bool,
}

/// The variable that stands for `--data-dir`.
pub const DATA_DIR: &str = "GPU_MNIST_DATA_DIR";

/// Takes an empty text too, as an empty variable is.
pub fn folder_or_empty() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Which images.
#[derive(Args, Debug)]
#[command(next_help_heading = "Data")]
pub struct DataSetArgs {
    /// auto, synthetic, a known set (`gpu-mnist data list`), or images of your own
    /// [default: auto]
    #[arg(long, value_name = "SET|DIR", add = completion::data_sets())]
    pub dataset: Option<String>,
    /// The folder that holds mnist/ and other known sets [default: the system's cache folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, env = DATA_DIR)]
    #[arg(hide_env_values = true, value_parser = folder_or_empty())]
    pub data_dir: Option<PathBuf>,
}

/// How a result is printed.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub struct FormatArgs {
    /// How to print the result
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    format: PlainFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// The formats of results that are no tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlainFormat {
    Text,
    Json,
}

impl FormatArgs {
    /// Whether one JSON object is wanted, rather than text.
    pub fn json(&self) -> bool {
        self.json || self.format == PlainFormat::Json
    }
}

impl SeedArgs {
    /// # Errors
    /// Those of the settings.
    pub fn apply(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        match self.seed {
            Some(seed) => layers.set("seed", seed, Origin::Flag("--seed")),
            None => Ok(()),
        }
    }
}

impl SettingsArgs {
    /// The default, the preset or file, and `--set`; other flags come after.
    ///
    /// # Errors
    /// Those of the settings.
    pub fn layers(&self) -> Result<Layers, ConfigError> {
        self.over(Layers::default())
    }

    /// The same over `layers`.
    ///
    /// # Errors
    /// Those of the settings.
    pub fn over(&self, mut layers: Layers) -> Result<Layers, ConfigError> {
        if let Some(name) = &self.config {
            layers.load(name)?;
        }
        for assignment in &self.set {
            layers.assign(assignment)?;
        }
        Ok(layers)
    }
}

impl DeviceArgs {
    /// # Errors
    /// Those of the settings.
    pub fn apply(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        if let Some(kind) = self.device {
            layers.set("device.kind", value_name(kind), Origin::Flag("--device"))?;
        }
        if let Some(adapter) = &self.adapter {
            layers.set(
                "device.adapter",
                adapter.as_str(),
                Origin::Flag("--adapter"),
            )?;
        } else {
            adapter_of_environment(layers)?;
        }
        if let Some(api) = self.api {
            layers.set("device.api", value_name(api), Origin::Flag("--api"))?;
        }
        if self.hardware_only {
            layers.set(
                "device.hardware_only",
                true,
                Origin::Flag("--hardware-only"),
            )?;
        }
        Ok(())
    }
}

impl DataSetArgs {
    /// # Errors
    /// Those of the settings.
    pub fn apply(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        if let Some(set) = &self.dataset {
            layers.set("data.set", set.as_str(), Origin::Flag("--dataset"))?;
        }
        match &self.data_dir {
            Some(folder) => set_data_folder(layers, folder),
            None => Ok(()),
        }
    }
}

/// Takes the data folder of the command line into the settings.
///
/// # Errors
/// A path that is no UTF-8: settings are text, and another path must not be read in its place.
pub fn set_data_folder(layers: &mut Layers, folder: &Path) -> Result<(), ConfigError> {
    // An empty variable counts as none.
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    let of_the_variable = std::env::var_os(DATA_DIR).is_some_and(|value| value == folder);
    let origin = match of_the_variable {
        true => Origin::Environment(DATA_DIR),
        false => Origin::Flag("--data-dir"),
    };
    match folder.to_str() {
        Some(folder) => layers.set("data.folder", folder, origin),
        None => Err(ConfigError::Invalid {
            key: "data.folder".into(),
            origin,
            value: folder.display().to_string(),
            reason: "the path is no UTF-8 text, and settings keep nothing else: change to that folder and name it from there, or rename it".into(),
        }),
    }
}

/// Takes wgpu's variable for the adapter, where the settings name none.
///
/// # Errors
/// Those of the settings.
pub fn adapter_of_environment(layers: &mut Layers) -> Result<(), ConfigError> {
    const VARIABLE: &str = "WGPU_ADAPTER_NAME";
    let name = std::env::var(VARIABLE).unwrap_or_default();
    match layers.origin("device.adapter") {
        Origin::Default if !name.is_empty() => {
            layers.set("device.adapter", name, Origin::Environment(VARIABLE))
        }
        _ => Ok(()),
    }
}

/// Resolves layers and warns of settings that contradict each other.
///
/// # Errors
/// Those of the settings.
pub fn resolve(layers: &Layers) -> Result<Config, ConfigError> {
    let config = layers.resolve()?;
    if config.device.kind == DeviceKind::Cpu && !config.device.adapter.is_empty() {
        tracing::warn!("--device cpu uses no adapter: --adapter is ignored");
    }
    Ok(config)
}

/// The word of an enumeration as the command line and the settings write it.
pub fn value_name(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_string())
        .unwrap_or_default()
}

/// Parses the command line, runs the command, prints its error.
pub fn main() -> ExitCode {
    match completion::answer() {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => {}
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(2);
        }
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    if cli.command.asks_adapters() {
        commands::runtime_folder::provide();
    }
    start_log(&cli.log);
    // A panic in a dependency becomes an error at the boundary; -vv shows where it came from.
    std::panic::set_hook(Box::new(|panic| tracing::debug!("{panic}")));
    let quiet = cli.log.quiet;
    let result = guarded(|| {
        simd::configured().map_err(|error| anyhow::Error::from(ConfigError::Environment(error)))?;
        dispatch(cli.command, quiet)
    }).unwrap_or_else(|reason| {
        Err(anyhow::anyhow!(
            "a part of the program failed: {reason}; -vv shows where, --device cpu avoids the graphics driver"
        ))
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            let word = match io::stderr().is_terminal() && colours_wanted() {
                true => "\x1b[31;1merror:\x1b[0m",
                false => "error:",
            };
            let _ = writeln!(io::stderr(), "{word} {}", describe(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}

fn dispatch(command: Command, quiet: bool) -> anyhow::Result<()> {
    match command {
        Command::Train(args) => commands::train::run(&args, quiet),
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

/// 1 failed while running, 2 usage or settings, 3 device, 4 data, 5 wrong numbers, 6 unsure answers,
/// 130 interrupted.
fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if cause.is::<Interrupted>() {
            return 130;
        }
        if cause.is::<UsageError>() {
            return 2;
        }
        if cause.is::<OtherImages>() {
            return 4;
        }
        if let Some(DataError::Interrupted { .. } | DataError::Cancelled { .. }) =
            cause.downcast_ref()
        {
            return 130;
        }
        match cause.downcast_ref() {
            Some(
                ResumeError::Changed { .. }
                | ResumeError::Fixed { .. }
                | ResumeError::NothingLeft { .. },
            ) => return 2,
            Some(ResumeError::Data { .. }) => return 4,
            // What these hold is what they print, so the chain leaves it out.
            Some(ResumeError::Folder(error)) => return folder_code(error),
            Some(ResumeError::Checkpoint(error)) => return checkpoint_code(error),
            Some(ResumeError::Settings(_)) => return 2,
            None => {}
        }
        if cause.is::<ConfigError>() || cause.is::<RunFolderError>() {
            return cause.downcast_ref().map_or(2, folder_code);
        }
        if cause.is::<WrongNumbers>() {
            return 5;
        }
        if cause.is::<commands::predict::Unsure>() {
            return 6;
        }
        if cause.is::<SavedError>() {
            return 4;
        }
        if let Some(error) = cause.downcast_ref::<DeviceError>() {
            return match error {
                DeviceError::Failed { .. } => 1,
                DeviceError::Environment { .. } => 2,
                _ => 3,
            };
        }
        match cause.downcast_ref() {
            Some(DataError::Write { .. }) => return 1,
            Some(DataError::Mirror { .. }) => return 2,
            Some(_) => return 4,
            None => {}
        }
        if let Some(error) = cause.downcast_ref() {
            return checkpoint_code(error);
        }
    }
    1
}

fn folder_code(error: &RunFolderError) -> u8 {
    match error {
        RunFolderError::Write { .. } => 1,
        RunFolderError::NotARun { .. }
        | RunFolderError::NoWeights { .. }
        | RunFolderError::NoRuns { .. } => 4,
        RunFolderError::Occupied { .. } | RunFolderError::Busy { .. } => 2,
    }
}

fn checkpoint_code(error: &CheckpointError) -> u8 {
    match error {
        CheckpointError::Damaged { .. } | CheckpointError::Snapshot { .. } => 4,
        CheckpointError::Write { .. } | CheckpointError::Device(_) => 1,
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Writes a result to stdout.
///
/// # Errors
/// When stdout is closed.
pub fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("stdout could not be written")
}

fn start_log(args: &LogArgs) {
    let level = match (args.quiet, args.verbose) {
        (true, _) => "error",
        (_, 0) => "error,gpu_mnist=info",
        (_, 1) => "warn,gpu_mnist=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let colour = io::stderr().is_terminal() && colours_wanted();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| AboveBars)
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
