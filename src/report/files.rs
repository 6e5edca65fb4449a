//! What a report leaves in the folder of a run.

use std::path::{Path, PathBuf};

use super::record::{MISREAD, Record, WORST, WorstImage};
use super::{curves, heat_map, page};
use crate::evaluation::test_split::Answers;
use crate::evaluation::worst::{Verdict, of_each_mistake, worst};
use crate::files::{read_record, write_atomically};
use crate::runs::folder::{RunFolder, RunFolderError};
use crate::runs::training_images::TrainingImages;

/// The page of a run.
pub const REPORT: &str = "report.html";
/// The confusion matrix as a drawing.
pub const CONFUSION: &str = "confusion.svg";
/// Loss and accuracy over the epochs as a drawing.
pub const CURVES: &str = "curves.svg";
/// Test images kept with a run.
const WORST_KEPT: usize = 25;
/// Misread images of a cell of the confusion matrix that are kept beside those.
const KEPT_OF_A_CELL: usize = 8;
/// Characters that they may take.
const MOST_TEXT: usize = 1_500_000;

/// Keeps what only the test split knows: the worst images and some of each mistake, drawn.
///
/// # Errors
/// That of the file system.
pub fn keep_worst(
    folder: &RunFolder,
    answers: &Answers,
    images: &TrainingImages,
) -> Result<(), RunFolderError> {
    let draw = |verdict: Verdict| {
        let sources = images.sources.as_ref();
        let file = sources.and_then(|sources| sources.test.get(verdict.index).cloned());
        WorstImage::draw(verdict, &images.test, file)
    };
    let verdicts = answers.verdicts(&images.test);
    let kept = worst(verdicts.clone(), WORST_KEPT);
    let mut more = of_each_mistake(verdicts, KEPT_OF_A_CELL);
    more.retain(|verdict| kept.iter().all(|kept| kept.index != verdict.index));
    let worst: Vec<WorstImage> = kept.into_iter().filter_map(draw).collect();
    let mut room = MOST_TEXT;
    let misread: Vec<WorstImage> = more
        .into_iter()
        .filter_map(draw)
        .map_while(|image| {
            room = room.checked_sub(image.png.len())?;
            Some(image)
        })
        .collect();
    folder.write_json(WORST, &worst)?;
    folder.write_json(MISREAD, &misread)
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
    if let Some(svg) = curves::file(record, page::kept(record))? {
        write(&folder.join(CURVES), &svg)?;
    }
    write(&folder.join(REPORT), &page::run(record)?)
}

/// Whether this program wrote the page at `path`.
pub fn is_page(path: &Path) -> bool {
    read_record(path).is_ok_and(|text| text.contains("name=\"generator\" content=\"gpu-mnist\""))
}

/// Writes one file, and says where it is.
///
/// # Errors
/// [`RunFolderError::Write`].
pub fn write(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    write_atomically(path, text.as_bytes()).map_err(|source| RunFolderError::Write {
        path: path.into(),
        source,
    })?;
    Ok(path.into())
}
