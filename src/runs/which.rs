//! RUN of a command line: the run that was named, else the newest one that has weights.

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::{
    METRICS, RUN, RUNS, RunFolder, RunFolderError, SEEDS, SETTINGS, WEIGHTS, check_readable,
    followed,
};
use super::metrics::{self, Record};
use super::record::RunRecord;
use super::seeds_record::SeedsRecord;
use super::sweep::{SWEEP, SweepRecord};
use crate::config::Layers;
use crate::files::read_record;
use crate::terminal::quoted;
use crate::wording::count;

/// The run that was named, else the newest in `runs` that has weights; its folder may hold those
/// of several seeds.
///
/// # Errors
/// [`RunFolderError::NoRuns`] where none is named and none is there.
pub fn named_or_newest(named: Option<&Path>) -> Result<PathBuf, RunFolderError> {
    if let Some(named) = named {
        return Ok(named.into());
    }
    let newest =
        newest(Path::new(RUNS)).ok_or_else(|| RunFolderError::NoRuns { path: RUNS.into() })?;
    tracing::info!("run: {}, the newest with weights", newest.display());
    Ok(newest)
}

/// The newest run in `runs`, whether it has weights or not.
///
/// # Errors
/// [`RunFolderError::NoRuns`].
pub fn newest_started() -> Result<PathBuf, RunFolderError> {
    let begun = |path: &Path| {
        let files = [SETTINGS, SEEDS, SWEEP];
        files.iter().any(|file| path.join(file).is_file())
    };
    let found = newest_of(Path::new(RUNS), begun);
    let found = found.ok_or_else(|| RunFolderError::NoRuns { path: RUNS.into() })?;
    tracing::info!("run: {}, the newest", found.display());
    Ok(found)
}

/// The newest run in `runs` that has weights.
pub fn newest(runs: &Path) -> Option<PathBuf> {
    newest_of(runs, has_weights)
}

fn newest_of(runs: &Path, wanted: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(runs)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()))
        .filter(|path| is_readable(path))
        .filter(|path| wanted(path))
        .map(|path| (started(&path), path))
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path)
}

/// The weights that a RUN argument names: a run folder, a folder of several seeds (those of the
/// run that did best on the validation images), a sweep (its best trial), or a `.safetensors` file itself.
///
/// # Errors
/// [`RunFolderError::NotARun`], [`RunFolderError::NoWeights`].
pub fn weights_of(run: &Path) -> Result<PathBuf, RunFolderError> {
    let named = run.extension().is_some_and(|end| end == "safetensors");
    if named && run.is_file() {
        return Ok(run.into());
    }
    if let Some(mut record) = SweepRecord::read(run)? {
        record.settle(run);
        let best = record.best_runs(run, 1)?;
        tracing::info!(
            "{}: a sweep; taking its best trial, {}",
            run.display(),
            best[0].display()
        );
        return Ok(RunFolder::open(&best[0])?.file(WEIGHTS));
    }
    let Some(record) = SeedsRecord::read(run)? else {
        let folder = RunFolder::open(run)?;
        say_unfinished(&folder);
        return Ok(folder.file(WEIGHTS));
    };
    let folders = record.folders(run)?;
    let best = record.best();
    tracing::info!(
        "{}: runs of {}; taking seed {}, the best on the validation images",
        run.display(),
        count(record.runs.len(), "seed"),
        record.runs[best].seed
    );
    Ok(RunFolder::open(&folders[best])?.file(WEIGHTS))
}

fn is_unfinished(record: &RunRecord) -> bool {
    record.evaluation.is_none() && !record.has_ended()
}

/// The run that weights lie in, where its training has not ended.
pub fn unfinished_run(weights: &Path) -> Option<&Path> {
    let run = weights.parent()?;
    let record = RunFolder::open(run).ok()?.record()?;
    is_unfinished(&record).then_some(run)
}

/// Epochs that a run has trained, whether or not it has ended.
pub fn epochs_done(run: &Path, record: &RunRecord) -> usize {
    if record.has_ended() {
        return record.history.epochs.len();
    }
    let records = metrics::read(&run.join(METRICS)).unwrap_or_default();
    let done = records
        .iter()
        .filter(|record| matches!(record, Record::Epoch(_)));
    record.history.epochs.len().max(done.count())
}

/// Warns of weights whose training has not ended.
fn say_unfinished(folder: &RunFolder) {
    let Some(record) = folder.record().filter(is_unfinished) else {
        return;
    };
    let mut layers = Layers::default();
    let settings = read_record(&folder.file(SETTINGS)).unwrap_or_default();
    let origin = crate::config::Origin::File(folder.file(SETTINGS));
    let epochs = (layers.overlay(&settings, &origin).ok())
        .and_then(|()| layers.resolve().ok())
        .map(|config| config.training.epochs);
    let done = epochs_done(folder.path(), &record);
    // Its evaluation alone is missing.
    if epochs.is_some_and(|epochs| done >= epochs) {
        return;
    }
    let run = folder.path().display();
    let next = match folder.is_training() {
        true => "it is still training".into(),
        false => format!("`gpu-mnist train --resume {}` goes on", quoted(&run)),
    };
    tracing::warn!(
        "{run}: unfinished: {done} of {}; {next}",
        epochs.map_or_else(|| "its epochs".into(), |epochs| count(epochs, "epoch"))
    );
}

/// Whether a folder can be looked into; warns of one that cannot.
pub(crate) fn is_readable(path: &Path) -> bool {
    let unread = check_readable(path).inspect_err(|error| tracing::warn!("left out: {error}"));
    unread.is_ok()
}

fn has_weights(path: &Path) -> bool {
    let several = || SeedsRecord::read(path).ok().flatten();
    let sweep = || SweepRecord::read(path).ok().flatten();
    path.join(SWEEP).is_file() && sweep().is_some_and(|sweep| sweep.best.is_some())
        || path.join(WEIGHTS).is_file() && path.join(SETTINGS).is_file()
        || path.join(SEEDS).is_file() && several().is_some_and(|record| !record.runs.is_empty())
}

/// When a run was started, as text that sorts by time; empty where nothing tells.
fn started(path: &Path) -> String {
    #[derive(serde::Deserialize)]
    struct Started {
        started: String,
    }
    if path.join(SWEEP).is_file() {
        return SweepRecord::started(path);
    }
    let name = if path.join(SEEDS).is_file() {
        SEEDS
    } else {
        RUN
    };
    let text = read_record(&followed(path).join(name)).unwrap_or_default();
    serde_json::from_str::<Started>(&text).map_or_else(|_| String::new(), |found| found.started)
}
