//! What the settings name as data: whether a person did, where a run's own set is looked for, and
//! how a run's settings keep it.

use std::path::Path;

use super::catalog;
use crate::config::{ConfigError, DataConfig, Layers, Origin};
use crate::exit::UsageError;

/// Whether the images were named on the command line or in the environment, not by a run.
pub fn is_named(layers: &Layers) -> bool {
    ["data.set", "data.folder"]
        .iter()
        .any(|key| !matches!(layers.origin(key), Origin::Default | Origin::File(_)))
}

/// Refuses a `--data-dir` that nothing is looked for in: an own folder is named by `--dataset`,
/// and built-in digits lie nowhere.
///
/// # Errors
/// [`UsageError`].
pub fn check_folder(layers: &Layers) -> anyhow::Result<()> {
    let config = layers.resolve()?.data;
    let asked = matches!(layers.origin("data.folder"), Origin::Flag(_) | Origin::Set);
    let nowhere = config.set == "synthetic" || !catalog::is_reserved(&config.set);
    // A run whose set moved is looked for there.
    let followed = config.folder == Path::new(&config.set);
    if followed || config.folder.as_os_str().is_empty() || !asked || !nowhere {
        return Ok(());
    }
    let origin = layers.origin("data.set");
    let leave = match origin {
        Origin::File(_) | Origin::Preset(_) => "leave it out",
        _ => "leave one of them out",
    };
    let named = match layers.origin("data.folder") {
        Origin::Set => "--set data.folder=",
        _ => "--data-dir ",
    };
    Err(UsageError(format!(
        "{named}{}: nothing is looked for there, because data.set is \"{}\" ({origin}): {leave}, or name a known set, such as --dataset mnist",
        config.folder.display(),
        config.set,
    ))
    .into())
}

/// Has a run keep its own set where a preset names another: presets say how to train.
///
/// # Errors
/// None that a known setting can have.
pub fn keep_set(layers: &mut Layers, run: &Layers) -> Result<(), ConfigError> {
    match layers.origin("data.set") {
        Origin::Preset(_) => {
            let set = run.resolve()?.data.set;
            layers.set("data.set", set, run.origin("data.set"))
        }
        _ => Ok(()),
    }
}

/// Where the set of a run is to be looked for: in the folder that the user names with `--data-dir`,
/// if the run's own set lay elsewhere. Contents are compared afterwards.
///
/// # Errors
/// None that a known setting can have.
pub fn follow(layers: &mut Layers) -> Result<(), ConfigError> {
    let config = layers.resolve()?.data;
    let of_the_run = matches!(layers.origin("data.set"), Origin::File(_));
    let own = !catalog::is_reserved(&config.set);
    let origin = layers.origin("data.folder");
    let asked = match origin {
        Origin::Flag(_) | Origin::Set => true,
        // A variable is not about this run: it serves where nothing lies at the old place.
        Origin::Environment(_) => !Path::new(&config.set).exists(),
        _ => false,
    };
    match config.folder.to_str() {
        Some(folder) if of_the_run && own && asked && !folder.is_empty() => {
            layers.set("data.set", folder, origin)
        }
        _ => Ok(()),
    }
}

/// [`follow`] for the weights in `file`: where nothing names a set, theirs is called `set`.
///
/// # Errors
/// None that a known setting can have.
pub fn follow_weights(layers: &mut Layers, file: &Path, set: &str) -> Result<(), ConfigError> {
    follow(layers)?;
    match layers.origin("data.set") {
        Origin::Default => layers.set("data.set", set, Origin::File(file.into())),
        _ => Ok(()),
    }
}

/// Has the settings of a run name the data set it found, wherever it is resumed from. `found` is
/// the name of what `auto` came to. A path that is no UTF-8 text stays as it was typed.
///
/// # Errors
/// None that a known setting can have.
pub fn name_in(layers: &mut Layers, config: &DataConfig, found: &str) -> Result<(), ConfigError> {
    let absolute = |path: &Path| {
        let absolute = std::path::absolute(path).ok()?;
        absolute.to_str().map(str::to_owned)
    };
    if !config.folder.as_os_str().is_empty()
        && let Some(folder) = absolute(&config.folder)
    {
        let origin = layers.origin("data.folder");
        layers.set("data.folder", folder, origin)?;
    }
    let origin = layers.origin("data.set");
    if config.set == "auto" {
        return layers.set("data.set", found, origin);
    }
    match absolute(Path::new(&config.set)) {
        Some(path) if !catalog::is_reserved(&config.set) => layers.set("data.set", path, origin),
        _ => Ok(()),
    }
}
