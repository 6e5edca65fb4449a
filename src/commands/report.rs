//! `gpu-mnist report`: the page of a run, or one that compares several.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueHint};

use super::which_run::named_or_newest;
use crate::cli;
use crate::completion;
use crate::evaluation::test_split::{Answers, TestSplit};
use crate::evaluation::worst::worst;
use crate::report::record::{Record, WORST, WorstImage};
use crate::report::{curves, heat_map, page};
use crate::run_folder::{RunFolder, RunFolderError, followed, write_atomically};
use crate::seeds_record::SeedsRecord;

pub const REPORT: &str = "report.html";
pub const CONFUSION: &str = "confusion.svg";
pub const CURVES: &str = "curves.svg";
const COMPARISON: &str = "comparison.html";
/// Test pictures kept with a run.
const WORST_KEPT: usize = 25;

/// Flags of `report`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist report --open                   the page of the newest run, in the browser
  gpu-mnist report RUN RUN --out both.html  two runs compared")]
pub struct ReportArgs {
    /// Run folders; several, or those in a folder of `train --seeds`, are compared on one page
    /// [default: the newest run with weights]
    #[arg(value_name = "RUN", add = completion::runs())]
    runs: Vec<PathBuf>,
    /// The page to write [default: report.html in the run folder; comparison.html for several, in
    /// their folder if they have one of their own]
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
        named => named.to_vec(),
    };
    for run in &runs {
        match SeedsRecord::read(run)? {
            Some(found) => {
                folders.extend(found.folders(run)?);
                several.push(found);
            }
            None => folders.push(run.clone()),
        }
    }
    let records = folders
        .iter()
        .map(|run| Record::read(run))
        .collect::<Result<Vec<_>, _>>()?;
    let path = match (&records[..], &args.out, &several[..]) {
        ([record], None, []) => write_pages(&followed(&folders[0]), record)?,
        ([record], Some(out), []) => write(out, &page::run(record)?)?,
        (records, out, several) => {
            let beside = match &runs[..] {
                [parent] => followed(parent).join(COMPARISON),
                _ => COMPARISON.into(),
            };
            let out = out.as_ref().unwrap_or(&beside);
            write(out, &page::comparison(records, several)?)?
        }
    };
    cli::print(&format!("{}\n", path.display()))?;
    if args.open {
        open::that_detached(&path)
            .with_context(|| format!("no browser could be started: open {}", path.display()))?;
    }
    Ok(())
}

/// Keeps what only the test split knows: the worst pictures, drawn.
///
/// # Errors
/// That of the file system.
pub fn keep_worst(
    folder: &RunFolder,
    answers: &Answers,
    test: &TestSplit,
) -> Result<(), RunFolderError> {
    let pictures: Vec<WorstImage> = worst(answers.verdicts(test), WORST_KEPT)
        .into_iter()
        .filter_map(|verdict| WorstImage::draw(verdict, test))
        .collect();
    folder.write_json(WORST, &pictures)
}

/// Writes the report of a run that just ended; the run is kept whatever becomes of its report.
pub fn write_report(folder: &Path) {
    let written = Record::read(folder)
        .map_err(anyhow::Error::from)
        .and_then(|record| write_pages(folder, &record));
    if let Err(error) = written {
        tracing::warn!("the run is kept, but its report is not: {error:#}");
    }
}

/// Writes the page and the pictures of a run into its folder, and says where the page is.
///
/// # Errors
/// A page that cannot be drawn or written.
pub fn write_pages(folder: &Path, record: &Record) -> anyhow::Result<PathBuf> {
    if let Some(evaluation) = &record.run.evaluation {
        write(&folder.join(CONFUSION), &heat_map::heat_map(evaluation)?)?;
    }
    if let Some(svg) = curves::file(record)? {
        write(&folder.join(CURVES), &svg)?;
    }
    write(&folder.join(REPORT), &page::run(record)?)
}

fn write(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    write_atomically(path, text.as_bytes()).map_err(|source| RunFolderError::Write {
        path: path.into(),
        source,
    })?;
    Ok(path.into())
}
