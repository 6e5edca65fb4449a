//! `gpu-mnist data`: fetches, verifies, lists and shows data sets.

mod show;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::json;

use super::bars::bar;
use super::dataset::data_folder;
use super::interrupt_flag;
use crate::cli;
use crate::completion;
use crate::config::Layers;
use crate::data::fetch::{FetchOptions, Progress, fetch};
use crate::data::{DataError, KnownSet, verify};
use crate::report::look::Look;
use crate::report::table::{Table, left};

/// Flags of `data`.
#[derive(Args, Debug)]
pub struct DataArgs {
    #[command(subcommand)]
    action: Action,
    /// The folder that holds mnist/ and fashion-mnist/
    #[arg(long, value_name = "DIR", env = "GPU_MNIST_DATA_DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// One JSON object on stdout
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Download a set, verify it and put it in place
    Fetch {
        /// mnist or fashion-mnist
        #[arg(default_value = "mnist", add = completion::known_sets())]
        set: KnownSet,
        /// Download from here instead: https, or http on this machine
        #[arg(long, value_name = "URL")]
        mirror: Vec<String>,
    },
    /// Check every byte of a set against its published hashes
    Verify {
        /// mnist or fashion-mnist
        #[arg(default_value = "mnist", add = completion::known_sets())]
        set: KnownSet,
    },
    /// Say which sets are there
    List,
    /// Draw training pictures beside what [augment] in the settings makes of them
    Show(show::ShowArgs),
}

/// # Errors
/// [`DataError`].
pub fn run(args: &DataArgs, quiet: bool) -> anyhow::Result<()> {
    if let Action::Show(show) = &args.action {
        return show::run(show, args.data_dir.as_ref(), args.json);
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
            let report = fetch(set.files(), &folder, &options, &mut |progress| {
                show(&progress, bar.as_ref());
            })?;
            if args.json {
                return cli::print(&format!("{}\n", json!(report)));
            }
            cli::print(&format!(
                "{set} is complete in {}: {} downloaded, {} already there\n",
                report.folder.display(),
                report.downloaded.len(),
                report.kept.len()
            ))
        }
        Action::Verify { set } => verify_set(*set, &folder.join(set.id()), args.json),
        Action::List | Action::Show(_) => list(&folder, args.json),
    }
}

fn verify_set(set: KnownSet, folder: &std::path::Path, json: bool) -> anyhow::Result<()> {
    let checks = verify::verify(folder, Some(set.files()));
    if json {
        let sound = checks.iter().all(verify::FileCheck::is_sound);
        cli::print(&format!(
            "{}\n",
            json!({"set": set.id(), "folder": folder, "sound": sound, "files": checks})
        ))?;
    } else {
        for check in &checks {
            let verdict = match (&check.fault, check.form) {
                (Some(fault), _) => fault.to_string(),
                (None, verify::Form::Missing) => "missing".into(),
                (None, _) => format!("ok, {} items", check.count.unwrap_or_default()),
            };
            cli::print(&format!("{}: {verdict}\n", check.path.display()))?;
        }
    }
    let set = Some(set.id());
    for check in checks {
        if let Some(fault) = check.fault {
            let path = check.path;
            return Err(DataError::Damaged { path, fault, set }.into());
        }
        if check.form == verify::Form::Missing {
            let missing = vec![check.role.name()];
            let folder = folder.into();
            return Err(DataError::Missing {
                folder,
                missing,
                set,
            }
            .into());
        }
    }
    Ok(())
}

fn list(folder: &std::path::Path, json: bool) -> anyhow::Result<()> {
    let listings = verify::list(folder);
    if json {
        return cli::print(&format!(
            "{}\n",
            json!({"data_dir": folder, "sets": listings, "built_in": ["synthetic"]})
        ));
    }
    let mut shown = Table::new([
        left("Set"),
        left("State").least(30),
        left("Folder").least(20).keeps_end(),
    ]);
    for listing in listings {
        let state = match (listing.is_complete(), listing.found.is_empty()) {
            (true, _) => "complete".to_string(),
            (false, true) => format!(
                "not there (`gpu-mnist data fetch {}`, {:.1} MB)",
                listing.id,
                listing.archive_bytes as f64 / 1e6
            ),
            (false, false) => format!("incomplete: missing {}", listing.missing.join(", ")),
        };
        shown.row([
            listing.id.to_string(),
            state,
            listing.folder.display().to_string(),
        ]);
    }
    shown.row(["synthetic", "built in", "drawn when needed"].map(String::from));
    let width = Look::of_stdout(false).width;
    cli::print(&format!("{}\n", shown.text(width)))
}

fn show(progress: &Progress, bar: Option<&ProgressBar>) {
    let say = |text: String| match bar {
        Some(bar) => bar.suspend(|| tracing::info!("{text}")),
        None => tracing::info!("{text}"),
    };
    match progress {
        Progress::Kept { path } => say(format!("{} is there and right", path.display())),
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
                bar.set_length(*total);
                bar.set_position(*received);
                bar.set_message((*file).to_string());
            }
        }
        Progress::MirrorFailed { url, reason } => say(format!("{url}: {reason}")),
        Progress::Finished { path } => say(format!("{} is verified", path.display())),
    }
}
