//! `gpu-mnist data`: fetches, verifies, lists and shows data sets, and doubts labels.

mod show;
mod suspects;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use indicatif::ProgressBar;
use serde_json::json;

use super::args::folder_or_empty;
use super::completion;
use crate::config::{DATA_DIR, Layers};
use crate::data::catalog::{self, KnownSet, OTHER_NAMES, UnknownSet};
use crate::data::fetch::{FetchOptions, Progress, fetch};
use crate::data::find::data_folder;
use crate::data::verify::{self, Check, FileCheck, Form, SetListing, WholeCheck};
use crate::data::{DataError, Published};
use crate::exit::UsageError;
use crate::report::look::Look;
use crate::report::table::{Table, left};
use crate::report::text::wrapped;
use crate::terminal::bars::{Shown, bar};
use crate::terminal::interrupt::interrupt_flag;
use crate::terminal::print;
use crate::wording;

/// Flags of `data`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist data list                          what is there
  gpu-mnist data fetch fashion-mnist           downloads and verifies it
  gpu-mnist data verify ./my-images            every byte of your own folder
  gpu-mnist data show --set augment.elastic=4  what the settings make of images
  gpu-mnist data suspects                      labels that the newest run doubts")]
pub struct DataArgs {
    #[command(subcommand)]
    action: Action,
    /// The folder that holds mnist/ and other known sets [default: the system's cache folder]
    #[arg(long, value_name = "DIR", env = DATA_DIR, global = true)]
    #[arg(hide_env_values = true, value_hint = ValueHint::DirPath)]
    #[arg(value_parser = folder_or_empty(), help_heading = "Data")]
    data_dir: Option<PathBuf>,
    /// How to print the result; csv is for suspects alone
    #[arg(long, value_enum, default_value_t = ListFormat::Text, global = true)]
    #[arg(help_heading = "Output")]
    format: ListFormat,
    /// The same as --format json
    #[arg(
        long,
        global = true,
        conflicts_with = "format",
        help_heading = "Output"
    )]
    json: bool,
}

/// The formats of what is printed; not every result is a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    Text,
    Json,
    Csv,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Download a set, verify it and put it in place
    #[command(after_help = "\
For example:
  gpu-mnist data fetch fashion-mnist
  gpu-mnist data fetch mnist --mirror http://127.0.0.1:8000/")]
    Fetch {
        /// mnist, fashion-mnist, kmnist, qmnist (EMNIST: says how to get it by hand)
        #[arg(default_value = "mnist", add = completion::known_sets(), value_parser = known_set)]
        set: &'static KnownSet,
        /// Download from here instead: https, or http on this machine
        #[arg(long, value_name = "URL")]
        mirror: Vec<String>,
    },
    /// Check every byte of a set, of a known one against its published hashes
    #[command(after_help = "\
For example:
  gpu-mnist data verify              MNIST where it is kept
  gpu-mnist data verify ./my-images  a folder of your own")]
    Verify {
        /// A known set, or a folder, archive or file of your own
        #[arg(value_name = "SET|DIR", default_value = "mnist", add = completion::data_sets())]
        set: String,
    },
    /// Say which sets are there
    #[command(after_help = "\
For example:
  gpu-mnist data list                    where sets are kept
  gpu-mnist data list --data-dir ./sets  in a folder of your own")]
    List,
    /// Draw training images beside what [augment] in the settings makes of them
    Show(show::ShowArgs),
    /// List test and validation images whose labels look wrong, by the network of a run
    Suspects(suspects::SuspectsArgs),
}

impl DataArgs {
    /// Whether drivers are loaded.
    pub fn asks_adapters(&self) -> bool {
        matches!(self.action, Action::Suspects(_))
    }
}

/// # Errors
/// [`DataError`].
pub fn run(args: &DataArgs, quiet: bool) -> anyhow::Result<()> {
    let format = if args.json {
        ListFormat::Json
    } else {
        args.format
    };
    if let Action::Suspects(suspects) = &args.action {
        return suspects::run(suspects, args.data_dir.as_ref(), format);
    }
    if format == ListFormat::Csv {
        let reason =
            "--format csv: of `data`, only `data suspects` prints that; take --format json";
        return Err(UsageError(reason.into()).into());
    }
    let json = format == ListFormat::Json;
    if let Action::Show(show) = &args.action {
        return show::run(show, args.data_dir.as_ref(), json);
    }
    let mut config = Layers::default().resolve()?.data;
    config.folder = args.data_dir.clone().unwrap_or_default();
    let folder = data_folder(&config)?;
    match &args.action {
        Action::Fetch { set, mirror } => {
            let options = FetchOptions {
                mirrors: (!mirror.is_empty()).then(|| mirror.clone()),
                cancel: Some(interrupt_flag()),
                ..FetchOptions::default()
            };
            let bar = (!quiet && std::io::stderr().is_terminal())
                .then(|| bar("{bar:24} {bytes}/{total_bytes}  {msg}  {eta} left"));
            let report = fetch(set, &folder, &options, &mut |progress| {
                show(&progress, bar.as_ref());
            })?;
            if json {
                return print(&format!("{}\n", json!(report)));
            }
            print(&format!(
                "{set} is complete in {}: {} downloaded, {} already there\n",
                report.folder.display(),
                report.downloaded.len(),
                report.kept.len()
            ))
        }
        Action::Verify { set } => verify(set, &folder, args.data_dir.as_deref(), json),
        Action::List | Action::Show(_) | Action::Suspects(_) => list(&folder, json),
    }
}

fn known_set(name: &str) -> Result<&'static KnownSet, UnknownSet> {
    catalog::named(name)
}

/// Checks a known set below the data folder, which someone may have `named`, or the set at a path.
fn verify(name: &str, data_dir: &Path, named: Option<&Path>, json: bool) -> anyhow::Result<()> {
    if OTHER_NAMES.contains(&name) {
        let what = match name {
            "auto" => "stands for MNIST, or else the built-in digits",
            _ => "names the built-in digits, which have no files",
        };
        return Err(UsageError(format!(
            "data verify {name}: {name} {what}; name a known set such as mnist, or write ./{name} for a folder"
        ))
        .into());
    }
    let known = catalog::named(name).ok();
    let mark = Shown::mark("checking every byte");
    let (folder, check) = match known {
        Some(set) => verify::verify_known(data_dir, set)?,
        None => verify::verify(Path::new(name))?,
    };
    drop(mark);
    let checks = match check {
        Check::Files(checks) => checks,
        Check::Whole(check) => return sound(name, &folder, &check, json),
    };
    if json {
        let sound = checks.iter().all(FileCheck::is_sound);
        let folder = folder.display().to_string();
        print(&format!(
            "{}\n",
            json!({"set": name, "folder": folder, "sound": sound, "files": checks})
        ))?;
    } else {
        for check in &checks {
            line(&format!("{}: {}", check.path.display(), verdict(check)))?;
        }
    }
    let set = known.map(|set| {
        Box::new(Published {
            id: set.id,
            data_dir: named.map(Path::to_owned),
        })
    });
    for check in checks {
        if let Some(fault) = check.fault {
            let path = check.path;
            return Err(DataError::Damaged { path, fault, set }.into());
        }
        if check.form == Form::Missing {
            let name = check.path.file_name().unwrap_or_default().to_string_lossy();
            return Err(DataError::Missing {
                missing: vec![name.trim_end_matches(".gz").to_owned()],
                folder,
                there: None,
                set,
            }
            .into());
        }
    }
    Ok(())
}

/// Prints what was found of a set that is no four files, and sound.
fn sound(name: &str, path: &Path, check: &WholeCheck, json: bool) -> anyhow::Result<()> {
    let path = path.display().to_string();
    if json {
        return print(&format!(
            "{}\n",
            json!({"set": name, "folder": path, "sound": true, "contents": check})
        ));
    }
    line(&format!("{path}: ok, {}: {}", check.format, check.holds))?;
    for note in &check.notes {
        line(&format!("{path}: {note}"))?;
    }
    Ok(())
}

/// Prints a line, on a terminal as several where it is wider.
fn line(text: &str) -> anyhow::Result<()> {
    let text = match std::io::stdout().is_terminal() {
        true => wrapped(text, Look::of_stdout(false).width, "  "),
        false => text.into(),
    };
    print(&format!("{text}\n"))
}

fn verdict(check: &FileCheck) -> String {
    if let Some(fault) = &check.fault {
        return fault.to_string();
    }
    let (Some(count), Some(holds)) = (check.count, &check.holds) else {
        return "missing".into();
    };
    let hash = match check.hash_matches {
        Some(true) => ", the published file",
        _ => "",
    };
    format!("ok, {} ({holds}){hash}", wording::count(count, "item"))
}

fn list(folder: &Path, json: bool) -> anyhow::Result<()> {
    let listings = verify::list(folder);
    if json {
        return print(&format!(
            "{}\n",
            json!({"data_dir": folder.display().to_string(), "sets": listings, "built_in": ["synthetic"]})
        ));
    }
    let mut shown = Table::new([
        left("Set"),
        left("State"),
        left("Folder").least(20).keeps_end(),
    ]);
    let mut troubles = String::new();
    for listing in listings {
        let (state, trouble) = state(&listing);
        if let Some(trouble) = trouble {
            troubles += &format!("\n{}: {trouble}", listing.id);
        }
        shown.row([
            listing.id.to_string(),
            state,
            listing.folder.display().to_string(),
        ]);
    }
    shown.row(["synthetic", "built in", "drawn when needed"].map(String::from));
    let width = Look::of_stdout(false).width;
    print(&format!(
        "{}\n{troubles}\n`gpu-mnist data fetch` downloads the set you name, or says where to get it.\n",
        shown.text(width)
    ))
}

/// The state of a set in a few words, and what is wrong with it in full.
fn state(listing: &SetListing) -> (String, Option<String>) {
    if let Some(wrong) = listing.wrong.first() {
        let name = wrong.path.file_name().unwrap_or_default().to_string_lossy();
        let trouble = format!("damaged: {name}: {}", wrong.fault);
        return ("damaged".into(), Some(trouble));
    }
    match (listing.is_complete(), listing.found.is_empty()) {
        (true, _) => ("complete".into(), None),
        (false, true) => {
            let megabytes = listing.archive_bytes as f64 / 1e6;
            match listing.archive_bytes {
                0 => ("not there".into(), None),
                _ => (format!("not there, {megabytes:.1} MB"), None),
            }
        }
        (false, false) => (
            "incomplete".into(),
            Some(format!("missing {}", listing.missing.join(", "))),
        ),
    }
}

fn show(progress: &Progress, bar: Option<&ProgressBar>) {
    let say = |text: String| match bar {
        Some(bar) => bar.suspend(|| tracing::info!("{text}")),
        None => tracing::info!("{text}"),
    };
    match progress {
        Progress::Kept { path } => say(format!("{} is there and correct", path.display())),
        Progress::Wrong { path, reason } => {
            say(format!("{}: {reason}; replacing it", path.display()))
        }
        Progress::Started { url, .. } => say(format!("fetching {url}")),
        Progress::Received {
            file,
            received,
            total,
        } => {
            if let Some(bar) = bar {
                if let Some(total) = total {
                    bar.set_length(*total);
                }
                bar.set_position(*received);
                bar.set_message((*file).to_string());
            }
        }
        Progress::MirrorFailed { url, reason } => say(format!("{url}: {reason}")),
        Progress::Finished { path } => say(format!("{} is verified", path.display())),
    }
}
