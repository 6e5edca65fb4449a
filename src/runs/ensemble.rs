//! One network or several that are asked together: which files they are, whether they can be put
//! together, and whether the images at hand suit them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::folder::{RunFolder, SETTINGS};
use super::resume;
use super::seeds_record::SeedsRecord;
use super::sweep::SweepRecord;
use super::which::{named_or_newest, weights_of};
use crate::config::{Layers, Origin};
use crate::data::image_set::SetDescription;
use crate::evaluation::description::Description;
use crate::exit::{Code, Exit, UsageError};
use crate::model::Model;
use crate::terminal::quoted;
use crate::wording::count;

/// The settings that say what a run was evaluated on and how, over the defaults: its data, the seed
/// that built-in digits follow from, and test-time augmentation. Weights without a run have none.
pub fn settings_of(weights: &Path) -> anyhow::Result<Layers> {
    let mut layers = Layers::default();
    let file = weights.with_file_name(SETTINGS);
    if !file.is_file() {
        return Ok(layers);
    }
    for entry in resume::settings(&file)?.entries() {
        let key = entry.key.as_str();
        let wanted = key == "seed"
            || ["data.", "evaluation."]
                .iter()
                .any(|of| key.starts_with(of));
        if wanted && entry.origin != Origin::Default {
            layers.set(key, entry.value, entry.origin)?;
        }
    }
    Ok(layers)
}

/// Images that a network can say nothing about, or other ones than it should be asked about.
#[derive(thiserror::Error, Debug)]
#[error("{}: {reason}", file.display())]
pub struct OtherImages {
    file: PathBuf,
    reason: String,
}

/// What the command line says of the images to evaluate on.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// They were named.
    pub named: bool,
    /// Other classes do not matter.
    pub anyway: bool,
    /// What gives built-in digits another seed than that of the run.
    pub seed: Option<Origin>,
}

/// Whether `found` is what the network should be evaluated on: the images it was trained on, or
/// others of the same shape and classes that were named.
pub fn suits(
    file: &Path,
    network: &Description,
    found: &SetDescription,
    asked: &Asked,
) -> Result<(), OtherImages> {
    let Asked {
        named,
        anyway,
        seed,
    } = asked;
    let refused = |reason| {
        Err(OtherImages {
            file: file.into(),
            reason,
        })
    };
    let before = &network.set;
    let countable =
        before.shape == found.shape && before.class_names.len() == found.class_names.len();
    match before.other_classes(found) {
        Some(difference) if countable && *anyway => {
            tracing::warn!("evaluating on {} all the same: {difference}", found.name);
            return Ok(());
        }
        Some(difference) if countable => {
            return refused(format!(
                "it cannot be evaluated on {}: {difference}; --other-images does it all the same, class by class in their order",
                found.name
            ));
        }
        Some(difference) => {
            return refused(format!(
                "it cannot be evaluated on {}: {difference}; name images like those it was trained on with --dataset",
                found.name
            ));
        }
        None => {}
    }
    match before.difference(found) {
        Some(difference) if *named || *anyway => {
            tracing::info!(
                "evaluating on {}, not on the images it was trained on: {difference}",
                found.name
            );
            Ok(())
        }
        Some(_) if seed.is_some() && before.name == "synthetic" => {
            let flag = seed.as_ref().map(Origin::to_string).unwrap_or_default();
            refused(format!(
                "{flag} draws other built-in digits than those it was trained on: leave it out, or evaluate on these with --dataset synthetic"
            ))
        }
        Some(difference) => refused(format!(
            "what lies where its images were is another set: {difference}; name its images with --dataset or --data-dir"
        )),
        None => Ok(()),
    }
}

/// The weights of the best trials of a sweep, at most `top`, five where nobody says; a folder of several runs stands
/// for all of them.
///
/// # Errors
/// A folder without such.
pub fn best_of(folder: &Path, top: Option<usize>) -> anyhow::Result<Vec<PathBuf>> {
    let Some(mut record) = SweepRecord::read(folder)? else {
        if folder.join(SETTINGS).is_file() && SeedsRecord::read(folder)?.is_none() {
            return Err(UsageError(format!(
                "--ensemble {}: it is a single run; name a sweep or a folder of several runs",
                folder.display()
            ))
            .into());
        }
        if let Some(top) = top {
            return Err(UsageError(format!(
                "--top {top}: {} is not a sweep, and all of its runs are taken; leave --top out",
                folder.display()
            ))
            .into());
        }
        return networks(&[folder.into()]);
    };
    record.settle(folder);
    let runs = record.best_runs(folder, top.unwrap_or(5))?;
    tracing::info!(
        "{}: an ensemble of its {} best trials",
        folder.display(),
        runs.len()
    );
    Ok(runs
        .iter()
        .map(|run| weights_of(run))
        .collect::<Result<_, _>>()?)
}

/// The weights that the arguments name; a folder of several runs stands for those that ended.
pub fn networks(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let newest = || named_or_newest(None).map(|run| vec![run]);
    let named = match named {
        [] => newest()?,
        named => named.to_vec(),
    };
    for run in &named {
        match SeedsRecord::read(run)? {
            Some(record) => {
                let folders = record.folders(run)?;
                let [all, over] = [
                    &record.seeds.len(),
                    &(record.runs.len() + record.failed.len()),
                ];
                let is_training =
                    RunFolder::open_several(run).is_ok_and(|folder| folder.is_training());
                if over < all {
                    let next = match is_training {
                        true => "it is still training".into(),
                        false => format!(
                            "`gpu-mnist train --resume {}` goes on",
                            quoted(run.display())
                        ),
                    };
                    tracing::warn!(
                        "{}: unfinished: {over} of {}; {next}",
                        run.display(),
                        count(*all, "seed"),
                    );
                }
                tracing::info!(
                    "{}: an ensemble of its {}",
                    run.display(),
                    count(record.runs.len(), "run")
                );
                for folder in folders {
                    files.push(weights_of(&folder)?);
                }
            }
            None => files.push(weights_of(run)?),
        }
    }
    let mut seen = HashSet::new();
    for file in &files {
        if !seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
            return Err(UsageError(format!(
                "{}: it was named twice; name each run once",
                file.display()
            ))
            .into());
        }
    }
    Ok(files)
}

/// Whether several networks can be put together: the same shape and classes, and the same images
/// unless others are named.
pub fn same_images(
    files: &[PathBuf],
    networks: &[(Model, Description)],
    named: bool,
) -> Result<(), OtherImages> {
    let first = &networks[0].1.set;
    for (file, (_, other)) in files.iter().zip(networks) {
        let difference = match named {
            true => other.set.other_classes(first),
            false => other.set.difference(first),
        };
        if let Some(difference) = difference {
            return Err(OtherImages {
                file: file.clone(),
                reason: format!(
                    "it was trained on {}, {} on {}, so they cannot be put together: {difference}; name runs of the same images",
                    other.set.name,
                    files[0].display(),
                    first.name
                ),
            });
        }
    }
    Ok(())
}

/// What is said of weights whose images are no longer where they were.
pub fn moved(file: &Path) -> String {
    format!(
        "{}: the images it was trained on are not where they were; name them with --dataset or --data-dir",
        file.display()
    )
}

impl Exit for OtherImages {
    fn code(&self) -> Code {
        Code::Data
    }
}
