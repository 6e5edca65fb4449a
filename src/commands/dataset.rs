//! Finds the pictures a command works on: a known set on disk or fetched, the built-in digits,
//! or a folder.

use std::path::{Path, PathBuf};

use anyhow::Context;
use directories::ProjectDirs;

use crate::config::{ConfigError, DataConfig, Layers};
use crate::data::fetch::{FetchOptions, fetch};
use crate::data::idx::{self, Kind};
use crate::data::image_set::digits;
use crate::data::synthetic::{TEST_PICTURES, TRAIN_PICTURES};
use crate::data::training_images::TrainingImages;
use crate::data::{DataError, FileRole, ImageSet, KnownSet, Split, mnist, synthetic, verify};
use crate::evaluation::test_split::TestSplit;

/// The pictures of the settings; built-in digits follow from `seed` unless the settings name
/// another.
///
/// # Errors
/// [`DataError`] names the file, the fault and the next step.
pub fn load(config: &DataConfig, seed: u64) -> anyhow::Result<ImageSet> {
    let seed = config.synthetic_seed.parse().unwrap_or(seed);
    match config.set.as_str() {
        "auto" => automatic(config, seed),
        "synthetic" => built_in(seed),
        name => match name.parse::<KnownSet>() {
            Ok(set) => known(set, config),
            Err(_) if Path::new(name).is_dir() => {
                tracing::info!("data: {name}");
                Ok(mnist::load(Path::new(name), None)?)
            }
            Err(_) => Err(DataError::Missing {
                folder: name.into(),
                missing: FileRole::ALL.map(FileRole::name).to_vec(),
                set: None,
            })
            .context(format!(
                "--dataset {name}: neither auto, mnist, fashion-mnist or synthetic, nor a folder"
            )),
        },
    }
}

/// The folder that holds `mnist/` and `fashion-mnist/`.
///
/// # Errors
/// When the settings name none and the system has no cache folder.
pub fn data_folder(config: &DataConfig) -> anyhow::Result<PathBuf> {
    if !config.folder.as_os_str().is_empty() {
        return Ok(config.folder.clone());
    }
    cache_folder()
        .context("no home folder, so no cache folder either: name a folder with --data-dir")
}

/// Has the settings of a run name the pictures it found, wherever it is resumed from.
///
/// # Errors
/// None that a known setting can have.
pub fn name_in(
    layers: &mut Layers,
    config: &DataConfig,
    pictures: &TrainingImages,
) -> Result<(), ConfigError> {
    let origin = layers.origin("data.set");
    let folder = std::path::absolute(&config.folder);
    if let Ok(folder) = folder
        && !config.folder.as_os_str().is_empty()
    {
        let origin = layers.origin("data.folder");
        layers.set("data.folder", folder.to_string_lossy().into_owned(), origin)?;
    }
    let set = Path::new(&config.set);
    match std::path::absolute(set) {
        _ if config.set == "auto" => layers.set("data.set", pictures.set.name.as_str(), origin),
        Ok(path) if set.is_dir() => {
            layers.set("data.set", path.to_string_lossy().into_owned(), origin)
        }
        _ => Ok(()),
    }
}

fn cache_folder() -> Option<PathBuf> {
    ProjectDirs::from("", "", "gpu-mnist").map(|folders| folders.cache_dir().to_path_buf())
}

fn known(set: KnownSet, config: &DataConfig) -> anyhow::Result<ImageSet> {
    let folder = data_folder(config)?.join(set.id());
    tracing::info!("data: {set} from {}", folder.display());
    Ok(mnist::load(&folder, Some(set))?)
}

/// MNIST if it is there or can be had soon, else the built-in digits.
fn automatic(config: &DataConfig, seed: u64) -> anyhow::Result<ImageSet> {
    let Ok(folder) = data_folder(config) else {
        return fall_back("there is no cache folder to keep MNIST in", seed);
    };
    let set = KnownSet::Mnist;
    let there = verify::list(&folder)
        .iter()
        .any(|listing| listing.id == set.id() && listing.is_complete());
    if !there {
        tracing::info!(
            "data: MNIST is not in {}, trying to fetch it",
            folder.display()
        );
        let options = FetchOptions {
            cancel: super::interrupted(),
            ..FetchOptions::automatic()
        };
        if let Err(error) = fetch(set.files(), &folder, &options, &mut |_| {}) {
            tracing::debug!("{error}");
            return match error {
                DataError::Interrupted { .. } => Err(error.into()),
                DataError::Write { .. } => {
                    fall_back(&format!("MNIST could not be kept ({error})"), seed)
                }
                _ => fall_back("MNIST could not be fetched", seed),
            };
        }
    }
    known(set, config)
}

fn fall_back(reason: &str, seed: u64) -> anyhow::Result<ImageSet> {
    tracing::warn!(
        "{reason}: training on the built-in digits, drawn by this program, not on MNIST (`gpu-mnist data fetch mnist` gets it)"
    );
    built_in(seed)
}

/// Digits drawn by the program, kept in the cache folder as IDX files.
fn built_in(seed: u64) -> anyhow::Result<ImageSet> {
    let kept = cache_folder()
        .map(|folder| folder.join(format!("synthetic-v{}-{seed}", synthetic::VERSION)));
    if let Some(folder) = &kept
        && folder.is_dir()
        && let Ok(mut dataset) = mnist::load(folder, None)
        && (dataset.train.len(), dataset.test.len()) == (TRAIN_PICTURES, TEST_PICTURES)
    {
        tracing::info!("data: built-in digits from {}", folder.display());
        dataset.description.name = "synthetic".into();
        return Ok(dataset);
    }
    tracing::info!(
        "data: drawing {} built-in digits",
        TRAIN_PICTURES + TEST_PICTURES
    );
    let train = synthetic::draw(seed, 0, TRAIN_PICTURES);
    let test = synthetic::draw(seed, 1, TEST_PICTURES);
    if let Some(folder) = kept
        && let Err(error) = keep(&folder, &train, &test)
    {
        tracing::debug!("the built-in digits are not kept: {error}");
    }
    Ok(ImageSet::new(
        digits("synthetic"),
        train,
        TestSplit::new(test),
    ))
}

fn keep(folder: &Path, train: &Split, test: &Split) -> Result<(), DataError> {
    let labels = |split: &Split| split.labels.iter().map(|&label| label as u8).collect();
    let (train_labels, test_labels): (Vec<u8>, Vec<u8>) = (labels(train), labels(test));
    for (role, items) in [
        (FileRole::TrainImages, &train.images),
        (FileRole::TrainLabels, &train_labels),
        (FileRole::TestImages, &test.images),
        (FileRole::TestLabels, &test_labels),
    ] {
        let kind: Kind = role.kind();
        idx::write(&folder.join(role.name()), kind, items)?;
    }
    Ok(())
}
