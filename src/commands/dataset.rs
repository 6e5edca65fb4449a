//! Finds the images a command works on: a known set on disk or fetched, the built-in digits, or a
//! folder. What the user names is used or refused, and never written into.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use directories::ProjectDirs;

use super::bars::Shown;
use super::built_in;
use crate::cli::UsageError;
use crate::config::{Colour, ConfigError, DataConfig, ImageSize, Layers, Origin};
use crate::data::assembly::Loaded;
use crate::data::catalog::{self, KnownSet, locate};
use crate::data::fetch::{FetchOptions, fetch};
use crate::data::formats::{self, Reading};
use crate::data::{DataError, ImageSet, ReadOptions};

/// A data set, and where it was found.
#[derive(Debug)]
pub struct Found {
    pub set: ImageSet,
    pub place: Place,
}

/// Where a data set was found: for the record of a run and for people, never to tell sets apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A known set, in this absolute folder.
    Known { id: &'static str, folder: PathBuf },
    /// A set of the user's own, at this absolute path.
    Own { path: PathBuf },
    /// Drawn by the program from this seed.
    BuiltIn { seed: u64 },
}

impl fmt::Display for Place {
    /// `mnist in /data/mnist`, `/home/me/letters`, `built-in digits of seed 0`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { id, folder } => write!(f, "{id} in {}", folder.display()),
            Self::Own { path } => write!(f, "{}", path.display()),
            Self::BuiltIn { seed } => write!(f, "built-in digits of seed {seed}"),
        }
    }
}

/// The data set of the settings; built-in digits follow from `seed` unless the settings name
/// another.
///
/// # Errors
/// [`DataError`] names the file, the fault and the next step.
pub fn load(config: &DataConfig, seed: u64) -> anyhow::Result<ImageSet> {
    find(config, seed).map(|found| found.set)
}

/// As [`load`], with the place.
///
/// # Errors
/// As [`load`].
pub fn find(config: &DataConfig, seed: u64) -> anyhow::Result<Found> {
    let seed = config.synthetic_seed.parse().unwrap_or(seed);
    let name = &config.set[..];
    if catalog::is_reserved(name) && Path::new(name).is_dir() {
        tracing::info!(
            "data: {name} is a name of the program's own, so the folder {name}/ here is not read (./{name} names it)"
        );
    }
    match name {
        "auto" => automatic(config, seed),
        "synthetic" => {
            if (config.size, config.colour) != (ImageSize::AUTO, Colour::Auto) {
                tracing::warn!(
                    "data.size and data.colour are not used: the built-in digits stay as they are drawn"
                );
            }
            Ok(drawn(seed))
        }
        name => match catalog::named(name) {
            Ok(set) => known(set, config),
            Err(_) => own(name, config),
        },
    }
}

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
    Err(UsageError(format!(
        "--data-dir {}: nothing is looked for there, because data.set is \"{}\" ({}): leave one of them out, or name a known set, --dataset mnist",
        config.folder.display(),
        config.set,
        layers.origin("data.set")
    ))
    .into())
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

/// The folder that holds `mnist/`, `fashion-mnist/` and other known sets.
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

/// The folder of the system for what the program keeps; `None` where there is no home.
pub fn cache_folder() -> Option<PathBuf> {
    ProjectDirs::from("", "", "gpu-mnist").map(|folders| folders.cache_dir().to_path_buf())
}

/// A known set, in the folder that the user named or else in the cache.
fn known(set: &'static KnownSet, config: &DataConfig) -> anyhow::Result<Found> {
    let data_dir = data_folder(config)?;
    let place = match config.folder.as_os_str().is_empty() {
        false => locate::require(&data_dir, set)?,
        // Nobody named the cache, so nobody is told how it is spelled.
        true => locate::find(&data_dir, set).ok_or_else(|| DataError::Missing {
            folder: data_dir.join(set.id),
            missing: set.file_names(),
            there: None,
            set: Some(set.id),
        })?,
    };
    let folder = place.path.clone();
    tracing::info!("data: {set} from {}", folder.display());
    let loaded = match reading(config, |reading| formats::read_known(&place, set, reading)) {
        Err(error) if folder == data_dir => Err(error).with_context(|| {
            format!(
                "--data-dir {} holds files of its own, read as {set}; a set of your own is named with --dataset",
                folder.display()
            )
        }),
        read => Ok(read?),
    }?;
    say(&loaded);
    Ok(Found {
        set: loaded.set,
        place: Place::Known {
            id: set.id,
            folder: absolute(&folder),
        },
    })
}

/// MNIST where it is. Only where the user named no folder: MNIST if it can be had soon, else the
/// built-in digits.
fn automatic(config: &DataConfig, seed: u64) -> anyhow::Result<Found> {
    let set = &catalog::MNIST;
    if !config.folder.as_os_str().is_empty() {
        return known(set, config);
    }
    let Ok(folder) = data_folder(config) else {
        return Ok(fall_back("there is no cache folder to keep MNIST in", seed));
    };
    let there = locate::find(&folder, set).is_some_and(|place| place.is_complete());
    if !there {
        tracing::info!(
            "data: MNIST is not in {}, trying to fetch it",
            folder.display()
        );
        let options = FetchOptions {
            cancel: super::interrupted(),
            ..FetchOptions::automatic()
        };
        if let Err(error) = fetch(set, &folder, &options, &mut |_| {}) {
            tracing::debug!("{error}");
            return match error {
                DataError::Interrupted { .. } => Err(error.into()),
                DataError::Write { .. } => Ok(fall_back(
                    &format!("MNIST could not be kept ({error})"),
                    seed,
                )),
                _ => Ok(fall_back("MNIST could not be fetched", seed)),
            };
        }
    }
    known(set, config)
}

fn fall_back(reason: &str, seed: u64) -> Found {
    tracing::warn!(
        "{reason}: training on the built-in digits, drawn by this program, not on MNIST (`gpu-mnist data fetch mnist` gets it)"
    );
    drawn(seed)
}

fn drawn(seed: u64) -> Found {
    Found {
        set: built_in::load(cache_folder().as_deref(), seed),
        place: Place::BuiltIn { seed },
    }
}

/// A set of the user's own.
fn own(name: &str, config: &DataConfig) -> anyhow::Result<Found> {
    let path = Path::new(name);
    tracing::info!("data: {name}");
    let found = match reading(config, |reading| formats::read(path, reading)) {
        Err(error @ DataError::NotThere { .. }) if !name.contains(std::path::is_separator) => {
            let unknown = catalog::UnknownSet { name: name.into() };
            Err(error).context(format!("--dataset {name}: {unknown}"))
        }
        read => Ok(read?),
    }?;
    if found.path != path {
        tracing::info!("data: found in {}", found.path.display());
    }
    tracing::info!(
        "data: {}: {}",
        found.format.name,
        found.loaded.set.summary()
    );
    say(&found.loaded);
    let mut set = found.loaded.set;
    // A set that is known by its contents bears its own name, and no other one bears it.
    match found.loaded.known {
        Some(known) => set.description.name = known.id.into(),
        None if catalog::is_reserved(&set.description.name) => {
            set.description.name = format!("./{}", set.description.name);
        }
        None => {}
    }
    Ok(Found {
        set,
        place: Place::Own {
            path: absolute(&found.path),
        },
    })
}

/// What a person should know of how the files were read.
fn say(loaded: &Loaded) {
    for note in &loaded.notes {
        tracing::info!("data: {note}");
    }
    for warning in &loaded.warnings {
        tracing::warn!("data: {warning}");
    }
}

/// Reads as the settings say, with a bar where that takes over a second; Ctrl-C ends it.
fn reading<T>(config: &DataConfig, read: impl FnOnce(&Reading) -> T) -> T {
    let started = Instant::now();
    let bar = OnceLock::new();
    let progress = |done, of| {
        if started.elapsed() > Duration::from_secs(1)
            && let Some(bar) = bar.get_or_init(|| Shown::bar("decoding images"))
        {
            bar.set(done, of, 0);
        }
    };
    let interrupted = super::interrupted();
    let cancelled = || {
        let flag = interrupted.as_ref();
        flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
    };
    read(&Reading {
        options: ReadOptions::from(config),
        cache: cache_folder(),
        progress: &progress,
        cancelled: &cancelled,
    })
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
