//! `gpu-mnist report`: the page of a run, or one that compares several.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::completion;
use crate::exit::UsageError;
use crate::report::files::{REPORT, is_page, write, write_pages};
use crate::report::page;
use crate::report::record::Record;
use crate::report::sweep::write_page;
use crate::runs::folder::followed;
use crate::runs::seeds_record::SeedsRecord;
use crate::runs::sweep::SweepRecord;
use crate::runs::which::named_or_newest;
use crate::terminal::print;

const COMPARISON: &str = "comparison.html";

/// Flags of `report`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist report --open                   the newest run, in the browser
  gpu-mnist report RUN RUN --out both.html  two runs compared")]
pub struct ReportArgs {
    /// Run folders; several are compared on one page, and a folder of `train --seeds`, or of a sweep,
    /// has a page of its own [default: the newest run with weights]
    #[arg(value_name = "RUN", add = completion::runs())]
    runs: Vec<PathBuf>,
    /// The page to write [default: report.html in the run folder, or in that of the seeds;
    /// comparison.html for several]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    out: Option<PathBuf>,
    /// Show the page in the browser
    #[arg(long, help_heading = "Output")]
    open: bool,
}

/// # Errors
/// A folder that holds no run, or a page that cannot be written.
pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let mut folders = Vec::new();
    let mut several = Vec::new();
    let runs = match &args.runs[..] {
        [] => vec![named_or_newest(None)?],
        named => once(named),
    };
    if let ([folder], None) = (&runs[..], &args.out)
        && let Some(mut sweep) = SweepRecord::read(folder)?
    {
        sweep.settle(folder);
        let path = write_page(&followed(folder), &sweep)?;
        return shown(&path, args.open);
    }
    for run in &runs {
        if SweepRecord::read(run)?.is_some() {
            return Err(UsageError(format!(
                "{}: a sweep has a page of its own, in its folder; name it alone, without --out, or name its trials",
                run.display()
            ))
            .into());
        }
        match SeedsRecord::read(run)? {
            Some(found) => {
                folders.extend(found.folders(run)?);
                several.push(found);
            }
            None => folders.push(run.clone()),
        }
    }
    let folders = once(&folders);
    let records = folders
        .iter()
        .map(|run| Record::read(run))
        .collect::<Result<Vec<_>, _>>()?;
    let path = match (&records[..], &args.out, &several[..]) {
        ([record], None, []) => write_pages(&followed(&folders[0]), record)?,
        ([record], Some(out), []) => write(out, &page::run(record)?)?,
        (records, out, [found]) if runs.len() == 1 => {
            let beside = followed(&runs[0]).join(REPORT);
            let page = page::seeds(found, records, out.is_none())?;
            write(out.as_ref().unwrap_or(&beside), &page)?
        }
        (records, out, several) => {
            let page = page::comparison(records, several)?;
            match out {
                Some(out) => write(out, &page)?,
                None => write(free(Path::new(COMPARISON))?, &page)?,
            }
        }
    };
    shown(&path, args.open)
}

/// Each of the runs once, whichever way its folder is named.
fn once(named: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let mut kept = named.to_vec();
    kept.retain(|run| {
        let folder = followed(run);
        let first = seen.insert(folder.canonicalize().unwrap_or(folder));
        if !first {
            tracing::warn!("{}: named twice, so it is taken once", run.display());
        }
        first
    });
    kept
}

/// Refuses to replace a page that nobody named and that this program did not write.
fn free(path: &Path) -> Result<&Path, UsageError> {
    let there = path.exists();
    if there && !is_page(path) {
        let replaces = match path.is_file() {
            true => format!(" (--out {} replaces it)", path.display()),
            false => String::new(),
        };
        return Err(UsageError(format!(
            "{} is there already, and gpu-mnist did not write it: name the page with --out{replaces}",
            path.display()
        )));
    }
    if there {
        tracing::info!("{}: replaced", path.display());
    }
    Ok(path)
}

/// Says where a page is, and shows it.
fn shown(path: &Path, open: bool) -> anyhow::Result<()> {
    print(&format!("{}\n", path.display()))?;
    if open {
        open::that_detached(path).map_err(|_| {
            let path = path.display();
            anyhow::anyhow!("--open: no browser could be started; open {path} in yours")
        })?;
    }
    Ok(())
}
