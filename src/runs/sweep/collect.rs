//! What a sweep came to: the results of its trials, and the best one's answers to the test images.

use std::path::Path;

use anyhow::Context;

use super::trial::{Place, is_busy, patiently};
use super::{SweepRecord, path_of};
use crate::config::Origin;
use crate::exit::Interrupted;
use crate::runs::folder::RunFolder;
use crate::runs::in_folder::train_once_in;
use crate::runs::prepare::prepare;
use crate::runs::progress::{self, Watch};
use crate::runs::record::RunRecord;
use crate::runs::resume;

/// Writes what the trials came to; once all have ended, the best is evaluated on the test images, if it was not yet.
///
/// # Errors
/// Those of the evaluation, and of files that cannot be written.
pub fn collect(
    folder: &Path,
    record: &mut SweepRecord,
    place: Place<'_>,
    watch: &Watch,
) -> anyhow::Result<()> {
    record.settle(folder);
    record.write(folder)?;
    let Some(best) = &record.best else {
        return Ok(());
    };
    if best.test_accuracy.is_some() {
        return Ok(());
    }
    let path = path_of(folder, &record.trials[best.trial]);
    let run = RunFolder::open_unfinished(&path)?;
    let known = || run.record()?.evaluation;
    let evaluation = match known() {
        Some(found) => Some(found),
        None => {
            let trial = best.trial;
            tracing::info!("evaluating trial {trial}, the best, on the test images");
            // Another `collect` may be at it.
            let evaluate = || held_back(evaluated(&path, place, watch));
            match patiently(evaluate).map_err(|error| goes_on(error, folder))? {
                Ok(run) => run.evaluation,
                Err(busy) => Some(known().ok_or(busy)?),
            }
        }
    };
    let evaluation = evaluation.context("a run that is evaluated has an evaluation")?;
    if let Some(best) = &mut record.best {
        best.test_accuracy = Some(evaluation.accuracy);
        best.test_images = Some(evaluation.total);
        best.test_errors = Some(evaluation.total.saturating_sub(evaluation.correct));
    }
    record.write(folder)?;
    Ok(())
}

/// Has an interrupt name what goes on with the sweep, not with its trial.
fn goes_on(error: anyhow::Error, folder: &Path) -> anyhow::Error {
    match error.is::<Interrupted>() {
        true => {
            let saved = format!("go on with `{}`", SweepRecord::run_command(folder));
            Interrupted { saved }.into()
        }
        false => error,
    }
}

/// Tells a trial that another process has from what ends this one.
fn held_back(found: anyhow::Result<RunRecord>) -> anyhow::Result<Result<RunRecord, anyhow::Error>> {
    match found {
        Err(error) if is_busy(&error) => Ok(Err(error)),
        found => found.map(Ok),
    }
}

/// A trial that has ended, with the test images: it goes on with no step left.
fn evaluated(path: &Path, place: Place<'_>, watch: &Watch) -> anyhow::Result<RunRecord> {
    let resumed = resume::open(path)?;
    let mut layers = resumed.layers()?;
    layers.set("evaluation.test", true, Origin::Set)?;
    place(&mut layers)?;
    let mut run = prepare(layers, |set| resumed.check_data(set))?;
    let checkpoint = resumed.checkpoint.as_ref();
    let checkpoint = checkpoint.with_context(|| {
        format!(
            "{}: its checkpoints are gone, so it cannot be evaluated",
            path.display()
        )
    })?;
    run.description.clone_from(&checkpoint.description);
    let watch = Watch {
        // Nothing is said of the training, which is over.
        place: Some(progress::Place {
            seed: run.config.seed,
            before: 0,
            of: 1,
        }),
        ..watch.clone()
    };
    Ok(train_once_in(&resumed.folder, &run, checkpoint.snapshot.clone(), &watch)?.record)
}
