//! `gpu-mnist report`: the page of a run, or one that compares several.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueHint};

use crate::checkpoint::Description;
use crate::cli;
use crate::completion;
use crate::config::Config;
use crate::data::Split;
use crate::device::Device;
use crate::evaluation::inference::classify;
use crate::evaluation::worst::{verdicts, worst};
use crate::model::Model;
use crate::report::record::{Record, WORST, WorstPicture};
use crate::report::{curves, heat_map, page};
use crate::run_folder::{RunFolder, RunFolderError, followed, write_atomically};

pub const REPORT: &str = "report.html";
pub const CONFUSION: &str = "confusion.svg";
pub const CURVES: &str = "curves.svg";
/// Test pictures kept with a run.
const WORST_KEPT: usize = 25;

/// Flags of `report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Run folders (runs/latest is the newest); several are compared on one page
    #[arg(value_name = "RUN", required = true, add = completion::runs())]
    runs: Vec<PathBuf>,
    /// The page to write [default: report.html in the run folder, comparison.html for several]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// Show the page in the browser
    #[arg(long)]
    open: bool,
}

/// # Errors
/// A folder that holds no run, or a page that cannot be written.
pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let records = args
        .runs
        .iter()
        .map(|run| Record::read(run))
        .collect::<Result<Vec<_>, _>>()?;
    let path = match (&records[..], &args.out) {
        ([record], None) => write_pages(&followed(&args.runs[0]), record)?,
        ([record], Some(out)) => write(out, &page::run(record)?)?,
        (records, out) => {
            let out = out.clone().unwrap_or_else(|| "comparison.html".into());
            write(&out, &page::comparison(records)?)?
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
/// The device's, or that of the file system.
pub fn keep_worst(
    folder: &RunFolder,
    test: &Split,
    model: &Model,
    description: &Description,
    config: &Config,
    device: &Device,
) -> anyhow::Result<()> {
    let normalisation = description.normalisation;
    let scores = pollster::block_on(classify(model, test, normalisation, config, device))?;
    let pictures: Vec<WorstPicture> = worst(verdicts(&scores, &test.labels), WORST_KEPT)
        .into_iter()
        .filter_map(|verdict| WorstPicture::draw(verdict, test))
        .collect();
    Ok(folder.write_json(WORST, &pictures)?)
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
